//! What a reader of a result must know about its data: counts, balance, composition, and leakage between the splits.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use lingo_artifact::Split;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::dataset::DataSet;
use crate::{Result, fingerprint, iupac};

/// The audit of a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// All rows.
    pub rows: u64,
    /// Train, dev and test.
    pub splits: Vec<SplitAudit>,
    /// Sequences that stand in two splits, for each pair of splits.
    pub shared: Vec<Shared>,
    /// Sequences that have more than one label, over all splits.
    pub two_labels: TwoLabels,
    /// Intervals that were left out because their resized window would leave the chromosome.
    pub dropped_outside: u64,
}

/// One split. For pairs, both sequences are counted in lengths and composition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitAudit {
    /// Which.
    pub split: Split,
    /// Its rows.
    pub rows: u64,
    /// Rows of each class, in the order of the classes; for several labels, rows that have it; none for regression.
    pub classes: Vec<ClassCount>,
    /// The shortest, the median and the longest sequence, nothing for an empty split.
    pub length: Option<Lengths>,
    /// G and C among A, C, G and T; nothing when there is none of them.
    pub gc: Option<f64>,
    /// Sequences with at least one base that is not A, C, G or T.
    pub non_acgt_sequences: u64,
    /// Those bases.
    pub non_acgt_bases: u64,
    /// Those of them that are N.
    pub n_bases: u64,
    /// Rows whose sequence already stands in an earlier row of this split.
    pub duplicate_rows: u64,
}

/// How often a class occurs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassCount {
    /// The class.
    pub class: String,
    /// Its rows.
    pub rows: u64,
    /// Its share of the split's rows.
    pub share: f64,
}

/// Lengths in bases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lengths {
    /// The shortest.
    pub min: u64,
    /// The middle one; of an even number, the mean of the middle two.
    pub median: f64,
    /// The longest.
    pub max: u64,
}

/// Rows of one split whose sequence also stands in another split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shared {
    /// Whose rows are counted.
    pub split: Split,
    /// Where their sequences were found.
    pub found_in: Split,
    /// Rows whose very sequence is there.
    pub same: u64,
    /// Rows whose reverse complement is there; a sequence that is its own reverse complement counts as the same only.
    pub reverse_complement: u64,
}

/// Sequences with more than one label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TwoLabels {
    /// Distinct sequences.
    pub sequences: u64,
    /// Their rows.
    pub rows: u64,
    /// The ids of the first such sequence's first two rows that disagree.
    pub example: Option<(String, String)>,
}

/// Examines the rows in one pass over their sequences.
///
/// # Errors
/// What fetching the sequences says.
pub(crate) fn audit(data: &DataSet, dropped_outside: u64) -> Result<Audit> {
    let mut keys: Vec<u128> = Vec::with_capacity(data.len());
    let mut compositions = [Composition::default(); 3];
    data.in_order(
        |piece, made: &mut Examined| {
            for row in data.examples_of(piece) {
                let (first, second) = (row.sequence.as_bytes(), row.sequence2.map(str::as_bytes));
                made.keys.push(key(first, second, &mut made.other));
                for sequence in std::iter::once(first).chain(second) {
                    made.compositions[row.split as usize].add(sequence);
                }
            }
            Ok(())
        },
        &mut |made: &Examined| {
            keys.extend_from_slice(&made.keys);
            for (all, of_piece) in compositions.iter_mut().zip(&made.compositions) {
                all.sum(of_piece);
            }
            Ok(())
        },
    )?;
    let counts = data.counts();
    let mut starts = [0; 3];
    (starts[1], starts[2]) = (counts[0], counts[0] + counts[1]);
    let mut splits: Vec<SplitAudit> = Split::ALL
        .into_iter()
        .map(|split| {
            let first = starts[split as usize] as usize;
            let numbers = &data.order[first..first + counts[split as usize] as usize];
            let c = &compositions[split as usize];
            SplitAudit {
                split,
                rows: numbers.len() as u64,
                classes: class_counts(numbers, data),
                length: lengths(numbers, data),
                gc: (c.gc + c.at > 0).then(|| c.gc as f64 / (c.gc + c.at) as f64),
                non_acgt_sequences: c.non_acgt_sequences,
                non_acgt_bases: c.n + c.other,
                n_bases: c.n,
                duplicate_rows: 0,
            }
        })
        .collect();
    let mut found = Found::new(data, &keys);
    found.examine();
    for (split, duplicates) in splits.iter_mut().zip(found.duplicates) {
        split.duplicate_rows = duplicates;
    }
    Ok(Audit {
        rows: data.len() as u64,
        splits,
        shared: found.shared,
        two_labels: found.two_labels,
        dropped_outside,
    })
}

/// What one thread finds in a piece.
#[derive(Default)]
struct Examined {
    keys: Vec<u128>,
    compositions: [Composition; 3],
    /// Room for reverse complements.
    other: [Vec<u8>; 2],
}

