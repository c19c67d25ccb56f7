//! Negatives where a source gives positives only: windows of the genome like them, or the positives shuffled.

use std::collections::BTreeMap;

use lingo_artifact::Strand;
use lingo_artifact::random::Stream;
use lingo_artifact::sequence_source::SequenceSource as _;

use crate::config::negatives::{GenomicNegatives, NegativesPlan, ShuffledNegatives};
use crate::error::{Error, Result};
use crate::genome::reader::Genome;
use crate::negatives::shuffle::dinucleotide_shuffle;
use crate::rows::row::{Content, Row, Rows, Window};

/// Adds negatives to the rows, all of which are positives, in their order.
///
/// # Errors
/// A source without a genome; too few windows that are like a positive; a row that is labelled as negatives are.
pub(crate) fn add(rows: &mut Rows, genome: Option<&Genome>, plan: &NegativesPlan) -> Result<u64> {
    let (label, per_positive) = match plan {
        NegativesPlan::Genomic(p) => (&p.label, p.per_positive),
        NegativesPlan::Shuffle(p) => (&p.label, p.per_positive),
    };
    if let Some(row) = rows.all().iter().find(|row| rows.label(row) == label) {
        return Err(rows.error(
            row,
            format!("this row has the label `{label}`, which `negatives` gives to those it makes; leave such rows out, or give `negatives` another `label`"),
        ));
    }
    let Some(genome) = genome else {
        return Err(Error::Config(
            "`negatives` needs a source with a genome: windows are drawn from it, or its sequences shuffled".into(),
        ));
    };
    let before = rows.all().len();
    let label = rows.push_label(label);
    match plan {
        NegativesPlan::Genomic(p) => genomic(rows, genome, p, |content, row| Row {
            name: None,
            content,
            label,
            ..row
        })?,
        NegativesPlan::Shuffle(p) => shuffled(rows, genome, p, label)?,
    }
    let made = rows.all().len() - before;
    debug_assert_eq!(made as u64, before as u64 * u64::from(per_positive.get()));
    Ok(made as u64)
}

fn shuffled(
    rows: &mut Rows,
    genome: &Genome,
    plan: &ShuffledNegatives,
    label: crate::rows::row::LabelId,
) -> Result<()> {
    let mut stream = Stream::new(plan.seed, "shuffled negatives");
    let mut bases = Vec::new();
    genome.check_whole()?;
    for i in 0..rows.all().len() {
        let row = rows.all()[i];
        let Some(w) = rows.window(&row) else { continue };
        bases.clear();
        genome.append(w.sequence as usize, w.start, w.end, w.strand, &mut bases)?;
        let chrom = &genome.sequences()[w.sequence as usize].0;
        for copy in 1..=plan.per_positive.get() {
            let sequence = dinucleotide_shuffle(&bases, &mut stream);
            let text = std::str::from_utf8(&sequence).unwrap_or_default();
            let first = rows.texts.push(text);
            let of = match row.name {
                Some(name) => rows.texts.get(name).to_string(),
                None => format!("{chrom}:{}-{}({})", w.start, w.end, w.strand),
            };
            let name = rows.texts.push(&format!("{of}/shuffled-{copy}"));
            rows.push(Row {
                name: Some(name),
                content: Content::Derived {
                    first,
                    sequence: w.sequence,
                },
                label,
                ..row
            })?;
        }
    }
    Ok(())
}

/// How often a window is drawn for one negative, before the search is given up.
const TRIES: u64 = 20_000;

