//! What runs say: the report of one, two against each other.
//!
//! | module | what it holds |
//! |---|---|
//! | [`build`](mod@build) | the report of a run |
//! | [`compare`](mod@compare) | two runs against each other |
//! | `integrity` | whether what a report reads is as its cells left it |
//! | [`scores`](mod@scores) | the scores of a run, for its last lines |

pub mod build;
pub mod compare;
mod integrity;
pub mod scores;

pub use build::build;
