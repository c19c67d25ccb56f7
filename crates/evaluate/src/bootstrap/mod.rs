//! Confidence intervals by the percentile bootstrap.
//!
//! The rows are drawn with replacement, as many as there are, `resamples` times; each metric is computed on
//! each draw; the interval runs between the (1 - confidence) / 2 and (1 + confidence) / 2 quantiles (linear
//! interpolation, Hyndman and Fan's type 7). Draws in which a metric is undefined (a class is missing) are left
//! out, and the interval is undefined when that is more than half of them. It says how far the number would
//! move with other rows of the same kind; it says nothing about other seeds, and rows that overlap in the
//! genome make it too narrow. Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
//!
//! **How rows are drawn.** A metric that is a function of counts alone needs no rows: to draw rows with replacement and
//! count them in cells is to draw the counts from a multinomial distribution, a few draws for any number of rows
//! ([`binomial`]). For the others, rows are sorted once, and each draw is a weight for each row, walked in that order
//! ([`weights`], [`walk`]).
//!
//! **Seeds.** Every replicate has a stream of its own, made of the seed and its number. A replicate's numbers are added
//! in the order of the rows, whoever computes them: an interval depends neither on the number of threads nor on how the
//! replicates are cut into blocks.
//!
//! **Memory.** The weights of [`weights::LANES`] replicates are 32 bytes a row; as many of these blocks are held at
//! once as [`weights::MOST_BYTES`] (256 MiB) have room for, at least one. Beside them stand a sorted column for each
//! thread (of classes: all columns), 5 bytes a row, and the metrics of each replicate.
//!
//! | module | what it holds |
//! |---|---|
//! | [`of_classes`] | every interval of one of several classes |
//! | [`of_labels`] | every interval of several labels at once |
//! | [`of_values`] | every interval of measured values |
//! | [`resampling`] | how intervals are drawn, and what comes of it |
//! | [`walk`] | metrics of a sorted column, redrawn |
//! | [`weights`] | how often each row was drawn |
//! | [`binomial`] | counts, redrawn |
//! | [`quantile`](mod@quantile) | from the values of the draws to an interval |

pub mod binomial;
pub mod of_classes;
pub mod of_labels;
pub mod of_values;
pub mod quantile;
pub mod resampling;
pub mod walk;
pub mod weights;
