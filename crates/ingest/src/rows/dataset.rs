//! A labelled, split and audited data set whose sequences are fetched only when they are looked at.
//!
//! Rows stand in the order of the output: train, dev, test. Sequences are fetched in pieces, a piece by one thread into one buffer;
//! pieces are put together in order, so that any number of threads gives the same bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use lingo_artifact::digest::Digest;
use lingo_artifact::example::{Example, Examples, ExamplesMetadata, Interval, SourceHash};
use lingo_artifact::example::{ExampleFormat, ExampleRef, ParquetStream, Shape, TextEncoder};
use lingo_artifact::sequence_source::SequenceSource as _;
use lingo_artifact::{ByteSize, LabelKind, Split, Strand, atomic};
use rayon::prelude::*;

use crate::input;
use crate::rows::labels::LabelColumn;
use crate::rows::row::{Content, Padding, Row, Rows, TextId, Window};
use lingo_artifact::audit::Audit;

use crate::error::{Error, Result};
use crate::genome::reader::Genome;

/// What a task's examples are, before any file of them is written.
#[derive(Debug)]
pub struct DataSet {
    pub(crate) rows: Rows,
    pub(crate) genome: Option<Genome>,
    pub(crate) kind: LabelKind,
    /// Of each row, in the order of the files.
    pub(crate) labels: LabelColumn,
    /// Of each row, in the order of the files.
    pub(crate) splits: Vec<Split>,
    /// The rows in the order of the output.
    pub(crate) order: Vec<u32>,
    pub(crate) audit: Option<Audit>,
    /// What the source left out, and how often.
    pub(crate) left_out: Vec<LeftOut>,
    /// The files that go into the metadata.
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) max_memory: ByteSize,
}

/// What a source left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Its name in the audit, for which [`lingo_artifact::left_out`] has words.
    pub(crate) key: &'static str,
    /// How many.
    pub(crate) rows: u64,
}

/// The sequences of some rows, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// Which places of the output.
    places: Range<usize>,
    bases: Vec<u8>,
    /// Where each sequence ends; for pairs, two for each row.
    ends: Vec<usize>,
}

/// Bases that one thread fetches at a time: they stay in its cache, and are written at one stroke.
const PIECE: u64 = 1 << 18;
/// Pieces that are made while those before them are written, for each thread.
const PIECES_PER_THREAD: u64 = 4;
/// How many rows ahead the genome is asked for what they need.
const AHEAD: usize = 4;
/// Rows that one thread takes at a time.
const PIECE_ROWS: usize = 1 << 12;
/// The largest row group, in bases.
const GROUP: u64 = 16 << 20;

impl DataSet {
    /// How many examples there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Rows in train, dev and test.
    pub fn counts(&self) -> [u64; 3] {
        let mut counts = [0; 3];
        for place in &self.order {
            counts[self.splits[*place as usize] as usize] += 1;
        }
        counts
    }

    /// The places of train, dev and test in the output.
    pub(crate) fn places(&self) -> [Range<usize>; 3] {
        let [train, dev, test] = self.counts().map(|rows| rows as usize);
        [
            0..train,
            train..train + dev,
            train + dev..train + dev + test,
        ]
    }

    /// How many sequences the rows have: one each, or two where they are pairs.
    pub(crate) fn sequences(&self) -> usize {
        self.len() * (1 + usize::from(self.rows.traits().pairs))
    }

    /// Bases of all sequences.
    pub(crate) fn bases(&self) -> u64 {
        let rows = self
            .order
            .iter()
            .map(|number| &self.rows.all()[*number as usize]);
        rows.map(|row| self.rows.length(row)).sum()
    }

    /// What the labels are.
    pub fn labels(&self) -> &LabelKind {
        &self.kind
    }

    /// What stands beside the rows; the sources are hashed for it.
    ///
    /// # Errors
    /// A source that cannot be read.
    pub fn metadata(&self) -> Result<ExamplesMetadata> {
        Ok(ExamplesMetadata {
            labels: self.kind.clone(),
            sources: self
                .sources
                .iter()
                .map(|path| source_hash(path))
                .collect::<Result<_>>()?,
            audit: self.audit_json()?,
        })
    }

    /// The [`Audit`] as JSON.
    ///
    /// # Errors
    /// None that is known.
    pub fn audit_json(&self) -> Result<serde_json::Value> {
        let failed = |e| Error::Data(format!("the audit cannot be written as JSON: {e}"));
        let audit = self.audit.as_ref().map(|audit| Audit {
            left_out: self.left_out(),
            ..audit.clone()
        });
        serde_json::to_value(audit).map_err(failed)
    }

