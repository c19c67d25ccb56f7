//! `resources.json`: the time and memory that a cell took. It differs between two runs of the same cell, so it is no part
//! of its result.

use serde::{Deserialize, Serialize};

/// What the last try at a cell took, from its beginning or from the checkpoint that it went on from. What the system does
/// not tell is left out; so is what cannot be told apart because other cells were at work in the same process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// When it began, UTC, to the millisecond.
    pub started: String,
    /// When it ended, UTC, to the millisecond.
    pub finished: String,
    /// The process that did it.
    pub process_id: u32,
    /// Wall seconds of the whole cell: loading, training, predicting, scoring.
    pub wall_seconds: f64,
    /// CPU seconds of the process over that time, all threads together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
    /// Bytes that the process read over that time by calls such as `read` (`rchar` of `/proc/self/io`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_bytes: Option<u64>,
    /// Bytes that it wrote (`wchar`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_bytes: Option<u64>,
    /// Most memory that the process had held when the cell ended (`VmHWM`), by whichever cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// Most addresses that it had taken (`VmPeak`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_addresses_bytes: Option<u64>,
    /// The instruction set of the CPU's kernels, `off` where the plain operations were asked for; none on a GPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernels: Option<String>,
}
