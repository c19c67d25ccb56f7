//! Examples that are read piece by piece, with labels or without.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::tables::example::known_labels::KnownLabels;
use crate::tables::example::metadata::ExamplesMetadata;
use crate::tables::example::row::{Interval, SequenceRow};
use crate::tables::table::columns::Table;
use crate::tables::table::read::TableReader;
use crate::value::label::LabelKind;
use crate::value::split::Split;
use crate::value::strand::Strand;

/// What stands beside the rows of a Parquet file.
pub(crate) fn metadata_of(path: &Path, text: Option<&str>) -> Result<Option<ExamplesMetadata>> {
    let parsed = text.map(serde_json::from_str).transpose();
    parsed.map_err(|e| {
        let problem = format!("its metadata is not of an examples table: {e}");
        Error::invalid(path, problem)
    })
}

/// Sequences of a table that is read piece by piece: examples, with labels or without.
pub struct ExampleReader {
    path: PathBuf,
    table: TableReader,
    labels: KnownLabels,
}

impl ExampleReader {
    /// Opens a table, whose labels are to be read as those of `labels`: classes by their names.
    ///
    /// # Errors
    /// As [`Examples::read`](super::examples::Examples::read); it says of itself that it has other labels.
    pub fn open(path: &Path, labels: &LabelKind) -> Result<Self> {
        let table = TableReader::open(path)?;
        let metadata = metadata_of(path, table.metadata.as_deref())?;
        let of_table = metadata.map(|m| m.labels);
        Ok(Self {
            path: path.to_path_buf(),
            labels: KnownLabels::new(path, labels, of_table)?,
            table,
        })
    }

    /// The next rows, at most so many; none behind the last.
    ///
    /// # Errors
    /// As [`Examples::read`](super::examples::Examples::read), but that the column `label` may be missing.
    pub fn next(&mut self, most: usize) -> Result<Vec<SequenceRow>> {
        let t = self.table.next(most)?;
        let mut rows = unlabelled(&t)?;
        if t.has("label") {
            for (row, label) in rows.iter_mut().zip(self.labels.read(&self.path, &t)?) {
                row.label = Some(label);
            }
        }
        Ok(rows)
    }
}

/// The rows of a table without their labels.
///
/// # Errors
/// [`Error::Column`].
pub(crate) fn unlabelled(t: &Table) -> Result<Vec<SequenceRow>> {
    let splits = if t.has("split") {
        t.parsed("split", "")?
    } else {
        vec![Split::Test; t.height()]
    };
    let ids = if t.has("id") {
        t.strings("id")?
    } else {
        splits
            .iter()
            .enumerate()
            .map(|(i, s)| format!("{s}:{}", t.before() + i + 1))
            .collect()
    };
    let sequences = t.strings("sequence")?;
    let second = if t.has("sequence2") {
        t.optional_strings("sequence2")?
    } else {
        vec![None; t.height()]
    };
    let intervals = read_intervals(t)?;
    let rows = ids
        .into_iter()
        .zip(splits)
        .zip(sequences)
        .zip(second)
        .zip(intervals)
        .map(
            |((((id, split), sequence), sequence2), interval)| SequenceRow {
                id,
                split,
                sequence,
                sequence2,
                label: None,
                interval,
            },
        );
    Ok(rows.collect())
}

fn read_intervals(t: &Table) -> Result<Vec<Option<Interval>>> {
    if !t.has("chrom") {
        return Ok(vec![None; t.height()]);
    }
    let chroms = t.optional_strings("chrom")?;
    let starts = t.optional_u64s("start")?;
    let ends = t.optional_u64s("end")?;
    let strands: Vec<Strand> = t.parsed("strand", Strand::Unknown.as_str())?;
    Ok(chroms
        .into_iter()
        .zip(starts)
        .zip(ends)
        .zip(strands)
        .map(|(((chrom, start), end), strand)| {
            Some(Interval {
                chrom: chrom?,
                start: start?,
                end: end?,
                strand,
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::example::examples::Examples;
    use crate::value::label::Label;

    #[test]
    fn pieces_are_the_rows_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let text = "sequence,label\nACGT,0\nCCC,1\nGG,1\nT,0\nAA,1\n";
        let csv = folder.path().join("e.csv");
        std::fs::write(&csv, text).unwrap();
        let parquet = folder.path().join("e.parquet");
        Examples::read(&csv).unwrap().write(&parquet).unwrap();
        let kind = LabelKind::Classes(vec!["0".into(), "1".into()]);
        for path in [csv, parquet] {
            let mut reader = ExampleReader::open(&path, &kind).unwrap();
            let mut found = Vec::new();
            loop {
                let rows = reader.next(2).unwrap();
                if rows.is_empty() {
                    break;
                }
                found.extend(rows);
            }
            let whole = Examples::read(&path).unwrap().rows;
            assert_eq!(found.len(), whole.len());
            for (one, other) in found.iter().zip(&whole) {
                assert_eq!((&one.id, &one.sequence), (&other.id, &other.sequence));
                assert_eq!(one.label.as_ref(), Some(&other.label));
            }
        }
    }

    #[test]
    fn a_row_of_a_later_piece_is_told_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.csv");
        std::fs::write(&path, "sequence,label\nA,0\nC,1\nG,7\n").unwrap();
        let kind = LabelKind::Classes(vec!["0".into(), "1".into()]);
        let mut reader = ExampleReader::open(&path, &kind).unwrap();
        assert_eq!(reader.next(2).unwrap()[1].label, Some(Label::Class(1)));
        let message = reader.next(2).unwrap_err().to_string();
        assert!(
            message.contains("row 3: the label `7` is none of the classes 0, 1"),
            "{message}"
        );
    }

    #[test]
    fn sequences_need_no_label() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.csv");
        std::fs::write(&path, "sequence\nA\n").unwrap();
        let mut reader = ExampleReader::open(&path, &LabelKind::Regression).unwrap();
        assert_eq!(reader.next(9).unwrap()[0].label, None);
    }
}
