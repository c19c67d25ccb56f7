//! One cell: what it is made from, what is checked first, and the order of things.

pub(crate) mod adapt;
mod base;
mod check;
pub(crate) mod check_targets;
mod describe;
mod identity;
pub(crate) mod models;
pub(crate) mod request;
