//! The model families, one file each, behind one trait.

pub(crate) mod bert;
pub(crate) mod block;
pub(crate) mod config_json;
pub(crate) mod decoder;
pub(crate) mod distilbert;
pub(crate) mod dnabert2;
pub(crate) mod encoder;
pub(crate) mod esm;
pub(crate) mod family;
pub(crate) mod gpt2;
pub(crate) mod gpt_neox;
pub(crate) mod known;
pub(crate) mod llama;
pub(crate) mod modernbert;
pub(crate) mod mpnet;
pub(crate) mod opt;
pub(crate) mod roberta;
pub(crate) mod rotary;
