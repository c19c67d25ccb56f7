//! `config.json`, read and written.

pub(crate) mod activation;
pub(crate) mod keys;
pub(crate) mod model_config;
