//! JSON that one stage writes and another reads.

pub mod train_log;
pub mod vocabulary;
