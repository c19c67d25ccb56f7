//! Metrics of a sorted column, redrawn: many replicates in one walk through its rows.

use crate::bootstrap::weights::{Block, LANES, Lanes};
use crate::metrics::calibration::{BINS, bin};
use crate::metrics::ranking::Ranked;

/// What one walk finds of each replicate; NaN where it is undefined.
pub struct Walked {
    /// Area under the ROC curve.
    pub auroc: Lanes<f64>,
    /// Average precision.
    pub auprc: Lanes<f64>,
    /// Rows that are above the threshold and positive.
    pub true_positives: Lanes<u32>,
    /// Rows that are above the threshold and negative.
    pub false_positives: Lanes<u32>,
    /// Positives.
    pub positives: Lanes<u32>,
    /// Negatives.
    pub negatives: Lanes<u32>,
}

/// What stands at the places that were walked past.
struct State {
    positives: Lanes<u32>,
    negatives: Lanes<u32>,
    /// Twice the pairs of a row of the rarer class with those of the other class above it, ties counting half.
    twice_below: Lanes<u64>,
    /// The sum of average precision.
    area: Lanes<f64>,
}

#[expect(
    clippy::needless_range_loop,
    reason = "one index through several arrays"
)]
impl State {
    /// A score is left behind at which `p` positives and `n` negatives stand.
    #[inline(always)]
    fn step(&mut self, p: &Lanes<u32>, n: &Lanes<u32>, rarer_is_positive: bool) {
        let (rarer, other, above) = match rarer_is_positive {
            true => (p, n, &self.negatives),
            false => (n, p, &self.positives),
        };
        for i in 0..LANES {
            self.twice_below[i] += u64::from(rarer[i]) * u64::from(2 * above[i] + other[i]);
        }
        for i in 0..LANES {
            self.positives[i] += p[i];
            self.negatives[i] += n[i];
        }
        self.gain(p);
    }

    /// The step of average precision, once `p` positives were counted.
    #[inline(always)]
    fn gain(&mut self, p: &Lanes<u32>) {
        for i in 0..LANES {
            let rows = (self.positives[i] + self.negatives[i]).max(1);
            self.area[i] += f64::from(p[i]) * f64::from(self.positives[i]) / f64::from(rows);
        }
    }
}

/// Walks through the rows of a column by falling score, for all replicates of a block.
pub fn walk(ranked: &Ranked, block: &Block) -> Walked {
    let rarer_is_positive = 2 * ranked.positives() <= ranked.rows().len();
    let mut state = State {
        positives: [0; LANES],
        negatives: [0; LANES],
        twice_below: [0; LANES],
        area: [0.0; LANES],
    };
    let (mut true_positives, mut false_positives) = ([0; LANES], [0; LANES]);
    let mut tie = ([0u32; LANES], [0u32; LANES]);
    let mut in_tie = false;
    let places = ranked.rows().iter().zip(ranked.marks());
    for (place, (row, mark)) in places.enumerate() {
        if place == ranked.above() {
            // Equal scores are on one side of the threshold, so no tie is open here.
            (true_positives, false_positives) = (state.positives, state.negatives);
        }
        let weights = block.of(*row as usize);
        let positive = mark & Ranked::POSITIVE != 0;
        let closes = mark & Ranked::CLOSES_TIE != 0;
        if closes && !in_tie {
            alone(&mut state, weights, positive, rarer_is_positive);
            continue;
        }
        let side = if positive { &mut tie.0 } else { &mut tie.1 };
        for (sum, weight) in side.iter_mut().zip(weights) {
            *sum += u32::from(*weight);
        }
        in_tie = !closes;
        if closes {
            state.step(&tie.0, &tie.1, rarer_is_positive);
            tie = ([0; LANES], [0; LANES]);
        }
    }
    if ranked.above() == ranked.rows().len() {
        (true_positives, false_positives) = (state.positives, state.negatives);
    }
    let auroc = std::array::from_fn(|i| {
        let pairs = u128::from(state.positives[i]) * u128::from(state.negatives[i]);
        let below = u128::from(state.twice_below[i]);
        // What stands below is lost to a positive, won by the positives above a negative.
        let won = if rarer_is_positive {
            2 * pairs - below
        } else {
            below
        };
        won as f64 / (2 * pairs) as f64
    });
    Walked {
        auroc,
        auprc: std::array::from_fn(|i| state.area[i] / f64::from(state.positives[i])),
        true_positives,
        false_positives,
        positives: state.positives,
        negatives: state.negatives,
    }
}

