//! The tasks: those that are learnt together, and those whose rows are kept away.

use lingo_artifact::Split;
use lingo_artifact::readings::Readings;
use lingo_artifact::tokens::Tokens;

/// A task that is learnt from.
#[derive(Clone, Copy)]
pub struct FirstTask<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its encoded rows: those of train are learnt from, by those of dev the best step is chosen, those of test are kept away.
    pub tokens: &'a Tokens,
    /// The sequences behind them.
    pub readings: &'a dyn Readings,
}

/// A task that is not learnt from, whose rows of dev and test are kept away.
#[derive(Clone, Copy)]
pub struct OtherTask<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where each of its rows belongs.
    pub splits: &'a [Split],
    /// Its sequences.
    pub readings: &'a dyn Readings,
}
