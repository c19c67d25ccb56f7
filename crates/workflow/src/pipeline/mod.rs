//! The pipeline file, checked and resolved.
//!
//! | module | what it holds |
//! |---|---|
//! | [`adapt_first_section`] | what several tasks are adapted to together, before each alone |
//! | [`mod@file`] | what may stand in a file, and its JSON Schema |
//! | [`design_file`] | what a design file may say, checked and resolved |
//! | [`method_section`] | a method with its own `train` |
//! | [`name`] | which names tasks and methods may have |
//! | [`named`] | a mapping whose keys are names |
//! | [`partial`] | some of the keys of a section |
//! | [`resolved`] | a pipeline, ready to be planned |
//! | [`resolve`] | from the file to tasks with settings of their own |
//! | [`check`] | what the parser cannot see: names, references, contradictions |
//! | [`graph`] | a pipeline as a picture |
//! | [`tune_section`] | what is searched, and how |
//! | [`graph`] | as a picture |
//! | `read` | all of it, from a file on disk |

pub mod adapt_first_section;
pub mod check;
pub mod design_file;
pub mod file;
pub mod graph;
pub mod method_section;
pub mod name;
pub mod named;
pub mod partial;
mod read;
pub mod resolve;
pub mod resolved;
pub mod tune_section;

pub use resolved::{ModelPlan, Pipeline, Task};
