//! The model families, one file each.

pub(crate) mod bert;
pub(crate) mod opt;
