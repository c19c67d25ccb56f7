//! What is asked for: the options checked, the files opened, the rows counted.

use std::fs;
use std::path::{Path, PathBuf};

use lingo_artifact::LabelKind;
use lingo_artifact::digest::Digest;
use lingo_artifact::left_out;
use lingo_ingest::config::{DEFAULT_MAX_UNCOMPRESSED_BYTES, GenomeFile};
use lingo_ingest::{Genome, VariantOptions};
use lingo_workflow::{Error, Kind};
use tempfile::TempDir;

use super::items::{Cut, From, Item, Items, Row};
use super::mutants::{changed, changes};
use super::track::{is_track, out_of_order};
use crate::arguments::{Overlaps, Predict};
use crate::output::{Input, TABLES, check_out, no_fasta};
use crate::sequences::{contigs, genomes};

/// What cannot be done is told before anything is read.
///
/// # Errors
/// Options that contradict one another; a place where nothing can be written.
pub fn check(arguments: &Predict) -> Result<(), Error> {
    no_fasta(arguments.format)?;
    let usage = |message: String| Err(Error::stage(Kind::Usage, message));
    let mut endings: Vec<&str> = TABLES.to_vec();
    endings.extend(["bed", "bedgraph", "bg", "bw", "bigwig"]);
    for out in &arguments.out {
        check_out(out, &endings)?;
        let ending = out.extension().unwrap_or_default().to_string_lossy();
        if !arguments.vcf.is_empty() && (is_track(out) || ending == "bed") {
            return usage(format!(
                "--out {}: what variants do is written as a table; use .tsv, .csv or .parquet",
                out.display()
            ));
        }
        if arguments.mutagenesis && ending == "bed" {
            return usage(format!(
                "--out {}: what changes do is written as a table (.tsv, .csv, .parquet) or as a track (.bedgraph, .bw)",
                out.display()
            ));
        }
        if is_track(out) && arguments.fasta.is_empty() {
            return usage(format!(
                "--out {}: a track needs a genome; give --fasta, with --width or --bed, instead of --input",
                out.display()
            ));
        }
    }
    if let Some(out) = repeated(&arguments.out) {
        return usage(format!("--out {}: given twice", out.display()));
    }
    if let Some(path) = &arguments.logo {
        check_out(path, &["svg"])?;
    }
    if let (Some(width), Some(stride)) = (arguments.width, arguments.stride)
        && stride > width
    {
        return usage(format!(
            "--stride {stride} is more than --width {width}: the bases between two windows would be in none; give at most {width}"
        ));
    }
    let repeated_adapter = repeated(&arguments.adapter);
    if let Some(adapter) = repeated_adapter {
        return usage(format!("--adapter {}: given twice", adapter.display()));
    }
    Ok(())
}

fn repeated(paths: &[PathBuf]) -> Option<&PathBuf> {
    let mut rest = paths.iter();
    while let Some(path) = rest.next() {
        if rest.as_slice().contains(path) {
            return Some(path);
        }
    }
    None
}

/// What is predicted on, opened.
pub struct Request {
    pub items: Items,
    /// Whether every change of one base is predicted, too.
    pub mutagenesis: bool,
    /// Which bases of a track a window speaks for.
    pub share: Share,
    /// Every file that is read.
    files: Vec<PathBuf>,
    /// What came through a pipe can be read once only, and is kept here.
    _kept: Vec<TempDir>,
    _stdin: Option<Input>,
}

/// The part of a window that it speaks for in a track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// All of it; a base gets the mean of the windows over it.
    Whole,
    /// So many bases behind its first so many.
    Centre { before: u64, bases: u64 },
}

impl Share {
    /// What an interval speaks for.
    pub fn of(self, start: u64, end: u64) -> (u64, u64) {
        match self {
            Self::Whole => (start, end),
            Self::Centre { before, bases } => {
                let first = (start + before).min(end);
                (first, (first + bases).min(end))
            }
        }
    }

    /// About how many bases an item of a track has.
    pub fn typical(self, width: u64) -> u64 {
        match self {
            Self::Whole => width,
            Self::Centre { bases, .. } => bases,
        }
    }
}

