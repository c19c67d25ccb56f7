//! One pass over a FASTA file: names, lengths and line layout, checked; the bases too when they are to be kept.

use std::collections::HashMap;
use std::path::Path;

use lingo_artifact::byte_size::amount;

use crate::error::shown;
use crate::error::{Error, Result};
use crate::input::{Input, Packing, Part, without_byte_order_mark, without_terminator};
use crate::iupac;

/// One sequence of a FASTA file.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Record {
    /// The first word of the header.
    pub(crate) name: String,
    /// Bases.
    pub(crate) length: u64,
    /// Where the first base stands in the file.
    pub(crate) position: u64,
    /// Bases of every line but the last.
    pub(crate) line_bases: u64,
    /// Bytes of every line but the last, terminator counted in.
    pub(crate) line_width: u64,
    /// The bases, upper case, U as T; empty when they are not kept.
    pub(crate) bases: Vec<u8>,
}

/// What a pass found.
pub(crate) struct Scan {
    /// In the order of the file.
    pub(crate) records: Vec<Record>,
    /// Whether all lines of each sequence but its last are equally long, so that an index can stand for them.
    pub(crate) regular: bool,
    /// Headers without bases behind them, which are no sequences: their lines and names.
    pub(crate) empty: Vec<(u64, String)>,
}

/// Reads a whole FASTA file.
///
/// # Errors
/// With file and line: text before the first header, a header without a name, a name that occurs twice,
/// a character that is no IUPAC nucleotide code; a file without any sequence; more bases than `keep` says are kept;
/// whatever [`Input`] says.
pub(crate) fn scan(input: &mut Input, keep: Option<u64>) -> Result<Scan> {
    let path = input.path().to_path_buf();
    let mut scanner = Scanner {
        path: &path,
        keep,
        kept: 0,
        packed: input.packing() == Packing::Gzip,
        records: Vec::new(),
        empty: Vec::new(),
        headers: HashMap::new(),
        regular: true,
        ended: false,
        offset: 0,
        of_line: (0, 0),
    };
    let mut last = 0;
    while let Some(part) = input.next_part(MOST)? {
        last = part.line;
        scanner.part(&part)?;
    }
    if scanner.of_line.0 > 0 {
        scanner.close_line();
    }
    scanner.close_record();
    if scanner.records.is_empty() {
        let problem = if last == 0 {
            "the file is empty; a FASTA file begins with `>name`"
        } else if !scanner.empty.is_empty() {
            "none of its sequences has bases; restore their lines"
        } else {
            "the file holds no sequence; a FASTA file begins with `>name`"
        };
        return Err(Error::file(&path, problem));
    }
    Ok(Scan {
        records: scanner.records,
        regular: scanner.regular,
        empty: scanner.empty,
    })
}

struct Scanner<'a> {
    path: &'a Path,
    /// How many bases may be kept, nothing when none are.
    keep: Option<u64>,
    kept: u64,
    packed: bool,
    records: Vec<Record>,
    empty: Vec<(u64, String)>,
    /// Line of each name's header.
    headers: HashMap<String, u64>,
    regular: bool,
    /// Whether the current record had a line that can only be its last in an index.
    ended: bool,
    offset: u64,
    /// Bases and bytes of the line so far.
    of_line: (u64, u64),
}

/// Bytes of a line that are looked at a time: a chromosome may stand on one line.
const MOST: usize = 1 << 20;

