//! CSV and TSV tables of labelled sequences in the layout of GUE: `sequence,label` or `sequence1,sequence2,label`.

use std::path::Path;

use lingo_artifact::Split;

use crate::config::sources::TableColumns;
use crate::error::shown;
use crate::error::{Error, Result};
use crate::input::Input;
use crate::iupac;
use crate::rows::row;
use crate::rows::row::{Content, Row, Rows};

/// Reads a table into `rows`; `file` is its place among the input files.
///
/// Columns are found by name (`names`, or those of GUE), in any order; others are passed over, and so is that of the ids without
/// `names`.
///
/// # Errors
/// With file and line: a column that is missing or there twice, a row with another number of fields, an empty sequence, label or id,
/// a character that is no IUPAC nucleotide code. With file: nothing in it, a header without rows.
pub(crate) fn read(
    path: &Path,
    file: u16,
    split: Option<Split>,
    names: Option<&TableColumns>,
    limit: u64,
    rows: &mut Rows,
) -> Result<()> {
    let (bytes, delimiter, separated) =
        whole_table(path, limit, rows.limit().get() / 2, "sequence,label")?;
    let text = crate::input::without_byte_order_mark(&bytes);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text);
    let header = reader
        .headers()
        .map_err(|e| explain(path, text, &e))?
        .clone();
    let columns = Columns::find(path, &header, separated, names)?;
    let before = rows.all().len();
    for (i, record) in reader.records().enumerate() {
        let record = record.map_err(|e| explain(path, text, &e))?;
        let line = record.position().map_or(0, |p| line_of(text, p));
        let sequence = |column: usize| {
            sequence(&record[column]).map_err(|problem| {
                Error::line(path, line, format!("column `{}`{problem}", &header[column]))
            })
        };
        let filled = |column: usize, needed: &str| {
            let text = record[column].trim();
            match text.is_empty() {
                false => Ok(text),
                true => Err(Error::line(
                    path,
                    line,
                    format!(
                        "column `{}` is empty; {needed} is needed",
                        header[column].trim()
                    ),
                )),
            }
        };
        let label = filled(columns.label, "a label")?;
        let id = columns.id.map(|column| filled(column, "an id"));
        let id = id.transpose()?;
        let first = rows.texts.push(&sequence(columns.sequence)?);
        let second = match columns.sequence2 {
            Some(column) => Some(rows.texts.push(&sequence(column)?)),
            None => None,
        };
        let label = rows.push_label(label);
        let name = id.map(|id| rows.texts.push(id));
        rows.push(Row {
            name,
            content: Content::Text {
                first,
                second,
                number: row::line(i as u64 + 1),
            },
            label,
            line: row::line(line),
            file,
            split,
        })?;
    }
    if rows.all().len() == before {
        return Err(Error::file(path, "there is a header but no row"));
    }
    Ok(())
}

/// Makes sure that the header has the columns that [`read`] needs, and reads no further.
///
/// # Errors
/// As [`read`], for the header.
pub(crate) fn check_header(path: &Path, names: &TableColumns, limit: u64) -> Result<()> {
    let (header, separated) = header_of(path, limit, "sequence,label")?;
    Columns::find(path, &header, separated, Some(names)).map(drop)
}

/// The header of a table, and what its delimiter is called; `wanted` is the header that the table should have.
///
/// # Errors
/// What opening the file says; an empty file; a header that is not text.
pub(crate) fn header_of(
    path: &Path,
    limit: u64,
    wanted: &str,
) -> Result<(csv::StringRecord, &'static str)> {
    let mut input = Input::open(path, limit)?;
    while let Some((number, line)) = input.next_line()? {
        let text = match number {
            1 => crate::input::without_byte_order_mark(line),
            _ => line,
        };
        // The reader of tables passes over blank lines, too.
        if crate::input::without_terminator(text).is_empty() {
            continue;
        }
        let (delimiter, separated) = delimiter_of(path);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .from_reader(text);
        let header = reader.headers().map_err(|e| explain(path, text, &e))?;
        return Ok((header.clone(), separated));
    }
    Err(empty_table(path, wanted))
}

struct Columns {
    sequence: usize,
    sequence2: Option<usize>,
    label: usize,
    id: Option<usize>,
}

