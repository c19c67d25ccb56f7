//! A position weight matrix.

use lingo_artifact::random::Stream;

use crate::synthetic::background::{BASES, draw};

/// The probability of each base at each position of a site.
pub(super) struct WeightMatrix(Vec<[f64; 4]>);

impl WeightMatrix {
    /// A random consensus; each position shows it with probability `conservation`, else another base.
    pub fn random(length: usize, conservation: f64, stream: &mut Stream) -> Self {
        let column = |_| {
            let mut column = [(1.0 - conservation) / 3.0; 4];
            column[stream.below(4)] = conservation;
            column
        };
        Self((0..length).map(column).collect())
    }

    /// One site.
    pub fn draw(&self, stream: &mut Stream) -> Vec<u8> {
        let base = |column| BASES[draw(column, stream)];
        self.0.iter().map(base).collect()
    }
}
