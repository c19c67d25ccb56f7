//! A FASTA file: its sequences by their place in it, read in part.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use lingo_artifact::Strand;
use memmap2::Mmap;
use noodles::fasta::fai;

use crate::error::{Error, Result};
use crate::genome::bgzf_blocks::Blocks;
use crate::genome::fasta;
use crate::genome::fasta::{Scan, foreign};
use crate::input::{Input, Packing, without_byte_order_mark};
use crate::iupac;

/// A FASTA file: plain, gzip or bgzf.
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
pub(crate) struct FastaFile {
    path: PathBuf,
    sequences: Vec<(String, u64)>,
    bases: Bases,
    /// What is odd about the file and does not stop anybody from reading it.
    warnings: Vec<String>,
}

/// Of longer windows only the beginning is asked for ahead: behind it the processor foresees by itself what comes.
#[cfg(target_arch = "x86_64")]
const LONGEST_PREFETCHED: u64 = 1 << 10;

#[derive(Debug)]
enum Bases {
    Memory(Vec<Vec<u8>>),
    Indexed {
        bytes: Bytes,
        records: Vec<fai::Record>,
    },
}

/// Where an indexed FASTA's bytes come from.
#[derive(Debug)]
enum Bytes {
    Mapped { file: File, map: Mmap },
    File(File),
    Blocks(Blocks),
}

impl FastaFile {
    /// Opens a file; at most `limit` bytes may come out of a packed one, and `most` is how large a mapped file, or bases in memory, may be.
    ///
    /// # Errors
    /// With file and line: text before the first header, a name that occurs twice, a sequence without bases, a character that is no
    /// IUPAC nucleotide code. With file: nothing in it, a truncated or broken gzip, more than `limit`, a `.fai` that is not of this file;
    /// a file that can only be held in memory and does not fit.
    pub(crate) fn open(path: &Path, limit: u64, most: u64, cache: Option<&Path>) -> Result<Self> {
        let mut input = Input::open_without_end(path, limit)?;
        let lacks_end = input.lacks_end();
        let mut genome = Self::open_input(path, &mut input, limit, most, cache)?;
        if lacks_end {
            let line = format!(
                "{}: the block that ends a bgzf file is missing; {} sequences were read, look whether these are all",
                path.display(),
                genome.sequences.len()
            );
            genome.warnings.push(line);
        }
        Ok(genome)
    }

    fn open_input(
        path: &Path,
        input: &mut Input,
        limit: u64,
        most: u64,
        cache: Option<&Path>,
    ) -> Result<Self> {
        let regular_file = path.is_file();
        if input.packing() == Packing::Bgzf && regular_file {
            let blocks = Blocks::of_file(path)?;
            if blocks.unpacked() > most {
                // An index of samtools says where the bases are, and is held against the file.
                if let Some(records) = existing_bgzf_index(path, &blocks)? {
                    return Ok(Self::indexed(path, Bytes::Blocks(blocks), records));
                }
                let scan = fasta::scan(input, None)?;
                if scan.regular {
                    let records = crate::genome::fai::of_records(&scan.records);
                    let genome = Self::indexed(path, Bytes::Blocks(blocks), records);
                    return Ok(genome.without(&scan.empty));
                }
                let mut again = Input::open_without_end(path, limit)?;
                return Ok(Self::in_memory(path, fasta::scan(&mut again, Some(most))?));
            }
        }
        if input.packing() != Packing::Plain || !regular_file {
            return Ok(Self::in_memory(path, fasta::scan(input, Some(most))?));
        }
        if let Some(records) = existing_index(path, cache)? {
            return Ok(Self::indexed(path, Bytes::of_file(path, most)?, records));
        }
        let scan = fasta::scan(input, None)?;
        if !scan.regular {
            let mut again = Input::open(path, limit)?;
            return Ok(Self::in_memory(path, fasta::scan(&mut again, Some(most))?));
        }
        let records = crate::genome::fai::of_records(&scan.records);
        // With an index that knows nothing of an empty sequence, the next run could not tell of it.
        if scan.empty.is_empty() {
            crate::genome::fai::keep(path, cache, &records);
        }
        let genome = Self::indexed(path, Bytes::of_file(path, most)?, records);
        Ok(genome.without(&scan.empty))
    }

