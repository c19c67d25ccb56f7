//! A task that others are learnt with.

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
