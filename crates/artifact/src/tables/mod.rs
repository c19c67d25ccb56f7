//! The tables that pass between stages, and the formats that they are stored in.

pub mod example;
mod label_column;
pub mod layer_states;
pub mod placed_prediction;
pub mod prediction;
pub mod table;
pub mod tokens;
