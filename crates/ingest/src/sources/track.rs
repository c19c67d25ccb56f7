//! A signal track as the target: the mean, the highest value or the sum over each window, of bigWig or bedGraph.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use lingo_artifact::progress::Progress;
use lingo_artifact::sequence_source::SequenceSource as _;

use crate::config::ingest_config::IngestConfig;
use crate::config::sources::{Statistic, TrackLabel};
use crate::error::{Error, Result};
use crate::formats::bedgraph::Stretches;
use crate::formats::bigwig::BigWig;
use crate::formats::{bedgraph, bigwig};
use crate::genome::reader::Genome;
use crate::rows::labels::LabelColumn;
use crate::rows::row::{Rows, Window};

/// The value of each row.
///
/// # Errors
/// A track that cannot be read, none of whose sequences is one of the genome's, or that is of another assembly; with file and line of the row:
/// a value whose logarithm there is not.
pub(crate) fn values(
    label: &TrackLabel,
    config: &IngestConfig,
    rows: &Rows,
    genome: &Genome,
    progress: &dyn Progress,
) -> Result<LabelColumn> {
    let mut track = Track::open(&label.file, config, genome)?;
    let mut unknown: BTreeMap<u32, u64> = BTreeMap::new();
    let all = rows.all();
    let mut values = vec![0.0; all.len()];
    // In the order of the genome neighbours lie in the same blocks.
    let mut order: Vec<u32> = (0..all.len() as u32).collect();
    let place = |i: &u32| {
        let window = rows.window(&all[*i as usize]);
        window.map_or((0, 0), |w| (w.sequence, w.start))
    };
    order.sort_by_key(place);
    for i in order {
        let row = &all[i as usize];
        let Some(window) = rows.window(row) else {
            continue;
        };
        if !track.has(window.sequence) {
            *unknown.entry(window.sequence).or_default() += 1;
        }
        let mut over = Over::default();
        track.each(window, |bases, value| over.add(bases, value))?;
        // What lies beyond the chromosome has no signal, as has a base without a value.
        let mut value = over.value(label.statistic, rows.length(row));
        if label.log1p {
            if value <= -1.0 {
                return Err(rows.error(
                    row,
                    format!("the track has {value} here, and 1 more than that has no logarithm; leave `log1p` out"),
                ));
            }
            value = value.ln_1p();
        }
        values[i as usize] = value as f32;
    }
    if let Some((sequence, _)) = unknown.first_key_value() {
        progress.say(&format!(
            "warning: {} of {} rows lie on sequences that the track {} does not have, such as `{}`: their value is 0",
            unknown.values().sum::<u64>(),
            all.len(),
            label.file.display(),
            genome.sequences()[*sequence as usize].0
        ));
    }
    Ok(LabelColumn::Values(values))
}

/// What a window holds.
#[derive(Default)]
struct Over {
    sum: f64,
    highest: Option<f64>,
    bases: u64,
}

impl Over {
    fn add(&mut self, bases: u64, value: f64) {
        self.sum += bases as f64 * value;
        self.bases += bases;
        self.highest = Some(self.highest.map_or(value, |highest| highest.max(value)));
    }

    /// Bases without a value count as 0.
    fn value(&self, statistic: Statistic, length: u64) -> f64 {
        match statistic {
            Statistic::Sum => self.sum,
            Statistic::Mean => self.sum / length.max(1) as f64,
            Statistic::Max => {
                let highest = self.highest.unwrap_or(0.0);
                match self.bases < length {
                    true => highest.max(0.0),
                    false => highest,
                }
            }
        }
    }
}

/// An open track.
enum Track {
    BigWig {
        reader: Box<BigWig>,
        /// The number that the file has for each sequence of the genome.
        numbers: HashMap<u32, u32>,
    },
    BedGraph(HashMap<u32, Stretches>),
}

