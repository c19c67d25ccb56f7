//! Cross-validation: the rows in k parts, of which one is test, the next one dev, the others train.

use std::num::NonZeroU32;

use lingo_artifact::Split;
use lingo_artifact::random::Stream;
use lingo_artifact::sequence_source::SequenceSource as _;

use crate::error::{Error, Result};
use crate::genome::reader::Genome;
use crate::rows::row::Rows;
use crate::split::rows::Strata;

/// Deals the rows of each stratum, in a random order, to the parts in turn: parts of a stratum differ by one row at most, and so do
/// whole parts.
pub(crate) fn by_class(strata: &Strata, k: u32, seed: u64) -> Vec<u32> {
    let mut parts = vec![0; strata.rows()];
    let mut stream = Stream::new(seed, "folds");
    let mut next = 0;
    for rows in &mut strata.members() {
        stream.shuffle(rows);
        for row in rows {
            parts[*row as usize] = next;
            next = (next + 1) % k;
        }
    }
    parts
}

/// Gives whole chromosomes to the parts: those with most rows first, each to the part with the fewest; the seed decides among equals.
///
/// # Errors
/// Fewer chromosomes with rows than parts.
pub(crate) fn by_chromosome(rows: &Rows, genome: &Genome, k: u32, seed: u64) -> Result<Vec<u32>> {
    let mut counts = vec![0u64; genome.sequences().len()];
    for chromosome in rows.all().iter().filter_map(|row| rows.chromosome(row)) {
        counts[chromosome] += 1;
    }
    let mut order: Vec<usize> = (0..counts.len()).filter(|i| counts[*i] > 0).collect();
    if order.len() < k as usize {
        return Err(Error::Config(format!(
            "split.folds: {k} parts by chromosome need at least {k} chromosomes with intervals, and there are {}; lower `k`, or say `by: class`",
            order.len()
        )));
    }
    Stream::new(seed, "folds").shuffle(&mut order);
    order.sort_by_key(|i| std::cmp::Reverse(counts[*i]));
    let mut part_of = vec![0u32; counts.len()];
    let mut filled = vec![0u64; k as usize];
    for i in order {
        let (part, rows) = filled
            .iter_mut()
            .enumerate()
            .min_by_key(|(part, rows)| (**rows, *part))
            .ok_or_else(|| Error::Config("split.folds: `k` is 0".into()))?;
        *rows += counts[i];
        part_of[i] = part as u32;
    }
    let part = |row| rows.chromosome(row).map_or(0, |i| part_of[i]);
    Ok(rows.all().iter().map(part).collect())
}

/// The splits of a fold, counted from 1: its part is test, the next one (after the last the first) dev.
pub(crate) fn splits(parts: &[u32], k: u32, fold: NonZeroU32) -> Vec<Split> {
    let test = fold.get() - 1;
    let dev = (test + 1) % k;
    let split = |part: &u32| match *part {
        part if part == test => Split::Test,
        part if part == dev => Split::Dev,
        _ => Split::Train,
    };
    parts.iter().map(split).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_are_even_in_every_stratum(strata in proptest::collection::vec("[abc]", 0..200), k in 3..10u32, seed: u64) {
            let strata: Vec<&str> = strata.iter().map(String::as_str).collect();
            let parts = by_class(&strata.iter().copied().collect(), k, seed);
            for of in [None, Some("a"), Some("b"), Some("c")] {
                let count = |part| {
                    let is_in = |(p, s): &(&u32, &&str)| **p == part && of.is_none_or(|of| **s == of);
                    parts.iter().zip(&strata).filter(is_in).count()
                };
                let counts: Vec<usize> = (0..k).map(count).collect();
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                prop_assert!(most - least <= 1, "{:?}", counts);
            }
        }

        #[test]
        fn every_row_is_tested_once_and_selects_once(parts in proptest::collection::vec(0..5u32, 1..100)) {
            let folds: Vec<Vec<Split>> = (1..=5).map(|fold| splits(&parts, 5, NonZeroU32::new(fold).unwrap())).collect();
            for row in 0..parts.len() {
                for (split, times) in [(Split::Test, 1), (Split::Dev, 1), (Split::Train, 3)] {
                    prop_assert_eq!(folds.iter().filter(|f| f[row] == split).count(), times);
                }
            }
        }
    }
}
