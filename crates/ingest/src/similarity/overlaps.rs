//! Which rows share bases because they lie over one another in the genome, whatever their strands.
//!
//! Intervals are sorted once, by place; everything else is one sweep over them: runs of rows that overlap, and, of every row of
//! one split, how many of its bases lie in rows of another. Pairs of rows are never listed, so that a million rows over one place
//! cost no more than a million rows apart.

use rayon::prelude::*;

use crate::rows::row::Rows;
use crate::similarity::union_find::UnionFind;

/// Where a row lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Located {
    /// Which sequence of the genome.
    pub(crate) sequence: u32,
    /// Its first base.
    pub(crate) start: u64,
    /// One behind its last.
    pub(crate) end: u64,
    /// Which row.
    pub(crate) row: u32,
}

impl Located {
    /// How many bases two rows share.
    fn shares(&self, other: &Self) -> u64 {
        if self.sequence == other.sequence {
            let end = self.end.min(other.end);
            end.saturating_sub(self.start.max(other.start))
        } else {
            0
        }
    }

    fn length(&self) -> u64 {
        self.end - self.start
    }
}

/// Rows by their place.
#[derive(Debug, Default)]
pub(crate) struct Overlaps {
    /// By sequence, start, end and row.
    sorted: Vec<Located>,
}

/// What one row shares with the rows of another split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cover {
    /// The row.
    pub(crate) row: Located,
    /// Its bases that lie in one of the others or several.
    pub(crate) bases: u64,
    /// All of them lie in a single one.
    pub(crate) inside: bool,
}

impl Cover {
    /// Whether at least a share of the row's bases, and at least one, lies in the others.
    pub(crate) fn reaches(&self, share: f64) -> bool {
        self.bases > 0 && self.bases as f64 >= share * self.row.length() as f64
    }

    /// Whether `self` shows more than `other`: more of the row, and of equal ones the row that comes first.
    pub(crate) fn tells_more_than(&self, other: &Self) -> bool {
        // Shares are compared as fractions: no rounding decides.
        let of = |a: &Self, b: &Self| u128::from(a.bases) * u128::from(b.row.length());
        let key = |c: &Self, share| (share, c.inside, std::cmp::Reverse(c.row.row));
        key(self, of(self, other)) > key(other, of(other, self))
    }
}

/// The rows that overlap with others, as they were linked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Runs {
    /// Rows that overlap with another.
    pub(crate) rows: u64,
    /// Groups of such rows.
    pub(crate) groups: u64,
}

/// A stretch that rows cover, without a gap.
struct Stretch {
    sequence: u32,
    start: u64,
    end: u64,
    /// Bases of all stretches before it.
    before: u64,
}

impl Overlaps {
    /// Sorts rows; those without a base are left out.
    pub(crate) fn new(mut rows: Vec<Located>) -> Self {
        rows.retain(|row| row.start < row.end);
        rows.par_sort_unstable();
        Self { sorted: rows }
    }

    /// Of some rows, each called by its place among them; those that lie in no genome are left out.
    pub(crate) fn of(rows: &Rows, which: impl Iterator<Item = u32>) -> Self {
        let located = which.zip(0..).filter_map(|(number, row)| {
            let window = rows.window(&rows.all()[number as usize])?;
            Some(Located {
                sequence: window.sequence,
                start: window.start,
                end: window.end,
                row,
            })
        });
        Self::new(located.collect())
    }

    /// Bytes that so many rows take at most, with the stretches that they cover.
    pub(crate) fn memory(rows: usize) -> u64 {
        (rows * (size_of::<Located>() + size_of::<Stretch>() + 1)) as u64
    }

    /// Puts rows that share a base into one set, over any number of steps.
    pub(crate) fn link(&self, sets: &mut UnionFind) -> Runs {
        let mut found = Runs::default();
        let mut rest = &self.sorted[..];
        while let Some(first) = rest.first() {
            let mut end = first.end;
            let mut next = 1;
            while let Some(row) = rest.get(next)
                && row.sequence == first.sequence
                && row.start < end
            {
                end = end.max(row.end);
                sets.unite(first.row as usize, row.row as usize);
                next += 1;
            }
            if next > 1 {
                found.rows += next as u64;
                found.groups += 1;
            }
            rest = &rest[next..];
        }
        found
    }

