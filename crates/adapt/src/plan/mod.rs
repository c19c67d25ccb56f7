//! Steps, parameters and targets of a cell, before it starts.

pub(crate) mod bottlenecks;
pub(crate) mod model_shape;
pub(crate) mod model_summary;
pub(crate) mod pooling;
pub(crate) mod scales;
pub(crate) mod steps;
pub(crate) mod targets;
