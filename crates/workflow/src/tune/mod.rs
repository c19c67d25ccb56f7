//! `tune`: settings are searched on dev by successive halving (Jamieson and Talwalkar 2016).
//!
//! Each trial is the pipeline with a few settings overridden, in a folder of its own below that of the search, so its
//! cells are cells like any other: finished ones are skipped, interrupted ones gone on with. No cell sees the test rows.
//!
//! | module | what it holds |
//! |---|---|
//! | `trial` | which settings are tried |
//! | [`mod@search`] | rung after rung, the better ones go on |

pub mod search;
mod trial;

pub use search::{Found, Row, Settings, check, search};