    /// Tells, in order of place, what each row of `of` shares with the rows of `others`; rows that share nothing are not told.
    pub(crate) fn covers(
        &self,
        of: impl Fn(u32) -> bool,
        others: impl Fn(u32) -> bool,
        mut found: impl FnMut(Cover),
    ) {
        let stretches = self.stretches(&others);
        let mut near = 0;
        // Of the others that begin no later than the row, the one that ends last.
        let mut reach: Option<Located> = None;
        let mut begun = self.sorted.iter().filter(|row| others(row.row)).peekable();
        for row in self.sorted.iter().filter(|row| of(row.row)) {
            while let Some(other) =
                begun.next_if(|o| (o.sequence, o.start) <= (row.sequence, row.start))
            {
                if reach.is_none_or(|r| (r.sequence, r.end) < (other.sequence, other.end)) {
                    reach = Some(*other);
                }
            }
            let behind = |s: &Stretch| (s.sequence, s.end) <= (row.sequence, row.start);
            while stretches.get(near).is_some_and(behind) {
                near += 1;
            }
            let bases = covered(&stretches[near..], row);
            if bases > 0 {
                found(Cover {
                    row: *row,
                    bases,
                    inside: reach.is_some_and(|r| r.shares(row) == row.length()),
                });
            }
        }
    }

    /// Of some rows the one that shares most with a row, and how many bases; of equal ones the first by place.
    pub(crate) fn closest(
        &self,
        row: &Located,
        others: impl Fn(u32) -> bool,
    ) -> Option<(Located, u64)> {
        let mut best: Option<(Located, u64)> = None;
        for other in self.sorted.iter().filter(|other| others(other.row)) {
            let bases = row.shares(other);
            if bases > best.map_or(0, |(_, most)| most) {
                best = Some((*other, bases));
            }
        }
        best
    }

    fn stretches(&self, of: impl Fn(u32) -> bool) -> Vec<Stretch> {
        let mut all: Vec<Stretch> = Vec::new();
        for row in self.sorted.iter().filter(|row| of(row.row)) {
            match all.last_mut() {
                Some(last) if last.sequence == row.sequence && row.start <= last.end => {
                    last.end = last.end.max(row.end);
                }
                last => {
                    let before = last.map_or(0, |last| last.before + last.end - last.start);
                    all.push(Stretch {
                        sequence: row.sequence,
                        start: row.start,
                        end: row.end,
                        before,
                    });
                }
            }
        }
        all
    }
}

