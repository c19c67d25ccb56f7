//! Which row goes to train, dev or test.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use lingo_artifact::Split;
use lingo_artifact::random::Stream;
use lingo_artifact::sequence_source::SequenceSource as _;

use crate::config::split::{ChromosomeSplit, RatioSplit};
use crate::error::{Error, Result};
use crate::genome::reader::Genome;
use crate::rows::row::{Row, Rows};

/// By chromosome: those listed go to dev and test, all others to train.
///
/// # Errors
/// A listed chromosome that the genome does not have; a split none of whose chromosomes has a row.
pub(crate) fn by_chromosome(
    rows: &Rows,
    plan: &ChromosomeSplit,
    genome: &Genome,
) -> Result<Vec<Split>> {
    let mut of = vec![Split::Train; genome.sequences().len()];
    for (names, split) in [(&plan.dev, Split::Dev), (&plan.test, Split::Test)] {
        for name in names {
            let place = genome.index(name).ok_or_else(|| {
                Error::Config(format!("split.chromosomes: {}", genome.unknown(name)))
            })?;
            of[place] = split;
        }
    }
    let split = |row| rows.chromosome(row).map_or(Split::Train, |i| of[i]);
    let splits: Vec<Split> = rows.all().iter().map(split).collect();
    for (names, split) in [(&plan.dev, Split::Dev), (&plan.test, Split::Test)] {
        if !names.is_empty() && !splits.contains(&split) {
            return Err(without_rows(rows, names, split, genome));
        }
    }
    Ok(splits)
}

/// Chromosomes that a message lists at most.
const LISTED: usize = 10;

/// That the chromosomes of a split have no row, and which have.
fn without_rows(rows: &Rows, names: &[String], split: Split, genome: &Genome) -> Error {
    let mut has_rows = vec![false; genome.sequences().len()];
    for place in rows.all().iter().filter_map(|row| rows.chromosome(row)) {
        has_rows[place] = true;
    }
    let mut others: Vec<&str> = (genome.sequences().iter().zip(has_rows))
        .filter(|(_, has_rows)| *has_rows)
        .map(|((name, _), _)| name.as_str())
        .collect();
    if others.len() > LISTED {
        others.truncate(LISTED);
        others.push("...");
    }
    Error::Data(format!(
        "{split} has no row: none of the {} rows lies on {}, they lie on {}; name others in `split.chromosomes`",
        rows.all().len(),
        names.join(", "),
        others.join(", ")
    ))
}

/// Which rows belong together when a split is to have its share of each kind.
pub(crate) struct Strata<'a> {
    /// What they are called; the same name may stand here more than once.
    names: Vec<&'a str>,
    /// Of each row, the place of its name.
    of: Cow<'a, [u32]>,
}

impl<'a> Strata<'a> {
    /// Rows with the same label belong together.
    pub(crate) fn by_label<'r>(rows: &'a Rows, which: impl Iterator<Item = &'r Row>) -> Self {
        Self {
            names: rows.labels().collect(),
            of: which.map(|row| row.label.number() as u32).collect(),
        }
    }

    /// Rows of the same class belong together.
    pub(crate) fn by_class(names: &'a [String], of: &'a [u32]) -> Self {
        Self {
            names: names.iter().map(String::as_str).collect(),
            of: Cow::Borrowed(of),
        }
    }

    /// All rows belong together.
    pub(crate) fn one(rows: usize) -> Self {
        Self {
            names: vec![""],
            of: Cow::Owned(vec![0; rows]),
        }
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.of.len()
    }

    /// The rows of each, in the order of the names.
    pub(crate) fn members(&self) -> Vec<Vec<u32>> {
        let sorted: BTreeSet<&str> = self.names.iter().copied().collect();
        let places: HashMap<&str, usize> = sorted
            .iter()
            .enumerate()
            .map(|(i, name)| (*name, i))
            .collect();
        let places: Vec<usize> = self.names.iter().map(|name| places[name]).collect();
        let mut members = vec![Vec::new(); sorted.len()];
        for (row, name) in self.of.iter().enumerate() {
            members[places[*name as usize]].push(row as u32);
        }
        members
    }
}

