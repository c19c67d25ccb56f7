//! Whether one method is ahead of another: differences of runs that share task and seed.
//!
//! | module | what it holds |
//! |---|---|
//! | [`comparison`] | pairs of runs to units, units to a mean with intervals and p |
//! | [`student`] | Student's t interval of a mean |
//! | [`bca`] | its bias-corrected and accelerated bootstrap interval |
//! | [`sign_flip`] | the sign-flip test |
//! | [`holm`](mod@holm) | Holm's correction for many comparisons |
//! | [`ranks`] | mean ranks of methods over tasks |
//! | [`sample`] | the mean of a sample, and whether it has any spread |
//! | [`distribution`] | the normal distribution and Student's |

pub mod bca;
pub mod comparison;
pub mod distribution;
pub mod holm;
pub mod ranks;
pub mod sample;
pub mod sign_flip;
pub mod student;
