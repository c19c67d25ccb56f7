//! Adaptive rank sampling by gates: it begins as LoRA does, prunes by the loss that a triplet's removal
//! would cost, and brings triplets back by the gradient they would grow with.
//!
//! - `gates`: the settings, and how they change in training
//! - `scores`: what a live triplet is worth, and what a pruned one promises
//! - `exchange`: who goes and who comes back
//! - `direction`: the direction that a triplet comes back with
//! - `sampler`: the rule at work

pub(crate) mod direction;
pub(crate) mod exchange;
pub mod gates;
pub(crate) mod sampler;
pub(crate) mod scores;

#[cfg(test)]
mod tests;
