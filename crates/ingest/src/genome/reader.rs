//! A genome, or several beside one another: named sequences of FASTA files, read in part.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use foldhash::fast::RandomState;
use lingo_artifact::example::Interval;
use lingo_artifact::sequence_source::SequenceSource;
use lingo_artifact::{ByteSize, Strand};

use crate::config::genomes::{BETWEEN, GenomeFile, Genomes};
use crate::config::sources::{Aliases, Contigs, SkippedContigs, UnknownContigs};
use crate::error::{Error, Result};
use crate::genome::aliases;
use crate::genome::fasta_file::FastaFile;

/// The sequences of a FASTA file, plain, gzip or bgzf; or of several, each a genome with a name, whose sequences are called `hg38:chr1`.
///
/// A plain file is read in part through its `.fai`, which is made where it is missing and kept beside the file,
/// or in the cache folder where the file is read-only: it is mapped into memory, or, where it is larger than the memory limit, read
/// window by window. A packed file, and a plain one whose lines are too irregular for an index, is held in memory, one byte a base;
/// of bgzf that does not fit only the blocks that are needed are unpacked.
///
/// A mapped file must not be cut by another program while it is read. One that was cut is told at the next fetch; one that is
/// cut during a fetch ends this program with a bus error, as it does every program that maps files.
///
/// Bases come out upper case with U as T, N and the other IUPAC codes as they are.
#[derive(Debug)]
pub struct Genome {
    files: Vec<Named>,
    /// Those of all files, as they are called.
    sequences: Vec<(String, u64)>,
    skipped: Skipped,
}

/// A file among those of a genome.
#[derive(Debug)]
struct Named {
    /// The name of the genome, where there are several.
    name: Option<String>,
    file: FastaFile,
    /// The number of its first sequence among all.
    first: usize,
    /// The numbers of its sequences among all, by the names that they have in the file and in `contigs`.
    by_name: HashMap<String, usize, RandomState>,
}

/// Which of several genomes the names of a file are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part(Option<u16>);

/// Sequences whose rows are left out.
#[derive(Debug, Default)]
struct Skipped {
    unknown: bool,
    names: Vec<String>,
}

impl Genome {
    /// Opens a FASTA file; at most `limit` bytes may come out of a packed one.
    ///
    /// # Errors
    /// With file and line: text before the first header, a name that occurs twice, a sequence without bases, a character that is no
    /// IUPAC nucleotide code. With file: nothing in it, a truncated or broken gzip, more than `limit`, a `.fai` that is not of this file.
    pub fn open(path: &Path, limit: u64) -> Result<Self> {
        let genomes = Genomes::One(path.to_path_buf());
        Self::open_within(&genomes, limit, ByteSize::DEFAULT)
    }

    /// Opens one genome or several, with at most `memory` for the bases: half of it.
    ///
    /// # Errors
    /// As [`Genome::open`]; a file that can only be held in memory and does not fit.
    pub fn open_within(genomes: &Genomes, limit: u64, memory: ByteSize) -> Result<Self> {
        let cache = crate::genome::fai::cache_folder();
        Self::open_all(genomes, limit, memory.get() / 2, cache.as_deref())
    }

    /// Opens one genome or several whose plain files are read window by window, so that their pages take no memory; `contigs` says by
    /// which other names sequences are known, and of which rows are left out.
    ///
    /// # Errors
    /// As [`Genome::open_within`]; names that the genome does not have.
    pub fn open_by_windows(genomes: &Genomes, contigs: &Contigs, limit: u64) -> Result<Self> {
        let mut genome = Self::open_within(genomes, limit, ByteSize::DEFAULT)?;
        genome.name_contigs(contigs, limit)?;
        genome.keep_within(0);
        Ok(genome)
    }

    /// As [`Genome::open`], with as little memory as can be: a plain file is read window by window, bgzf block by block.
    ///
    /// # Errors
    /// As [`Genome::open`]; a file that can only be held in memory.
    pub fn open_by_blocks(path: &Path, limit: u64) -> Result<Self> {
        let cache = crate::genome::fai::cache_folder();
        Self::open_with_cache(path, limit, 0, cache.as_deref())
    }

    /// `most`: how large a mapped file, or bases in memory, may be.
    pub(crate) fn open_with_cache(
        path: &Path,
        limit: u64,
        most: u64,
        cache: Option<&Path>,
    ) -> Result<Self> {
        Self::open_all(&Genomes::One(path.to_path_buf()), limit, most, cache)
    }