fn genomic(
    rows: &mut Rows,
    genome: &Genome,
    plan: &GenomicNegatives,
    negative: impl Fn(Content, Row) -> Row,
) -> Result<()> {
    let taken = Taken::around(rows, genome, plan.margin);
    let mut drawn = Drawn::default();
    let mut stream = Stream::new(plan.seed, "genomic negatives");
    let mut places = Places::of(genome);
    let mut bases = Vec::new();
    let total = rows.all().len() as u64 * u64::from(plan.per_positive.get());
    let mut found = 0u64;
    for i in 0..rows.all().len() {
        let row = rows.all()[i];
        let Some(positive) = rows.window(&row) else {
            continue;
        };
        genome.check_whole()?;
        let gc = gc(genome, positive, &mut bases)?.0;
        let length = positive.end - positive.start;
        for _ in 0..plan.per_positive.get() {
            let mut rejected = Rejected::default();
            let window = loop {
                if rejected.all() == TRIES {
                    let line = rows.error(&row, rejected.told(length, gc, plan, found, total));
                    return Err(line);
                }
                let Some(mut window) = places.draw(length, &mut stream) else {
                    return Err(rows.error(
                        &row,
                        format!(
                            "no sequence of {} has {length} bases",
                            genome.path().display()
                        ),
                    ));
                };
                if taken.overlaps(&window) {
                    rejected.positives += 1;
                } else if drawn.overlaps(&window) {
                    rejected.negatives += 1;
                } else {
                    let (share, gaps) = self::gc(genome, window, &mut bases)?;
                    if gaps {
                        rejected.gaps += 1;
                    } else if (share - gc).abs() > plan.gc_tolerance.get() + 1e-12 {
                        rejected.gc += 1;
                    } else {
                        window.strand = [Strand::Forward, Strand::Reverse][stream.below(2)];
                        break window;
                    }
                }
            };
            drawn.insert(&window);
            found += 1;
            rows.push(negative(Content::Window(window), row))?;
        }
    }
    Ok(())
}

/// Why windows were not taken.
#[derive(Default)]
struct Rejected {
    positives: u64,
    negatives: u64,
    gaps: u64,
    gc: u64,
}

impl Rejected {
    fn all(&self) -> u64 {
        self.positives + self.negatives + self.gaps + self.gc
    }

    fn told(
        &self,
        length: u64,
        gc: f64,
        plan: &GenomicNegatives,
        found: u64,
        total: u64,
    ) -> String {
        format!(
            "no window of {length} bases and {:.1} % GC was found for this positive ({found} of {total} negatives were): of {TRIES} random windows {} lie on a positive or within {} bases of one, {} on a negative, {} hold an N, {} differ by more than {:.1} % in GC; raise `gc_tolerance`, lower `margin` or `per_positive`, or take `shuffle`",
            100.0 * gc,
            self.positives,
            plan.margin,
            self.negatives,
            self.gaps,
            self.gc,
            100.0 * plan.gc_tolerance.get()
        )
    }
}

/// The share of G and C among A, C, G and T (0 where there is none), and whether the window holds an N.
fn gc(genome: &Genome, w: Window, bases: &mut Vec<u8>) -> Result<(f64, bool)> {
    bases.clear();
    let forward = Strand::Forward;
    genome.append(w.sequence as usize, w.start, w.end, forward, bases)?;
    let count = |letters: &[u8]| bases.iter().filter(|b| letters.contains(b)).count();
    let (gc, at) = (count(b"GC"), count(b"AT"));
    Ok((gc as f64 / (gc + at).max(1) as f64, bases.contains(&b'N')))
}

/// All places where a window may begin, one sequence behind the other.
struct Places {
    lengths: Vec<u64>,
    /// For one length of window: how many places there are up to the end of each sequence.
    of: u64,
    ends: Vec<u64>,
}

impl Places {
    fn of(genome: &Genome) -> Self {
        let lengths = genome.sequences().iter().map(|(_, length)| *length);
        Self {
            lengths: lengths.collect(),
            of: 0,
            ends: Vec::new(),
        }
    }

    /// A window, each as likely as any other; nothing when no sequence is long enough.
    fn draw(&mut self, length: u64, stream: &mut Stream) -> Option<Window> {
        if self.of != length || self.ends.is_empty() {
            let mut end = 0;
            let up_to = self.lengths.iter().map(|sequence| {
                end += (sequence + 1).saturating_sub(length);
                end
            });
            self.ends = up_to.collect();
            self.of = length;
        }
        let all = usize::try_from(*self.ends.last()?)
            .ok()
            .filter(|n| *n > 0)?;
        let place = stream.below(all) as u64;
        let sequence = self.ends.partition_point(|end| *end <= place);
        let start = place
            - sequence
                .checked_sub(1)
                .map_or(0, |before| self.ends[before]);
        Some(Window {
            sequence: sequence as u32,
            strand: Strand::Forward,
            start,
            end: start + length,
        })
    }
}

