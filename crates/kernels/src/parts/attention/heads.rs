//! The shape of attention, and the tables of its positions.

use std::sync::{Arc, PoisonError, RwLock};

use crate::memory::size::count;
use crate::parts::norm::{Norm, NormKind};

/// How a token's place enters attention. (Learned positions are part of the embedding.)
#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    /// Not at all.
    None,
    /// Rotary embedding (Su et al. 2021) in halves, as Llama and ESM have it.
    Rotary {
        /// By how much each pair's angle grows with the place: as many as half of the values that are rotated, which are
        /// the first of each head.
        rates: Vec<f64>,
    },
    /// ALiBi (Press, Smith and Lewis 2022): a score falls by `slope * distance`.
    Alibi {
        /// One for each head.
        slopes: Vec<f32>,
    },
    /// A number is added to a score, by how far the key stands behind the query, as MPNet has it.
    Relative {
        /// For each head as many to the left as to the right, from the farthest key before the query to the farthest
        /// behind it; what is farther gets the farthest's.
        biases: Vec<Vec<f32>>,
    },
}

/// The shape of a block's attention.
#[derive(Clone, Debug, PartialEq)]
pub struct Heads {
    /// How many.
    pub heads: usize,
    /// How many of keys and values: each is shared by as many neighbouring heads of queries.
    pub key_value_heads: usize,
    /// The width of each.
    pub size: usize,
    /// Whether a token sees only itself and what stands before it.
    pub causal: bool,
    /// How far a token sees, where not all of the sequence: 1 is to its neighbours.
    pub window: Option<usize>,
    /// How places enter.
    pub positions: Positions,
}

/// [`Heads`] with its tables.
pub(crate) struct Attention {
    pub heads: Heads,
    /// Of queries and of keys.
    norms: Option<[Norm; 2]>,
    rotary: Option<Rotary>,
}

/// Angles of places, made as far as a batch has needed them.
struct Rotary {
    rates: Vec<f64>,
    angles: RwLock<Arc<Angles>>,
}

/// Cosines and sines, `[places, pairs]` each.
#[derive(Default)]
pub(crate) struct Angles {
    places: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

/// Which of a head's rows a norm is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Query,
    Key,
}

impl Attention {
    pub fn new(heads: Heads, norms: Option<[Norm; 2]>) -> Self {
        let rotary = match &heads.positions {
            Positions::Rotary { rates } => {
                assert!(2 * rates.len() <= heads.size, "more values than a head has");
                Some(Rotary {
                    rates: rates.clone(),
                    angles: RwLock::default(),
                })
            }
            Positions::Alibi { slopes } => {
                assert_eq!(slopes.len(), heads.heads, "slopes");
                None
            }
            Positions::Relative { biases } => {
                assert_eq!(biases.len(), heads.heads, "biases");
                assert!(biases.iter().all(|own| own.len() % 2 == 1), "biases");
                None
            }
            Positions::None => None,
        };
        Self {
            heads,
            norms,
            rotary,
        }
    }

    pub fn scale(&self) -> f32 {
        (self.heads.size as f32).powf(-0.5)
    }

    /// The head of keys and values that a head of queries reads.
    pub fn shared(&self, head: usize) -> usize {
        head / (self.heads.heads / self.heads.key_value_heads)
    }

    /// Whether a head of queries is the first that reads its head of keys and values.
    pub fn is_first(&self, head: usize) -> bool {
        head.is_multiple_of(self.heads.heads / self.heads.key_value_heads)
    }

    /// The angles of so many places, where places enter by rotation.
    pub fn angles(&self, places: usize) -> Option<Arc<Angles>> {
        let rotary = self.rotary.as_ref()?;
        // A table is replaced whole: one that a panic left is as good as any.
        let known = rotary.angles.read().unwrap_or_else(PoisonError::into_inner);
        if known.places >= places {
            return Some(known.clone());
        }
        drop(known);
        let made = Arc::new(Angles::new(&rotary.rates, places.next_power_of_two()));
        let mut known = rotary
            .angles
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if known.places < made.places {
            *known = made;
        }
        Some(known.clone())
    }