impl Scanner<'_> {
    fn part(&mut self, part: &Part) -> Result<()> {
        let width = part.bytes.len() as u64;
        let content = match part.line == 1 && part.begins {
            true => without_byte_order_mark(part.bytes),
            false => part.bytes,
        };
        let content = match part.ends {
            true => without_terminator(content),
            false => content,
        };
        match content.strip_prefix(b">") {
            Some(header) if part.begins => {
                if !part.ends {
                    let problem = format!("this header is longer than {}", amount(MOST as u64));
                    return Err(Error::line(self.path, part.line, problem));
                }
                self.close_record();
                self.header(part.line, header, self.offset + width)?;
            }
            _ if part.begins && part.ends && content.is_empty() => self.ended = true,
            _ => {
                self.of_line.1 += width;
                self.bases(part.line, content)?;
                if part.ends {
                    self.close_line();
                }
            }
        }
        self.offset += width;
        Ok(())
    }

    fn header(&mut self, number: u64, header: &[u8], position: u64) -> Result<()> {
        let error = |problem: String| Error::line(self.path, number, problem);
        let name = header
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default();
        if name.is_empty() {
            return Err(error(
                "this header has no name; write `>name` without a space between".into(),
            ));
        }
        let name = std::str::from_utf8(name)
            .map_err(|_| error("the name in this header is not UTF-8 text".into()))?;
        if let Some(first) = self.headers.insert(name.to_string(), number) {
            return Err(error(format!(
                "the name `{name}` occurs twice (first in line {first}); rename one of the two sequences"
            )));
        }
        self.ended = false;
        self.records.push(Record {
            name: name.to_string(),
            position,
            ..Record::default()
        });
        Ok(())
    }

    /// Bases of a line, or of a part of one.
    fn bases(&mut self, number: u64, bases: &[u8]) -> Result<()> {
        let Some(record) = self.records.last_mut() else {
            return Err(no_header(self.path, number, bases));
        };
        if let Some(at) = iupac::first_foreign(bases) {
            let column = self.of_line.0 + at as u64 + 1;
            return Err(foreign(self.path, number, column, bases[at], &record.name));
        }
        let count = bases.len() as u64;
        self.of_line.0 += count;
        record.length += count;
        if let Some(most) = self.keep {
            self.kept += count;
            if self.kept > most {
                return Err(too_large(self.path, most, self.packed));
            }
            record
                .bases
                .extend(bases.iter().filter_map(|b| iupac::normal(*b)));
        }
        Ok(())
    }

    /// Whether the line that ends fits those before it.
    fn close_line(&mut self) {
        let (count, width) = std::mem::take(&mut self.of_line);
        let Some(record) = self.records.last_mut() else {
            return;
        };
        if record.line_bases == 0 {
            (record.line_bases, record.line_width) = (count, width);
            // Blank lines between the header and the bases would shift the index.
            self.regular &= !self.ended;
        } else {
            self.regular &= !self.ended && count <= record.line_bases;
            self.ended |= (count, width) != (record.line_bases, record.line_width);
        }
    }

    /// A header without bases is no sequence.
    fn close_record(&mut self) {
        if let Some(empty) = self.records.pop_if(|record| record.length == 0) {
            let line = self.headers.get(&empty.name).copied().unwrap_or_default();
            self.empty.push((line, empty.name));
        }
    }
}

/// The error for a character that is no IUPAC nucleotide code; `column` counts from 1.
pub(crate) fn foreign(path: &Path, line: u64, column: u64, byte: u8, name: &str) -> Error {
    Error::line(
        path,
        line,
        format!(
            "column {column}: {} in the sequence `{name}` is no IUPAC nucleotide code; DNA or RNA is needed here (ACGTU, RYSWKMBDHV, N)",
            shown(byte)
        ),
    )
}

fn too_large(path: &Path, most: u64, packed: bool) -> Error {
    let (why, advice) = if packed {
        (
            "gzip can only be unpacked whole",
            "unpack it, or repack it with bgzip, and it is read in part",
        )
    } else {
        (
            "its lines are of several lengths, so that no index can stand for them and it is held in memory",
            "write it with equal lines (`seqtk seq -l 60`), and it is read in part",
        )
    };
    Error::file(
        path,
        format!(
            "{why}, and its bases are more than {}, the half of max_memory that a genome may take; raise max_memory, or {advice}",
            amount(most)
        ),
    )
}

/// The error for text before the first header.
pub(crate) fn no_header(path: &Path, number: u64, content: &[u8]) -> Error {
    let problem = match content.first() {
        Some(b'@') => "this looks like FASTQ, not FASTA; convert it first (`seqtk seq -A`)",
        Some(b';') => {
            "a comment before the first header; remove it, a FASTA file begins with `>name`"
        }
        _ => "text before the first header; a FASTA file begins with `>name`",
    };
    Error::line(path, number, problem)
}