/// What was counted before the work begins.
#[derive(Debug, Default)]
pub struct Census {
    /// Sequences that are predicted.
    pub sequences: u64,
    /// Whether any row has a place.
    pub places: bool,
    /// Whether the rows have labels.
    pub labels: bool,
    /// What was left out.
    pub left_out: Vec<(&'static str, u64)>,
}

impl Request {
    /// Opens the files.
    ///
    /// # Errors
    /// One that cannot be read.
    pub fn open(arguments: &Predict, labels: &LabelKind) -> Result<Self, Error> {
        let mut kept = Vec::new();
        let mut stdin = None;
        let mut files = Vec::new();
        let mut again = |all: &[GenomeFile], files: &mut Vec<PathBuf>| {
            let mut all = all.to_vec();
            for file in &mut all {
                if let Some(path) = file.path_mut() {
                    *path = readable_again(path, &mut kept)?;
                    files.push(path.clone());
                }
            }
            Ok::<_, Error>(all)
        };
        let genome = match arguments.fasta.as_slice() {
            [] => None,
            fasta => {
                files.extend(fasta.iter().map(|file| file.path().to_path_buf()));
                let genomes = genomes(fasta)?;
                let limit = DEFAULT_MAX_UNCOMPRESSED_BYTES;
                let aliases = arguments.contig_aliases.as_deref();
                files.extend(aliases.map(Path::to_path_buf));
                let contigs = contigs(aliases, &arguments.skip_contigs)?;
                Some(Genome::open_by_windows(&genomes, &contigs, limit)?)
            }
        };
        let width = arguments.width.map(|w| u64::from(w.get()));
        let stride = arguments.stride.map(|s| u64::from(s.get())).or(width);
        let from = match &arguments.input {
            Some(input) => {
                let opened = Input::open(input, arguments.format)?;
                let path = opened.path().to_path_buf();
                stdin = Some(opened);
                let path = readable_again(&path, &mut kept)?;
                files.push(path.clone());
                From::Examples {
                    path,
                    labels: labels.clone(),
                }
            }
            None if !arguments.vcf.is_empty() => From::Variants {
                files: again(&arguments.vcf, &mut files)?,
                options: VariantOptions {
                    width: arguments.width.unwrap_or(std::num::NonZeroU32::MIN),
                    normalise: !arguments.as_written,
                    skip_ref_mismatch: arguments.skip_ref_mismatch,
                    skip_odd_alleles: arguments.skip_odd_alleles,
                    limit: DEFAULT_MAX_UNCOMPRESSED_BYTES,
                },
            },
            None if !arguments.bed.is_empty() => From::Beds {
                files: again(&arguments.bed, &mut files)?,
                width: arguments.width,
                stranded: !arguments.unstranded,
            },
            None => From::Windows(
                width
                    .zip(stride)
                    .map(|(width, stride)| Cut { width, stride }),
            ),
        };
        let default = match arguments.bed.is_empty() {
            true => Overlaps::Centre,
            false => Overlaps::Mean,
        };
        let share = match (arguments.overlaps.unwrap_or(default), width.zip(stride)) {
            (Overlaps::Centre, Some((width, stride))) => Share::Centre {
                before: (width - stride) / 2,
                bases: stride,
            },
            _ => Share::Whole,
        };
        Ok(Self {
            items: Items { genome, from },
            mutagenesis: arguments.mutagenesis,
            share,
            files,
            _kept: kept,
            _stdin: stdin,
        })
    }

    /// The hash of every file; nothing where one can be read once only.
    ///
    /// # Errors
    /// One that cannot be read.
    pub fn inputs(&self) -> Result<Option<Vec<Digest>>, Error> {
        if !self.files.iter().all(|file| file.is_file()) {
            return Ok(None);
        }
        let hashes = self.files.iter().map(|file| Ok(Digest::of_file(file)?.0));
        hashes.collect::<Result<_, Error>>().map(Some)
    }

    /// Goes through everything once: what cannot be predicted or written is told before the work begins.
    ///
    /// # Errors
    /// What is wrong with a file; rows that do not go into what is to be written.
    pub fn census(&self, arguments: &Predict) -> Result<Census, Error> {
        let mut census = Census::default();
        let (mut unlabelled, mut has_logo) = (0u64, false);
        let mut order = Order::default();
        let placed = arguments.out.iter().find(|out| {
            let is_bed = out.extension().is_some_and(|e| e == "bed");
            is_bed || is_track(out)
        });
        let track = arguments.out.iter().any(|out| is_track(out));
        let genome = self.items.genome.as_ref();
        let left_out = self.items.each(|item| {
            let row = match &item {
                Item::Row(row) => row,
                Item::Variant(_) => {
                    census.sequences += 2;
                    return Ok(());
                }
            };
            census.sequences += match self.mutagenesis {
                true => self.sequences_of(row, genome)?,
                false => 1,
            };
            census.places |= row.interval.is_some();
            has_logo |= arguments.logo_of.as_deref() == Some(row.id.as_str());
            match row.label {
                Some(_) => census.labels = true,
                None => unlabelled += 1,
            }
            match (&row.interval, placed) {
                (None, Some(out)) => Err(Error::stage(
                    Kind::Usage,
                    format!(
                        "--out {}: these examples carry no intervals; write a table (.tsv, .csv, .parquet)",
                        out.display()
                    ),
                )),
                (Some(interval), _) if track => {
                    let (start, end) = self.share.of(interval.start, interval.end);
                    order.check(&interval.chrom, start, end, self.mutagenesis)
                }
                _ => Ok(()),
            }
        })?;
        census.left_out = left_out;
        if census.sequences == 0 {
            let left_out = census.left_out.iter();
            let left_out = left_out.map(|(key, n)| match *key {
                "outside" => format!("; {n} windows would leave their chromosome"),
                key => format!("; left out: {n} {}", left_out::words(key, *n)),
            });
            let message = format!(
                "there is no sequence to predict on{}",
                left_out.collect::<String>()
            );
            return Err(Error::stage(Kind::Input, message));
        }
        if let Some(name) = arguments.logo_of.as_ref().filter(|_| !has_logo) {
            let message = format!("--logo-of {name}: no window has this name");
            return Err(Error::stage(Kind::Input, message));
        }
        // A table is scored as a whole, or not at all.
        census.labels &= unlabelled == 0;
        Ok(census)
    }