    /// Normalises the rows of a head, where its queries or keys are.
    pub fn normalise(&self, of: Of, rows: &mut [f32], stride: usize) {
        let Some(norms) = &self.norms else { return };
        let norm = &norms[of as usize];
        let size = self.heads.size;
        for row in rows.chunks_exact_mut(stride) {
            let row = &mut row[..size];
            let (mean, rate) = moments(norm, row);
            let parameters = norm.scale.iter().zip(norm.shift.iter());
            for (x, (scale, shift)) in row.iter_mut().zip(parameters) {
                *x = (*x - mean) * rate * scale + shift;
            }
        }
    }

    /// The gradient of what was normalised, in place of that of what came out; `x` is what was normalised.
    pub fn normalise_back(&self, of: Of, x: &[f32], gradient: &mut [f32], stride: usize) {
        let Some(norms) = &self.norms else { return };
        let norm = &norms[of as usize];
        let size = self.heads.size;
        let rows = x.chunks_exact(stride);
        for (x, g) in rows.zip(gradient.chunks_exact_mut(stride)) {
            let (x, g) = (&x[..size], &mut g[..size]);
            if norm.kind == NormKind::Identity {
                continue;
            }
            let (mean, rate) = moments(norm, x);
            let (mut sum, mut dot) = (0.0, 0.0);
            for ((g, x), scale) in g.iter_mut().zip(x).zip(norm.scale.iter()) {
                *g *= scale;
                sum += *g;
                dot += *g * (x - mean) * rate;
            }
            let sum = match norm.kind {
                NormKind::Layer => sum / size as f32,
                NormKind::Rms | NormKind::Identity => 0.0,
            };
            let dot = dot / size as f32;
            for (g, x) in g.iter_mut().zip(x) {
                *g = rate * (*g - sum - (x - mean) * rate * dot);
            }
        }
    }

    /// Whether queries and keys are normalised.
    pub fn has_norms(&self) -> bool {
        self.norms.is_some()
    }
}

/// What is taken off a row, and what it is multiplied with then.
fn moments(norm: &Norm, row: &[f32]) -> (f32, f32) {
    let inverse = 1.0 / row.len() as f32;
    let mean = match norm.kind {
        NormKind::Layer => row.iter().sum::<f32>() * inverse,
        NormKind::Rms => 0.0,
        NormKind::Identity => return (0.0, 1.0),
    };
    let squares: f32 = row.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, 1.0 / (squares * inverse + norm.epsilon).sqrt())
}

impl Angles {
    fn new(rates: &[f64], places: usize) -> Self {
        let pairs = rates.len();
        let angles = (0..count(&[places, pairs])).map(|i| (i / pairs) as f64 * rates[i % pairs]);
        Self {
            places,
            cosines: angles.clone().map(|a| a.cos() as f32).collect(),
            sines: angles.map(|a| a.sin() as f32).collect(),
        }
    }

    /// Rotates the rows of a head by their places, or back.
    pub fn rotate(&self, rows: &mut [f32], stride: usize, back: bool) {
        let half = self.cosines.len() / self.places.max(1);
        for (place, row) in rows.chunks_exact_mut(stride).enumerate() {
            let (low, high) = row.split_at_mut(half);
            let angles = place * half..(place + 1) * half;
            let pairs = low.iter_mut().zip(high);
            let angles = self.cosines[angles.clone()].iter().zip(&self.sines[angles]);
            for ((x, y), (&cosine, &sine)) in pairs.zip(angles) {
                let sine = if back { -sine } else { sine };
                (*x, *y) = (*x * cosine - *y * sine, *y * cosine + *x * sine);
            }
        }
    }
}