    /// What the source left out, by its name in the audit.
    pub(crate) fn left_out(&self) -> BTreeMap<String, u64> {
        let counted = self.left_out.iter();
        counted.map(|l| (l.key.to_string(), l.rows)).collect()
    }

    /// Writes `.parquet`, `.csv`, `.tsv` or `.fa` atomically, row group by row group.
    ///
    /// # Errors
    /// An unknown ending; what fetching and writing say.
    pub fn write(&self, path: &Path) -> Result<()> {
        let format = ExampleFormat::of_path(path)?;
        atomic::write(path, |out| self.write_to(path, format, out))
    }

    /// As [`DataSet::write`], to anything that takes bytes; `path` is what errors name.
    ///
    /// # Errors
    /// As [`DataSet::write`].
    pub fn write_to(
        &self,
        path: &Path,
        format: ExampleFormat,
        mut out: impl Write + Send,
    ) -> Result<()> {
        let shape = self.shape();
        if let Some(encoder) = TextEncoder::new(path, format, &self.kind, shape) {
            let failed = |e| lingo_artifact::Error::io("write", path)(e);
            out.write_all(&encoder.header()).map_err(failed)?;
            let encode = |piece: &Piece, text: &mut Vec<u8>| {
                text.clear();
                encoder.encode(self.examples_of(piece), piece.places.start, text)?;
                Ok(())
            };
            let mut write = |text: &Vec<u8>| {
                out.write_all(text).map_err(failed)?;
                Ok(())
            };
            self.in_order(encode, &mut write)?;
            return Ok(out.flush().map_err(failed)?);
        }
        let mut stream = ParquetStream::new(path, &self.metadata()?, shape, out)?;
        for group in self.cut(0..self.len(), self.group(), usize::MAX) {
            let pieces: Vec<Piece> = self
                .pieces(group)
                .into_par_iter()
                .map(|places| {
                    let mut piece = Piece::default();
                    self.fetch(places, &mut piece)?;
                    Ok(piece)
                })
                .collect::<Result<_>>()?;
            let rows: Vec<ExampleRef> = pieces.iter().flat_map(|p| self.examples_of(p)).collect();
            stream.write(&rows)?;
        }
        Ok(stream.finish()?)
    }

    /// All examples in memory.
    ///
    /// # Errors
    /// What fetching says.
    pub fn examples(&self) -> Result<Examples> {
        let mut rows = Vec::with_capacity(self.len());
        let mut piece = Piece::default();
        for places in self.pieces(0..self.len()) {
            self.fetch(places, &mut piece)?;
            let text = |bases: &[u8]| String::from_utf8_lossy(bases).into_owned();
            rows.extend(self.examples_of(&piece).map(|e| Example {
                id: e.id.into_owned(),
                split: e.split,
                sequence: text(e.sequence),
                sequence2: e.sequence2.map(text),
                label: e.label,
                interval: e.interval.map(|(chrom, start, end, strand)| Interval {
                    chrom: chrom.to_string(),
                    start,
                    end,
                    strand,
                }),
            }));
        }
        Ok(Examples {
            rows,
            metadata: self.metadata()?,
        })
    }

    /// Fetches all sequences piece by piece, lets many threads make something of each, and one take what was made, in order.
    ///
    /// `make` gets what it made of an earlier piece, so that its memory is used again.
    pub(crate) fn in_order<T: Default + Send + Sync>(
        &self,
        make: impl Fn(&Piece, &mut T) -> Result<()> + Send + Sync,
        take: &mut (impl FnMut(&T) -> Result<()> + Send),
    ) -> Result<()> {
        // From outside of the pool each step would wake it and wait for it.
        rayon::scope(|_| self.in_order_of_pool(make, take))
    }

