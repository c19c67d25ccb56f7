//! What only the order of the scores decides: areas under curves, and the best threshold.
//!
//! Equal scores are one step of a curve, as in scikit-learn: their order among themselves changes nothing.

use rayon::prelude::*;

/// Areas under the two curves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Areas {
    /// Area under the ROC curve: how often a positive is above a negative, ties counting half
    /// (`sklearn.metrics.roc_auc_score`). `None` without a positive or without a negative.
    pub auroc: Option<f64>,
    /// Average precision, the sum over thresholds of (gain in recall) x precision, without interpolation
    /// (`sklearn.metrics.average_precision_score`). `None` without a positive.
    pub auprc: Option<f64>,
}

/// Areas under the curves of `scores`, which are finite and not negative.
pub fn areas(scores: &[f64], positive: &[bool]) -> Areas {
    let sorted = Sorted::new(scores, positive);
    let [positives, negatives] = sorted.totals();
    // From the highest scores on; each bucket knows what stands above it.
    let buckets = sorted.falling();
    let parts: Vec<(u128, f64)> = buckets
        .par_iter()
        .map(|bucket| {
            let (mut hits, mut misses) = (bucket.hits, bucket.misses);
            // Twice the number of pairs in the right order: whole numbers, so no rounding.
            let (mut twice_won, mut area) = (0u128, 0.0);
            for_ties(bucket.keys, |p, n| {
                twice_won += u128::from(n) * u128::from(2 * hits + p);
                hits += p;
                misses += n;
                if p > 0 {
                    area += p as f64 * hits as f64 / (hits + misses) as f64;
                }
            });
            (twice_won, area)
        })
        .collect();
    let pairs = u128::from(positives) * u128::from(negatives);
    let twice_won: u128 = parts.iter().map(|part| part.0).sum();
    let area: f64 = parts.iter().map(|part| part.1).sum();
    Areas {
        auroc: (pairs > 0).then(|| twice_won as f64 / (2 * pairs) as f64),
        auprc: (positives > 0).then(|| area / positives as f64),
    }
}

/// The threshold above which a score is called positive so that the Matthews correlation is highest: in the middle
/// between two neighbouring scores, or `default` where that divides the rows as well. Of equals the one nearest to
/// `default`; `default` where no threshold has a correlation above 0.
pub fn best_threshold(scores: &[f64], positive: &[bool], default: f64) -> f64 {
    let sorted = Sorted::new(scores, positive);
    let [positives, negatives] = sorted.totals();
    let (mut best, mut chosen) = (0.0, default);
    let (mut hits, mut misses) = (0u64, 0u64);
    // The lowest of the scores above, once there are any.
    let mut above: Option<f64> = None;
    for bucket in sorted.falling() {
        for key in bucket.keys.iter().rev() {
            let score = f64::from_bits(key >> 1);
            if let Some(upper) = above.filter(|upper| *upper > score) {
                let correlation = correlation(hits, misses, positives, negatives);
                let between = if (score..upper).contains(&default) {
                    default
                } else {
                    let middle = score + (upper - score) / 2.0;
                    if middle < upper { middle } else { score }
                };
                let nearer = (between - default).abs() < (chosen - default).abs();
                if correlation > best || (correlation == best && best > 0.0 && nearer) {
                    (best, chosen) = (correlation, between);
                }
            }
            hits += key & 1;
            misses += 1 - (key & 1);
            above = Some(score);
        }
    }
    chosen
}

/// Matthews correlation of two classes, `hits` and `misses` being what is called positive; 0 where one side is constant.
fn correlation(hits: u64, misses: u64, positives: u64, negatives: u64) -> f64 {
    let [tp, fp] = [hits as f64, misses as f64];
    let [p, n] = [positives as f64, negatives as f64];
    let called = tp + fp;
    let product = called * p * n * (p + n - called);
    if product == 0.0 {
        0.0
    } else {
        (tp * n - fp * p) / product.sqrt()
    }
}

