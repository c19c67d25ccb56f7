//! FASTA whose headers carry the label: `>id|label`.
//!
//! Unlike a genome, such a file may have the same name twice: its records are examples, not places.

use std::num::NonZeroU32;
use std::path::Path;

use crate::error::{Error, Result};
use crate::genome::fasta::{foreign, no_header};
use crate::input::{Input, without_byte_order_mark, without_terminator};
use crate::iupac;

/// One record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LabelledSequence {
    /// The line of its header, from 1.
    pub(crate) line: u64,
    pub(crate) id: String,
    pub(crate) label: String,
    /// Upper case, U as T.
    pub(crate) sequence: String,
}

/// Which part of a header is the label.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderLayout<'a> {
    /// What stands between the fields.
    pub(crate) separator: &'a str,
    /// The field of the label, from 1; the last where nothing is said.
    pub(crate) field: Option<NonZeroU32>,
    /// Whether a header without a label is an error; else its id ends at the first space, and its label is empty.
    pub(crate) label_needed: bool,
}

/// Reads a file and hands on its records.
///
/// # Errors
/// With file and line: text before the first header, a header without the field of the label or with nothing in it, a record without bases,
/// a character that is no IUPAC nucleotide code. With file: nothing in it. What `take` says.
pub(crate) fn read(
    path: &Path,
    layout: HeaderLayout<'_>,
    limit: u64,
    mut take: impl FnMut(LabelledSequence) -> Result<()>,
) -> Result<()> {
    let mut input = Input::open(path, limit)?;
    let mut current: Option<LabelledSequence> = None;
    while let Some((number, raw)) = input.next_line()? {
        let raw = if number == 1 {
            without_byte_order_mark(raw)
        } else {
            raw
        };
        let line = without_terminator(raw);
        if let Some(header) = line.strip_prefix(b">") {
            if let Some(record) = current.take() {
                take(whole(path, record)?)?;
            }
            let header = std::str::from_utf8(header)
                .map_err(|_| Error::line(path, number, "this header is not UTF-8 text"))?;
            let (id, label) = layout
                .parts(header)
                .map_err(|problem| Error::line(path, number, problem))?;
            current = Some(LabelledSequence {
                line: number,
                id,
                label,
                sequence: String::new(),
            });
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let record = current
            .as_mut()
            .ok_or_else(|| no_header(path, number, line))?;
        if let Some(column) = iupac::first_foreign(line) {
            return Err(foreign(
                path,
                number,
                column as u64 + 1,
                line[column],
                &record.id,
            ));
        }
        record.sequence.extend(
            line.iter()
                .filter_map(|b| iupac::normal(*b))
                .map(char::from),
        );
    }
    match current {
        Some(record) => take(whole(path, record)?),
        None => Err(Error::file(
            path,
            "the file holds no sequence; a record begins with `>id|label`",
        )),
    }
}

/// A record that has bases.
fn whole(path: &Path, record: LabelledSequence) -> Result<LabelledSequence> {
    if record.sequence.is_empty() {
        return Err(Error::line(
            path,
            record.line,
            format!(
                "the sequence `{}` has no bases; remove its header or restore its lines",
                record.id
            ),
        ));
    }
    Ok(record)
}

impl HeaderLayout<'_> {
    /// The id and the label of a header.
    fn parts(&self, header: &str) -> std::result::Result<(String, String), String> {
        let header = header.trim();
        let fields: Vec<&str> = header.split(self.separator).map(str::trim).collect();
        let shown: String = header.chars().take(60).collect();
        if fields.len() < 2 && !self.label_needed {
            let id = header.split_whitespace().next().unwrap_or_default();
            return Ok((id.to_string(), String::new()));
        }
        if fields.len() < 2 {
            return Err(format!(
                "there is no `{}` in the header `{shown}`; the label stands behind it, as in `>id{}label`; say `separator` where it is another",
                self.separator, self.separator
            ));
        }
        let place = self.field.map_or(fields.len(), |f| f.get() as usize);
        let label = *fields.get(place - 1).ok_or_else(|| {
            format!(
                "the header `{shown}` has {} fields where the label is in field {place}",
                fields.len()
            )
        })?;
        if label.is_empty() {
            return Err(format!(
                "field {place} of the header `{shown}` is empty; a label is needed"
            ));
        }
        let id = if place == 1 { header } else { fields[0] };
        Ok((id.to_string(), label.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_and_label_are_fields_of_the_header() {
        fn t(header: &str, separator: &str, field: u32, expected: (&str, &str)) {
            let layout = HeaderLayout {
                separator,
                field: NonZeroU32::new(field),
                label_needed: true,
            };
            let (id, label) = layout.parts(header).unwrap();
            assert_eq!((id.as_str(), label.as_str()), expected, "{header}");
        }
        t("s1|yes", "|", 0, ("s1", "yes"));
        t(" s1 | yes ", "|", 0, ("s1", "yes"));
        t("s1|yes|training", "|", 2, ("s1", "yes"));
        t("yes|chr1|5", "|", 1, ("yes|chr1|5", "yes"));
        t("s1 some label=3", "label=", 0, ("s1 some", "3"));
        t("s1 0", " ", 2, ("s1", "0"));
    }
}