    fn open_all(genomes: &Genomes, limit: u64, most: u64, cache: Option<&Path>) -> Result<Self> {
        let mut all = Self {
            files: Vec::new(),
            sequences: Vec::new(),
            skipped: Skipped::default(),
        };
        for (name, path) in genomes.files() {
            // What the files before hold in memory is no longer free.
            let file = FastaFile::open(path, limit, most.saturating_sub(all.memory()), cache)?;
            let first = all.sequences.len();
            let sequences = file.sequences().iter();
            let by_name = sequences
                .enumerate()
                .map(|(i, (name, _))| (name.clone(), first + i))
                .collect();
            for (sequence, length) in file.sequences() {
                let shown = match name {
                    Some(name) => format!("{name}{BETWEEN}{sequence}"),
                    None => sequence.clone(),
                };
                all.sequences.push((shown, *length));
            }
            all.files.push(Named {
                name: name.map(str::to_string),
                file,
                first,
                by_name,
            });
        }
        all.keep_within(most.saturating_sub(all.memory()));
        Ok(all)
    }

    /// What is odd about the files and does not stop anybody from reading them, a line each.
    pub fn warnings(&self) -> Vec<&str> {
        let of_files = self.files.iter().flat_map(|named| named.file.warnings());
        of_files.map(String::as_str).collect()
    }

    /// Lets the sequences have the names that `contigs` gives them, and rows of those that it skips be left out.
    ///
    /// # Errors
    /// A name that two sequences would have; a map to a sequence that is not there; no name of the file that is; whatever reading it says.
    pub(crate) fn name_contigs(&mut self, contigs: &Contigs, limit: u64) -> Result<()> {
        match &contigs.aliases {
            None => {}
            Some(Aliases::Map(map)) => {
                for (alias, name) in map {
                    let sequence = self.index(name).ok_or_else(|| {
                        Error::Config(format!("contigs.aliases.{alias}: {}", self.unknown(name)))
                    })?;
                    let of = self.of(sequence).0;
                    let alias = match self.prefixed(alias) {
                        Some((file, bare)) if file == of => bare,
                        _ => alias,
                    };
                    self.name(of, alias, sequence)
                        .map_err(|e| Error::Config(format!("contigs.aliases: {e}")))?;
                }
            }
            Some(Aliases::File(path)) => {
                let rows = aliases::read(path, limit)?;
                let mut found = false;
                // Each genome learns what the file says of the names that it knows.
                for file in 0..self.files.len() {
                    for row in &rows {
                        let by_name = &self.files[file].by_name;
                        let Some(sequence) = row.names.iter().find_map(|name| by_name.get(name))
                        else {
                            continue;
                        };
                        let sequence = *sequence;
                        found = true;
                        for name in &row.names {
                            self.name(file, name, sequence)
                                .map_err(|e| Error::line(path, row.line, e))?;
                        }
                    }
                }
                if !found {
                    let shown = rows
                        .first()
                        .map_or(String::new(), |row| row.names.join(", "));
                    return Err(Error::file(
                        path,
                        format!(
                            "none of its names is one of the sequences of {}; its first row is: {shown}",
                            self.shown()
                        ),
                    ));
                }
            }
        }
        self.skipped = match &contigs.skip {
            None => Skipped::default(),
            Some(SkippedContigs::Unknown(UnknownContigs::Unknown)) => Skipped {
                unknown: true,
                names: Vec::new(),
            },
            Some(SkippedContigs::Names(names)) => Skipped {
                unknown: false,
                names: names.clone(),
            },
        };
        Ok(())
    }

    fn name(
        &mut self,
        file: usize,
        alias: &str,
        sequence: usize,
    ) -> std::result::Result<(), String> {
        let by_name = &mut self.files[file].by_name;
        match by_name.insert(alias.to_string(), sequence) {
            Some(other) if other != sequence => Err(format!(
                "`{alias}` would be the name of both `{}` and `{}`",
                self.sequences[other].0, self.sequences[sequence].0
            )),
            _ => Ok(()),
        }
    }

    /// Of which genome the names of a file are; of any where it does not say.
    pub(crate) fn part(&self, file: &GenomeFile) -> Part {
        let place = file.genome().and_then(|name| {
            let mut files = self.files.iter();
            files.position(|named| named.name.as_deref() == Some(name))
        });
        Part(place.and_then(|i| u16::try_from(i).ok()))
    }

    /// Which of several genomes a sequence is of.
    pub(crate) fn genome_of(&self, sequence: usize) -> usize {
        self.of(sequence).0
    }

