//! `training.json`: how the training of a cell went.

use serde::{Deserialize, Serialize};

/// The numbers of a finished training; what an older version did not write is zero or empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Training {
    /// Parameters of the adapter as it is left: live triplets, head, new embedding rows.
    pub trainable_parameters: u64,
    /// Parameters trained at the initial rank.
    pub trained_initially: u64,
    /// All parameters: the model's and those trained initially (in `full` they are the same, but for head and rows).
    pub total_parameters: u64,
    /// Optimizer steps done.
    pub steps: u64,
    /// Wall seconds of training.
    pub seconds: f64,
    /// The step whose parameters were selected.
    pub best_step: u64,
    /// What they scored on dev: the MCC, or minus the loss; under `select_window` the mean that was compared.
    pub best_score: Option<f64>,
    /// Allocations of rank adaptation that were planned.
    pub allocations: u64,
    /// Triplets that rank sampling brought back.
    pub reintroduced: u64,
    /// The device's name.
    pub device: String,
    /// What computed: the device's name and, where kernels of ours did, their instruction set. Two that are named alike give the
    /// same bits.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub computed_by: String,
    /// How the frozen weights were held: `f32` or `bf16`.
    pub precision: String,
    /// Most memory that the process held.
    pub peak_memory_bytes: Option<u64>,
    /// What was odd about the training: ranks that hardly adapt, a loss that did not move.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
