//! A genome: named sequences of a FASTA file, read in part.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use lingo_artifact::sequence_source::SequenceSource;
use noodles::fasta::fai;

use crate::fasta::{self, Scan, foreign};
use crate::input::{Input, Packing};
use crate::{Error, Result, iupac};

/// A FASTA file: plain, gzip or bgzf.
///
/// A plain file is read in part through its `.fai`, which is made where it is missing and kept beside the file,
/// or in the cache folder where the file is read-only. A packed file, and a plain one whose lines are too irregular for an index,
/// is held in memory, one byte a base.
///
/// Bases come out upper case with U as T, N and the other IUPAC codes as they are.
#[derive(Debug)]
pub struct Genome {
    path: PathBuf,
    sequences: Vec<(String, u64)>,
    by_name: HashMap<String, usize>,
    bases: Bases,
}

#[derive(Debug)]
enum Bases {
    Memory(Vec<Vec<u8>>),
    Indexed {
        file: File,
        records: Vec<fai::Record>,
    },
}

impl Genome {
    /// Opens a FASTA file; at most `limit` bytes may come out of a packed one.
    ///
    /// # Errors
    /// With file and line: text before the first header, a name that occurs twice, a sequence without bases, a character that is no
    /// IUPAC nucleotide code. With file: nothing in it, a truncated or broken gzip, more than `limit`, a `.fai` that is not of this file.
    pub fn open(path: &Path, limit: u64) -> Result<Self> {
        Self::open_with_cache(path, limit, crate::fai::cache_folder().as_deref())
    }

    pub(crate) fn open_with_cache(path: &Path, limit: u64, cache: Option<&Path>) -> Result<Self> {
        let mut input = Input::open(path, limit)?;
        let regular_file = fs::metadata(path).map_err(Error::read(path))?.is_file();
        if input.packing() != Packing::Plain || !regular_file {
            return Ok(Self::in_memory(path, fasta::scan(&mut input, true)?));
        }
        if let Some(records) = existing_index(path, cache)? {
            return Self::indexed(path, records);
        }
        let scan = fasta::scan(&mut input, false)?;
        if !scan.regular {
            let mut again = Input::open(path, limit)?;
            return Ok(Self::in_memory(path, fasta::scan(&mut again, true)?));
        }
        let records = crate::fai::of_records(&scan.records);
        crate::fai::keep(path, cache, &records);
        Self::indexed(path, records)
    }

    fn in_memory(path: &Path, scan: Scan) -> Self {
        let (sequences, bases) = scan
            .records
            .into_iter()
            .map(|r| ((r.name, r.length), r.bases))
            .unzip();
        Self::new(path, sequences, Bases::Memory(bases))
    }

    fn indexed(path: &Path, records: Vec<fai::Record>) -> Result<Self> {
        let file = File::open(path).map_err(Error::read(path))?;
        let sequences = records
            .iter()
            .map(|r| (r.name().to_string(), r.length()))
            .collect();
        Ok(Self::new(path, sequences, Bases::Indexed { file, records }))
    }

    fn new(path: &Path, sequences: Vec<(String, u64)>, bases: Bases) -> Self {
        Self {
            path: path.to_path_buf(),
            by_name: sequences
                .iter()
                .enumerate()
                .map(|(i, (name, _))| (name.clone(), i))
                .collect(),
            sequences,
            bases,
        }
    }

    /// The FASTA file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The length of a sequence in bases, nothing for an unknown name.
    pub fn length(&self, name: &str) -> Option<u64> {
        self.by_name.get(name).map(|i| self.sequences[*i].1)
    }

    /// Why a name is not among the sequences, with the name that was probably meant.
    pub fn unknown(&self, name: &str) -> String {
        let file = self.path.display();
        let other = match name.strip_prefix("chr") {
            Some(bare) => bare.to_string(),
            None => format!("chr{name}"),
        };
        if self.by_name.contains_key(&other) {
            return format!(
                "there is no sequence `{name}` in {file}, but there is `{other}`: only the `chr` prefix differs; use the names of one of the two files in both"
            );
        }
        let mut names: Vec<&str> = self
            .sequences
            .iter()
            .take(5)
            .map(|(n, _)| n.as_str())
            .collect();
        if self.sequences.len() > names.len() {
            names.push("...");
        }
        format!(
            "there is no sequence `{name}` in {file}; there are: {}",
            names.join(", ")
        )
    }

