//! `train.jsonl`: one event a line, written by `adapt`, drawn by `evaluate`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One line of `train.jsonl`; absent fields are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainEvent {
    /// Optimizer steps done.
    pub step: u64,
    /// Epochs done, as a fraction.
    pub epoch: f64,
    /// Mean training loss since the last event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Learning rate of this step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Triplets that may live (rank adaptation only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank_budget: Option<u64>,
    /// Triplets that live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank_alive: Option<u64>,
    /// Triplets that came back to life at this allocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reintroduced: Option<u64>,
    /// Live triplets of each adapted module, in the order of the modules, at an allocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank_pattern: Option<Vec<u32>>,
    /// Real (unpadded) tokens seen so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Real tokens per second since the last event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_second: Option<f64>,
    /// Matthews correlation coefficient on dev.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dev_mcc: Option<f64>,
    /// Loss on dev.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dev_loss: Option<f64>,
    /// Wall seconds since training began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Most memory that the process held so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// What the device's allocator holds, on a device with memory of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_memory_bytes: Option<u64>,
}

/// Reads a whole `train.jsonl`.
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] with the line.
pub fn read(path: &Path) -> Result<Vec<TrainEvent>> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(i, line)| {
            serde_json::from_str(line).map_err(|e| Error::Format {
                path: path.to_path_buf(),
                format: "JSON lines",
                message: format!("line {}: {e}", i + 1),
            })
        })
        .collect()
}
