//! Running a plan: first what cells share, then the cells, several at a time; then the lock and the report.
//!
//! | module | what it holds |
//! |---|---|
//! | `run` | the order of things |
//! | `every_task` | what cells share, and what the failure of a task stops |
//! | `memory` | cells at a time as far as memory goes |
//! | `schedules` | what is checked before anything is trained |
//! | `cells` | running cells, several at a time |
//! | [`design`] | the cells of a design file, which share features |

mod cells;
pub mod design;
mod every_task;
mod memory;
#[allow(clippy::module_inception)]
mod run;
mod schedules;

pub use crate::run_settings::Settings;
pub use run::{Summary, run};
