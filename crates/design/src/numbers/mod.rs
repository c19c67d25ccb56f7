//! Numbers in `f64`, in an order of additions that no number of threads changes.

pub mod adam;
pub mod cholesky;
pub mod matrix;