/// The two lowest bits of a key say which strand was seen: a sequence and its reverse complement differ in them only.
const STRAND: u128 = 3;
const LOWER: u128 = 0;
const HIGHER: u128 = 1;
/// The sequence is its own reverse complement.
const BOTH: u128 = 2;

fn key(first: &[u8], second: Option<&[u8]>, other: &mut [Vec<u8>; 2]) -> u128 {
    other.iter_mut().for_each(Vec::clear);
    iupac::append_reverse_complement(first, &mut other[0]);
    iupac::append_reverse_complement(second.unwrap_or_default(), &mut other[1]);
    let this = fingerprint::of_two(first, second.unwrap_or_default());
    let turned = fingerprint::of_two(&other[0], &other[1]);
    let strand = match this.cmp(&turned) {
        Ordering::Less => LOWER,
        Ordering::Greater => HIGHER,
        Ordering::Equal => BOTH,
    };
    (this.min(turned) & !STRAND) | strand
}

/// Rows with the same sequence, or the same but for the strand.
struct Found<'a> {
    data: &'a DataSet,
    keys: &'a [u128],
    duplicates: [u64; 3],
    shared: Vec<Shared>,
    two_labels: TwoLabels,
    first_conflict: Option<(u32, u32)>,
}

impl<'a> Found<'a> {
    fn new(data: &'a DataSet, keys: &'a [u128]) -> Self {
        let shared = [
            (Split::Dev, Split::Train),
            (Split::Test, Split::Train),
            (Split::Test, Split::Dev),
        ]
        .map(|(split, found_in)| Shared {
            split,
            found_in,
            same: 0,
            reverse_complement: 0,
        });
        Self {
            data,
            keys,
            duplicates: [0; 3],
            shared: shared.to_vec(),
            two_labels: TwoLabels::default(),
            first_conflict: None,
        }
    }

    fn examine(&mut self) {
        let keys = self.keys;
        let mut places: Vec<u32> = (0..keys.len() as u32).collect();
        places.par_sort_unstable_by_key(|place| (keys[*place as usize], *place));
        for family in
            places.chunk_by(|a, b| keys[*a as usize] | STRAND == keys[*b as usize] | STRAND)
        {
            // One row alone has nothing in common with another: nearly all families are such.
            if family.len() > 1 {
                self.family(family);
            }
        }
        self.two_labels.example = self.first_conflict.map(|(first, other)| {
            let id = |place: u32| {
                let number = self.data.order[place as usize] as usize;
                let row = &self.data.rows.all()[number];
                self.data.id(row, self.data.splits[number]).into_owned()
            };
            (id(first), id(other))
        });
    }

    /// Rows of one sequence, strand by strand.
    fn family(&mut self, family: &[u32]) {
        let keys = self.keys;
        let mut counts = [[0u64; 3]; 3];
        for same in family.chunk_by(|a, b| keys[*a as usize] == keys[*b as usize]) {
            let strand = (keys[same[0] as usize] & STRAND) as usize;
            for place in same {
                counts[strand][self.split(*place) as usize] += 1;
            }
            for (duplicates, rows) in self.duplicates.iter_mut().zip(counts[strand]) {
                *duplicates += rows.saturating_sub(1);
            }
            self.conflicts(same);
        }
        for shared in &mut self.shared {
            let (of, other) = (shared.split as usize, shared.found_in as usize);
            for (strand, turned) in [(LOWER, HIGHER), (HIGHER, LOWER), (BOTH, BOTH)] {
                let rows = counts[strand as usize][of];
                if counts[strand as usize][other] > 0 {
                    shared.same += rows;
                }
                if strand != turned && counts[turned as usize][other] > 0 {
                    shared.reverse_complement += rows;
                }
            }
        }
    }

    /// Rows of one sequence on one strand, in order: whether their labels agree.
    fn conflicts(&mut self, same: &[u32]) {
        let number = |place: u32| self.data.order[place as usize] as usize;
        let first = same[0];
        let disagrees = same[1..]
            .iter()
            .find(|place| !self.data.labels.agree(number(first), number(**place)));
        if let Some(other) = disagrees {
            self.two_labels.sequences += 1;
            self.two_labels.rows += same.len() as u64;
            let conflict = (first, *other);
            self.first_conflict = Some(self.first_conflict.map_or(conflict, |c| c.min(conflict)));
        }
    }

    fn split(&self, place: u32) -> Split {
        self.data.splits[self.data.order[place as usize] as usize]
    }
}

/// How many bases of each kind sequences have.
#[derive(Clone, Copy, Default)]
struct Composition {
    gc: u64,
    at: u64,
    n: u64,
    other: u64,
    non_acgt_sequences: u64,
}

