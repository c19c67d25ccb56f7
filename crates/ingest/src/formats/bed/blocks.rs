//! A BED file in blocks of lines, which many threads parse at once.

use std::path::Path;

use lingo_artifact::ByteSize;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::formats::bed::columns::Columns;
use crate::formats::bed::row::{BedLine, BedOptions, BedRow, parse_row};
use crate::input::{Block, Input, without_byte_order_mark};

/// Reads a BED file.
///
/// # Errors
/// With file and line: fewer than three columns, spaces for tabs, a start or end that is no whole number, an end before or at the start,
/// a strand that is none, no label in the label column. With file: no row at all, no row with the name prefix; whatever opening it says.
pub fn read_bed(path: &Path, options: &BedOptions) -> Result<Vec<BedRow>> {
    let mut rows = Vec::new();
    each_row(path, options, |row| {
        rows.push(row.into());
        Ok(())
    })?;
    Ok(rows)
}

/// Reads a BED file on this thread: `take` gets every row.
///
/// # Errors
/// As [`read_bed`]; what `take` says.
pub(crate) fn each_row(
    path: &Path,
    options: &BedOptions,
    mut take: impl FnMut(BedLine) -> Result<()>,
) -> Result<()> {
    let mut input = Input::open(path, options.limit)?;
    let mut seen = Seen::default();
    let mut block = Block::default();
    while input.next_block(BLOCK, &mut block)? {
        let mut lines = Lines::new(path, options, &block);
        lines.try_for_each(|row| take(row?))?;
        seen.add(lines.seen);
    }
    seen.check(path, options)
}

/// Parses the first row of a BED file, as long as it stands within the first block of lines.
///
/// # Errors
/// As [`read_bed`], for that row; an empty file.
pub(crate) fn check_head(path: &Path, options: &BedOptions) -> Result<()> {
    let mut input = Input::open(path, options.limit)?;
    let mut block = Block::default();
    if !input.next_block(BLOCK, &mut block)? {
        return Seen::default().check(path, options);
    }
    match Lines::new(path, options, &block).next() {
        Some(row) => row.map(|_| ()),
        None => Ok(()),
    }
}

/// Reads a BED file in blocks of lines, which many threads do at once: `make` makes something of the rows of a block, `take` gets what was
/// made in the order of the file. `make` gets what it made of an earlier block, so that its memory is used again. The blocks that wait take
/// a sixteenth of `memory`, or two blocks.
///
/// # Errors
/// As [`read_bed`]; what `make` and `take` say; of many the one that stands first in the file.
pub(crate) fn in_blocks<T: Default + Send>(
    path: &Path,
    options: &BedOptions,
    memory: ByteSize,
    make: impl Fn(&mut Lines, &mut T) -> Result<()> + Send + Sync,
    take: impl FnMut(&T) -> Result<()> + Send,
) -> Result<()> {
    // From outside of the pool each step would wake it and wait for it.
    rayon::scope(|_| in_blocks_of_pool(path, options, memory, make, take))
}

struct Slot<T> {
    block: Block,
    made: T,
    seen: Result<Seen>,
}

fn in_blocks_of_pool<T: Default + Send>(
    path: &Path,
    options: &BedOptions,
    memory: ByteSize,
    make: impl Fn(&mut Lines, &mut T) -> Result<()> + Sync,
    mut take: impl FnMut(&T) -> Result<()> + Send,
) -> Result<()> {
    let mut input = Input::open(path, options.limit)?;
    // Two such groups wait: one is parsed while the other is taken.
    let most = (memory.get() / 16) as usize / (2 * SLOT);
    let most = most.clamp(1, 2 * rayon::current_num_threads());
    let slots = || -> Vec<Slot<T>> {
        let slot = |_| Slot {
            block: Block::default(),
            made: T::default(),
            seen: Ok(Seen::default()),
        };
        (0..most).map(slot).collect()
    };
    let (mut ready, mut next) = (slots(), slots());
    let mut all = Seen::default();
    let mut take = |slots: &mut [Slot<T>]| {
        slots.iter_mut().try_for_each(|slot| {
            all.add(std::mem::replace(&mut slot.seen, Ok(Seen::default()))?);
            take(&slot.made)
        })
    };
    // What is wrong with the first lines of a slow pipe is told at once.
    let mut wanted = 1;
    let mut waiting = 0;
    loop {
        let mut read = 0;
        let mut failed = None;
        for slot in &mut next[..wanted] {
            match input.next_block(BLOCK, &mut slot.block) {
                Ok(true) => read += 1,
                Ok(false) => break,
                Err(e) => {
                    failed = Some(e);
                    break;
                }
            }
        }
        let parse = |slot: &mut Slot<T>| {
            let mut lines = Lines::new(path, options, &slot.block);
            slot.seen = make(&mut lines, &mut slot.made).map(|()| lines.seen);
        };
        // One thread takes what was made of the blocks before.
        let (taken, ()) = rayon::join(
            || take(&mut ready[..waiting]),
            || next[..read].par_iter_mut().for_each(parse),
        );
        taken?;
        (wanted, waiting) = (most, read);
        std::mem::swap(&mut ready, &mut next);
        if let Some(e) = failed {
            // What stands before the place that cannot be read comes first.
            take(&mut ready[..waiting])?;
            return Err(e);
        }
        if read == 0 {
            return all.check(path, options);
        }
    }
}

