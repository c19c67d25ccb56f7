//! Multi-head attention over the real tokens of each sequence.

pub(crate) mod attend;
pub(crate) mod attend_gradient;
pub(crate) mod head;
pub(crate) mod heads;
