//! What predicts a score from features.

pub mod closed_form;
pub mod heads;
pub mod ridge;
