//! What a report is made from: the plan of the run, the cells as they lie in its folder, and their summaries.

pub mod cells;
pub mod conditions;
pub mod differences;
pub mod folds;
pub mod plan;
pub mod rank_pattern;
pub mod ranks;
pub mod standing;
pub mod summary;
pub mod task;
