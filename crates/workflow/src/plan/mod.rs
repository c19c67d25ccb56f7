//! The plan of a run: which cells there are, which are done, which are to be run and why.
//!
//! A cell's id is the sha256 over everything that can change its result: the resolved settings of its
//! stages, the content of its input files, the seed, the device, the program's version. For a folder that
//! holds a result with another id the rule is:
//!
//! - only the *content* of inputs differs (a byte of a FASTA changed): the cell is run again;
//! - a *setting* differs (the file or a `--set` changed, another device, another version): refused, with the
//!   difference shown, unless `--fresh` or another `--out` is given.
//!
//! | module | what it holds |
//! |---|---|
//! | `plan` | from a pipeline and a request to a plan |
//! | [`planned`] | the plan, its tasks and cells |
//! | [`cell_id`] | where the ids of cells are made |
//! | [`mod@conditions`] | what two cells must have in common to be compared |
//! | `state` | the rule above |
//! | `preflight` | what would be refused after hours, found in seconds |
//! | `selection` | what part of a pipeline is asked for |
//! | `model_identity` | what identifies the model |

pub mod cell_id;
pub mod conditions;
mod model_identity;
#[allow(clippy::module_inception)]
mod plan;
pub mod planned;
mod preflight;
pub(crate) mod selection;
pub(crate) mod state;

pub use cell_id::VERSION;
pub use model_identity::ModelIdentity;
pub use planned::{CellPlan, Plan, TaskPlan};
pub use selection::Request;
pub use state::State;
