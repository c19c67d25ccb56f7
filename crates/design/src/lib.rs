//! Sequences designed from measured ones: offline optimisation on the features of a frozen model, after Chen et al. 2023
//! (*Bidirectional Learning for Offline Model-based Biological Sequence Design*, BIB), and what it is held against.
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | the methods and their keys |
//! | [`prepare`] | what the methods of a task share: features of the measured rows, the closed forms |
//! | [`mod@design`] | a method, run: designs in their order |
//! | [`request`] | what is asked of a search, and what it gives |
//! | [`trace`] | how the steps of a search went |
//! | [`outcome`] | what designs are worth where every score is known |
//! | `methods` | the searches |
//! | [`proxy`] | what predicts: closed forms of both directions, linear heads |
//! | [`features`] | what a sequence is to a proxy: counts of k-mers, states of a language model; gradients to soft bases |
//! | [`sequences`] | measured sequences, constraints, bases as numbers |
//! | [`numbers`] | matrices in `f64` |

pub mod design;
mod error;
pub mod features;
mod methods;
pub mod numbers;
pub mod outcome;
pub mod prepare;
pub mod proxy;
pub mod request;
pub mod sequences;
pub mod settings;
pub mod trace;

pub use error::Error;
