//! What cells share: the pretrained model, and each task's examples, tokens and floor. Each is made once and
//! made again only when what it depends on changed.
//!
//! | module | what it holds |
//! |---|---|
//! | `model` | the weights from a hub; the pretrained model and its record |
//! | `task` | examples, tokens and floor of one task |
//! | `task_record` | `task.json` |

pub(crate) mod model;
pub(crate) mod task;
pub(crate) mod task_record;

pub use model::{ModelRecord, fetch_model, prepare_model};
pub use task::{Made, place, prepare};
pub use task_record::TaskRecord;
