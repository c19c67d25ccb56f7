//! `adapt_first` of the pipeline file.

use lingo_adapt::MaskedDna;
use schemars::JsonSchema;
use serde::Deserialize;

use super::method_section::MethodSection;

/// One adapter over several tasks, with a head for each, or from DNA without labels (`masked`), which is merged into the model that every cell then begins with.
/// Tasks have classes. A row that shares 32 bases with one of dev or test of another task of the file is left out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdaptFirstSection {
    /// The tasks that are learnt together. Default: all of the file.
    #[serde(default)]
    pub tasks: Option<Vec<String>>,
    /// DNA without labels, which is learnt from in place of the tasks' rows: `{ fasta: [genome.fa] }`.
    #[serde(default)]
    pub masked: Option<MaskedDna>,
    /// What is trained, as under `methods`: `{ lora: { rank: 8 }, train: { epochs: 2 } }`. Of the file's `train` all else holds but `stem`.
    pub method: MethodSection,
    /// Seeds initial values and the order of rows. Default: 0.
    #[serde(default)]
    pub seed: u64,
}