/// Scores with their truth in one word each: the bits of a number that is not negative are ordered as the numbers are,
/// its sign is free, and the truth stands in the lowest bit.
struct Sorted {
    /// By bucket of rising scores, sorted in each.
    keys: Vec<u64>,
    /// Where each bucket ends.
    ends: Vec<usize>,
}

/// The keys of one bucket, rising, and how many positives and negatives stand above it.
struct Bucket<'a> {
    keys: &'a [u64],
    hits: u64,
    misses: u64,
}

/// Scores from 0 to 1 are dealt out to so many buckets by their size, which leaves little to be sorted.
const BUCKETS: usize = 4096;

/// Fewer are sorted in one piece.
const WORTH_BUCKETS: usize = 1 << 15;

impl Sorted {
    fn new(scores: &[f64], positive: &[bool]) -> Self {
        // Minus zero is zero.
        let key =
            |(score, positive): (&f64, &bool)| (score + 0.0).to_bits() << 1 | u64::from(*positive);
        if scores.len() < WORTH_BUCKETS {
            let mut keys: Vec<u64> = scores.iter().zip(positive).map(key).collect();
            keys.sort_unstable();
            let ends = vec![keys.len()];
            return Self { keys, ends };
        }
        let bucket = |score: &f64| ((score * BUCKETS as f64) as usize).min(BUCKETS - 1);
        let piece = scores.len().div_ceil(rayon::current_num_threads()).max(1);
        let counts: Vec<Vec<usize>> = scores
            .par_chunks(piece)
            .map(|scores| {
                let mut counts = vec![0; BUCKETS];
                scores.iter().for_each(|score| counts[bucket(score)] += 1);
                counts
            })
            .collect();
        let mut ends = Vec::with_capacity(BUCKETS);
        let mut end = 0;
        for b in 0..BUCKETS {
            end += counts.iter().map(|c| c[b]).sum::<usize>();
            ends.push(end);
        }
        let mut keys = vec![0; scores.len()];
        let mut pieces = slices(&mut keys, &ends);
        // Each bucket is filled by all threads, each thread its own part of it.
        let mut parts: Vec<Vec<&mut [u64]>> =
            counts.iter().map(|_| Vec::with_capacity(BUCKETS)).collect();
        for (b, mut rest) in pieces.drain(..).enumerate() {
            for (part, counts) in parts.iter_mut().zip(&counts) {
                let (mine, others) = rest.split_at_mut(counts[b]);
                part.push(mine);
                rest = others;
            }
        }
        parts
            .into_par_iter()
            .zip(scores.par_chunks(piece).zip(positive.par_chunks(piece)))
            .for_each(|(mut part, (scores, positive))| {
                let mut filled = vec![0u32; BUCKETS];
                for pair in scores.iter().zip(positive) {
                    let b = bucket(pair.0);
                    part[b][filled[b] as usize] = key(pair);
                    filled[b] += 1;
                }
            });
        slices(&mut keys, &ends).into_par_iter().for_each(|keys| {
            if keys.len() > WORTH_BUCKETS {
                keys.par_sort_unstable();
            } else {
                keys.sort_unstable();
            }
        });
        Self { keys, ends }
    }

    /// Positives and negatives.
    fn totals(&self) -> [u64; 2] {
        let positives: u64 = self.keys.par_iter().map(|key| key & 1).sum();
        [positives, self.keys.len() as u64 - positives]
    }

    /// The buckets that hold something, from the highest scores on.
    fn falling(&self) -> Vec<Bucket<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let slices: Vec<&[u64]> = starts
            .zip(&self.ends)
            .map(|(start, end)| &self.keys[start..*end])
            .filter(|keys| !keys.is_empty())
            .collect();
        let of_each: Vec<u64> = slices
            .par_iter()
            .map(|keys| keys.iter().map(|key| key & 1).sum())
            .collect();
        let (mut hits, mut misses) = (0, 0);
        let falling = slices.into_iter().zip(of_each).rev();
        falling
            .map(|(keys, positives)| {
                let bucket = Bucket { keys, hits, misses };
                hits += positives;
                misses += keys.len() as u64 - positives;
                bucket
            })
            .collect()
    }
}

