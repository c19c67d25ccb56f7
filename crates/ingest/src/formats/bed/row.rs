//! BED files: BED3 to BED12 and narrowPeak.
//!
//! Read are the columns 1 to 3 (chromosome, start, end), 4 (name), 6 (strand) and the one that holds the label. An interval is read
//! whole: the blocks of BED12 are not spliced. Comments (`#`), `track` and `browser` lines and blank lines are passed over.

use std::num::NonZeroU32;

use lingo_artifact::Strand;

use crate::formats::bed::columns::Columns;

/// Which columns of a BED file are read, and which rows.
#[derive(Clone, Debug, PartialEq)]
pub struct BedOptions {
    /// The column of the label, from 1; none when there are no labels.
    pub label_column: Option<NonZeroU32>,
    /// Only rows whose name begins so.
    pub name_prefix: Option<String>,
    /// Whether the strand is read; else all of it is [`Strand::Unknown`].
    pub stranded: bool,
    /// Whether the summit of a narrowPeak (column 10) is read.
    pub summits: bool,
    /// How many bytes may come out of a packed file.
    pub limit: u64,
}

impl Default for BedOptions {
    fn default() -> Self {
        Self {
            label_column: None,
            name_prefix: None,
            stranded: true,
            summits: false,
            limit: crate::config::ingest_config::DEFAULT_MAX_UNCOMPRESSED_BYTES,
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
    pub(crate) summit: Option<u64>,
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
            summit: row.summit,
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
            summit: line.summit,
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
    /// How far behind the start the summit of a narrowPeak lies; nothing where none was called (-1), or none is asked for.
    pub summit: Option<u64>,
}

pub(crate) fn parse_row<'a>(
    columns: &Columns<'a>,
    number: u64,
    options: &BedOptions,
) -> std::result::Result<BedLine<'a>, String> {
    let line = columns.line;
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
    let place = |column: usize, what: &str| {
        coordinate(columns.get(column).unwrap_or_default(), column + 1, what).map_err(|problem| {
            match chrom.contains(' ') {
                true => format!("{problem}; a space stands in column 1 (`{chrom}`): write a tab"),
                false => problem,
            }
        })
    };
    let (start, end) = (place(1, "start")?, place(2, "end")?);
    holds_bases(start, end)?;
    let label_column = options.label_column.map(|c| c.get() as usize);
    let strand = match columns.get(5) {
        Some(text) if options.stranded && label_column != Some(6) => match text.trim_end() {
            "+" => Strand::Forward,
            "-" => Strand::Reverse,
            // R's GenomicRanges writes `*`; a trailing tab leaves the column empty.
            "*" | "" => Strand::Unknown,
            text => text
                .parse()
                .map_err(|e| format!("column 6 (strand): {e}, or set `stranded: false`"))?,
        },
        _ => Strand::Unknown,
    };
    let label = match label_column {
        None => None,
        Some(column) => match columns.get(column - 1).map(trimmed) {
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
    let summit = match options.summits {
        false => None,
        true => summit(columns)?,
    };
    Ok(BedLine {
        line: number,
        chrom,
        start,
        end,
        name: columns
            .get(3)
            .map(trimmed)
            .filter(|text| !text.is_empty() && *text != "."),
        strand,
        label,
        summit,
    })
}

/// Column 10 of a narrowPeak; nothing where no summit was called.
fn summit(columns: &Columns) -> std::result::Result<Option<u64>, String> {
    match columns.get(9).map(str::trim_end) {
        Some("-1") => Ok(None),
        Some(text) => coordinate(text, 10, "summit").map(Some),
        None => Err(format!(
            "{} where the summit of a narrowPeak is in column 10; without summits say `around: middle`",
            count(columns.len())
        )),
    }
}

/// As `trim`, at once for what has nothing to trim.
fn trimmed(text: &str) -> &str {
    let clean = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = text.as_bytes();
    if clean(bytes.first()) && clean(bytes.last()) {
        return text;
    }
    text.trim()
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

/// A number of so few digits that it needs no look at its size.
fn short_number(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 18 {
        return None;
    }
    bytes.iter().try_fold(0, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then_some(value * 10 + u64::from(digit))
    })
}

/// A start or an end.
pub(crate) fn coordinate(
    text: &str,
    column: usize,
    what: &str,
) -> std::result::Result<u64, String> {
    let digits = || !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(value) = short_number(text) {
        return Ok(value);
    }
    if let (true, Ok(value)) = (digits(), text.parse()) {
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
