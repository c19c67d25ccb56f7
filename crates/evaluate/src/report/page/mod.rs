//! The page: what the data look like as HTML.

pub mod audit;
pub mod data_audit;
pub mod differences;
pub mod findings;
pub mod headline;
pub mod methods_text;
pub mod overview;
pub mod parts;
pub mod provenance;
pub mod results_table;
pub mod section;
pub mod seeds_table;
pub mod times;
pub mod whole;