/// `all` cut at `ends`.
fn slices<'a>(mut all: &'a mut [u64], ends: &[usize]) -> Vec<&'a mut [u64]> {
    let mut start = 0;
    ends.iter()
        .map(|end| {
            let (one, rest) = std::mem::take(&mut all).split_at_mut(end - start);
            (all, start) = (rest, *end);
            one
        })
        .collect()
}

/// Calls `each` with the positives and negatives at each distinct score, from the highest on.
fn for_ties(rising: &[u64], mut each: impl FnMut(u64, u64)) {
    let (mut p, mut n) = (0, 0);
    let mut keys = rising.iter().rev().peekable();
    while let Some(key) = keys.next() {
        p += key & 1;
        n += 1 - (key & 1);
        if keys.peek().is_none_or(|next| *next >> 1 != key >> 1) {
            each(p, n);
            (p, n) = (0, 0);
        }
    }
}

/// Rows in the order of falling scores, equal scores together: sorted once, for any number of draws.
pub struct Ranked {
    /// Row numbers by falling score.
    rows: Vec<u32>,
    /// [`Ranked::POSITIVE`] and [`Ranked::CLOSES_TIE`] of each place.
    marks: Vec<u8>,
    /// How many places are above the threshold.
    above: usize,
}

impl Ranked {
    /// The row is a positive.
    pub const POSITIVE: u8 = 1;
    /// The row is the last of those with its score.
    pub const CLOSES_TIE: u8 = 2;

    /// Of finite scores that are not negative, fewer than 2^32.
    pub fn new(scores: &[f64], positive: &[bool], threshold: f64) -> Self {
        let mut order: Vec<(u64, u32)> = scores
            .iter()
            .zip(0u32..)
            .map(|(score, row)| (!(score + 0.0).to_bits(), row))
            .collect();
        // The row number makes all keys different, so that the order does not depend on how they are sorted.
        if order.len() < WORTH_BUCKETS {
            order.sort_unstable();
        } else {
            order.par_sort_unstable();
        }
        let marks = order
            .iter()
            .zip(order.iter().skip(1).map(Some).chain([None]))
            .map(|((key, row), next)| {
                let closes = next.is_none_or(|next| next.0 != *key);
                let tie = if closes { Self::CLOSES_TIE } else { 0 };
                (u8::from(positive[*row as usize]) * Self::POSITIVE) | tie
            })
            .collect();
        Self {
            above: scores.iter().filter(|score| **score > threshold).count(),
            rows: order.into_iter().map(|(_, row)| row).collect(),
            marks,
        }
    }

    /// Row numbers by falling score.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// What is to be known of each place: [`Ranked::POSITIVE`], [`Ranked::CLOSES_TIE`].
    pub fn marks(&self) -> &[u8] {
        &self.marks
    }

    /// How many places are above the threshold.
    pub fn above(&self) -> usize {
        self.above
    }

