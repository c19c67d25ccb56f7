//! What a reader of a result must know about its data: counts, balance, composition, and leakage between the splits.

use std::collections::BTreeMap;

use lingo_artifact::Split;
use lingo_artifact::audit::{
    Audit, ClassCount, Lengths, Overlap, OverlapExample, Shared, SplitAudit, TwoLabels,
};
use rayon::prelude::*;

use crate::audit::leakage::{BOTH, Evidence, HIGHER, LOWER, Likeness, STRAND, key, least_overlap};
use crate::config::leakage::Leakage;
use crate::error::Result;
use crate::rows::dataset::DataSet;
use crate::similarity::alignment::Packed;
use crate::similarity::overlaps::{Cover, Overlaps};
use crate::similarity::seeds::Sequences;
use crate::similarity::sketches::Sketches;

/// What one pass over the sequences found.
#[derive(Default)]
pub(crate) struct Examination {
    pub(crate) evidence: Evidence,
    compositions: [Composition; 3],
}

/// Looks at every sequence once, with many threads, and keeps what likeness is found by.
///
/// # Errors
/// What fetching the sequences says.
pub(crate) fn examine(data: &DataSet, likeness: Likeness) -> Result<Examination> {
    let pairs = data.rows.traits().pairs;
    let mut all = Examination {
        evidence: Evidence {
            keys: Vec::with_capacity(data.len()),
            sketches: likeness.jaccard.map(|_| Sketches::with_room(data.len())),
            sequences: likeness.near.then(|| Sequences {
                packed: Packed::with_room(data.sequences(), data.bases()),
                pairs,
                room: data.max_memory.get() / 4,
            }),
            overlaps: Overlaps::of(&data.rows, data.order.iter().copied()),
        },
        compositions: Default::default(),
    };
    data.in_order(
        |piece, made: &mut Examined| {
            made.clear();
            for row in data.examples_of(piece) {
                let (first, second) = (row.sequence, row.sequence2);
                made.keys.push(key(first, second, &mut made.other));
                if likeness.jaccard.is_some() {
                    made.sketches.push(first, second);
                }
                if likeness.near {
                    made.packed.push(first);
                    if pairs {
                        made.packed.push(second.unwrap_or_default());
                    }
                }
                for sequence in std::iter::once(first).chain(second) {
                    made.compositions[row.split as usize].add(sequence);
                }
            }
            Ok(())
        },
        &mut |made: &Examined| {
            all.evidence.keys.extend_from_slice(&made.keys);
            if let Some(sketches) = &mut all.evidence.sketches {
                sketches.extend(&made.sketches);
            }
            if let Some(sequences) = &mut all.evidence.sequences {
                sequences.packed.extend(&made.packed);
            }
            for (sum, of_piece) in all.compositions.iter_mut().zip(&made.compositions) {
                sum.sum(of_piece);
            }
            Ok(())
        },
    )?;
    Ok(all)
}

/// What one thread finds in a piece.
#[derive(Default)]
struct Examined {
    keys: Vec<u128>,
    sketches: Sketches,
    packed: Packed,
    compositions: [Composition; 3],
    /// Room for reverse complements.
    other: [Vec<u8>; 2],
}

impl Examined {
    fn clear(&mut self) {
        self.keys.clear();
        self.sketches.clear();
        self.packed.clear();
        self.compositions = Default::default();
    }
}

/// Makes the audit of what was examined, by the same likeness.
pub(crate) fn audit(data: &DataSet, examination: &Examination, leakage: &Leakage) -> Audit {
    let likeness = Likeness::of(leakage);
    let places = data.places();
    let mut found = Found::new(data, &examination.evidence.keys);
    found.examine();
    let splits = Split::ALL.into_iter().map(|split| {
        let numbers = &data.order[places[split as usize].clone()];
        let c = &examination.compositions[split as usize];
        SplitAudit {
            split,
            rows: numbers.len() as u64,
            classes: class_counts(numbers, data),
            length: lengths(numbers, data),
            gc: (c.gc + c.at > 0).then(|| c.gc as f64 / (c.gc + c.at) as f64),
            non_acgt_sequences: c.non_acgt_sequences,
            non_acgt_bases: c.n + c.other,
            n_bases: c.n,
            duplicate_rows: found.duplicates[split as usize],
        }
    });
    let splits = splits.collect();
    if likeness.near {
        for found_in in [Split::Train, Split::Dev] {
            let other = places[found_in as usize].clone();
            let among = examination.evidence.among(&[other], likeness);
            let into = found.shared.iter_mut();
            for shared in into.filter(|shared| shared.found_in == found_in) {
                let leaks = among.leaks(places[shared.split as usize].clone());
                shared.near = leaks.iter().filter(|leak| leak.near).count() as u64;
                shared.near_not_all_compared = leaks.iter().filter(|leak| leak.cut).count() as u64;
            }
        }
    }
    Audit {
        rows: data.len() as u64,
        splits,
        shared: found.shared,
        overlaps: overlaps(data, &examination.evidence.overlaps, leakage),
        two_labels: found.two_labels,
        near_jaccard: likeness.jaccard,
        ..Audit::default()
    }
}

/// The splits whose rows are counted, and where they are looked for.
const PAIRS: [(Split, Split); 3] = [
    (Split::Dev, Split::Train),
    (Split::Test, Split::Train),
    (Split::Test, Split::Dev),
];

/// Rows that lie over rows of another split; nothing where rows have no places.
fn overlaps(data: &DataSet, overlaps: &Overlaps, leakage: &Leakage) -> Vec<Overlap> {
    if !data.rows.traits().windows {
        return Vec::new();
    }
    let places = data.places();
    let least = least_overlap(leakage);
    let of_pair = |(split, found_in): (Split, Split)| {
        let is_in = |split: Split| {
            let places = &places[split as usize];
            move |row: u32| places.contains(&(row as usize))
        };
        let mut found = Overlap {
            split,
            found_in,
            any: 0,
            half: 0,
            whole: 0,
            inside: 0,
            leaking: 0,
            example: None,
        };
        let mut most: Option<Cover> = None;
        overlaps.covers(is_in(split), is_in(found_in), |cover| {
            found.any += 1;
            found.half += u64::from(cover.reaches(0.5));
            found.whole += u64::from(cover.reaches(1.0));
            found.inside += u64::from(cover.inside);
            found.leaking += u64::from(least.is_some_and(|share| cover.reaches(share)));
            if most.is_none_or(|most| cover.tells_more_than(&most)) {
                most = Some(cover);
            }
        });
        found.example = most.and_then(|most| {
            let (other, bases) = overlaps.closest(&most.row, is_in(found_in))?;
            let (row, place) = data.called(most.row.row as usize);
            let (other, other_place) = data.called(other.row as usize);
            Some(OverlapExample {
                row,
                place,
                other,
                other_place,
                bases,
            })
        });
        found
    };
    PAIRS.into_par_iter().map(of_pair).collect()
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
        let shared = PAIRS.map(|(split, found_in)| Shared {
            split,
            found_in,
            same: 0,
            reverse_complement: 0,
            near: 0,
            near_not_all_compared: 0,
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
        for length in data.rows.lengths_of(&data.rows.all()[*number as usize]) {
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