    fn in_order_of_pool<T: Default + Send + Sync>(
        &self,
        make: impl Fn(&Piece, &mut T) -> Result<()> + Sync,
        take: &mut (impl FnMut(&T) -> Result<()> + Send),
    ) -> Result<()> {
        let threads = rayon::current_num_threads() as u64;
        let most = self.group().min(PIECE * PIECES_PER_THREAD * threads);
        let fill = |group: Range<usize>, slots: &mut Vec<(Piece, T)>| -> Result<usize> {
            let pieces = self.pieces(group);
            if slots.len() < pieces.len() {
                slots.resize_with(pieces.len(), Default::default);
            }
            slots
                .par_iter_mut()
                .zip(&pieces)
                .try_for_each(|((piece, made), places)| {
                    self.fetch(places.clone(), piece)?;
                    make(piece, made)
                })?;
            Ok(pieces.len())
        };
        let mut empty = |slots: &[(Piece, T)]| slots.iter().try_for_each(|(_, made)| take(made));
        let (mut ready, mut next) = (Vec::new(), Vec::new());
        let mut filled = 0;
        // One thread takes a group, and looks where the one after the next ends, while the others make the next.
        let mut groups = self.cut(0..self.len(), most, usize::MAX);
        let mut group = groups.next();
        while let Some(places) = group {
            let ((taken, following), made) = rayon::join(
                || (empty(&ready[..filled]), groups.next()),
                || fill(places, &mut next),
            );
            taken?;
            filled = made?;
            group = following;
            std::mem::swap(&mut ready, &mut next);
        }
        empty(&ready[..filled])
    }

