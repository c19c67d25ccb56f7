//! What a cell leaves: an adapter as Hugging Face PEFT has it, or a whole model.

pub(crate) mod adapter;
pub(crate) mod model;
pub(crate) mod trained;