    fn sequences_of(&self, row: &Row, genome: Option<&Genome>) -> Result<u64, Error> {
        if row
            .text
            .as_ref()
            .is_some_and(|(_, second)| second.is_some())
        {
            let message = format!(
                "--mutagenesis: `{}` is a pair of sequences; changes are made in single ones",
                row.id
            );
            return Err(Error::stage(Kind::Usage, message));
        }
        Ok(1 + changes(&row.bases(genome)?).count() as u64)
    }

    /// Hands on every sequence that is predicted, with its length: of an item all of them, one behind the other.
    ///
    /// # Errors
    /// As [`Items::each`].
    pub fn each_sequence(
        &self,
        mut take: impl FnMut(Row, u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let genome = self.items.genome.as_ref();
        self.items
            .each(|item| match item {
                Item::Variant(variant) => {
                    let name = format!("{}:{}", variant.chrom, variant.position + 1);
                    variant.sequences.into_iter().try_for_each(|text| {
                        let length = text.len() as u64;
                        take(Row::of_text(name.clone(), text), length)
                    })
                }
                Item::Row(row) if self.mutagenesis => {
                    let bases = row.bases(genome)?.into_owned();
                    let (name, length) = (row.id.clone(), bases.len() as u64);
                    take(row, length)?;
                    changes(&bases).try_for_each(|change| {
                        take(Row::of_text(name.clone(), changed(&bases, change)), length)
                    })
                }
                Item::Row(row) => {
                    let length = match (&row.text, &row.interval) {
                        (Some((first, second)), _) => {
                            first.len() + second.as_ref().map_or(0, String::len)
                        }
                        (None, Some(interval)) => (interval.end - interval.start) as usize,
                        (None, None) => 0,
                    };
                    take(row, length as u64)
                }
            })
            .map(|_| ())
    }
}

/// Whether the intervals of a track come in order.
#[derive(Default)]
struct Order {
    chrom: String,
    done: std::collections::HashSet<String>,
    start: u64,
    end: u64,
}

impl Order {
    fn check(&mut self, chrom: &str, start: u64, end: u64, apart: bool) -> Result<(), Error> {
        if chrom != self.chrom {
            self.done
                .insert(std::mem::replace(&mut self.chrom, chrom.to_string()));
            if self.done.contains(chrom) {
                return Err(out_of_order(chrom, start));
            }
            (self.start, self.end) = (0, 0);
        }
        if start < self.start {
            return Err(out_of_order(chrom, start));
        }
        if apart && start < self.end {
            let message = format!(
                "{chrom}:{start}: a track of changes needs windows that do not share bases, and this one begins within the one above it; write a table, or give --width and --stride with --overlaps centre"
            );
            return Err(Error::stage(Kind::Input, message));
        }
        (self.start, self.end) = (start, self.end.max(end));
        Ok(())
    }
}

/// A file that can be read several times: the file itself, or a copy of what comes through a pipe.
fn readable_again(path: &Path, kept: &mut Vec<TempDir>) -> Result<PathBuf, Error> {
    if !path.exists() || path.is_file() {
        return Ok(path.to_path_buf());
    }
    let failed = |e| Error::from(lingo_artifact::Error::io("read", path)(e));
    let folder = tempfile::tempdir().map_err(failed)?;
    let copy = folder.path().join(path.file_name().unwrap_or_default());
    let mut to = fs::File::create(&copy).map_err(failed)?;
    let mut from = fs::File::open(path).map_err(failed)?;
    std::io::copy(&mut from, &mut to).map_err(failed)?;
    kept.push(folder);
    Ok(copy)
}
