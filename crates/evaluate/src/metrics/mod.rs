//! The numbers of one split of one cell.
//!
//! Every number equals scikit-learn's with its default arguments; what scikit-learn calls undefined
//! (it warns or answers NaN for want of a positive, or of any variance) is `None`, `null` in JSON. Of several labels a
//! mean is over the labels of which the metric is defined (`zero_division=numpy.nan` of scikit-learn).
//!
//! Rows are counted and summed in pieces of the same size by all threads: the numbers do not depend on how many these are.
//!
//! | module | what it holds |
//! |---|---|
//! | [`numbers`] | every number that is measured |
//! | [`confusion`] | counts of truth against prediction, and what follows from them |
//! | [`ranking`] | areas under the ROC and precision-recall curves, the best threshold |
//! | [`calibration`] | expected calibration error, calibration curve |
//! | [`binary`] | one label, there or not |
//! | [`classes`] | one of several classes |
//! | [`labels`] | several labels at once |
//! | [`values`] | measured values |

pub mod binary;
pub mod calibration;
mod chunk;
pub mod classes;
pub mod confusion;
pub mod labels;
pub(crate) mod mean;
pub mod numbers;
pub mod ranking;
pub mod values;

pub use numbers::{Classification, Metrics, PerClass, Regression};
