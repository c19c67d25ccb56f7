//! The pipeline file, checked and resolved.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mod@file`] | what may stand in a file, and its JSON Schema |
//! | [`name`] | which names tasks and methods may have |
//! | [`resolved`] | a pipeline, ready to be planned |
//! | [`resolve`] | from the file to tasks with settings of their own |
//! | [`check`] | what the parser cannot see: names, references, contradictions |
//! | `read` | all of it, from a file on disk |

pub mod check;
pub mod file;
pub mod name;
mod read;
pub mod resolve;
pub mod resolved;

pub use resolved::{ModelPlan, Pipeline, Task};
