//! Reading YAML so that every mistake is told with file, line, column and the offending line.
//!
//! | module | what it holds |
//! |---|---|
//! | [`node`] | the tree of a document |
//! | [`deserialize`] | from the tree to typed configuration, errors with their path |
//! | `every_fault` | all mistakes of a tree at once |
//! | [`fault`] | a mistake at a place of the tree |
//! | [`locate`] | the place in the text |
//! | [`variables`] | `${VAR}` and `${VAR:-default}` |
//! | `variable_use` | which variables a value is written with |
//! | `overrides` | where `--set` goes in the tree |
//! | [`document`] | the file with its overrides |
//! | [`mistakes`] | mistakes as diagnostics |

pub mod deserialize;
pub mod document;
pub(crate) mod every_fault;
pub mod fault;
pub mod locate;
pub mod mistakes;
pub mod node;
mod overrides;
pub(crate) mod variable_use;
pub mod variables;
