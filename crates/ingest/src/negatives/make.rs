//! Negatives where a source gives positives only: windows of the genome like them, or the positives shuffled.

use std::collections::BTreeMap;

use lingo_artifact::Strand;
use lingo_artifact::random::Stream;
use lingo_artifact::sequence_source::SequenceSource as _;
use lingo_artifact::shuffle::dinucleotide_shuffle;

use crate::config::genomes::GenomeFile;
use crate::config::ingest_config::IngestConfig;
use crate::config::negatives::{GenomicNegatives, NegativesPlan, ShuffledNegatives};
use crate::config::split::{FoldsBy, SplitPlan};
use crate::error::{Error, Result};
use crate::formats::bed::regions::{Regions, read_places};
use crate::genome::masked::Masked;
use crate::genome::reader::Genome;
use crate::rows::row::{Content, Row, Rows, Window};

/// What was made.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Made {
    /// Negatives.
    pub made: u64,
    /// Negatives for which no place was found.
    pub missing: u64,
    /// Why, of the first of them.
    pub reason: Option<String>,
}

/// Adds negatives to the rows, all of which are positives, in their order. The `split` of the section says which parts of
/// the genome must keep their balance.
///
/// # Errors
/// A source without a genome; no place for more than a tenth of the negatives; a row that is labelled as negatives are; an
/// `exclude` that cannot be read.
pub(crate) fn add(
    rows: &mut Rows,
    genome: Option<&Genome>,
    plan: &NegativesPlan,
    config: &IngestConfig,
) -> Result<Made> {
    let limit = config.max_uncompressed_bytes;
    let label = match plan {
        NegativesPlan::Genomic(p) => &p.label,
        NegativesPlan::Shuffle(p) => &p.label,
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
    let mut made = match plan {
        NegativesPlan::Genomic(p) => {
            let surroundings = Surroundings {
                areas: areas(config.split.as_ref(), genome),
                taken: taken(rows, genome, p, &config.blacklist, limit)?,
                masked: masked(genome, p, limit)?,
            };
            let negative = |content, row| Row {
                name: None,
                content,
                label,
                ..row
            };
            genomic(rows, genome, p, &surroundings, negative)?
        }
        NegativesPlan::Shuffle(p) => {
            shuffled(rows, genome, p, label)?;
            Made::default()
        }
    };
    made.made = (rows.all().len() - before) as u64;
    Ok(made)
}

/// What windows are drawn by.
struct Surroundings {
    areas: Vec<u32>,
    taken: Regions,
    /// Nothing where the FASTA marks no repeats.
    masked: Option<Masked>,
}

/// Where repeats are, if the FASTA says so and they are to count. A pipe cannot be read again, so it tells nothing.
fn masked(genome: &Genome, plan: &GenomicNegatives, limit: u64) -> Result<Option<Masked>> {
    if plan.repeat_tolerance.get() >= 1.0 || !genome.paths().all(|(path, _)| path.is_file()) {
        return Ok(None);
    }
    let mut masked = Masked::default();
    for (path, of) in genome.paths() {
        masked.read(path, limit, |name| genome.named(of, name))?;
    }
    let lengths = genome.sequences().iter().map(|(_, length)| *length);
    Ok(masked.tells(lengths).then_some(masked))
}

/// Which sequences of the genome are one area: the negatives of the positives in it are drawn from it. Of several genomes each is apart:
/// what tells their sequences from one another is not to be learnt.
fn areas(split: Option<&SplitPlan>, genome: &Genome) -> Vec<u32> {
    let areas = areas_of_split(split, genome);
    let parts = 1 + areas.iter().max().copied().unwrap_or(0);
    let each = areas.iter().enumerate();
    each.map(|(i, area)| genome.genome_of(i) as u32 * parts + area)
        .collect()
}

fn areas_of_split(split: Option<&SplitPlan>, genome: &Genome) -> Vec<u32> {
    let sequences = genome.sequences().iter();
    match split {
        Some(SplitPlan::Chromosomes(plan)) => sequences
            .map(|(name, _)| {
                let listed =
                    |names: &[String]| names.iter().any(|n| genome.index(n) == genome.index(name));
                if listed(&plan.dev) {
                    1
                } else if listed(&plan.test) {
                    2
                } else {
                    0
                }
            })
            .collect(),
        // Each chromosome's rows become so many times as many, so that the parts stay those of the positives.
        Some(SplitPlan::Folds(plan)) if plan.by == FoldsBy::Chromosome => {
            (0..sequences.len() as u32).collect()
        }
        _ => vec![0; sequences.len()],
    }
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
    Surroundings {
        areas,
        taken,
        masked,
    }: &Surroundings,
    negative: impl Fn(Content, Row) -> Row,
) -> Result<Made> {
    let mut drawn = Drawn::default();
    let mut stream = Stream::new(plan.seed, "genomic negatives");
    let mut places: BTreeMap<u32, Places> = BTreeMap::new();
    let mut bases = Vec::new();
    let total = rows.all().len() as u64 * u64::from(plan.per_positive.get());
    let mut found = 0u64;
    let mut made = Made::default();
    for i in 0..rows.all().len() {
        let row = rows.all()[i];
        let Some(positive) = rows.window(&row) else {
            continue;
        };
        genome.check_whole()?;
        let gc = gc(genome, positive, &mut bases)?.0;
        // With what `beyond_end: pad` put around it.
        let length = rows.length(&row);
        let repeats = |w: &Window| match masked {
            Some(masked) => masked.share(w.sequence, w.start, w.end),
            None => 0.0,
        };
        let masked_share = repeats(&positive);
        let area = areas[positive.sequence as usize];
        let places = places
            .entry(area)
            .or_insert_with(|| Places::of(genome, |i| areas[i] == area));
        if length > places.longest {
            return Err(rows.error(
                &row,
                format!("no sequence of {} has {length} bases", genome.shown()),
            ));
        }
        for _ in 0..plan.per_positive.get() {
            let mut rejected = Rejected::default();
            let window = loop {
                if rejected.all() == TRIES {
                    break None;
                }
                let Some(mut window) = places.draw(length, &mut stream) else {
                    rejected.ends += 1;
                    continue;
                };
                if taken.overlap(window.sequence, window.start, window.end) {
                    rejected.positives += 1;
                } else if drawn.overlaps(&window) {
                    rejected.negatives += 1;
                } else if (repeats(&window) - masked_share).abs()
                    > plan.repeat_tolerance.get() + 1e-12
                {
                    rejected.repeats += 1;
                } else {
                    let (share, gaps) = self::gc(genome, window, &mut bases)?;
                    if gaps {
                        rejected.gaps += 1;
                    } else if (share - gc).abs() > plan.gc_tolerance.get() + 1e-12 {
                        rejected.gc += 1;
                    } else {
                        window.strand = [Strand::Forward, Strand::Reverse][stream.below(2)];
                        break Some(window);
                    }
                }
            };
            let Some(window) = window else {
                made.missing += 1;
                let why = rejected.told(length, gc, plan, found, total);
                let error = rows.error(&row, why);
                // Where a hundred are missing and the others are no more than nine times as many, the rest is not tried.
                let hopeless = made.missing > 100 && made.missing * 10 > made.missing + found;
                if made.missing * 10 > total || hopeless {
                    return Err(error);
                }
                made.reason.get_or_insert_with(|| error.to_string());
                continue;
            };
            drawn.insert(&window);
            found += 1;
            rows.push(negative(Content::Window(window), row))?;
        }
    }
    Ok(made)
}

/// Why windows were not taken.
#[derive(Default)]
struct Rejected {
    positives: u64,
    negatives: u64,
    gaps: u64,
    repeats: u64,
    gc: u64,
    /// They would have left their sequence.
    ends: u64,
}

impl Rejected {
    fn all(&self) -> u64 {
        self.positives + self.negatives + self.gaps + self.repeats + self.gc + self.ends
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
            "no window of {length} bases and {:.1} % GC was found for this positive ({found} of {total} negatives were): of {TRIES} random windows {} lie on a positive, within {} bases of one or in `exclude`, {} on a negative, {} hold an N, {} leave their sequence, {} differ by more than {:.1} % in repeats, {} by more than {:.1} % in GC; raise `gc_tolerance` or `repeat_tolerance`, lower `margin` or `per_positive`, or take `shuffle`",
            100.0 * gc,
            self.positives,
            plan.margin,
            self.negatives,
            self.gaps,
            self.ends,
            self.repeats,
            100.0 * plan.repeat_tolerance.get(),
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

/// The sequences of an area, one behind the other.
struct Places {
    /// The number of each, and where it ends.
    ends: Vec<(u32, u64)>,
    longest: u64,
}

impl Places {
    fn of(genome: &Genome, within: impl Fn(usize) -> bool) -> Self {
        let (mut end, mut longest) = (0, 0);
        let lengths = genome.sequences().iter().enumerate();
        let ends = lengths
            .filter(|(i, _)| within(*i))
            .map(|(i, (_, length))| {
                end += length;
                longest = longest.max(*length);
                (i as u32, end)
            })
            .collect();
        Self { ends, longest }
    }

    /// A window, each as likely as any other; nothing where the place that was drawn has no room for it, which is likely only where
    /// most sequences are shorter.
    fn draw(&self, length: u64, stream: &mut Stream) -> Option<Window> {
        let all = usize::try_from(self.ends.last()?.1)
            .ok()
            .filter(|n| *n > 0)?;
        let place = stream.below(all) as u64;
        let i = self.ends.partition_point(|(_, end)| *end <= place);
        let begins = i.checked_sub(1).map_or(0, |before| self.ends[before].1);
        let (sequence, past) = self.ends[i];
        let start = place - begins;
        (place + length <= past).then_some(Window {
            sequence,
            strand: Strand::Forward,
            start,
            end: start + length,
        })
    }
}

/// Where positives lie, with a margin, and what is excluded.
fn taken(
    rows: &Rows,
    genome: &Genome,
    plan: &GenomicNegatives,
    blacklist: &[GenomeFile],
    limit: u64,
) -> Result<Regions> {
    let windows = rows.all().iter().filter_map(|row| rows.window(row));
    let windows = windows.map(|w| (w.sequence, w.start, w.end));
    let positives = windows
        .chain(rows.originals())
        .map(|(sequence, start, end)| {
            let start = start.saturating_sub(plan.margin);
            (sequence, start, end.saturating_add(plan.margin))
        });
    let excluded = read_places(&plan.exclude, genome, limit)?;
    let listed = read_places(blacklist, genome, limit)?;
    let all = positives.chain(excluded).chain(listed);
    Ok(Regions::new(genome, all))
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

    fn config() -> IngestConfig {
        let source =
            r#"{"source": {"bed": {"fasta": "g.fa", "beds": ["r.bed"], "label": {"column": 5}}}}"#;
        serde_json::from_str(source).unwrap()
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
            repeat_tolerance: Probability::try_from(0.1).unwrap(),
            margin,
            exclude: Vec::new(),
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
            let added = add(&mut rows, Some(&genome), &plan(2, 0.1, 25, seed), &config()).unwrap();
            prop_assert_eq!(added, Made { made: 2 * all.len() as u64, ..Made::default() });
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
            add(again, Some(&genome), &plan(2, 0.1, 25, seed), &config()).unwrap();
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
        let places = Places::of(&genome, |_| true);
        let mut stream = Stream::new(1, "places");
        let mut counts = BTreeMap::new();
        for _ in 0..23_000 {
            let Some(w) = places.draw(4, &mut stream) else {
                continue;
            };
            *counts.entry((w.sequence, w.start)).or_insert(0u64) += 1;
        }
        // Of 23 bases 9 may begin a window in the first sequence, 5 in the second, none in the third. 1,000 each expected, standard
        // deviation about 30.
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
        assert!((0..100).all(|_| places.draw(13, &mut stream).is_none()));
        assert_eq!(places.longest, 12);
    }

    #[test]
    fn what_cannot_be_found_is_told_with_counts() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{}{}", "A".repeat(400), "G".repeat(100));
        let genome = genome(folder.path(), &[text]);
        let told = |rows: &mut Rows, plan: &NegativesPlan| {
            add(rows, Some(&genome), plan, &config())
                .unwrap_err()
                .to_string()
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
