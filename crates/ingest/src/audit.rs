//! What a reader of a result must know about its data: counts, balance, composition, and leakage between the splits.

use std::collections::{HashMap, HashSet};

use lingo_artifact::example::Example;
use lingo_artifact::{Label, LabelKind, Split};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::iupac;

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

/// Both sequences of a pair, or the one.
type Key = (Vec<u8>, Vec<u8>);

/// Examines the rows.
pub fn audit(rows: &[Example], kind: &LabelKind, dropped_outside: u64) -> Audit {
    let keys: Vec<(&[u8], &[u8])> = rows
        .iter()
        .map(|row| {
            (
                row.sequence.as_bytes(),
                row.sequence2.as_deref().unwrap_or_default().as_bytes(),
            )
        })
        .collect();
    let complements: Vec<Key> = keys
        .par_iter()
        .map(|(a, b)| (iupac::reverse_complement(a), iupac::reverse_complement(b)))
        .collect();
    let of = |split: Split| -> Vec<usize> {
        (0..rows.len())
            .filter(|i| rows[*i].split == split)
            .collect()
    };
    let members = Split::ALL.map(of);
    let sets: Vec<HashSet<(&[u8], &[u8])>> = members
        .iter()
        .map(|m| m.iter().map(|i| keys[*i]).collect())
        .collect();
    let splits = Split::ALL
        .into_iter()
        .zip(&members)
        .zip(&sets)
        .map(|((split, members), distinct)| {
            let rows: Vec<&Example> = members.iter().map(|i| &rows[*i]).collect();
            SplitAudit {
                duplicate_rows: (rows.len() - distinct.len()) as u64,
                ..split_audit(split, &rows, kind)
            }
        })
        .collect();
    let shared = [(1, 0), (2, 0), (2, 1)]
        .into_iter()
        .map(|(of, other): (usize, usize)| {
            let count = |holds: &dyn Fn(usize) -> bool| {
                members[of].iter().filter(|i| holds(**i)).count() as u64
            };
            let complement = |i: usize| (complements[i].0.as_slice(), complements[i].1.as_slice());
            Shared {
                split: Split::ALL[of],
                found_in: Split::ALL[other],
                same: count(&|i| sets[other].contains(&keys[i])),
                reverse_complement: count(&|i| {
                    complement(i) != keys[i] && sets[other].contains(&complement(i))
                }),
            }
        })
        .collect();
    Audit {
        rows: rows.len() as u64,
        splits,
        shared,
        two_labels: two_labels(rows, &keys),
        dropped_outside,
    }
}

fn split_audit(split: Split, rows: &[&Example], kind: &LabelKind) -> SplitAudit {
    let sequences: Vec<&str> = rows
        .iter()
        .flat_map(|row| std::iter::once(row.sequence.as_str()).chain(row.sequence2.as_deref()))
        .collect();
    let counts: Vec<Composition> = sequences
        .par_iter()
        .map(|sequence| Composition::of(sequence.as_bytes()))
        .collect();
    let sum = |of: fn(&Composition) -> u64| counts.iter().map(of).sum::<u64>();
    let (gc, at) = (sum(|c| c.gc), sum(|c| c.at));
    SplitAudit {
        split,
        rows: rows.len() as u64,
        classes: class_counts(rows, kind),
        length: lengths(&sequences),
        gc: (gc + at > 0).then(|| gc as f64 / (gc + at) as f64),
        non_acgt_sequences: counts.iter().filter(|c| c.n + c.other > 0).count() as u64,
        non_acgt_bases: sum(|c| c.n + c.other),
        n_bases: sum(|c| c.n),
        duplicate_rows: 0,
    }
}

/// How many bases of each kind a sequence has.
#[derive(Default)]
struct Composition {
    gc: u64,
    at: u64,
    n: u64,
    other: u64,
}

impl Composition {
    fn of(sequence: &[u8]) -> Self {
        let mut counts = Self::default();
        for base in sequence {
            *match base {
                b'G' | b'C' => &mut counts.gc,
                b'A' | b'T' => &mut counts.at,
                b'N' => &mut counts.n,
                _ => &mut counts.other,
            } += 1;
        }
        counts
    }
}

fn class_counts(rows: &[&Example], kind: &LabelKind) -> Vec<ClassCount> {
    let mut counts = vec![0u64; kind.names().len()];
    for row in rows {
        match &row.label {
            Label::Class(class) => {
                if let Some(count) = counts.get_mut(*class as usize) {
                    *count += 1;
                }
            }
            Label::Multi(list) => {
                for (count, one) in counts.iter_mut().zip(list) {
                    *count += u64::from(*one);
                }
            }
            Label::Value(_) => {}
        }
    }
    kind.names()
        .iter()
        .zip(counts)
        .map(|(class, count)| ClassCount {
            class: class.clone(),
            rows: count,
            share: if rows.is_empty() {
                0.0
            } else {
                count as f64 / rows.len() as f64
            },
        })
        .collect()
}

fn lengths(sequences: &[&str]) -> Option<Lengths> {
    let mut lengths: Vec<u64> = sequences.iter().map(|s| s.len() as u64).collect();
    lengths.sort_unstable();
    let n = lengths.len();
    Some(Lengths {
        min: *lengths.first()?,
        median: (lengths[(n - 1) / 2] + lengths[n / 2]) as f64 / 2.0,
        max: *lengths.last()?,
    })
}

fn two_labels(rows: &[Example], keys: &[(&[u8], &[u8])]) -> TwoLabels {
    struct Seen {
        first: usize,
        rows: u64,
        disagrees: Option<usize>,
    }
    let mut seen: HashMap<(&[u8], &[u8]), Seen> = HashMap::new();
    for (i, key) in keys.iter().enumerate() {
        let entry = seen.entry(*key).or_insert(Seen {
            first: i,
            rows: 0,
            disagrees: None,
        });
        entry.rows += 1;
        if entry.disagrees.is_none() && rows[entry.first].label != rows[i].label {
            entry.disagrees = Some(i);
        }
    }
    let conflicts = || {
        seen.values()
            .filter_map(|s| s.disagrees.map(|other| (s.first, other, s.rows)))
    };
    TwoLabels {
        sequences: conflicts().count() as u64,
        rows: conflicts().map(|(_, _, rows)| rows).sum(),
        example: conflicts()
            .min()
            .map(|(first, other, _)| (rows[first].id.clone(), rows[other].id.clone())),
    }
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
