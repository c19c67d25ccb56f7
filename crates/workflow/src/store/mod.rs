//! Results by what they were made from: `store/<id>/` below a run's folder.
//!
//! A result is made in a folder of its own, `.work/<id>/<try>/`, and renamed to its place once it is whole. The first whole
//! result wins: a later one, of another process that made the same, is thrown away. The files that a user sees, such as
//! `<task>/<method>/seed-1/predictions.parquet`, are hard links to those of the store (copies where links fail), so that
//! results of other settings stay where they are and are found again.
//!
//! | module | what it holds |
//! |---|---|
//! | `stored` | a result, and its record `result.json` |
//! | `attempt` | a try at a result |
//! | `place` | the files that a user sees |
//! | `clean` | the removal of what nothing refers to |
//! | `explain` | why a result was made again |

mod attempt;
mod clean;
mod explain;
mod place;
mod stored;

pub(crate) use attempt::{Attempt, forget_tries};
pub use clean::{Cleaned, clean};
pub use explain::{Making, explain};
pub(crate) use place::{is_placed, place_cell, place_file, remove_half_placed};
pub use stored::Stored;
