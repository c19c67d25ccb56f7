//! An order-3 Markov model of bases: what three bases of context tell.

use crate::error::Error;
use crate::pretrain::corpus::{Corpus, ORDER};

/// For each context, the -ln p of each base.
pub(crate) struct Markov {
    losses: Vec<[f64; 4]>,
}

/// How often each base follows each context; each begins with a count of one.
pub(crate) struct Counts(Vec<[u64; 4]>);

impl Counts {
    pub fn new() -> Self {
        Self(vec![[1; 4]; 4usize.pow(ORDER as u32)])
    }

    /// Counts the bases of a sequence.
    pub fn add(&mut self, bases: &[u8]) {
        for window in bases.windows(ORDER + 1) {
            if let Some((context, base)) = index(window) {
                self.0[context][base] += 1;
            }
        }
    }

    pub fn model(self) -> Markov {
        let of_context = self.0.into_iter().map(|row| {
            let sum: u64 = row.iter().sum();
            row.map(|n| -(n as f64 / sum as f64).ln())
        });
        Markov {
            losses: of_context.collect(),
        }
    }
}

/// Bases that are read at a time.
const PIECE: u64 = 1 << 20;

impl Markov {
    /// Counts the training part.
    pub(super) fn count(corpus: &Corpus) -> Result<Self, Error> {
        let mut counts = Counts::new();
        for part in corpus.training_parts() {
            let mut start = part.start;
            while start < part.end {
                let end = part.end.min(start + PIECE);
                // Pieces overlap by a context, so that no window is lost between two.
                let from = start.saturating_sub(ORDER as u64).max(part.start);
                counts.add(&corpus.fetch(part, from, end)?);
                start = end;
            }
        }
        Ok(counts.model())
    }

    /// The mean -ln p of the bases of sequences that have three bases before them.
    pub fn mean_loss<'a>(&self, sequences: impl Iterator<Item = &'a [u8]>) -> f64 {
        let (mut sum, mut count) = (0.0, 0u64);
        for window in sequences.flat_map(|bases| bases.windows(ORDER + 1)) {
            sum += self.loss(window);
            count += 1;
        }
        sum / count.max(1) as f64
    }

    /// -ln p of the last base of `window` after the three before it; after an unknown one, that of a uniform guess.
    pub fn loss(&self, window: &[u8]) -> f64 {
        index(window).map_or(4f64.ln(), |(context, base)| self.losses[context][base])
    }
}

/// The context of a window of four bases, and its last base; `None` where one is not A, C, G or T.
fn index(window: &[u8]) -> Option<(usize, usize)> {
    let code = window.iter().try_fold(0, |code, base| {
        let digit = b"ACGT".iter().position(|b| b == base)?;
        Some(4 * code + digit)
    })?;
    Some((code / 4, code % 4))
}
