//! Training: the loop, its parts, what is written on the way.

pub(crate) mod average;
pub(crate) mod checkpoints;
pub(crate) mod dropout;
pub(crate) mod loss;
pub(crate) mod mcc;
pub(crate) mod memory;
pub(crate) mod objective;
pub(crate) mod optimizer;
pub(crate) mod rank_dropout;
pub(crate) mod rates;
pub(crate) mod state;
pub(crate) mod states;
pub(crate) mod target_scale;
pub(crate) mod train_log;
pub(crate) mod trainer;
pub(crate) mod watch;
