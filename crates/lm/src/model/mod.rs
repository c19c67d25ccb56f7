//! A loaded model: its forward pass, its head for masked tokens, its folder.

pub(crate) mod loaded;
pub mod mlm;
pub mod save;