#[cfg(test)]
impl<'a> FromIterator<&'a str> for Strata<'a> {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        Self {
            of: (0..names.len() as u32).collect(),
            names,
        }
    }
}

/// At random, stratified: of the n rows of a stratum, round(n x share) go to dev and to test, the others to train.
/// The result depends on the strata, the order of the rows and the seed only.
pub(crate) fn by_ratio(strata: &Strata, plan: &RatioSplit) -> Vec<Split> {
    let mut splits = vec![Split::Train; strata.rows()];
    let mut stream = Stream::new(plan.seed, "split");
    for rows in &mut strata.members() {
        stream.shuffle(rows);
        let share = |ratio: f64| (rows.len() as f64 * ratio).round() as usize;
        let dev = share(plan.dev.get()).min(rows.len());
        let test = share(plan.test.get()).min(rows.len() - dev);
        for row in &rows[..dev] {
            splits[*row as usize] = Split::Dev;
        }
        for row in &rows[dev..dev + test] {
            splits[*row as usize] = Split::Test;
        }
    }
    splits
}

/// Makes sure that no split that was asked for is empty.
///
/// # Errors
/// The empty split.
pub(crate) fn check_filled(counts: [u64; 3], wanted: [bool; 3]) -> Result<()> {
    for ((split, count), wanted) in Split::ALL.into_iter().zip(counts).zip(wanted) {
        if wanted && count == 0 {
            return Err(Error::Data(format!(
                "{split} has no row ({} rows in all); split in another way",
                counts.iter().sum::<u64>()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use lingo_artifact::bounded::Probability;
    use proptest::prelude::*;

    use super::*;

    fn plan(train: f64, dev: f64, test: f64, seed: u64) -> RatioSplit {
        let share = |v| Probability::try_from(v).unwrap();
        RatioSplit {
            train: share(train),
            dev: share(dev),
            test: share(test),
            seed,
            keep_overlaps_together: true,
        }
    }

    proptest! {
        #[test]
        fn shares_hold_in_every_stratum(
            strata in proptest::collection::vec("[abc]", 0..300), dev in 0..5u32, test in 0..5u32, seed: u64,
        ) {
            let (dev, test) = (f64::from(dev) / 10.0, f64::from(test) / 10.0);
            let plan = plan(1.0 - dev - test, dev, test, seed);
            let strata: Vec<&str> = strata.iter().map(String::as_str).collect();
            let splits = by_ratio(&strata.iter().copied().collect(), &plan);
            prop_assert_eq!(splits.len(), strata.len());
            prop_assert_eq!(&splits, &by_ratio(&strata.iter().copied().collect(), &plan));
            for stratum in ["a", "b", "c"] {
                let count = |split| strata.iter().zip(&splits).filter(|(s, x)| **s == stratum && **x == split).count();
                let n = strata.iter().filter(|s| **s == stratum).count() as f64;
                prop_assert!((count(Split::Dev) as f64 - n * dev).abs() <= 0.5);
                prop_assert!((count(Split::Test) as f64 - n * test).abs() <= 1.0);
            }
        }
    }

    #[test]
    fn seeds_give_different_splits() {
        let strata = vec!["x"; 100];
        let of = |seed| {
            by_ratio(
                &strata.iter().copied().collect(),
                &plan(0.8, 0.1, 0.1, seed),
            )
        };
        assert_ne!(of(0), of(1));
    }

    #[test]
    fn an_empty_split_is_told() {
        let message = check_filled([3, 0, 0], [true; 3]).unwrap_err().to_string();
        assert_eq!(
            message,
            "dev has no row (3 rows in all); split in another way"
        );
        assert!(check_filled([3, 0, 0], [true, false, false]).is_ok());
    }
}
