//! Rank adaptation: which triplets of the low-rank deltas live.
//!
//! - [`selection`]: the rules there are
//! - `adaptation`: what a rule does in training, step by step
//! - [`allocator`]: rules by AdaLoRA's importance: AdaLoRA, and adaptive rank sampling in two variants
//! - [`gated`]: adaptive rank sampling from LoRA's beginning, by gradients
//! - [`schedule`]: how many may live at a step
//! - `importance`: how much each triplet matters to AdaLoRA
//! - `triplets`: where they stand among the trained values
//! - `orthogonality`: the penalty that keeps triplets apart

pub(crate) mod adaptation;
pub mod allocator;
pub mod gated;
pub(crate) mod importance;
pub(crate) mod orthogonality;
pub mod schedule;
pub mod selection;
pub(crate) mod triplets;

pub use adaptation::Allocation;
pub use allocator::{Allocator, Rule};
pub use schedule::Schedule;
pub use triplets::Triplets;
