//! Rank dropout: in each step some triplets of the deltas are left out, and the others weigh more.

use lingo_artifact::random::Stream;

/// Whole triplets are dropped (Wang et al. 2024, MLAE), each by itself, in each step anew; not in the
/// last three tenths of the steps. A step's draws depend on nothing but its number and the seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RankDropout {
    /// The probability that a triplet is dropped.
    pub rate: f64,
    pub seed: u64,
    /// All steps of the run.
    pub total: u64,
}

impl RankDropout {
    /// Leaves triplets of step `step` (they count from 1) out of `shown`, which has `triplets`, and all
    /// of them when it is `None`; what the others' product is multiplied with.
    pub fn apply(&self, step: u64, triplets: usize, shown: &mut Option<Vec<bool>>) -> f64 {
        if self.rate == 0.0 || step > self.total * 7 / 10 {
            return 1.0;
        }
        let mut stream = Stream::new(self.seed, &format!("rank dropout of step {step}"));
        let shown = shown.get_or_insert_with(|| vec![true; triplets]);
        for shown in shown {
            *shown &= stream.uniform() >= self.rate;
        }
        1.0 / (1.0 - self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triplets_drop_by_chance_until_the_last_steps() {
        let dropout = RankDropout {
            rate: 0.1,
            seed: 1,
            total: 100,
        };
        let mut dropped = 0;
        for step in 1..=70 {
            let mut shown = None;
            assert_eq!(dropout.apply(step, 1000, &mut shown), 1.0 / 0.9);
            let shown = shown.unwrap();
            dropped += shown.iter().filter(|shown| !**shown).count();
            let mut again = None;
            dropout.apply(step, 1000, &mut again);
            assert_eq!(again.unwrap(), shown);
            // What is pruned stays out.
            let mut pruned = Some(vec![false; 1000]);
            dropout.apply(step, 1000, &mut pruned);
            assert!(pruned.unwrap().iter().all(|shown| !shown));
        }
        // 7,000 expected, standard deviation 79: five of them either way.
        assert!((6_600..7_400).contains(&dropped), "{dropped}");
        let mut shown = None;
        assert_eq!(dropout.apply(71, 1000, &mut shown), 1.0);
        assert_eq!(shown, None);
    }
}
