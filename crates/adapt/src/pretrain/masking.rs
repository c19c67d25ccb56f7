//! Which tokens are hidden: BERT's rule (Devlin et al. 2019, section 3.1).

use lingo_artifact::random::Stream;

use crate::pretrain::vocabulary::{CLS, MASK, Row, SEP, Vocabulary};

/// The rule, for one vocabulary.
pub(super) struct Masking<'a> {
    pub vocabulary: &'a Vocabulary,
    /// Share of the DNA tokens that are to be predicted.
    pub probability: f64,
    /// The longest row, special tokens counted in; what exceeds it is cut.
    pub positions: usize,
}

/// A batch with tokens hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Masked {
    /// Ids of each row with its special tokens; what is hidden is replaced.
    pub rows: Vec<Vec<u32>>,
    /// Row and token (special tokens not counted) of each token to be predicted.
    pub hidden: Vec<(usize, usize)>,
    /// The true ids of `hidden`.
    pub targets: Vec<u32>,
}

impl Masked {
    /// The bases of a row that no token shows which was left: of side-by-side tokens those of the hidden ones.
    pub fn hidden_bases(&self, number: usize, row: &Row) -> Vec<bool> {
        let bases = row.spans.last().map_or(0, |span| span.end);
        let mut hidden = vec![true; bases];
        for (token, span) in row.spans.iter().enumerate() {
            if !self.hidden.contains(&(number, token)) {
                hidden[span.clone()].fill(false);
            }
        }
        hidden
    }

    /// All tokens of the batch.
    pub fn tokens(&self) -> u64 {
        self.rows.iter().map(|r| r.len() as u64).sum()
    }
}

impl Masking<'_> {
    pub fn mask(&self, rows: &[Row], stream: &mut Stream) -> Masked {
        let mut masked = Masked {
            rows: Vec::with_capacity(rows.len()),
            hidden: Vec::new(),
            targets: Vec::new(),
        };
        let dna = self.vocabulary.dna();
        for (r, row) in rows.iter().enumerate() {
            let kept = row.ids.len().min(self.positions.saturating_sub(2));
            let mut ids = vec![CLS];
            let together = self.vocabulary.hidden_together();
            // Tokens that are yet to be hidden with the one before them.
            let mut rest = 0usize;
            for (t, &id) in row.ids[..kept].iter().enumerate() {
                let is_dna = dna.contains(&id);
                if rest == 0 && is_dna && stream.uniform() < self.probability / together as f64 {
                    rest = together;
                }
                let chosen = is_dna && rest > 0;
                rest = rest.saturating_sub(1);
                ids.push(if chosen {
                    self.replacement(id, stream)
                } else {
                    id
                });
                if chosen {
                    masked.hidden.push((r, t));
                    masked.targets.push(id);
                }
            }
            ids.push(SEP);
            masked.rows.push(ids);
        }
        masked
    }

    fn replacement(&self, id: u32, stream: &mut Stream) -> u32 {
        let u = stream.uniform();
        if u < 0.8 {
            MASK
        } else if u < 0.9 {
            let dna = self.vocabulary.dna();
            dna.start + stream.below(dna.len()) as u32
        } else {
            id
        }
    }
}
