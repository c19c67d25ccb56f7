//! A run for other programs: what is written beside its report.
//!
//! | module | what it holds |
//! |---|---|
//! | `write` | all of them, in order |
//! | `facts` | what the lock vouches for, and what lies beside it |
//! | `multiqc` | `metrics_mqc.json`, `metrics_plot_mqc.json`: sections of a MultiQC report |
//! | `versions` | `software_versions.yml`, as nf-core's pipelines write it |
//! | `trace` | `trace.tsv`, as Nextflow writes it |
//! | `methods_text`, `bibliography` | `methods.md`, `references.bib` |
//! | `typed` | `pipeline.yaml`, the pipeline file as it was typed |
//! | `ro_crate` | `ro-crate-metadata.json`, a Workflow Run RO-Crate |

mod bibliography;
mod facts;
mod methods_text;
mod multiqc;
mod ro_crate;
mod trace;
mod typed;
mod versions;
mod write;

pub(crate) use write::{methods, write};