/// Where positives lie, with a margin: for each sequence sorted pieces that do not touch.
struct Taken(Vec<Vec<(u64, u64)>>);

impl Taken {
    fn around(rows: &Rows, genome: &Genome, margin: u64) -> Self {
        let mut pieces = vec![Vec::new(); genome.sequences().len()];
        for w in rows.all().iter().filter_map(|row| rows.window(row)) {
            let (start, end) = (w.start.saturating_sub(margin), w.end.saturating_add(margin));
            pieces[w.sequence as usize].push((start, end));
        }
        for pieces in &mut pieces {
            pieces.sort_unstable();
            pieces.dedup_by(|next, before| {
                let touch = next.0 <= before.1;
                if touch {
                    before.1 = before.1.max(next.1);
                }
                touch
            });
        }
        Self(pieces)
    }

    fn overlaps(&self, w: &Window) -> bool {
        let pieces = &self.0[w.sequence as usize];
        let next = pieces.partition_point(|(_, end)| *end <= w.start);
        pieces.get(next).is_some_and(|(start, _)| *start < w.end)
    }
}

/// Negatives so far; none overlaps another.
#[derive(Default)]
struct Drawn(BTreeMap<(u32, u64), u64>);

impl Drawn {
    fn overlaps(&self, w: &Window) -> bool {
        let before = self.0.range(..(w.sequence, w.end)).next_back();
        before.is_some_and(|((sequence, _), end)| *sequence == w.sequence && *end > w.start)
    }

