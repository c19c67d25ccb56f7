//! The shape of a model, and typed access to the keys of a `config.json`.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod family;
pub(crate) mod keys;
pub(crate) mod model_config;
pub(crate) mod positions;