    /// Warns of sequences without bases.
    fn without(mut self, empty: &[(u64, String)]) -> Self {
        self.warnings.extend(empty.iter().map(|(line, name)| {
            format!(
                "{}:{line}: the sequence `{name}` has no bases and is left out",
                self.path.display()
            )
        }));
        self
    }

    fn in_memory(path: &Path, scan: Scan) -> Self {
        let empty = scan.empty;
        let (sequences, bases) = scan
            .records
            .into_iter()
            .map(|r| ((r.name, r.length), r.bases))
            .unzip();
        Self::new(path, sequences, Bases::Memory(bases)).without(&empty)
    }

    fn indexed(path: &Path, bytes: Bytes, records: Vec<fai::Record>) -> Self {
        let sequences = records
            .iter()
            .map(|r| (r.name().to_string(), r.length()))
            .collect();
        Self::new(path, sequences, Bases::Indexed { bytes, records })
    }

    fn new(path: &Path, sequences: Vec<(String, u64)>, bases: Bases) -> Self {
        Self {
            path: path.to_path_buf(),
            sequences,
            bases,
            warnings: Vec::new(),
        }
    }

    /// What is odd about the file and does not stop anybody from reading it, a line each.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its sequences, and the bases of each.
    pub(crate) fn sequences(&self) -> &[(String, u64)] {
        &self.sequences
    }

    /// Bytes of memory that the bases take; a map's pages are the operating system's to give and take.
    pub(crate) fn memory(&self) -> u64 {
        match &self.bases {
            Bases::Memory(all) => all.iter().map(|bases| bases.len() as u64).sum(),
            Bases::Indexed {
                bytes: Bytes::Blocks(blocks),
                ..
            } => blocks.memory(),
            Bases::Indexed { .. } => 0,
        }
    }

    /// Bytes of the file that are mapped: in the end all its pages may be in memory.
    pub(crate) fn mapped(&self) -> u64 {
        match &self.bases {
            Bases::Indexed {
                bytes: Bytes::Mapped { map, .. },
                ..
            } => map.len() as u64,
            _ => 0,
        }
    }

    /// Reads a mapped file window by window from now on.
    pub(crate) fn unmap(&mut self) {
        if let Bases::Indexed { bytes, .. } = &mut self.bases
            && let Bytes::Mapped { file, .. } = bytes
            && let Ok(file) = file.try_clone()
        {
            *bytes = Bytes::File(file);
        }
    }