/// Bytes that are parsed at a time.
const BLOCK: usize = 1 << 18;
/// Bytes that a block and what is made of it may take: its rows are a few times as large where lines are short.
const SLOT: usize = 10 * BLOCK;

/// What a file was found to hold.
#[derive(Default)]
struct Seen {
    lines: bool,
    rows: bool,
    /// Names without the prefix, a few.
    other_names: Vec<String>,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.lines |= other.lines;
        self.rows |= other.rows;
        for name in other.other_names {
            self.add_name(&name);
        }
    }

    fn add_name(&mut self, name: &str) {
        if self.other_names.len() < 3 && !self.other_names.iter().any(|n| n == name) {
            self.other_names.push(name.to_string());
        }
    }

    /// Makes sure that there was a row.
    fn check(&self, path: &Path, options: &BedOptions) -> Result<()> {
        match &options.name_prefix {
            _ if self.rows => Ok(()),
            Some(prefix) if !self.other_names.is_empty() => Err(Error::file(
                path,
                format!(
                    "no row's name (column 4) begins with `{prefix}`; names are like `{}`",
                    self.other_names.join("`, `")
                ),
            )),
            _ if !self.lines => Err(Error::file(
                path,
                "the file is empty; a BED file has at least one row: chromosome, start, end",
            )),
            _ => Err(Error::file(
                path,
                "the file holds no interval, only comments or blank lines",
            )),
        }
    }
}

/// The rows of a block of lines.
pub(crate) struct Lines<'a> {
    path: &'a Path,
    options: &'a BedOptions,
    /// What is not read yet.
    rest: &'a str,
    /// The number of its first line.
    number: u64,
    /// Behind the rest stands what is no text.
    broken: bool,
    seen: Seen,
}

impl<'a> Lines<'a> {
    fn new(path: &'a Path, options: &'a BedOptions, block: &'a Block) -> Self {
        let bytes = match block.first_line {
            1 => without_byte_order_mark(&block.bytes),
            _ => &block.bytes,
        };
        let text = |bytes| std::str::from_utf8(bytes);
        let (rest, broken) = match text(bytes) {
            Ok(all) => (all, false),
            Err(e) => {
                let valid = &bytes[..e.valid_up_to()];
                let lines = memchr::memrchr(b'\n', valid).map_or(0, |end| end + 1);
                (text(&valid[..lines]).unwrap_or_default(), true)
            }
        };
        Self {
            path,
            options,
            rest,
            number: block.first_line,
            broken,
            seen: Seen {
                lines: true,
                ..Seen::default()
            },
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<BedLine<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let number = self.number;
            self.number += 1;
            let columns = Columns::of_first_line(&mut self.rest);
            if is_passed_over(columns.line) {
                continue;
            }
            let row = match parse_row(&columns, number, self.options) {
                Ok(row) => row,
                Err(problem) => return Some(Err(Error::line(self.path, number, problem))),
            };
            if let Some(prefix) = &self.options.name_prefix {
                let name = row.name.unwrap_or_default();
                if !name.starts_with(prefix.as_str()) {
                    self.seen.add_name(name);
                    continue;
                }
            }
            self.seen.rows = true;
            return Some(Ok(row));
        }
        let broken = std::mem::take(&mut self.broken);
        broken.then(|| {
            Err(Error::line(
                self.path,
                self.number,
                "this line is not UTF-8 text; is this a BED file?",
            ))
        })
    }
}

