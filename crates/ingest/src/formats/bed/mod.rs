//! BED.

pub(crate) mod blocks;
pub(crate) mod columns;
pub(crate) mod regions;
pub(crate) mod row;
