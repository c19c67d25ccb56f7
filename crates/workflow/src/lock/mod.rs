//! `lingo.lock`: what went into a run and what came out, with the hash of each, so that another machine can check it.
//!
//! | module | what it holds |
//! |---|---|
//! | `lock` | the lock, written and read |
//! | `verify` | whether everything is as it says |
//! | `drift` | whether a plan is what it says |
//! | `published` | published numbers beside ours |

mod drift;
#[allow(clippy::module_inception)]
mod lock;
pub mod published;
mod verify;

pub use drift::drift;
pub(crate) use drift::{Locked, drift_of};
pub(crate) use lock::around_report;
pub use lock::{Lock, LockedCell, LockedTask, RunKind, SCHEMA, Shared, write};
pub use verify::{Moved, Verification, verify};
