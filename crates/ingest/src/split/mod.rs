//! Rows to train, dev and test.

pub(crate) mod downsample;
pub(crate) mod folds;
pub(crate) mod groups;
pub(crate) mod rows;
