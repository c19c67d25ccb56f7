//! BED files, line by line: BED3 to BED12 and narrowPeak.
//!
//! Read are the columns 1 to 3 (chromosome, start, end), 4 (name), 6 (strand) and the one that holds the label. An interval is read
//! whole: the blocks of BED12 are not spliced. Comments (`#`), `track` and `browser` lines and blank lines are passed over.

use std::num::NonZeroU32;
use std::path::Path;

use lingo_artifact::Strand;

use crate::input::{Input, without_byte_order_mark, without_terminator};
use crate::{Error, Result};

/// Which columns of a BED file are read, and which rows.
#[derive(Clone, Debug, PartialEq)]
pub struct BedOptions {
    /// The column of the label, from 1; none when there are no labels.
    pub label_column: Option<NonZeroU32>,
    /// Only rows whose name begins so.
    pub name_prefix: Option<String>,
    /// Whether the strand is read; else all of it is [`Strand::Unknown`].
    pub stranded: bool,
    /// How many bytes may come out of a packed file.
    pub limit: u64,
}

impl Default for BedOptions {
    fn default() -> Self {
        Self {
            label_column: None,
            name_prefix: None,
            stranded: true,
            limit: crate::config::DEFAULT_MAX_UNCOMPRESSED_BYTES,
        }
    }
}

/// One row of a BED file that borrows its texts from the line; the fields are those of [`BedRow`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BedLine<'a> {
    pub(crate) line: u64,
    pub(crate) chrom: &'a str,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) name: Option<&'a str>,
    pub(crate) strand: Strand,
    pub(crate) label: Option<&'a str>,
}

impl<'a> From<&'a BedRow> for BedLine<'a> {
    fn from(row: &'a BedRow) -> Self {
        Self {
            line: row.line,
            chrom: &row.chrom,
            start: row.start,
            end: row.end,
            name: row.name.as_deref(),
            strand: row.strand,
            label: row.label.as_deref(),
        }
    }
}

impl From<BedLine<'_>> for BedRow {
    fn from(line: BedLine) -> Self {
        Self {
            line: line.line,
            chrom: line.chrom.to_string(),
            start: line.start,
            end: line.end,
            name: line.name.map(str::to_string),
            strand: line.strand,
            label: line.label.map(str::to_string),
        }
    }
}

/// One row of a BED file.
#[derive(Clone, Debug, PartialEq)]
pub struct BedRow {
    /// Its line, from 1.
    pub line: u64,
    /// The chromosome.
    pub chrom: String,
    /// The first base, from 0.
    pub start: u64,
    /// One behind the last base; always beyond `start`.
    pub end: u64,
    /// The name, when there is one that is not `.`.
    pub name: Option<String>,
    /// The strand; `*`, which some tools write for "either", is read as `.`.
    pub strand: Strand,
    /// The text in the label column.
    pub label: Option<String>,
}

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

/// Reads a BED file without keeping it: `take` gets every row.
///
/// # Errors
/// As [`read_bed`]; what `take` says.
pub(crate) fn each_row(
    path: &Path,
    options: &BedOptions,
    mut take: impl FnMut(BedLine) -> Result<()>,
) -> Result<()> {
    let mut input = Input::open(path, options.limit)?;
    let mut none = true;
    let mut other_names: Vec<String> = Vec::new();
    let mut last = 0;
    while let Some((number, raw)) = input.next_line()? {
        last = number;
        let content = if number == 1 {
            without_byte_order_mark(raw)
        } else {
            raw
        };
        let content = std::str::from_utf8(without_terminator(content)).map_err(|_| {
            Error::line(
                path,
                number,
                "this line is not UTF-8 text; is this a BED file?",
            )
        })?;
        if is_passed_over(content) {
            continue;
        }
        let row = parse_row(content, number, options)
            .map_err(|problem| Error::line(path, number, problem))?;
        let name = row.name.unwrap_or_default();
        match &options.name_prefix {
            Some(prefix) if !name.starts_with(prefix.as_str()) => {
                if other_names.len() < 3 && !other_names.iter().any(|n| n == name) {
                    other_names.push(name.to_string());
                }
            }
            _ => {
                none = false;
                take(row)?;
            }
        }
    }
    match (&options.name_prefix, none, other_names.is_empty()) {
        (_, false, _) => Ok(()),
        (Some(prefix), true, false) => Err(Error::file(
            path,
            format!(
                "no row's name (column 4) begins with `{prefix}`; names are like `{}`",
                other_names.join("`, `")
            ),
        )),
        _ if last == 0 => Err(Error::file(
            path,
            "the file is empty; a BED file has at least one row: chromosome, start, end",
        )),
        _ => Err(Error::file(
            path,
            "the file holds no interval, only comments or blank lines",
        )),
    }
}

