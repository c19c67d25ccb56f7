//! An order-3 Markov model of bases: what three bases of context tell.

use crate::error::Error;
use crate::pretrain::corpus::{Corpus, ORDER};

/// For each context, the -ln p of each base.
pub(super) struct Markov {
    losses: Vec<[f64; 4]>,
}

/// Bases that are read at a time.
const PIECE: u64 = 1 << 20;

impl Markov {
    /// Counts the training part; each base begins with a count of one.
    pub fn count(corpus: &Corpus) -> Result<Self, Error> {
        let mut counts = vec![[1u64; 4]; 4usize.pow(ORDER as u32)];
        for part in corpus.training_parts() {
            let mut start = part.start;
            while start < part.end {
                let end = part.end.min(start + PIECE);
                // Pieces overlap by a context, so that no window is lost between two.
                let from = start.saturating_sub(ORDER as u64).max(part.start);
                for window in corpus.fetch(part, from, end)?.windows(ORDER + 1) {
                    if let Some((context, base)) = index(window) {
                        counts[context][base] += 1;
                    }
                }
                start = end;
            }
        }
        let losses = counts
            .into_iter()
            .map(|row| {
                let sum: u64 = row.iter().sum();
                row.map(|n| -(n as f64 / sum as f64).ln())
            })
            .collect();
        Ok(Self { losses })
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
