//! The plan of a run: which cells there are, which are done, which are to be run and why.
//!
//! A cell's id is the sha256 over everything that can change its result ([`cell_id`]). For a folder that holds a result
//! with another id the rule is:
//!
//! - the store has that result, too: it stays there, and the cell is run; so are cells whose inputs have changed;
//! - the store has it not (an earlier version made it), and a *setting* differs: refused, with the difference shown, unless
//!   `--fresh` or another `--out` is given.
//!
//! | module | what it holds |
//! |---|---|
//! | `plan` | from a pipeline and a request to a plan |
//! | [`planned`] | the plan, its tasks and cells |
//! | [`cell_id`] | where the ids of cells are made |
//! | [`mod@conditions`] | what two cells must have in common to be compared |
//! | `first` | what is learnt from several tasks together first |
//! | `state` | the rule above |
//! | `preflight` | what would be refused after hours, found in seconds |
//! | `selection` | what part of a pipeline is asked for |
//! | `model_identity` | what identifies the model |

pub mod cell_id;
pub mod conditions;
mod first;
mod model_identity;
#[allow(clippy::module_inception)]
mod plan;
pub mod planned;
mod preflight;
pub(crate) mod selection;
pub(crate) mod state;

pub use cell_id::VERSION;
pub(crate) use cell_id::{device_class, is_quiet};
pub use model_identity::ModelIdentity;
pub(crate) use model_identity::model_identity;
pub use planned::{CellPlan, FirstPlan, Plan, TaskPlan};
pub use selection::Request;
pub use state::State;
