//! DNA as numbers, measured sequences, and what a design must keep to.

pub mod constraints;
pub mod dna;
pub mod known;