impl Composition {
    fn add(&mut self, sequence: &[u8]) {
        let (mut gc, mut at, mut n) = (0u64, 0u64, 0u64);
        // Counts of a run fit into bytes, and are added up by vector instructions.
        for run in sequence.chunks(128) {
            let (mut run_gc, mut run_at, mut run_n) = (0u8, 0u8, 0u8);
            for base in run {
                run_gc += u8::from((*base == b'G') | (*base == b'C'));
                run_at += u8::from((*base == b'A') | (*base == b'T'));
                run_n += u8::from(*base == b'N');
            }
            gc += u64::from(run_gc);
            at += u64::from(run_at);
            n += u64::from(run_n);
        }
        let other = sequence.len() as u64 - gc - at - n;
        self.non_acgt_sequences += u64::from(n + other > 0);
        self.sum(&Self {
            gc,
            at,
            n,
            other,
            non_acgt_sequences: 0,
        });
    }

    fn sum(&mut self, more: &Self) {
        self.gc += more.gc;
        self.at += more.at;
        self.n += more.n;
        self.other += more.other;
        self.non_acgt_sequences += more.non_acgt_sequences;
    }
}

fn class_counts(numbers: &[u32], data: &DataSet) -> Vec<ClassCount> {
    let kind = &data.kind;
    let mut counts = vec![0u64; kind.names().len()];
    for number in numbers {
        data.labels.count(*number as usize, &mut counts);
    }
    let rows = numbers.len();
    kind.names()
        .iter()
        .zip(counts)
        .map(|(class, count)| ClassCount {
            class: class.clone(),
            rows: count,
            share: count as f64 / rows.max(1) as f64,
        })
        .collect()
}

fn lengths(numbers: &[u32], data: &DataSet) -> Option<Lengths> {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for number in numbers {
        for length in data.lengths_of(&data.rows.all()[*number as usize]) {
            *counts.entry(length).or_default() += 1;
        }
    }
    let n: u64 = counts.values().sum();
    let at = |place: u64| {
        let mut passed = 0;
        let mut lengths = counts.iter();
        lengths
            .find(|(_, count)| {
                passed += **count;
                passed > place
            })
            .map_or(0, |(length, _)| *length)
    };
    Some(Lengths {
        min: *counts.first_key_value()?.0,
        median: (at((n - 1) / 2) + at(n / 2)) as f64 / 2.0,
        max: *counts.last_key_value()?.0,
    })
}

impl Audit {
    /// Sentences for people: what may make a score look better, or worse, than the method is.
    pub fn warnings(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.dropped_outside > 0 {
            lines.push(format!(
                "{} dropped: the window would leave the chromosome",
                rows(self.dropped_outside, "interval was", "intervals were")
            ));
        }
        for s in &self.splits {
            if s.rows == 0 {
                lines.push(format!("{} has no rows", s.split));
            }
            if s.duplicate_rows > 0 {
                lines.push(format!(
                    "{}: {} ({}) an earlier row's sequence",
                    s.split,
                    rows(s.duplicate_rows, "row repeats", "rows repeat"),
                    percent(s.duplicate_rows, s.rows)
                ));
            }
            if s.non_acgt_sequences > 0 {
                lines.push(format!(
                    "{}: {} bases that are not A, C, G or T ({} such bases, {} of them N)",
                    s.split,
                    rows(s.non_acgt_sequences, "sequence has", "sequences have"),
                    s.non_acgt_bases,
                    s.n_bases
                ));
            }
            for class in s.classes.iter().filter(|c| c.rows == 0 && s.rows > 0) {
                lines.push(format!(
                    "{} has no row of the class `{}`",
                    s.split, class.class
                ));
            }
        }
        for s in &self.shared {
            let of = self
                .splits
                .iter()
                .find(|x| x.split == s.split)
                .map_or(0, |x| x.rows);
            if s.same > 0 {
                lines.push(format!(
                    "leakage: {} of {} ({}): the sequence stands in {} too",
                    rows(s.same, "row", "rows"),
                    s.split,
                    percent(s.same, of),
                    s.found_in
                ));
            }
            if s.reverse_complement > 0 {
                lines.push(format!(
                    "leakage: {} of {} ({}): the reverse complement stands in {}",
                    rows(s.reverse_complement, "row", "rows"),
                    s.split,
                    percent(s.reverse_complement, of),
                    s.found_in
                ));
            }
        }
        if self.two_labels.sequences > 0 {
            let example = self
                .two_labels
                .example
                .as_ref()
                .map_or(String::new(), |(a, b)| format!(", such as `{a}` and `{b}`"));
            lines.push(format!(
                "{} more than one label ({} rows{example})",
                rows(self.two_labels.sequences, "sequence has", "sequences have"),
                self.two_labels.rows
            ));
        }
        lines
    }
}

fn rows(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}
