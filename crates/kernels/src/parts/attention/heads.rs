//! The shape of attention, and the tables of its positions.

use crate::memory::size::count;

/// How a token's place enters attention. (Learned positions are part of the embedding.)
#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    /// Not at all.
    None,
    /// Rotary embedding (Su et al. 2021) in halves, as Llama and ESM have it: `base` is 10,000 there.
    Rotary {
        /// The base of the wavelengths.
        base: f64,
        /// The longest sequence.
        longest: usize,
    },
    /// ALiBi (Press, Smith and Lewis 2022): a score falls by `slope * distance`.
    Alibi {
        /// One for each head.
        slopes: Vec<f32>,
    },
}

/// The shape of a block's attention.
#[derive(Clone, Debug, PartialEq)]
pub struct Heads {
    /// How many.
    pub heads: usize,
    /// The width of each.
    pub size: usize,
    /// Whether a token sees only itself and what stands before it.
    pub causal: bool,
    /// How places enter.
    pub positions: Positions,
}

/// [`Heads`] with its tables.
pub(crate) struct Attention {
    pub heads: Heads,
    /// Cosines and sines, `[longest, size / 2]` each, of a rotary embedding.
    rotary: Option<(Vec<f32>, Vec<f32>)>,
}

impl Attention {
    pub fn new(heads: Heads) -> Self {
        let rotary = match heads.positions {
            Positions::Rotary { base, longest } => {
                let half = heads.size / 2;
                let angles = (0..count(&[longest, half])).map(|i| {
                    let (place, pair) = ((i / half) as f64, (i % half) as f64);
                    place * base.powf(-pair / half as f64)
                });
                Some((
                    angles.clone().map(|a| a.cos() as f32).collect(),
                    angles.map(|a| a.sin() as f32).collect(),
                ))
            }
            _ => None,
        };
        Self { heads, rotary }
    }

    pub fn scale(&self) -> f32 {
        (self.heads.size as f32).powf(-0.5)
    }

    /// Rotates the rows of a head by their places, or back.
    pub fn rotate(&self, rows: &mut [f32], stride: usize, back: bool) {
        let Some((cosines, sines)) = &self.rotary else {
            return;
        };
        let half = self.heads.size / 2;
        for (place, row) in rows.chunks_exact_mut(stride).enumerate() {
            let (low, high) = row.split_at_mut(half);
            let angles = place * half..(place + 1) * half;
            let pairs = low.iter_mut().zip(high);
            let angles = cosines[angles.clone()].iter().zip(&sines[angles]);
            for ((x, y), (&cosine, &sine)) in pairs.zip(angles) {
                let sine = if back { -sine } else { sine };
                (*x, *y) = (*x * cosine - *y * sine, *y * cosine + *x * sine);
            }
        }
    }
}
