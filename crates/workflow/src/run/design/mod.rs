//! Running a design file: task by task, what methods share is computed once; a finished cell is skipped by its id.
//!
//! | module | what it holds |
//! |---|---|
//! | `cells` | the order of things, ids |
//! | `model` | the features of a model folder |
//! | `output` | the files of a cell |

mod cells;
mod model;
mod output;

pub use cells::{Cell, Summary, run};
