//! Predictions to numbers, numbers to a report.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | what a pipeline file may say about evaluation |
//! | [`cell`] | [`score()`]: the `metrics.json` of one cell |
//! | [`metrics`] | Matthews correlation, F1, AUROC, ...: equal to scikit-learn's |
//! | [`probability`] | softmax and sigmoid of logits, in double precision |
//! | [`bootstrap`] | confidence intervals |
//! | [`paired`] | differences between methods: mean, intervals, sign-flip test |
//! | [`floor`] | linear models on counts of dinucleotides and 6-mers: what a model must beat |
//! | [`mod@report`] | `report.html`, `metrics.parquet`, `metrics.csv`, `differences.csv` and `figures/` of a whole run |
//! | [`error`] | the one error type of this crate |

pub mod bootstrap;
pub mod cell;
pub mod config;
pub mod error;
pub mod floor;
pub mod metrics;
pub mod paired;
pub mod probability;
pub mod report;

pub use cell::{CellMetrics, check_threshold, rows_digest, score, score_until};
pub use config::{EvaluateConfig, Strands, Threshold};
pub use error::{Error, Result};
pub use floor::{Floor, dinucleotide_floor, kmer_floor};
pub use metrics::Metrics;
pub use report::{Published, ReportPlan, TaskInfo, report};