    /// The bases `start..end` (counted from 0, end not included) of a sequence.
    ///
    /// # Errors
    /// An end beyond the sequence, a file that changed under its index,
    /// a character that is no IUPAC nucleotide code in a file whose index was there before.
    pub(crate) fn bases(&self, sequence: usize, start: u64, end: u64) -> Result<Cow<'_, [u8]>> {
        if let Bases::Memory(all) = &self.bases {
            self.check_within(sequence, start, end)?;
            return Ok(Cow::Borrowed(&all[sequence][start as usize..end as usize]));
        }
        let mut bases = Vec::new();
        self.check_whole()?;
        self.append(sequence, start, end, Strand::Forward, &mut bases)?;
        Ok(Cow::Owned(bases))
    }

    /// Appends the bases `start..end` of a sequence, of [`Strand::Reverse`] their reverse complement.
    ///
    /// Whoever calls this often calls [`FastaFile::check_whole`] now and then.
    ///
    /// # Errors
    /// As [`FastaFile::bases`].
    pub(crate) fn append(
        &self,
        sequence: usize,
        start: u64,
        end: u64,
        strand: Strand,
        to: &mut Vec<u8>,
    ) -> Result<()> {
        self.check_within(sequence, start, end)?;
        match &self.bases {
            Bases::Memory(all) => {
                let bases = &all[sequence][start as usize..end as usize];
                match strand {
                    Strand::Reverse => iupac::append_reverse_complement(bases, to),
                    Strand::Forward | Strand::Unknown => to.extend_from_slice(bases),
                }
                Ok(())
            }
            Bases::Indexed { .. } if start == end => Ok(()),
            Bases::Indexed { bytes, records } => {
                let record = &records[sequence];
                match strand {
                    Strand::Reverse => LINES.with_borrow_mut(|forward| {
                        forward.clear();
                        self.append_indexed(bytes, record, start, end, forward)?;
                        iupac::append_reverse_complement(forward, to);
                        Ok(())
                    }),
                    Strand::Forward | Strand::Unknown => {
                        self.append_indexed(bytes, record, start, end, to)
                    }
                }
            }
        }
    }

    /// Asks the processor for what [`FastaFile::append`] will read soon: places drawn at random lie in no cache.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
    pub(crate) fn prefetch(&self, sequence: usize, start: u64, end: u64) {
        #[cfg(target_arch = "x86_64")]
        if let Bases::Indexed {
            bytes: Bytes::Mapped { map, .. },
            records,
        } = &self.bases
            && let Some(record) = records.get(sequence)
        {
            let from = crate::genome::fai::offset(record, start) as usize;
            // Line ends are left out: they are few, and the next window's bytes are worth no division.
            let past = from.saturating_add((end - start).min(LONGEST_PREFETCHED) as usize);
            for line in map.get(from..past).unwrap_or_default().chunks(64) {
                use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                // SAFETY: it is a hint; it reads nothing that the program sees and fails for no address.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
            }
        }
    }

    fn check_within(&self, sequence: usize, start: u64, end: u64) -> Result<()> {
        let (name, length) = &self.sequences[sequence];
        if start > end || end > *length {
            return Err(Error::file(
                &self.path,
                format!("{start}..{end} is not within the {length} bases of `{name}`"),
            ));
        }
        Ok(())
    }

    /// Makes sure that a mapped file is as long as it was: what is cut off can no longer be looked at.
    ///
    /// # Errors
    /// A file that is not.
    pub(crate) fn check_whole(&self) -> Result<()> {
        let Bases::Indexed {
            bytes: Bytes::Mapped { file, map },
            ..
        } = &self.bases
        else {
            return Ok(());
        };
        let size = file.metadata().map_err(Error::read(&self.path))?.len();
        if size < map.len() as u64 {
            return Err(Error::file(
                &self.path,
                format!(
                    "the file was cut from {} to {size} bytes while it was read",
                    map.len()
                ),
            ));
        }
        Ok(())
    }

    fn append_indexed(
        &self,
        bytes: &Bytes,
        record: &fai::Record,
        start: u64,
        end: u64,
        to: &mut Vec<u8>,
    ) -> Result<()> {
        let from = crate::genome::fai::offset(record, start);
        let past = || crate::genome::fai::offset(record, end - 1) + 1;
        let before = to.len();
        let joined = match bytes {
            Bytes::Mapped { map, .. } => {
                let raw = map.get(from as usize..);
                crate::genome::fai::join_lines(record, start, end, raw.unwrap_or_default(), to)
            }
            Bytes::File(file) => {
                let mut raw = vec![0; (past() - from) as usize];
                let n = crate::genome::fai::read_at(file, &mut raw, from)
                    .map_err(Error::read(&self.path))?;
                crate::genome::fai::join_lines(record, start, end, &raw[..n], to)
            }
            Bytes::Blocks(blocks) => {
                let past = past();
                let mut raw = Vec::with_capacity((past - from) as usize);
                blocks.read(from, past, &mut raw).map_err(|e| {
                    Error::file(
                        &self.path,
                        format!("the gzip data is broken ({e}); fetch the file again"),
                    )
                })?;
                crate::genome::fai::join_lines(record, start, end, &raw, to)
            }
        };
        let changed = || stale(&self.path, "the lines have another length");
        if !joined {
            return Err(changed());
        }
        iupac::normalise(&mut to[before..]).map_err(|i| {
            let byte = to[before + i];
            if matches!(byte, b'\n' | b'\r') {
                return changed();
            }
            let offset = crate::genome::fai::offset(record, start + i as u64);
            self.foreign(bytes, offset, byte, &record.name().to_string())
        })
    }

    /// The error for a foreign character at a byte of the file: the line is counted only now.
    fn foreign(&self, bytes: &Bytes, offset: u64, byte: u8, name: &str) -> Error {
        let (mut line, mut line_start, mut at) = (1u64, 0u64, 0u64);
        let mut chunk = vec![0u8; 1 << 16];
        while at < offset {
            let want = chunk.len().min((offset - at) as usize);
            match bytes.read_at(&mut chunk[..want], at) {
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

thread_local! {
    /// The forward strand of the window that a thread turns around.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Bytes {
    /// Mapped, or where it is larger than `most`, or cannot be mapped, read window by window.
    fn of_file(path: &Path, most: u64) -> Result<Self> {
        let file = File::open(path).map_err(Error::read(path))?;
        let size = file.metadata().map_err(Error::read(path))?.len();
        if size > most {
            return Ok(Self::File(file));
        }
        // SAFETY: the map is private to this process and only read. That nobody cuts or rewrites the file under it cannot be
        // enforced. Rewritten bytes are harmless: they are only ever looked at as `u8`, copied out and checked afterwards, base by base;
        // of a shorter file `check_whole` tells before each part of the work; what remains, a cut within that part, ends the
        // program by a signal (see `FastaFile`) and never gives wrong bases.
        match unsafe { Mmap::map(&file) } {
            Ok(map) => Ok(Self::Mapped { file, map }),
            // A file system without maps.
            Err(_) => Ok(Self::File(file)),
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Mapped { file, .. } | Self::File(file) => {
                crate::genome::fai::read_at(file, buffer, offset)
            }
            Self::Blocks(blocks) => {
                let mut bytes = Vec::new();
                blocks.read(offset, offset + buffer.len() as u64, &mut bytes)?;
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
        }
    }
}

/// A file of so many bytes is read through for its names in well under a second.
const QUICK: u64 = 32 << 20;

/// The names of the sequences, where an index or a small file gives them quickly; nothing is written.
///
/// # Errors
/// What opening the file says; an index that is not of this file.
pub(crate) fn quick_names(path: &Path, limit: u64) -> Result<Option<Vec<String>>> {
    let mut input = Input::open(path, limit)?;
    if input.packing() == Packing::Plain
        && let Some(records) = existing_index(path, crate::genome::fai::cache_folder().as_deref())?
    {
        return Ok(Some(records.iter().map(|r| r.name().to_string()).collect()));
    }
    if fs::metadata(path).map_err(Error::read(path))?.len() > QUICK {
        return Ok(None);
    }
    let mut names = Vec::new();
    while let Some((_, line)) = input.next_line()? {
        if let Some(header) = without_byte_order_mark(line).strip_prefix(b">") {
            let name = header.split(u8::is_ascii_whitespace).next();
            names.push(String::from_utf8_lossy(name.unwrap_or_default()).into_owned());
        }
    }
    Ok(Some(names))
}

/// Reads at a place of a file.
fn of_file(file: &File) -> impl Fn(&mut [u8], u64) -> io::Result<usize> {
    |buffer, offset| crate::genome::fai::read_at(file, buffer, offset)
}

/// The index beside the file, which must fit; or one in the cache, which is made again when it does not.
fn existing_index(path: &Path, cache: Option<&Path>) -> Result<Option<Vec<fai::Record>>> {
    let file = File::open(path).map_err(Error::read(path))?;
    let size = file.metadata().map_err(Error::read(path))?.len();
    let beside = crate::genome::fai::beside(path);
    if beside.exists() {
        let records = crate::genome::fai::read(&beside)?;
        return match crate::genome::fai::fits(&of_file(&file), size, &records) {
            Ok(()) => Ok(Some(records)),
            Err(why) => Err(stale(path, &why)),
        };
    }
    let Some(cache) = cache else { return Ok(None) };
    let records =
        crate::genome::fai::cached(cache, path).and_then(|kept| crate::genome::fai::read(&kept));
    Ok(records
        .ok()
        .filter(|records| crate::genome::fai::fits(&of_file(&file), size, records).is_ok()))
}

/// The index beside a bgzf file, where there is one: each sequence must stand where it says.
fn existing_bgzf_index(path: &Path, blocks: &Blocks) -> Result<Option<Vec<fai::Record>>> {
    let beside = crate::genome::fai::beside(path);
    if !beside.exists() {
        return Ok(None);
    }
    let records = crate::genome::fai::read(&beside)?;
    let read = |buffer: &mut [u8], offset: u64| {
        let mut bytes = Vec::new();
        blocks.read(offset, offset + buffer.len() as u64, &mut bytes)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    };
    match crate::genome::fai::fits(&read, blocks.unpacked(), &records) {
        Ok(()) => Ok(Some(records)),
        Err(why) => Err(stale(path, &why)),
    }
}

fn stale(fasta: &Path, why: &str) -> Error {
    Error::file(
        &crate::genome::fai::beside(fasta),
        format!(
            "this index is not of {} ({why}); delete it, it is made again",
            fasta.display()
        ),
    )
}