    /// The place of the sequence that a row of a file names, nothing where such rows are left out.
    ///
    /// # Errors
    /// An unknown name: what it could be, and what to do.
    pub(crate) fn contig(
        &self,
        part: Part,
        name: &str,
    ) -> std::result::Result<Option<usize>, String> {
        if !self.skipped.names.is_empty() && self.skipped.names.iter().any(|n| n == name) {
            return Ok(None);
        }
        let found = match part.0 {
            Some(file) => {
                let of = |bare: &str| self.files[usize::from(file)].by_name.get(bare).copied();
                of(name).or_else(|| match self.prefixed(name) {
                    Some((other, bare)) if other == usize::from(file) => of(bare),
                    _ => None,
                })
            }
            None => self.index(name),
        };
        match found {
            // A name that several genomes have is not unknown: which is meant must be said.
            None if self.skipped.unknown && part.0.is_none() && self.genomes_with(name) > 1 => {
                Err(self.unknown(name))
            }
            None if self.skipped.unknown => Ok(None),
            None => Err(match part.0 {
                Some(file) => self.unknown_in(usize::from(file), name),
                None => self.unknown(name),
            }),
            found => Ok(found),
        }
    }

    /// The place of a sequence by its name in one of the files.
    pub(crate) fn named(&self, part: Part, name: &str) -> Option<usize> {
        let named = self.files.get(usize::from(part.0?))?;
        named.by_name.get(name).copied()
    }

    /// The genome that a name begins with, and the rest.
    fn prefixed<'a>(&self, name: &'a str) -> Option<(usize, &'a str)> {
        if self.files.len() == 1 && self.files[0].name.is_none() {
            return None;
        }
        let (genome, bare) = name.split_once(BETWEEN)?;
        let mut files = self.files.iter();
        let file = files.position(|named| named.name.as_deref() == Some(genome))?;
        Some((file, bare))
    }

    /// How many genomes have a sequence of this name.
    fn genomes_with(&self, name: &str) -> usize {
        let files = self.files.iter();
        files
            .filter(|named| named.by_name.contains_key(name))
            .count()
    }

    /// The file of a sequence, and the sequence's place there.
    #[inline]
    fn of(&self, sequence: usize) -> (usize, usize) {
        if self.files.len() == 1 {
            return (0, sequence);
        }
        let behind = self
            .files
            .partition_point(|named| named.first <= sequence)
            .max(1);
        (behind - 1, sequence - self.files[behind - 1].first)
    }

    /// The FASTA file; of several the first.
    pub fn path(&self) -> &Path {
        self.files
            .first()
            .map_or(Path::new(""), |named| named.file.path())
    }

    /// The FASTA files, as messages show them.
    pub fn shown(&self) -> String {
        let paths = self.paths().map(|(path, _)| path.display().to_string());
        paths.collect::<Vec<_>>().join(", ")
    }

    /// The FASTA files, each with the part that it is.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (&Path, Part)> {
        let files = self.files.iter().enumerate();
        files.map(|(i, named)| (named.file.path(), Part(u16::try_from(i).ok())))
    }

    /// The place of a sequence among [`SequenceSource::sequences`], nothing for an unknown name. Of several genomes names begin with the
    /// genome's, or are those of one only.
    pub fn index(&self, name: &str) -> Option<usize> {
        if let [one] = self.files.as_slice()
            && one.name.is_none()
        {
            return one.by_name.get(name).copied();
        }
        if let Some((file, bare)) = self.prefixed(name)
            && let Some(sequence) = self.files[file].by_name.get(bare)
        {
            return Some(*sequence);
        }
        let mut with = self.files.iter().filter_map(|f| f.by_name.get(name));
        match (with.next(), with.next()) {
            (Some(sequence), None) => Some(*sequence),
            _ => None,
        }
    }

    /// Bytes of memory that the bases take; a map's pages are the operating system's to give and take.
    pub(crate) fn memory(&self) -> u64 {
        self.files.iter().map(|named| named.file.memory()).sum()
    }

    /// Reads mapped files window by window from now on where their pages, all of them in memory in the end, would take more than `room`.
    pub(crate) fn keep_within(&mut self, room: u64) {
        let mapped: u64 = self.files.iter().map(|named| named.file.mapped()).sum();
        if mapped > room {
            for named in &mut self.files {
                named.file.unmap();
            }
        }
    }

    /// The length of a sequence in bases, nothing for an unknown name.
    pub fn length(&self, name: &str) -> Option<u64> {
        self.index(name).map(|i| self.sequences[i].1)
    }

    /// Why a name is not among the sequences, with the name that was probably meant.
    pub fn unknown(&self, name: &str) -> String {
        if self.genomes_with(name) > 1 {
            let with: Vec<&str> = self
                .files
                .iter()
                .filter(|named| named.by_name.contains_key(name))
                .filter_map(|named| named.name.as_deref())
                .collect();
            let first = with.first().copied().unwrap_or_default();
            return format!(
                "`{name}` is a sequence of {}: write `{first}{BETWEEN}{name}`, or say of which genome the file is, `{{ {first}: FILE }}` (--bed {first}=FILE)",
                with.join(" and ")
            );
        }
        let names = self.sequences.iter().map(|(name, _)| name.as_str());
        unknown_sequence(&self.shown(), names, name)
    }

    /// Why a name is not among the sequences of one of several genomes.
    fn unknown_in(&self, file: usize, name: &str) -> String {
        let named = &self.files[file];
        let sequences = named.file.sequences().iter();
        let names = sequences.map(|(name, _)| name.as_str());
        unknown_sequence(&named.file.path().display().to_string(), names, name)
    }

    /// The bases `start..end` (counted from 0, end not included) of a sequence.
    ///
    /// # Errors
    /// An unknown name, an end beyond the sequence, a file that changed under its index,
    /// a character that is no IUPAC nucleotide code in a file whose index was there before.
    pub fn bases(&self, name: &str, start: u64, end: u64) -> Result<Cow<'_, [u8]>> {
        let (file, sequence) = self.of(self.known(name)?);
        self.files[file].file.bases(sequence, start, end)
    }

    /// The bases of an interval; on [`Strand::Reverse`] their reverse complement.
    ///
    /// # Errors
    /// As [`Genome::bases`].
    pub fn stranded_bases(&self, interval: &Interval) -> Result<Vec<u8>> {
        let (file, sequence) = self.of(self.known(&interval.chrom)?);
        let file = &self.files[file].file;
        let (start, end) = (interval.start, interval.end);
        let mut bases = Vec::new();
        file.check_whole()?;
        file.append(sequence, start, end, interval.strand, &mut bases)?;
        Ok(bases)
    }

    fn known(&self, name: &str) -> Result<usize> {
        self.index(name)
            .ok_or_else(|| Error::file(self.path(), self.unknown(name)))
    }

    /// Appends the bases `start..end` of a sequence, of [`Strand::Reverse`] their reverse complement.
    ///
    /// Whoever calls this often calls [`Genome::check_whole`] now and then.
    ///
    /// # Errors
    /// As [`Genome::bases`].
    #[inline]
    pub(crate) fn append(
        &self,
        sequence: usize,
        start: u64,
        end: u64,
        strand: Strand,
        to: &mut Vec<u8>,
    ) -> Result<()> {
        let (file, sequence) = self.of(sequence);
        let file = &self.files[file].file;
        file.append(sequence, start, end, strand, to)
    }

    /// Asks the processor for what [`Genome::append`] will read soon: places drawn at random lie in no cache.
    #[inline]
    pub(crate) fn prefetch(&self, sequence: usize, start: u64, end: u64) {
        let (file, sequence) = self.of(sequence);
        self.files[file].file.prefetch(sequence, start, end);
    }

    /// Makes sure that mapped files are as long as they were: what is cut off can no longer be looked at.
    ///
    /// # Errors
    /// A file that is not.
    pub(crate) fn check_whole(&self) -> Result<()> {
        let mut files = self.files.iter();
        files.try_for_each(|named| named.file.check_whole())
    }
}