impl Columns {
    fn find(
        path: &Path,
        header: &csv::StringRecord,
        separated: &str,
        names: Option<&TableColumns>,
    ) -> Result<Self> {
        let hint = match names {
            Some(_) => "; `columns` (--columns) gives other names",
            None => "",
        };
        let has_ids = names.is_some();
        let given = TableColumns::default();
        let names = names.unwrap_or(&given);
        let place = |name: &str| place_of(path, header, name);
        let missing = |name: &str| {
            let there: Vec<String> = header
                .iter()
                .take(6)
                .map(|column| format!("`{}`", shortened(column)))
                .collect();
            let foreign = match (header.len(), header.get(0)) {
                (1, Some(only)) if only.contains('\t') => {
                    " Tabs stand in it: end the file's name in .tsv."
                }
                (1, Some(only)) if only.contains(',') => {
                    " Commas stand in it: end the file's name in .csv."
                }
                (1, Some(only)) if only.contains(';') => " Semicolons stand in it: write commas.",
                _ => "",
            };
            Error::line(
                path,
                1,
                format!(
                    "the column `{name}` is missing; there are: {} (read with {separated}).{foreign} The header is `sequence,label` or `sequence1,sequence2,label`{hint}",
                    there.join(", ")
                ),
            )
        };
        let found = |name: &str| -> Result<usize> { place(name)?.ok_or_else(|| missing(name)) };
        let label = found(names.label.as_deref().unwrap_or("label"));
        let (sequence, sequence2) = match &names.sequence {
            Some(first) => (
                found(first)?,
                names.sequence2.as_deref().map(found).transpose()?,
            ),
            None => {
                let (one, second) = (place("sequence1")?, place("sequence2")?);
                let first = match one {
                    Some(place) => place,
                    None if second.is_some() => {
                        place("sequence")?.ok_or_else(|| missing("sequence1"))?
                    }
                    None => found("sequence")?,
                };
                if second.is_none() && one.is_some() {
                    return Err(missing("sequence2"));
                }
                (first, second)
            }
        };
        let label = label?;
        let others = [Some(sequence), sequence2, Some(label)];
        let id = match &names.id {
            Some(name) => Some(found(name)?),
            None if has_ids => place("id")?.filter(|id| !others.contains(&Some(*id))),
            None => None,
        };
        Ok(Self {
            sequence,
            sequence2,
            label,
            id,
        })
    }
}

/// Where the column of a name stands, if there is one.
///
/// # Errors
/// Two of that name: nobody can tell which is meant.
pub(crate) fn place_of(
    path: &Path,
    header: &csv::StringRecord,
    name: &str,
) -> Result<Option<usize>> {
    let mut places = (header.iter().enumerate())
        .filter(|(_, column)| column.trim() == name)
        .map(|(place, _)| place);
    let first = places.next();
    match (first, places.next()) {
        (Some(first), Some(second)) => Err(Error::line(
            path,
            1,
            format!(
                "the columns {} and {} are both called `{name}`, so which of them is meant? Rename one",
                first + 1,
                second + 1
            ),
        )),
        _ => Ok(first),
    }
}

/// A column name that fits into a message: where the header is missing, the first sequence stands there.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(20) {
        Some((i, _)) => format!("{}...", &text[..i]),
        None => text.to_string(),
    }
}

fn sequence(text: &str) -> std::result::Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(" is empty; a sequence is needed".into());
    }
    let mut bases = text.as_bytes().to_vec();
    iupac::normalise(&mut bases).map_err(|i| {
        format!(
            ", character {}: {} is no IUPAC nucleotide code; DNA or RNA is needed here (ACGTU, RYSWKMBDHV, N)",
            i + 1,
            shown(text.as_bytes()[i])
        )
    })?;
    String::from_utf8(bases).map_err(|_| " is no text".into())
}

/// The bytes of a table with a header, which may be `most`, its delimiter and what that is called.
///
/// # Errors
/// As [`Input::read_all`]; an empty file.
pub(crate) fn whole_table(
    path: &Path,
    limit: u64,
    most: u64,
    header: &str,
) -> Result<(Vec<u8>, u8, &'static str)> {
    let bytes = Input::open(path, limit)?.read_all(most)?;
    if bytes.is_empty() {
        return Err(empty_table(path, header));
    }
    let (delimiter, separated) = delimiter_of(path);
    Ok((bytes, delimiter, separated))
}

fn empty_table(path: &Path, header: &str) -> Error {
    Error::file(
        path,
        format!("the file is empty; it needs a header (`{header}`) and rows"),
    )
}

/// The delimiter of a table, and what it is called.
fn delimiter_of(path: &Path) -> (u8, &'static str) {
    match is_tsv(path) {
        true => (b'\t', "tabs"),
        false => (b',', "commas"),
    }
}

pub(crate) fn is_tsv(path: &Path) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let name = name
        .strip_suffix(".gz")
        .or_else(|| name.strip_suffix(".bgz"))
        .unwrap_or(&name);
    name.ends_with(".tsv")
}

/// The line of a record: its position lies before the line ends that the reader has yet to pass over.
pub(crate) fn line_of(text: &[u8], position: &csv::Position) -> u64 {
    let passed_over = usize::try_from(position.byte())
        .ok()
        .and_then(|byte| text.get(byte..))
        .unwrap_or_default()
        .iter()
        .take_while(|b| matches!(b, b'\r' | b'\n'))
        .filter(|b| **b == b'\n')
        .count();
    position.line() + passed_over as u64
}

pub(crate) fn explain(path: &Path, text: &[u8], e: &csv::Error) -> Error {
    let line = e.position().map_or(1, |p| line_of(text, p));
    let problem = match e.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            let fields = if *len == 1 { "field" } else { "fields" };
            format!("this row has {len} {fields} where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "this line is not UTF-8 text".into(),
        _ => e.to_string(),
    };
    Error::line(path, line, problem)
}
