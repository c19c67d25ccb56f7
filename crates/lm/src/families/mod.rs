//! The model families, one file each, behind one trait.

pub(crate) mod bert;
pub(crate) mod config_json;
pub(crate) mod family;
pub(crate) mod known;
pub(crate) mod opt;
