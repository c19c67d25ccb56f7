//! Rank adaptation: which triplets of the low-rank deltas live.
//!
//! - [`schedule`]: how many may live at a step
//! - `importance`: how much each triplet matters
//! - [`allocator`]: who lives: AdaLoRA, and adaptive rank sampling in both variants
//! - `triplets`: where they stand among the trained values
//! - `orthogonality`: the penalty that keeps triplets apart

pub mod allocator;
pub(crate) mod importance;
pub(crate) mod orthogonality;
pub mod schedule;
pub(crate) mod triplets;

pub use allocator::{Allocation, Allocator, Rule};
pub use schedule::Schedule;
pub use triplets::Triplets;