    /// Positives.
    pub fn positives(&self) -> usize {
        let marks = self.marks.iter();
        marks.filter(|mark| *mark & Self::POSITIVE != 0).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of all pairs of a positive and a negative the share in order, ties half.
    fn share_of_pairs(rows: &[(f64, bool)]) -> Option<f64> {
        let (mut won, mut pairs) = (0.0, 0.0);
        for (s, p) in rows {
            for (t, q) in rows {
                if *p && !*q {
                    pairs += 1.0;
                    won += if s > t {
                        1.0
                    } else if s == t {
                        0.5
                    } else {
                        0.0
                    };
                }
            }
        }
        (pairs > 0.0).then(|| won / pairs)
    }

    proptest! {
        #[test]
        fn auroc_is_the_share_of_pairs_in_order(
            rows in prop::collection::vec((0u8..6, any::<bool>()), 0..30)
        ) {
            let rows: Vec<(f64, bool)> = rows.iter().map(|r| (f64::from(r.0) / 5.0, r.1)).collect();
            let (scores, positive): (Vec<f64>, Vec<bool>) = rows.iter().copied().unzip();
            match (areas(&scores, &positive).auroc, share_of_pairs(&rows)) {
                (Some(ours), Some(theirs)) => prop_assert!((ours - theirs).abs() < 1e-12),
                (ours, theirs) => prop_assert_eq!(ours, theirs),
            }
        }

        #[test]
        fn no_threshold_is_better_than_the_best(
            rows in prop::collection::vec((0u8..9, any::<bool>()), 1..30)
        ) {
            let scores: Vec<f64> = rows.iter().map(|r| f64::from(r.0) / 8.0).collect();
            let positive: Vec<bool> = rows.iter().map(|r| r.1).collect();
            let at = |threshold: f64| {
                let called = |truth| {
                    let pairs = scores.iter().zip(&positive);
                    pairs.filter(|(s, p)| **s > threshold && **p == truth).count() as u64
                };
                let positives = positive.iter().filter(|p| **p).count() as u64;
                correlation(called(true), called(false), positives, rows.len() as u64 - positives)
            };
            let best = at(best_threshold(&scores, &positive, 0.5));
            for i in 0..=32 {
                prop_assert!(at(f64::from(i) / 32.0) <= best.max(0.0) + 1e-12);
            }
        }
    }

    #[test]
    fn many_scores_are_sorted_in_buckets_to_the_same() {
        // Ties, and most of the scores in one bucket.
        let scores: Vec<f64> = (0..200_000u64)
            .map(|i| {
                let x = (i * 7919 % 100_003) as f64 / 100_003.0;
                if i % 3 == 0 { x } else { x * 1e-4 }
            })
            .collect();
        let positive: Vec<bool> = (0..200_000u64).map(|i| i * 31 % 17 < 5).collect();
        let sorted = Sorted::new(&scores, &positive);
        let mut keys: Vec<u64> = scores
            .iter()
            .zip(&positive)
            .map(|(s, p)| s.to_bits() << 1 | u64::from(*p))
            .collect();
        keys.sort_unstable();
        assert_eq!(sorted.keys, keys);
        assert_eq!(
            sorted.totals()[0],
            positive.iter().filter(|p| **p).count() as u64
        );
    }

    #[test]
    fn average_precision_needs_a_positive() {
        let none = areas(&[0.1, 0.2], &[false, false]);
        assert_eq!((none.auroc, none.auprc), (None, None));
        let all = areas(&[0.1, 0.2], &[true, true]);
        assert_eq!((all.auroc, all.auprc), (None, Some(1.0)));
        assert_eq!(areas(&[], &[]), Areas::default());
    }

    #[test]
    fn a_threshold_stays_where_it_is_as_good() {
        let positive = [false, false, true, true];
        let best = |scores: [f64; 4]| best_threshold(&scores, &positive, 0.5);
        assert_eq!(best([0.1, 0.2, 0.7, 0.9]), 0.5);
        assert_eq!(best([0.1, 0.2, 0.3, 0.9]), 0.25);
        // Nothing to be learned: all scores the same, or in the wrong order.
        assert_eq!(best([0.2; 4]), 0.5);
        assert_eq!(best([0.9, 0.8, 0.2, 0.1]), 0.5);
        // Equal scores cannot be divided, and neighbours are divided by the lower one.
        let next = f64::from_bits(0.7f64.to_bits() + 1);
        assert_eq!(best([0.6, 0.7, next, next]), 0.7);
    }

    #[test]
    fn places_know_their_ties_and_the_threshold() {
        let ranked = Ranked::new(&[0.5, 0.9, 0.5, 0.1], &[true, false, false, true], 0.5);
        assert_eq!(ranked.rows(), [1, 0, 2, 3]);
        assert_eq!(ranked.marks(), [2, 1, 2, 3]);
        assert_eq!((ranked.above(), ranked.positives()), (1, 2));
    }
}
