//! How a token's place enters the model.

/// How a token's place enters attention. Rows of a position embedding are added before the first block, and are no matter of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Positions {
    /// Not at all.
    Embedded,
    /// Queries and keys are rotated by it (Su et al. 2021), in halves.
    Rotary(Rotary),
    /// A score falls with the distance (Press, Smith and Lewis 2022), in each head by another slope.
    Alibi,
    /// Rows are added before the first block, and to a score a number that is learnt, by how far the key stands from the query
    /// (Raffel et al. 2020).
    Relative {
        /// How many numbers there are for a head: half of them for keys behind the query.
        buckets: usize,
    },
}

/// From this distance on all keys are in the same bucket.
pub(crate) const FARTHEST: usize = 128;

/// The bucket of a key that stands so far behind the query, or before it.
pub(crate) fn bucket(distance: isize, buckets: usize) -> usize {
    let half = buckets / 2;
    let first = if distance > 0 { half } else { 0 };
    let far = distance.unsigned_abs();
    let exact = half / 2;
    if far < exact {
        return first + far;
    }
    // In `f32`, as torch: what is at the edge of two buckets must be in the same one.
    let share = (far as f32 / exact as f32).ln() / (FARTHEST as f64 / exact as f64).ln() as f32;
    let wide = (share * (half - exact) as f32) as usize;
    first + (exact + wide).min(half - 1)
}

/// A rotary embedding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rotary {
    /// The base of the wavelengths.
    pub base: f64,
    /// How many values of each head are rotated, from the first on.
    pub size: usize,
    /// How the wavelengths are changed for longer sequences.
    pub scaling: RotaryScaling,
}

/// How a model's wavelengths were changed for sequences longer than those it was pretrained on first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RotaryScaling {
    /// Not at all.
    None,
    /// All are longer by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Those that are long, measured by the first length, are longer by a factor; with a smooth way between, as Llama 3.1 has it.
    Llama3 {
        /// The factor.
        factor: f64,
        /// Wavelengths longer than `original / low` are changed wholly.
        low: f64,
        /// Those shorter than `original / high` are not.
        high: f64,
        /// The length that the model was pretrained on first.
        original: f64,
    },
}

impl Rotary {
    /// One that is not changed for longer sequences.
    pub fn plain(base: f64, size: usize) -> Self {
        Self {
            base,
            size,
            scaling: RotaryScaling::None,
        }
    }

    /// By how much each pair's angle grows with the place.
    pub(crate) fn rates(&self) -> Vec<f64> {
        let half = self.size / 2;
        let rate = |pair: usize| self.base.powf(-(pair as f64) / half as f64);
        (0..half).map(|pair| self.scaling.of(rate(pair))).collect()
    }
}

impl RotaryScaling {
    fn of(self, rate: f64) -> f64 {
        match self {
            Self::None => rate,
            Self::Linear { factor } => rate / factor,
            Self::Llama3 {
                factor,
                low,
                high,
                original,
            } => {
                let turns = original * rate / std::f64::consts::TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                rate * (kept + (1.0 - kept) / factor)
            }
        }
    }
}

/// ALiBi's slopes: a geometric series for a power of two of heads, filled up from the one of twice as many for any other number.
pub(crate) fn alibi_slopes(heads: usize) -> Vec<f32> {
    let series = |n: usize| {
        let ratio = 2f64.powf(-8.0 / n as f64);
        (1..=n as i32).map(move |i| ratio.powi(i) as f32)
    };
    let power = match heads.is_power_of_two() {
        true => heads,
        false => heads.next_power_of_two() / 2,
    };
    let more = series(2 * power).step_by(2).take(heads - power);
    series(power).chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [f64; 4] = [
        1.0,
        0.2114742398262024,
        0.04472136124968529,
        0.009457415901124477,
    ];
    const LLAMA3_RATES: [f64; 4] = [
        1.0,
        0.09761662781238556,
        0.005590170156210661,
        0.0011821769876405597,
    ];

    /// Against `transformers`' `ROPE_INIT_FUNCTIONS`, torch in `f32`.
    #[test]
    fn rates_are_those_of_transformers() {
        let close = |scaling, expected: [f64; 4]| {
            let rotary = Rotary {
                scaling,
                ..Rotary::plain(500.0, 8)
            };
            for (rate, expected) in rotary.rates().into_iter().zip(expected) {
                assert!((rate / expected - 1.0).abs() < 1e-6, "{rate} {expected}");
            }
        };
        close(RotaryScaling::None, RATES);
        close(
            RotaryScaling::Linear { factor: 4.0 },
            RATES.map(|rate| rate / 4.0),
        );
        let scaling = RotaryScaling::Llama3 {
            factor: 8.0,
            low: 1.0,
            high: 4.0,
            original: 64.0,
        };
        close(scaling, LLAMA3_RATES);
    }

    const BEGINS: [usize; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91];

    /// Where each bucket begins, by torch (`MPNetEncoder.relative_position_bucket`).
    #[test]
    fn buckets_are_those_of_transformers() {
        let begins = |sign: isize| {
            let of = |far: usize| bucket(sign * far as isize, 32);
            let new = |far: &usize| *far == 0 || of(*far) != of(*far - 1);
            (0..600).filter(new).collect::<Vec<_>>()
        };
        assert_eq!(begins(-1), BEGINS);
        assert_eq!(begins(1)[1..], BEGINS[1..]);
        assert_eq!([bucket(0, 32), bucket(-1, 32), bucket(1, 32)], [0, 1, 17]);
        assert_eq!([bucket(-500, 32), bucket(500, 32)], [15, 31]);
    }

    /// By the code that was published with the paper.
    #[test]
    fn slopes_are_those_of_the_paper() {
        assert_eq!(alibi_slopes(4), [0.25, 0.0625, 0.015625, 0.00390625]);
        let slopes = alibi_slopes(12);
        let published = [
            0.5,
            0.25,
            0.125,
            0.0625,
            0.03125,
            0.015625,
            0.0078125,
            0.00390625,
            0.707_106_77,
            0.353_553_38,
            0.176_776_69,
            0.088_388_346,
        ];
        assert_eq!(slopes.len(), published.len());
        for (slope, published) in slopes.iter().zip(published) {
            assert!((slope - published).abs() < 1e-7, "{slope} {published}");
        }
    }
}