fn is_passed_over(line: &str) -> bool {
    let keyword = |word: &str| {
        line.strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    match line.as_bytes().first() {
        None | Some(b'#') => true,
        Some(b't') => keyword("track"),
        Some(b'b') => keyword("browser"),
        Some(first) => !first.is_ascii_graphic() && line.trim().is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::bed::row::BedRow;

    /// Several blocks of lines, with what is passed over among them; `change` may put something else on a line.
    fn file(change: impl Fn(u64) -> Option<Vec<u8>>) -> tempfile::NamedTempFile {
        let mut bytes = Vec::new();
        for line in 1..=60_000u64 {
            match (change(line), line % 97) {
                (Some(other), _) => bytes.extend(other),
                (None, 0) => bytes.extend(b"# a comment"),
                (None, 1) => {}
                _ => {
                    bytes.extend(format!("chr{}\t{line}\t{}\tr{line}", line % 7, line + 9).bytes())
                }
            }
            bytes.extend(if line % 3 == 0 { &b"\r\n"[..] } else { b"\n" });
        }
        assert!(bytes.len() > 4 * BLOCK);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn by_blocks(path: &Path, threads: usize) -> Result<Vec<BedRow>> {
        let memory = [ByteSize::LEAST, ByteSize::DEFAULT][threads % 2];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            let mut rows = Vec::new();
            let make = |lines: &mut Lines, part: &mut Vec<BedRow>| {
                part.clear();
                lines.try_for_each(|row| {
                    part.push(row?.into());
                    Ok(())
                })
            };
            in_blocks(path, &BedOptions::default(), memory, make, |part| {
                rows.extend_from_slice(part);
                Ok(())
            })?;
            Ok(rows)
        })
    }

    #[test]
    fn blocks_give_the_rows_that_lines_give() {
        let file = file(|_| None);
        let rows = read_bed(file.path(), &BedOptions::default()).unwrap();
        assert_eq!(
            rows.len(),
            (1..=60_000).filter(|line| line % 97 > 1).count()
        );
        assert!(rows.iter().all(|row| row.start == row.line));
        for threads in 1..=3 {
            assert_eq!(by_blocks(file.path(), threads).unwrap(), rows);
        }
    }

    #[test]
    fn the_first_mistake_is_told_with_its_line() {
        // Each in another block, the worst last.
        let file = file(|line| match line {
            20_001 => Some(b"chr1\t5".to_vec()),
            40_000 => Some(b"chr1\t\xff\t7".to_vec()),
            50_000 => Some(b"chr1\t9\t7".to_vec()),
            _ => None,
        });
        let expected = told(read_bed(file.path(), &BedOptions::default()));
        assert!(expected.contains(":20001: 2 columns"), "{expected}");
        for threads in 1..=3 {
            assert_eq!(told(by_blocks(file.path(), threads)), expected);
        }
    }

    #[test]
    fn a_mistake_before_the_end_of_a_cut_file_comes_first() {
        let file = file(|line| (line == 30_000).then(|| b"chr1\t5".to_vec()));
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::copy(&mut std::fs::File::open(file.path()).unwrap(), &mut packed).unwrap();
        let bytes = packed.finish().unwrap();
        for (kept, expected) in [(10, ":30000: 2 columns"), (3, "the file is truncated")] {
            std::fs::write(file.path(), &bytes[..bytes.len() / 12 * kept]).unwrap();
            for threads in 1..=4 {
                let message = told(by_blocks(file.path(), threads));
                assert!(message.contains(expected), "{message}");
            }
        }
    }

    #[test]
    fn what_is_no_text_is_told_with_its_line() {
        let file = file(|line| (line == 40_000).then(|| b"chr1\t\xff\t7".to_vec()));
        for message in [
            told(read_bed(file.path(), &BedOptions::default())),
            told(by_blocks(file.path(), 2)),
        ] {
            assert!(
                message.contains(":40000: this line is not UTF-8"),
                "{message}"
            );
        }
    }

    fn told(rows: Result<Vec<BedRow>>) -> String {
        rows.unwrap_err().to_string()
    }
}
