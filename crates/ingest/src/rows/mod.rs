//! Rows on their way to examples.

pub(crate) mod dataset;
pub(crate) mod label_lists;
pub(crate) mod labels;
pub(crate) mod row;
pub(crate) mod train_classes;