    /// The bases `start..end` (counted from 0, end not included) of a sequence.
    ///
    /// # Errors
    /// An unknown name, an end beyond the sequence, a file that changed under its index,
    /// a character that is no IUPAC nucleotide code in a file whose index was there before.
    pub fn bases(&self, name: &str, start: u64, end: u64) -> Result<Cow<'_, [u8]>> {
        let i = *self
            .by_name
            .get(name)
            .ok_or_else(|| Error::file(&self.path, self.unknown(name)))?;
        let length = self.sequences[i].1;
        if start > end || end > length {
            return Err(Error::file(
                &self.path,
                format!("{start}..{end} is not within the {length} bases of `{name}`"),
            ));
        }
        match &self.bases {
            Bases::Memory(all) => Ok(Cow::Borrowed(&all[i][start as usize..end as usize])),
            Bases::Indexed { .. } if start == end => Ok(Cow::Borrowed(b"")),
            Bases::Indexed { file, records } => self
                .read_indexed(file, &records[i], start, end)
                .map(Cow::Owned),
        }
    }

    fn read_indexed(
        &self,
        file: &File,
        record: &fai::Record,
        start: u64,
        end: u64,
    ) -> Result<Vec<u8>> {
        let from = crate::fai::offset(record, start);
        let to = crate::fai::offset(record, end - 1) + 1;
        let mut raw = vec![0; (to - from) as usize];
        let n = crate::fai::read_at(file, &mut raw, from).map_err(Error::read(&self.path))?;
        raw.truncate(n);
        let is_base = |b: &u8| !matches!(b, b'\n' | b'\r');
        let mut bases: Vec<u8> = raw.iter().copied().filter(is_base).collect();
        if let Err(i) = iupac::normalise(&mut bases) {
            let i = raw
                .iter()
                .enumerate()
                .filter(|(_, b)| is_base(b))
                .nth(i)
                .map_or(0, |(i, _)| i);
            return Err(self.foreign(file, from + i as u64, raw[i], &record.name().to_string()));
        }
        if bases.len() as u64 == end - start {
            Ok(bases)
        } else {
            Err(stale(&self.path, "the lines have another length"))
        }
    }

    /// The error for a foreign character at a byte of the file: the line is counted only now.
    fn foreign(&self, file: &File, offset: u64, byte: u8, name: &str) -> Error {
        let (mut line, mut line_start, mut at) = (1u64, 0u64, 0u64);
        let mut chunk = vec![0u8; 1 << 16];
        while at < offset {
            let want = chunk.len().min((offset - at) as usize);
            match crate::fai::read_at(file, &mut chunk[..want], at) {
                Ok(n) if n > 0 => {
                    for (i, _) in chunk[..n].iter().enumerate().filter(|(_, b)| **b == b'\n') {
                        line += 1;
                        line_start = at + i as u64 + 1;
                    }
                    at += n as u64;
                }
                _ => break,
            }
        }
        foreign(&self.path, line, offset - line_start + 1, byte, name)
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

/// The index beside the file, which must fit; or one in the cache, which is made again when it does not.
fn existing_index(path: &Path, cache: Option<&Path>) -> Result<Option<Vec<fai::Record>>> {
    let file = File::open(path).map_err(Error::read(path))?;
    let size = file.metadata().map_err(Error::read(path))?.len();
    let beside = crate::fai::beside(path);
    if beside.exists() {
        let records = crate::fai::read(&beside)?;
        return match crate::fai::fits(&file, size, &records) {
            Ok(()) => Ok(Some(records)),
            Err(why) => Err(stale(path, &why)),
        };
    }
    let Some(cache) = cache else { return Ok(None) };
    let records = crate::fai::cached(cache, path).and_then(|kept| crate::fai::read(&kept));
    Ok(records
        .ok()
        .filter(|records| crate::fai::fits(&file, size, records).is_ok()))
}

fn stale(fasta: &Path, why: &str) -> Error {
    Error::file(
        &crate::fai::beside(fasta),
        format!(
            "this index is not of {} ({why}); delete it, it is made again",
            fasta.display()
        ),
    )
}

#[cfg(test)]
mod tests;
