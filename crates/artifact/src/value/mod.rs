//! Small types that carry the rules of the field: a bad value does not parse.

pub mod bases;
pub mod bounded;
pub mod byte_size;
pub mod label;
pub mod split;
pub mod strand;
