//! The FASTA index, `.fai`: read and checked against its file, written where it is missing.
//!
//! It stands beside the FASTA (`genome.fa.fai`, as samtools writes it); for a file or folder that must not be written to,
//! in the cache folder (`$XDG_CACHE_HOME/lingo-pipe/fai` or `~/.cache/lingo-pipe/fai`).

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use noodles::fasta::fai;

use crate::error::{Error, Result};
use crate::genome::fasta::Record;

/// `genome.fa.fai` for `genome.fa`.
pub(crate) fn beside(fasta: &Path) -> PathBuf {
    let mut name = fasta.as_os_str().to_owned();
    name.push(".fai");
    PathBuf::from(name)
}

/// The folder for what may be made again: `$XDG_CACHE_HOME/lingo-pipe`, else `~/.cache/lingo-pipe`.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).map(PathBuf::from);
    of("XDG_CACHE_HOME")
        .filter(|p| p.is_absolute())
        .or_else(|| of("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("lingo-pipe"))
}

/// Where the cache keeps the index of this very state of the file.
pub(crate) fn cached(cache: &Path, fasta: &Path) -> Result<PathBuf> {
    let meta = fs::metadata(fasta).map_err(Error::read(fasta))?;
    let whole = fs::canonicalize(fasta).map_err(Error::read(fasta))?;
    let state = format!(
        "{}\n{}\n{:?}",
        whole.display(),
        meta.len(),
        meta.modified().ok()
    );
    Ok(cache.join("fai").join(format!(
        "{}.fai",
        Digest::of_bytes(state.as_bytes()).short()
    )))
}

/// Reads an index.
///
/// # Errors
/// A failed read; a line that is not of an index.
pub(crate) fn read(path: &Path) -> Result<Vec<fai::Record>> {
    let file = File::open(path).map_err(Error::read(path))?;
    let index = fai::io::Reader::new(io::BufReader::new(file))
        .read_index()
        .map_err(|e| {
            Error::file(
                path,
                format!("this is no FASTA index ({e}); delete it, it is made again"),
            )
        })?;
    Ok(index.as_ref().to_vec())
}

/// The index of a file that was just read.
pub(crate) fn of_records(records: &[Record]) -> Vec<fai::Record> {
    records
        .iter()
        .filter_map(|r| {
            Some(fai::Record::new(
                r.name.as_str(),
                r.length,
                r.position,
                NonZero::new(r.line_bases)?,
                NonZero::new(r.line_width)?,
            ))
        })
        .collect()
}

/// Writes the index beside the FASTA, or into the cache where nothing may be written beside it. Where neither can be written, the index is
/// used for this run and made again by the next.
pub(crate) fn keep(fasta: &Path, cache: Option<&Path>, records: &[fai::Record]) {
    if may_write_beside(fasta) && write(&beside(fasta), records).is_ok() {
        return;
    }
    if let Some(path) = cache.and_then(|cache| cached(cache, fasta).ok()) {
        // Without it the next run reads the FASTA through once more; nothing else is lost.
        let _ = write(&path, records);
    }
}

fn write(path: &Path, records: &[fai::Record]) -> Result<()> {
    let mut bytes = Vec::new();
    fai::io::Writer::new(&mut bytes)
        .write_index(&fai::Index::from(records.to_vec()))
        .map_err(|e| lingo_artifact::Error::io("write", path)(e))?;
    Ok(atomic::write_bytes(path, &bytes)?)
}

/// Whoever protected the file or its folder wants nothing new beside it, even when the superuser asks.
fn may_write_beside(fasta: &Path) -> bool {
    let folder = match fasta.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let protected = |path: &Path| fs::metadata(path).map_or(true, |m| m.permissions().readonly());
    !protected(fasta) && !protected(folder) && OpenOptions::new().write(true).open(fasta).is_ok()
}

/// Reads up to `buffer.len()` bytes at `offset`, fewer only at the end of the file.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        let at = offset + filled as u64;
        #[cfg(unix)]
        let n = std::os::unix::fs::FileExt::read_at(file, &mut buffer[filled..], at);
        #[cfg(windows)]
        let n = std::os::windows::fs::FileExt::seek_read(file, &mut buffer[filled..], at);
        match n {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// Where base `i` of a sequence stands in the file.
pub(crate) fn offset(record: &fai::Record, i: u64) -> u64 {
    let bases = record.line_base_count().get();
    record
        .position()
        .saturating_add((i / bases).saturating_mul(record.line_width().get()))
        .saturating_add(i % bases)
}

/// Bytes that are copied at a time: a piece of a line takes a few moves, where a call of `memcpy` for each line takes longer than
/// the copying.
const STEP: usize = 32;

/// Appends the bases `start..end` (at least one) of a sequence, without the line ends between them, as they stand in the file;
/// `raw` are the file's bytes from the first of them on, those behind the last may follow.
///
/// False when a line does not end where the index says, or `raw` ends too early.
pub(crate) fn join_lines(
    record: &fai::Record,
    start: u64,
    end: u64,
    raw: &[u8],
    to: &mut Vec<u8>,
) -> bool {
    let line = record.line_base_count().get();
    let Some(gap) = record.line_width().get().checked_sub(line) else {
        return false;
    };
    let (line, gap, column) = (line as usize, gap as usize, (start % line) as usize);
    let (before, wanted) = (to.len(), (end - start) as usize);
    // What a step copies too much is written over by the next line, and cut off at the end.
    to.resize(before + wanted + STEP, 0);
    let out = &mut to[before..];
    let (mut at, mut done) = (0, 0);
    let mut take = wanted.min(line - column);
    loop {
        let Some(piece) = raw.get(at..at + take) else {
            return false;
        };
        match raw.get(at..at + take.next_multiple_of(STEP)) {
            Some(steps) => {
                let steps = steps.as_chunks::<STEP>().0;
                for (i, step) in steps.iter().enumerate() {
                    out[done + i * STEP..][..STEP].copy_from_slice(step);
                }
            }
            None => out[done..done + take].copy_from_slice(piece),
        }
        (at, done) = (at + take, done + take);
        if done == wanted {
            to.truncate(before + wanted);
            return true;
        }
        match raw.get(at..at + gap) {
            Some(ends) if ends.iter().all(|b| matches!(b, b'\n' | b'\r')) => at += gap,
            _ => return false,
        }
        take = line.min(wanted - done);
    }
}

/// Whether the index describes this file: every header stands, under its name, exactly where the sequence before it ends,
/// and behind the last sequence there is nothing. Content of the same layout may have changed; the index fits it too.
///
/// `read` reads at a place of the file, which has `size` bytes when it is unpacked.
///
/// # Errors
/// What does not fit.
pub(crate) fn fits(
    read: &impl Fn(&mut [u8], u64) -> io::Result<usize>,
    size: u64,
    records: &[fai::Record],
) -> std::result::Result<(), String> {
    const LONGEST_HEADER: u64 = 1 << 20;
    let mut in_order: Vec<&fai::Record> = records.iter().collect();
    in_order.sort_by_key(|r| r.position());
    let mut names = HashSet::new();
    if let Some(twice) = records.iter().find(|r| !names.insert(r.name())) {
        return Err(format!("it names `{}` twice", twice.name()));
    }
    let mut at = 0u64;
    let between = |from: u64, to: u64| -> std::result::Result<Vec<u8>, String> {
        let mut bytes = vec![0; (to - from) as usize];
        let n = read(&mut bytes, from).map_err(|e| e.to_string())?;
        bytes.truncate(n);
        Ok(bytes)
    };
    for record in in_order {
        let name = record.name();
        let name_bytes: &[u8] = name;
        let misplaced = || format!("`{name}` does not begin at byte {}", record.position());
        let end = if record.length() == 0 {
            record.position()
        } else {
            offset(record, record.length() - 1).saturating_add(1)
        };
        let widths_fit = record.line_width() > record.line_base_count()
            || record.length() <= record.line_base_count().get();
        if record.position() <= at
            || record.position() - at > LONGEST_HEADER
            || end > size
            || !widths_fit
        {
            return Err(misplaced());
        }
        let gap = between(at, record.position())?;
        let gap = if at == 0 {
            gap.strip_prefix(b"\xef\xbb\xbf").unwrap_or(gap.as_slice())
        } else if matches!(gap.first(), Some(b'\r' | b'\n')) {
            gap.as_slice()
        } else {
            return Err(misplaced());
        };
        let header = gap.trim_ascii_start();
        let is_header = header.starts_with(b">")
            && header.ends_with(b"\n")
            && header.iter().filter(|b| **b == b'\n').count() == 1;
        let found = header[header.len().min(1)..]
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default();
        if !is_header || found != name_bytes {
            return Err(misplaced());
        }
        // A wrong length ends on a line end; a wrong line length breaks the first line elsewhere.
        let line = record.line_base_count().get();
        let breaks = |from: u64| -> std::result::Result<Vec<bool>, String> {
            let bytes = between(from, from.saturating_add(2).min(size))?;
            Ok(bytes.iter().map(|b| matches!(b, b'\r' | b'\n')).collect())
        };
        if record.length() > 0 && breaks(end - 1)?.first() != Some(&false)
            || record.length() > line && breaks(record.position() + line - 1)? != [false, true]
        {
            return Err(format!(
                "the lines of `{name}` are not {line} bases long, or it has not {} bases",
                record.length()
            ));
        }
        at = end;
    }
    let rest = between(at, size.min(at + (1 << 16)))?;
    if rest.trim_ascii().is_empty() && size - at <= 1 << 16 {
        Ok(())
    } else {
        Err(format!(
            "the file goes on behind byte {at}, where the last sequence ends"
        ))
    }
}
