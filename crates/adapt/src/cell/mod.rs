//! One cell: what it is made from, what is checked first, and the order of things.

pub(crate) mod adapt;
mod added;
mod base;
mod begun;
mod check;
pub(crate) mod check_targets;
mod describe;
mod identity;
pub(crate) mod kept;
mod kernel;
mod language_model;
pub(crate) mod models;
mod motifs;
pub(crate) mod request;
mod stem;
pub(crate) mod windows;
mod words;
