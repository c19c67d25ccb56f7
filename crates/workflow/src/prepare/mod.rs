//! What cells share: the pretrained model, and each task's examples, tokens and floor. Each is made once and
//! made again only when what it depends on changed.
//!
//! | module | what it holds |
//! |---|---|
//! | `every_task` | all tasks of a run, in order |
//! | `model` | the weights from a hub; the pretrained model and its record |
//! | `task` | examples, tokens and floor of one task |
//! | `task_record` | `task.json` |

pub(crate) mod every_task;
pub(crate) mod model;
pub(crate) mod task;
pub(crate) mod task_record;

pub use model::{ModelRecord, fetch_model, prepare_model};
pub use task::{Made, prepare_examples, prepare_of_examples};
pub use task_record::TaskRecord;