/// Bases of a row that lie in stretches, of which the first is the first that ends behind the row's start.
fn covered(stretches: &[Stretch], row: &Located) -> u64 {
    let meets = |s: &Stretch| s.sequence == row.sequence && s.start < row.end;
    let Some(first) = stretches.first().filter(|s| meets(s)) else {
        return 0;
    };
    // Most rows meet one stretch or two; a long one may meet a million, so the step is doubled.
    let mut step = 1;
    while stretches.get(step).is_some_and(meets) {
        step *= 2;
    }
    let last = step / 2 + stretches[step / 2..step.min(stretches.len())].partition_point(meets);
    let last = &stretches[last - 1];
    let all = last.before + last.end - last.start - first.before;
    all - row.start.saturating_sub(first.start) - last.end.saturating_sub(row.end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = Vec<Located>> {
        let row = (0..3u32, 0..120u64, 0..30u64).prop_map(|(sequence, start, length)| Located {
            sequence,
            start,
            end: start + length,
            row: 0,
        });
        proptest::collection::vec(row, 0..60).prop_map(|mut rows| {
            for (i, row) in rows.iter_mut().enumerate() {
                row.row = i as u32;
            }
            rows
        })
    }

    proptest! {
        #[test]
        fn covers_are_what_counting_bases_gives(rows in rows(), splits in proptest::collection::vec(0..3u8, 60)) {
            let split = |row: u32| splits[row as usize];
            for (of, other) in [(0, 1), (1, 0), (2, 0)] {
                let mut found = Vec::new();
                Overlaps::new(rows.clone()).covers(|r| split(r) == of, |r| split(r) == other, |c| found.push(c));
                let others = || rows.iter().filter(|r| split(r.row) == other);
                let mut expected: Vec<Cover> = rows
                    .iter()
                    .filter(|r| split(r.row) == of)
                    .map(|row| Cover {
                        row: *row,
                        bases: (row.start..row.end)
                            .filter(|base| others().any(|o| o.sequence == row.sequence && (o.start..o.end).contains(base)))
                            .count() as u64,
                        inside: others().any(|o| o.sequence == row.sequence && o.start <= row.start && row.end <= o.end),
                    })
                    .filter(|c| c.bases > 0)
                    .collect();
                expected.sort_by_key(|c| c.row);
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn runs_are_what_comparing_all_pairs_links(rows in rows()) {
            let (mut swept, mut compared) = (UnionFind::new(rows.len()), UnionFind::new(rows.len()));
            let runs = Overlaps::new(rows.clone()).link(&mut swept);
            let mut linked = std::collections::BTreeSet::new();
            for a in &rows {
                for b in rows.iter().filter(|b| b.row != a.row && a.shares(b) > 0) {
                    compared.unite(a.row as usize, b.row as usize);
                    linked.insert(a.row);
                }
            }
            for i in 0..rows.len() {
                prop_assert_eq!(swept.root(i), compared.root(i));
            }
            let roots: std::collections::BTreeSet<usize> = linked.iter().map(|i| compared.root(*i as usize)).collect();
            prop_assert_eq!(runs, Runs { rows: linked.len() as u64, groups: roots.len() as u64 });
        }
    }

    /// `cargo test -p lingo-ingest --lib five_million -- --ignored --nocapture`: 200 to 2,000 bases over 3 Gb, every base
    /// covered about twice, and as many on one million bases; CPU seconds of one thread.
    #[test]
    #[ignore = "takes 5 million rows"]
    fn five_million_rows_take_seconds() {
        let spent = || -> f64 {
            let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
            text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
        };
        let one = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        one.install(|| {
            for each in [125_000_000u64, 1_000_000 / 24] {
                let mut stream = lingo_artifact::random::Stream::new(1, "overlaps");
                let rows: Vec<Located> = (0..5_000_000)
                    .map(|row| {
                        let start = stream.below(each as usize) as u64;
                        Located {
                            sequence: stream.below(24) as u32,
                            start,
                            end: start + 200 + stream.below(1801) as u64,
                            row,
                        }
                    })
                    .collect();
                let before = spent();
                let overlaps = Overlaps::new(rows);
                let sorted = spent();
                let runs = overlaps.link(&mut UnionFind::new(5_000_000));
                let linked = spent();
                let (mut shared, mut bases) = (0u64, 0u64);
                for (of, other) in [(1, 0), (2, 0), (2, 1)] {
                    let split = |row: u32| [0, 0, 0, 0, 0, 0, 0, 0, 1, 2][row as usize % 10];
                    overlaps.covers(
                        |row| split(row) == of,
                        |row| split(row) == other,
                        |cover| {
                            shared += 1;
                            bases += cover.bases;
                        },
                    );
                }
                let all = spent();
                println!(
                    "{} bases: sorting {:.2} s, linking {:.2} s ({} rows in {} groups), three pairs of splits {:.2} s ({shared} rows share {bases} bases), {} MB",
                    24 * each,
                    sorted - before,
                    linked - sorted,
                    runs.rows,
                    runs.groups,
                    all - linked,
                    Overlaps::memory(5_000_000) / 1_000_000,
                );
                assert!(runs.rows > 4_500_000 && shared > 500_000);
                assert!(all - before < 10.0, "{}", all - before);
            }
        });
    }

    #[test]
    fn touching_rows_share_no_base() {
        let row = |row, start, end| Located {
            sequence: 0,
            start,
            end,
            row,
        };
        let overlaps = Overlaps::new(vec![row(0, 0, 10), row(1, 10, 20), row(2, 5, 5)]);
        assert_eq!(overlaps.link(&mut UnionFind::new(3)), Runs::default());
        overlaps.covers(|r| r == 0, |r| r > 0, |c| panic!("{c:?}"));
    }
}