    /// The rows of a fetched piece.
    pub(crate) fn examples_of<'a>(
        &'a self,
        piece: &'a Piece,
    ) -> impl Iterator<Item = ExampleRef<'a>> {
        let mut sequences = piece.sequences();
        piece.places.clone().map(move |place| {
            let number = self.order[place] as usize;
            let row = &self.rows.all()[number];
            let split = self.splits[number];
            let sequence = sequences.next().unwrap_or_default();
            let sequence2 = row.is_pair().then(|| sequences.next()).flatten();
            let interval = self.rows.window(row).map(|w| {
                let chrom = self.chromosome(w.sequence);
                (chrom, w.start, w.end, w.strand)
            });
            ExampleRef {
                id: self.id(row, split),
                split,
                sequence,
                sequence2,
                label: self.labels.get(number),
                interval,
            }
        })
    }

    /// What an example is called.
    pub(crate) fn id(&self, row: &Row, split: Split) -> Cow<'_, str> {
        match (row.name, row.content, self.rows.window(row)) {
            (Some(name), ..) => Cow::Borrowed(self.rows.texts.get(name)),
            (None, Content::Text { number, .. }, _) => Cow::Owned(format!("{split}:{number}")),
            (None, _, Some(w)) => Cow::Owned(format!(
                "{}:{}-{}({})",
                self.chromosome(w.sequence),
                w.start,
                w.end,
                w.strand
            )),
            (None, _, None) => Cow::Borrowed(""),
        }
    }

    /// The id of the row at a place of the output, and where it lies.
    pub(crate) fn called(&self, place: usize) -> (String, String) {
        let number = self.order[place] as usize;
        let row = &self.rows.all()[number];
        let lies = self.rows.window(row).map_or(String::new(), |w| {
            let chrom = self.chromosome(w.sequence);
            format!("{chrom}:{}-{}({})", w.start, w.end, w.strand)
        });
        (self.id(row, self.splits[number]).into_owned(), lies)
    }

    fn chromosome(&self, sequence: u32) -> &str {
        self.genome
            .as_ref()
            .and_then(|genome| genome.sequences().get(sequence as usize))
            .map_or("", |(name, _)| name)
    }

    /// Fetches the sequences of some places of the output.
    fn fetch(&self, places: Range<usize>, piece: &mut Piece) -> Result<()> {
        piece.places = places.clone();
        piece.bases.clear();
        piece.ends.clear();
        if let Some(genome) = &self.genome {
            genome.check_whole()?;
        }
        for place in places.clone() {
            if let (Some(genome), Some(number)) =
                (&self.genome, self.order[..places.end].get(place + AHEAD))
                && let Content::Window(w) = self.rows.all()[*number as usize].content
            {
                genome.prefetch(w.sequence as usize, w.start, w.end);
            }
            let number = self.order[place] as usize;
            self.append(&self.rows.all()[number], piece)?;
        }
        Ok(())
    }

    fn append(&self, row: &Row, piece: &mut Piece) -> Result<()> {
        match row.content {
            Content::Window(window) => self.append_window(window, piece)?,
            Content::Padded(number) => self.append_padded(self.rows.padding(number), piece)?,
            Content::Edited(number) => {
                let edit = self.rows.edit(number);
                let first = piece.bases.len();
                self.append_padded(&edit.lies, piece)?;
                piece.ends.push(piece.bases.len());
                // The bases before the variant, the variant, and what the genome has behind it, to the same length.
                let width = piece.bases.len() - first;
                let before = edit.before as usize;
                let alternate = self.rows.texts.get(edit.alternate).as_bytes();
                piece.bases.extend_from_within(first..first + before);
                piece.bases.extend_from_slice(alternate);
                let window = edit.lies.window;
                let within = u64::from(edit.before) - u64::from(edit.lies.before);
                let behind = window.start + within + u64::from(edit.replaced);
                let missing = width.saturating_sub(before + alternate.len());
                let genome = self.genome.as_ref();
                let sequence = genome.and_then(|g| g.sequences().get(window.sequence as usize));
                let length = sequence.map_or(0, |(_, length)| *length);
                let rest = Window {
                    start: behind,
                    end: (behind + missing as u64).min(length),
                    ..window
                };
                self.append_window(rest, piece)?;
                piece.bases.resize(first + 2 * width, b'N');
            }
            Content::Derived { first, .. } => self.append_text(first, piece),
            Content::Text { first, second, .. } => {
                self.append_text(first, piece);
                if let Some(second) = second {
                    piece.ends.push(piece.bases.len());
                    self.append_text(second, piece);
                }
            }
        }
        piece.ends.push(piece.bases.len());
        Ok(())
    }

    fn append_padded(&self, padding: &Padding, piece: &mut Piece) -> Result<()> {
        let (first, last) = match padding.window.strand {
            Strand::Reverse => (padding.behind, padding.before),
            Strand::Forward | Strand::Unknown => (padding.before, padding.behind),
        };
        let beyond = |n: u32| std::iter::repeat_n(b'N', n as usize);
        piece.bases.extend(beyond(first));
        self.append_window(padding.window, piece)?;
        piece.bases.extend(beyond(last));
        Ok(())
    }

    fn append_text(&self, text: TextId, piece: &mut Piece) {
        let bases = self.rows.texts.get(text).as_bytes();
        piece.bases.extend_from_slice(bases);
    }

    fn append_window(&self, w: Window, piece: &mut Piece) -> Result<()> {
        let genome = self
            .genome
            .as_ref()
            .ok_or_else(|| Error::Data("a window without a genome".into()))?;
        let bases = &mut piece.bases;
        genome.append(w.sequence as usize, w.start, w.end, w.strand, bases)
    }

    /// Bytes that rows, labels and their order take.
    pub(crate) fn memory(&self) -> u64 {
        let labels = match &self.labels {
            LabelColumn::Classes(all) => 4 * all.len() as u64,
            LabelColumn::Lists(lists) => lists.memory(),
            LabelColumn::Values(all) => 4 * all.len() as u64,
        };
        self.rows.memory() + labels + (self.splits.len() + 4 * self.order.len()) as u64
    }

    fn shape(&self) -> Shape {
        Shape {
            pairs: self.rows.traits().pairs,
            intervals: self.rows.traits().windows,
        }
    }

    /// Bases of a row group: what encoding makes of them is a few times as large.
    fn group(&self) -> u64 {
        GROUP.min(self.max_memory.get() / 16)
    }

    fn pieces(&self, places: Range<usize>) -> Vec<Range<usize>> {
        self.cut(places, PIECE, PIECE_ROWS).collect()
    }

    /// Cuts places into runs of about so many bases, and at most so many rows.
    fn cut(
        &self,
        places: Range<usize>,
        bases: u64,
        rows: usize,
    ) -> impl Iterator<Item = Range<usize>> {
        let mut from = places.start;
        std::iter::from_fn(move || {
            let mut sum = 0;
            let mut past = from;
            while past < places.end && sum < bases && past - from < rows {
                // What a row takes beside its bases.
                sum += 64
                    + self
                        .rows
                        .length(&self.rows.all()[self.order[past] as usize]);
                past += 1;
            }
            let run = from..past;
            from = past;
            (!run.is_empty()).then_some(run)
        })
    }
}

impl Piece {
    fn sequences(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bases[start..*end])
    }
}

/// The rows in the order of the output: by split, within a split as they came.
pub(crate) fn in_order_of_splits(splits: &[Split]) -> Vec<u32> {
    let mut next = [0usize; 3];
    for split in splits {
        next[*split as usize] += 1;
    }
    next = [0, next[0], next[0] + next[1]];
    let mut order = vec![0; splits.len()];
    for (row, split) in splits.iter().enumerate() {
        let place = &mut next[*split as usize];
        order[*place] = row as u32;
        *place += 1;
    }
    order
}

fn source_hash(path: &Path) -> Result<SourceHash> {
    let (sha256, bytes) = match input::piped(path) {
        Some(read) => read,
        None => Digest::of_file(path)?,
    };
    Ok(SourceHash {
        path: path.display().to_string(),
        sha256,
        bytes,
    })
}
