//! What the pipeline file says of methods and training.

pub mod layers;
pub mod method;
pub mod train_config;
