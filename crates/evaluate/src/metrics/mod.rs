//! The numbers of one split of one cell.
//!
//! Every number equals scikit-learn's with its default arguments; what scikit-learn calls undefined
//! (it warns or answers NaN for want of a positive, or of any variance) is `None`, `null` in JSON.
//!
//! | module | what it holds |
//! |---|---|
//! | [`numbers`] | every number that is measured |
//! | [`confusion`] | counts of truth against prediction, and what follows from them |
//! | [`ranking`] | areas under the ROC and precision-recall curves |
//! | [`classes`] | one of several classes |
//! | [`labels`] | several labels at once |
//! | [`values`] | measured values |

pub mod classes;
pub mod confusion;
pub mod labels;
mod mean;
pub mod numbers;
pub mod ranking;
pub mod values;

pub use numbers::{Classification, Metrics, PerClass, Regression};
