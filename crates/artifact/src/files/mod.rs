//! Files as bytes: writing them whole or not at all, hashing them.

pub mod atomic;
pub mod digest;
