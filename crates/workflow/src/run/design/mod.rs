//! Running a design file: task by task, what methods share is computed once. Its cells are results of the store, as those of
//! a pipeline: made again when an input or a setting changed, laid at their places, named in `lingo.lock`.
//!
//! | module | what it holds |
//! |---|---|
//! | `plan` | the cells, their ids, what is to be done with each |
//! | `cells` | the order of things |
//! | `model` | the features of a model folder |
//! | `output` | the files of a cell |
//! | `lock` | `lingo.lock` |

mod cells;
mod lock;
mod model;
mod output;
mod plan;

pub use cells::{Summary, run};
pub use plan::{DesignCell, Planned};