impl Track {
    fn open(path: &Path, config: &IngestConfig, genome: &Genome) -> Result<Self> {
        if is_bigwig(path)? {
            let reader = BigWig::open(path, config.max_memory)?;
            let sequences = reader.sequences.iter();
            let lengths: Vec<(String, Option<u64>)> = sequences
                .map(|(name, _, length)| (name.clone(), Some(u64::from(*length))))
                .collect();
            let names = known(path, genome, &lengths)?;
            let of_name: HashMap<&String, u32> = reader
                .sequences
                .iter()
                .map(|(name, number, _)| (name, *number))
                .collect();
            let numbers = names
                .iter()
                .filter_map(|(sequence, name)| Some((*sequence, *of_name.get(name)?)))
                .collect();
            return Ok(Self::BigWig {
                reader: Box::new(reader),
                numbers,
            });
        }
        let mut all = bedgraph::read(path, config.max_uncompressed_bytes, config.max_memory)?;
        let mut lengths: Vec<(String, Option<u64>)> =
            all.keys().map(|name| (name.clone(), None)).collect();
        lengths.sort();
        let names = known(path, genome, &lengths)?;
        let mut of_genome = HashMap::new();
        for (sequence, name) in names {
            let stretches = all.remove(name).unwrap_or_default();
            let length = genome.sequences()[sequence as usize].1;
            if let Some((start, end, _)) = stretches.last().filter(|s| u64::from(s.1) > length) {
                return Err(Error::file(
                    path,
                    format!(
                        "{name}:{start}-{end} lies beyond the {length} bases of the sequence; is this track of another assembly?"
                    ),
                ));
            }
            of_genome.insert(sequence, stretches);
        }
        Ok(Self::BedGraph(of_genome))
    }

    /// Whether the track has a sequence of the genome.
    fn has(&self, sequence: u32) -> bool {
        match self {
            Self::BigWig { numbers, .. } => numbers.contains_key(&sequence),
            Self::BedGraph(all) => all.contains_key(&sequence),
        }
    }

    /// Hands on each stretch of a window that has a value: its bases, and the value.
    fn each(&mut self, window: Window, mut take: impl FnMut(u64, f64)) -> Result<()> {
        let place = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
        let (start, end) = (place(window.start), place(window.end));
        let mut within = |(from, to, value): (u32, u32, f32)| {
            let (from, to) = (from.max(start), to.min(end));
            if from < to && !value.is_nan() {
                take(u64::from(to - from), f64::from(value));
            }
        };
        match self {
            Self::BedGraph(all) => {
                let stretches = all.get(&window.sequence).map_or(&[][..], Vec::as_slice);
                let first = stretches.partition_point(|(_, to, _)| *to <= start);
                let rest = stretches[first..].iter();
                rest.take_while(|(from, _, _)| *from < end)
                    .for_each(|stretch| within(*stretch));
            }
            Self::BigWig { reader, numbers } => {
                let Some(number) = numbers.get(&window.sequence) else {
                    return Ok(());
                };
                reader.each(*number, start, end, within)?;
            }
        }
        Ok(())
    }
}

/// Which sequences of the genome a track has, under its own names.
///
/// # Errors
/// None; two names of one sequence; another length.
fn known<'a>(
    path: &Path,
    genome: &Genome,
    lengths: &'a [(String, Option<u64>)],
) -> Result<HashMap<u32, &'a String>> {
    let mut names: HashMap<u32, &String> = HashMap::new();
    for (name, length) in lengths {
        let Some(sequence) = genome.index(name) else {
            continue;
        };
        let of_genome = genome.sequences()[sequence].1;
        if let Some(length) = length.filter(|length| *length != of_genome) {
            return Err(Error::file(
                path,
                format!(
                    "`{name}` has {length} bases here and {of_genome} in {}; is this track of another assembly?",
                    genome.shown()
                ),
            ));
        }
        if let Some(other) = names.insert(sequence as u32, name) {
            return Err(Error::file(
                path,
                format!("`{other}` and `{name}` are names of the same sequence"),
            ));
        }
    }
    match lengths.first() {
        Some((first, _)) if names.is_empty() => Err(Error::file(path, genome.unknown(first))),
        None => Err(Error::file(path, "the track has no sequence")),
        _ => Ok(names),
    }
}

/// Whether a file is a bigWig, of either order of bytes.
///
/// # Errors
/// A bigBed; a file that cannot be read.
fn is_bigwig(path: &Path) -> Result<bool> {
    // A pipe can be read once only, and a bigWig is read here and there.
    if !path.is_file() {
        return Ok(false);
    }
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(4).read_to_end(&mut head))
        .map_err(Error::read(path))?;
    match head.as_slice() {
        [0xeb, 0xf2, 0x89, 0x87] | [0x87, 0x89, 0xf2, 0xeb] => Err(Error::file(
            path,
            "this is bigBed, which has no signal; a track is bigWig or bedGraph",
        )),
        head => Ok(bigwig::is_big_endian(head).is_some()),
    }
}