    fn insert(&mut self, w: &Window) {
        self.0.insert((w.sequence, w.start), w.end);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::path::PathBuf;

    use lingo_artifact::ByteSize;
    use lingo_artifact::bounded::Probability;
    use proptest::prelude::*;

    use super::*;

    fn genome(folder: &std::path::Path, sequences: &[String]) -> Genome {
        let path = folder.join("g.fa");
        let text: String = sequences
            .iter()
            .enumerate()
            .map(|(i, s)| format!(">s{i}\n{s}\n"))
            .collect();
        std::fs::write(&path, text).unwrap();
        Genome::open_with_cache(&path, 1 << 20, 1 << 20, None).unwrap()
    }

    fn random(stream: &mut Stream, length: usize, gc: f64) -> String {
        (0..length)
            .map(|_| match (stream.uniform() < gc, stream.below(2)) {
                (true, 0) => 'G',
                (true, _) => 'C',
                (false, 0) => 'A',
                (false, _) => 'T',
            })
            .collect()
    }

    fn positives(windows: &[Window]) -> Rows {
        let mut rows = Rows::new(vec![PathBuf::from("r.bed")], ByteSize::default());
        let label = rows.push_label("positive");
        for (i, window) in windows.iter().enumerate() {
            let row = Row {
                name: None,
                content: Content::Window(*window),
                label,
                line: i as u32 + 1,
                file: 0,
                split: None,
            };
            rows.push(row).unwrap();
        }
        rows
    }

    fn plan(per_positive: u32, tolerance: f64, margin: u64, seed: u64) -> NegativesPlan {
        NegativesPlan::Genomic(GenomicNegatives {
            per_positive: NonZeroU32::new(per_positive).unwrap(),
            gc_tolerance: Probability::try_from(tolerance).unwrap(),
            margin,
            label: "negative".into(),
            seed,
        })
    }

    fn window(sequence: u32, start: u64, end: u64) -> Window {
        Window {
            sequence,
            strand: Strand::Forward,
            start,
            end,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn windows_are_like_their_positives_and_away_from_them(seed: u64, gc in 2..8u32) {
            let folder = tempfile::tempdir().unwrap();
            let mut stream = Stream::new(seed, "test genome");
            let mut sequences: Vec<String> = (0..2).map(|_| random(&mut stream, 6000, f64::from(gc) / 10.0)).collect();
            sequences[0].replace_range(1000..1300, &"N".repeat(300));
            let genome = genome(folder.path(), &sequences);
            let all: Vec<Window> = (0..10u64)
                .map(|i| {
                    let (length, start) = (60 + stream.below(40) as u64, 500 * i + stream.below(300) as u64);
                    window((i % 2) as u32, start, start + length)
                })
                .filter(|w| !sequences[w.sequence as usize][w.start as usize..w.end as usize].contains('N'))
                .collect();
            let mut rows = positives(&all);
            let added = add(&mut rows, Some(&genome), &plan(2, 0.1, 25, seed)).unwrap();
            prop_assert_eq!(added as usize, 2 * all.len());
            let negatives: Vec<Window> = rows.all()[all.len()..].iter().filter_map(|r| rows.window(r)).collect();
            let mut bases = Vec::new();
            for (i, n) in negatives.iter().enumerate() {
                let p = all[i / 2];
                prop_assert_eq!(n.end - n.start, p.end - p.start);
                let (of_negative, gaps) = super::gc(&genome, *n, &mut bases).unwrap();
                prop_assert!(!gaps);
                prop_assert!((of_negative - super::gc(&genome, p, &mut bases).unwrap().0).abs() <= 0.1 + 1e-9);
                for p in &all {
                    prop_assert!(n.sequence != p.sequence || n.end + 25 <= p.start || p.end + 25 <= n.start);
                }
                for other in &negatives[..i] {
                    prop_assert!(n.sequence != other.sequence || n.end <= other.start || other.end <= n.start);
                }
            }
            let again = &mut positives(&all);
            add(again, Some(&genome), &plan(2, 0.1, 25, seed)).unwrap();
            let windows: Vec<Window> = again.all()[all.len()..].iter().filter_map(|r| again.window(r)).collect();
            prop_assert_eq!(windows, negatives);
        }
    }

    #[test]
    fn every_free_place_is_drawn_alike() {
        let folder = tempfile::tempdir().unwrap();
        let genome = genome(
            folder.path(),
            &["ACGT".repeat(3), "ACGTACGT".into(), "ACG".into()],
        );
        let mut places = Places::of(&genome);
        let mut stream = Stream::new(1, "places");
        let mut counts = BTreeMap::new();
        for _ in 0..14_000 {
            let w = places.draw(4, &mut stream).unwrap();
            *counts.entry((w.sequence, w.start)).or_insert(0u64) += 1;
        }
        // 9 places in 12 bases, 5 in 8, none in 3. 1,000 each expected, standard deviation about 30.
        let found: Vec<(u32, u64)> = counts.keys().copied().collect();
        let all: Vec<(u32, u64)> = (0..9)
            .map(|s| (0, s))
            .chain((0..5).map(|s| (1, s)))
            .collect();
        assert_eq!(found, all);
        assert!(
            counts.values().all(|n| n.abs_diff(1000) < 180),
            "{counts:?}"
        );
        assert!(places.draw(13, &mut stream).is_none());
    }

    #[test]
    fn what_cannot_be_found_is_told_with_counts() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{}{}", "A".repeat(400), "G".repeat(100));
        let genome = genome(folder.path(), &[text]);
        let told = |rows: &mut Rows, plan: &NegativesPlan| {
            add(rows, Some(&genome), plan).unwrap_err().to_string()
        };
        let message = told(&mut positives(&[window(0, 420, 480)]), &plan(1, 0.02, 0, 0));
        for expected in [
            "r.bed:1: no window of 60 bases and 100.0 % GC was found",
            "0 of 1 negatives",
            "lie on a positive",
            "raise `gc_tolerance`",
        ] {
            assert!(message.contains(expected), "{message}");
        }
        let mut rows = positives(&[window(0, 0, 60)]);
        let negative = rows.push_label("negative");
        let row = Row {
            label: negative,
            ..rows.all()[0]
        };
        rows.push(row).unwrap();
        let message = told(&mut rows, &plan(1, 0.02, 0, 0));
        assert!(
            message.contains("this row has the label `negative`"),
            "{message}"
        );
    }
}
