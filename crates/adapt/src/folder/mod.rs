//! What a cell leaves: an adapter as Hugging Face PEFT has it, or a whole model.

pub(crate) mod adapter;
mod bottlenecks;
mod head;
mod kernel;
pub(crate) mod model;
pub(crate) mod peft;
pub(crate) mod trained;
