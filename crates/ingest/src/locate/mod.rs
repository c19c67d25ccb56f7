//! Where sequences lie in a genome.

pub(crate) mod anchors;
pub(crate) mod search;
pub(crate) mod table;

pub use search::{Found, Place, SHORTEST, locate};
pub use table::{Counts, Located, Query, locate_files, read_queries};
