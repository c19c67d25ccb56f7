//! Rows to train, dev and test.

pub(crate) mod clusters;
pub(crate) mod folds;
pub(crate) mod rows;
