//! JSON that one stage writes and another reads.

pub mod audit;
pub mod left_out;
pub mod resources;
pub mod thresholds;
pub mod train_log;
pub mod training;
pub mod vocabulary;