/// A row whose score no other row has.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "one index through several arrays"
)]
fn alone(state: &mut State, weights: &Lanes<u8>, positive: bool, rarer_is_positive: bool) {
    if positive == rarer_is_positive {
        let above = match positive {
            true => &state.negatives,
            false => &state.positives,
        };
        for i in 0..LANES {
            state.twice_below[i] += u64::from(weights[i]) * u64::from(2 * above[i]);
        }
    }
    if positive {
        let mut p = [0u32; LANES];
        for i in 0..LANES {
            p[i] = u32::from(weights[i]);
            state.positives[i] += p[i];
        }
        state.gain(&p);
    } else {
        for i in 0..LANES {
            state.negatives[i] += u32::from(weights[i]);
        }
    }
}

/// Expected calibration error of each replicate; see [`crate::metrics::calibration::Bins::expected_error`].
pub fn calibration_errors(probability: &[f64], positive: &[bool], block: &Block) -> Lanes<f64> {
    let mut off = [[0.0; LANES]; BINS];
    for ((p, t), weights) in probability.iter().zip(positive).zip(block.rows()) {
        let by = p - f64::from(u8::from(*t));
        for (sum, weight) in off[bin(*p)].iter_mut().zip(weights) {
            *sum += f64::from(*weight) * by;
        }
    }
    let rows = probability.len() as f64;
    std::array::from_fn(|i| off.iter().map(|bin| bin[i].abs()).sum::<f64>() / rows)
}

#[cfg(test)]
mod tests {
    use lingo_artifact::progress::StopFlag;
    use lingo_artifact::random::Stream;

    use super::*;
    use crate::metrics::binary::Binary;

    /// Each replicate as a column in which a row stands as often as it was drawn.
    #[test]
    fn a_replicate_is_the_metric_of_its_rows() {
        let mut stream = Stream::new(2, "walk");
        for (rows, digits, share) in [
            (300, 1e9, 0.5),
            (300, 5.0, 0.3),
            (300, 20.0, 0.8),
            (40, 3.0, 0.05),
            (1, 1.0, 1.0),
        ] {
            let column = Binary {
                positive: (0..rows).map(|_| stream.uniform() < share).collect(),
                probability: (0..rows)
                    .map(|_| (stream.uniform() * digits).round() / digits)
                    .collect(),
            };
            let block = Block::new(1, rows, 0, 40, &StopFlag::default()).unwrap();
            let ranked = Ranked::new(&column.probability, &column.positive, 0.4);
            let walked = walk(&ranked, &block);
            let errors = calibration_errors(&column.probability, &column.positive, &block);
            let sums = block.sums(&column.probability);
            for lane in 0..LANES {
                let mut drawn = Binary::default();
                for row in 0..rows {
                    for _ in 0..block.of(row)[lane] {
                        drawn.positive.push(column.positive[row]);
                        drawn.probability.push(column.probability[row]);
                    }
                }
                let areas = drawn.areas();
                let close = |ours: f64, theirs: Option<f64>| match theirs {
                    Some(theirs) => assert!((ours - theirs).abs() < 1e-12, "{ours} {theirs}"),
                    None => assert!(ours.is_nan()),
                };
                close(walked.auroc[lane], areas.auroc);
                close(walked.auprc[lane], areas.auprc);
                close(errors[lane], drawn.bins().expected_error());
                close(sums[lane], Some(drawn.probability.iter().sum()));
                let counts = drawn.confusion(0.4);
                let [true_p, false_p] = [1, 0].map(|truth| counts.counts()[truth][1]);
                assert_eq!(u64::from(walked.true_positives[lane]), true_p);
                assert_eq!(u64::from(walked.false_positives[lane]), false_p);
                let positives = drawn.positive.iter().filter(|p| **p).count();
                assert_eq!(walked.positives[lane] as usize, positives);
                assert_eq!(walked.negatives[lane] as usize, rows - positives);
            }
        }
    }
}