fn is_passed_over(line: &str) -> bool {
    let keyword = |word: &str| {
        line.strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    line.trim().is_empty() || line.starts_with('#') || keyword("track") || keyword("browser")
}

fn parse_row<'a>(
    line: &'a str,
    number: u64,
    options: &BedOptions,
) -> std::result::Result<BedLine<'a>, String> {
    let columns = Columns::of(line);
    if columns.len() < 3 {
        let words = line.split_ascii_whitespace().count();
        return Err(if words >= 3 && line.contains(' ') {
            "spaces stand between the columns where tabs belong; write tabs (`tr -s ' ' '\\t'`)"
                .into()
        } else {
            format!(
                "{} where a BED row has at least 3 (chromosome, start, end)",
                count(columns.len())
            )
        });
    }
    let chrom = columns.get(0).unwrap_or_default();
    if chrom.is_empty() {
        return Err("column 1 (chromosome) is empty".into());
    }
    let start = coordinate(columns.get(1).unwrap_or_default(), 2, "start")?;
    let end = coordinate(columns.get(2).unwrap_or_default(), 3, "end")?;
    holds_bases(start, end)?;
    let label_column = options.label_column.map(|c| c.get() as usize);
    let strand = match columns.get(5).map(|text| text.trim_end()) {
        Some(text) if options.stranded && label_column != Some(6) => match text {
            // R's GenomicRanges writes `*`; a trailing tab leaves the column empty.
            "*" | "" => Strand::Unknown,
            _ => text
                .parse()
                .map_err(|e| format!("column 6 (strand): {e}, or set `stranded: false`"))?,
        },
        _ => Strand::Unknown,
    };
    let label = match label_column {
        None => None,
        Some(column) => match columns.get(column - 1).map(|text| text.trim()) {
            Some(text) if !text.is_empty() && text != "." => Some(text),
            Some(text) => {
                return Err(format!(
                    "column {column} (label) is `{text}`; a label is needed"
                ));
            }
            None => {
                return Err(format!(
                    "{} where the label is in column {column}",
                    count(columns.len())
                ));
            }
        },
    };
    Ok(BedLine {
        line: number,
        chrom,
        start,
        end,
        name: columns
            .get(3)
            .map(|text| text.trim())
            .filter(|text| !text.is_empty() && *text != "."),
        strand,
        label,
    })
}

/// The columns of a line: the first few at hand, those behind them looked up.
struct Columns<'a> {
    line: &'a str,
    first: [&'a str; 6],
    count: usize,
}

impl<'a> Columns<'a> {
    fn of(line: &'a str) -> Self {
        let mut first = [""; 6];
        let (mut count, mut start) = (0, 0);
        let tabs = line.bytes().enumerate().filter(|(_, b)| *b == b'\t');
        for end in tabs.map(|(i, _)| i).chain(std::iter::once(line.len())) {
            if let Some(place) = first.get_mut(count) {
                *place = line.get(start..end).unwrap_or_default();
            }
            (count, start) = (count + 1, end + 1);
        }
        Self { line, first, count }
    }

    fn len(&self) -> usize {
        self.count
    }

    fn get(&self, i: usize) -> Option<&'a str> {
        match self.first.get(i) {
            Some(word) => (i < self.count).then_some(*word),
            None => self.line.split('\t').nth(i),
        }
    }
}

/// An interval has at least one base.
pub(crate) fn holds_bases(start: u64, end: u64) -> std::result::Result<(), String> {
    if end < start {
        return Err(format!("the end ({end}) lies before the start ({start})"));
    }
    if end == start {
        return Err(format!(
            "the interval has no bases (start and end are both {start}); BED counts from 0 and does not include the end, so one base is {start} to {}",
            start.saturating_add(1)
        ));
    }
    Ok(())
}

fn count(columns: usize) -> String {
    format!("{columns} column{}", if columns == 1 { "" } else { "s" })
}

/// A start or an end.
pub(crate) fn coordinate(
    text: &str,
    column: usize,
    what: &str,
) -> std::result::Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let (true, Ok(value)) = (digits, text.parse()) {
        return Ok(value);
    }
    let hint = match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|b| b.is_ascii_digit()) => "; positions count from 0",
        _ if text.trim() != text => "; there is a space beside it",
        _ if !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_') => {
            "; is this a header line? begin it with `#`"
        }
        _ => "",
    };
    Err(format!(
        "column {column} ({what}) is `{text}`, not a whole number{hint}"
    ))
}
