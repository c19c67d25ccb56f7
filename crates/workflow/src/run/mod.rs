//! Running a plan: first what cells share, then the cells, several at a time; then the lock and the report.
//!
//! | module | what it holds |
//! |---|---|
//! | `run` | the order of things |
//! | `only_run` | one run at a time in a folder |
//! | `schedules` | what is checked before anything is trained |
//! | `cells` | running cells, several at a time |
//! | `measured` | the time and memory that a cell takes |
//! | `shared_tokens` | tokens that several cells train on |

pub(crate) mod cells;
mod measured;
pub(crate) mod only_run;
#[allow(clippy::module_inception)]
mod run;
mod schedules;
pub(crate) mod shared_tokens;

pub use crate::run_settings::Settings;
pub use run::{Summary, run};