impl SequenceSource for Genome {
    fn sequences(&self) -> &[(String, u64)] {
        &self.sequences
    }

    fn fetch(
        &self,
        name: &str,
        start: u64,
        end: u64,
    ) -> std::result::Result<Cow<'_, [u8]>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.bases(name, start, end)?)
    }
}

/// Why `name` is not among the sequences `names` of `files`, with the name that was probably meant.
pub(crate) fn unknown_sequence<'a>(
    files: &str,
    names: impl ExactSizeIterator<Item = &'a str> + Clone,
    name: &str,
) -> String {
    let other = match name.strip_prefix("chr") {
        Some(bare) => bare.to_string(),
        None => format!("chr{name}"),
    };
    if names.clone().any(|known| known == other) {
        return format!(
            "there is no sequence `{name}` in {files}, but there is `{other}`: only the `chr` prefix differs; say `contigs: {{ aliases: {{ \"{name}\": \"{other}\" }} }}`, or give `aliases` a file (--contig-aliases)"
        );
    }
    let all = names.len();
    let mut shown: Vec<&str> = names.take(5).collect();
    if all > shown.len() {
        shown.push("...");
    }
    format!(
        "there is no sequence `{name}` in {files}; there are: {}; `contigs: {{ skip: unknown }}` (--skip-contigs unknown) leaves such rows out",
        shown.join(", ")
    )
}

#[cfg(test)]
mod tests;
