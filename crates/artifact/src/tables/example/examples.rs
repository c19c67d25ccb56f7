//! A whole data set as one table: `examples.parquet`, or text.

use std::io::Write as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::files::atomic;
use crate::tables::example::borrowed::{ExampleRef, Shape};
use crate::tables::example::format::ExampleFormat;
use crate::tables::example::metadata::ExamplesMetadata;
use crate::tables::example::parquet::ParquetStream;
use crate::tables::example::reader::{metadata_of, unlabelled};
use crate::tables::example::row::Example;
use crate::tables::example::text::TextEncoder;
use crate::tables::label_column;
use crate::tables::table::read;

/// A whole data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Examples {
    /// The rows, train first, then dev, then test.
    pub rows: Vec<Example>,
    /// Class names, sources, audit.
    pub metadata: ExamplesMetadata,
}

impl Examples {
    /// Writes `.parquet`, `.csv`, `.tsv` or `.fa` atomically.
    ///
    /// # Errors
    /// [`Error::Ending`], [`Error::Io`]; [`Error::Invalid`] when a label does not fit the kind.
    pub fn write(&self, path: &Path) -> Result<()> {
        let format = ExampleFormat::of_path(path)?;
        let (rows, metadata) = (&self.rows, &self.metadata);
        let shape = Shape {
            pairs: rows.iter().any(|e| e.sequence2.is_some()),
            intervals: rows.iter().any(|e| e.interval.is_some()),
        };
        atomic::write(path, |out| {
            match TextEncoder::new(path, format, &metadata.labels, shape) {
                Some(encoder) => {
                    let mut text = encoder.header();
                    encoder.encode(rows.iter().map(ExampleRef::from), 0, &mut text)?;
                    out.write_all(&text).map_err(Error::io("write", path))
                }
                None => {
                    let mut stream = ParquetStream::new(path, metadata, shape, out)?;
                    stream.write(&rows.iter().map(ExampleRef::from).collect::<Vec<_>>())?;
                    stream.finish()
                }
            }
        })
    }

    /// Reads what [`Examples::write`] wrote; a text table without `split` is all test, without `id` gets `split:row`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Format`], [`Error::Column`], [`Error::Invalid`].
    pub fn read(path: &Path) -> Result<Self> {
        let t = read::read(path)?;
        let metadata = metadata_of(path, t.metadata.as_deref())?;
        let kind = metadata.as_ref().map(|m| m.labels.clone());
        let rows = unlabelled(&t)?;
        let (labels, label_values) = label_column::read(path, &t, kind)?;
        let rows = rows
            .into_iter()
            .zip(label_values)
            .map(|(row, label)| Example {
                id: row.id,
                split: row.split,
                sequence: row.sequence,
                sequence2: row.sequence2,
                label,
                interval: row.interval,
            })
            .collect();
        let metadata = metadata.unwrap_or(ExamplesMetadata {
            labels,
            sources: Vec::new(),
            audit: serde_json::Value::Null,
        });
        Ok(Self { rows, metadata })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::digest::Digest;
    use crate::tables::example::metadata::SourceHash;
    use crate::tables::example::row::Interval;
    use crate::value::label::Label;
    use crate::value::label::LabelKind;
    use crate::value::split::Split;
    use crate::value::strand::Strand;

    fn examples(labels: LabelKind, values: [Label; 2]) -> Examples {
        let [a, b] = values;
        Examples {
            rows: vec![
                Example {
                    id: "x".into(),
                    split: Split::Train,
                    sequence: "ACGT".into(),
                    sequence2: None,
                    label: a,
                    interval: Some(Interval {
                        chrom: "I".into(),
                        start: 3,
                        end: 7,
                        strand: Strand::Reverse,
                    }),
                },
                Example {
                    id: "y, \"quoted\"".into(),
                    split: Split::Test,
                    sequence: "NNNN".into(),
                    sequence2: Some("TT".into()),
                    label: b,
                    interval: None,
                },
            ],
            metadata: ExamplesMetadata {
                labels,
                sources: vec![SourceHash {
                    path: "g.fa".into(),
                    sha256: Digest::of_bytes(b""),
                    bytes: 0,
                }],
                audit: serde_json::json!({"n": 2}),
            },
        }
    }

    #[test]
    fn a_table_reads_back_as_it_was_written() {
        fn t(ending: &str, labels: LabelKind, values: [Label; 2]) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("examples").with_extension(ending);
            let written = examples(labels, values);
            written.write(&path).unwrap();
            let read = Examples::read(&path).unwrap();
            assert_eq!(read.rows, written.rows, "{ending}");
            if ending == "parquet" {
                assert_eq!(read.metadata, written.metadata);
            }
        }
        let names = || vec!["no".to_string(), "yes".to_string()];
        for ending in ["parquet", "csv", "tsv"] {
            t(
                ending,
                LabelKind::Classes(names()),
                [Label::Class(1), Label::Class(0)],
            );
            t(
                ending,
                LabelKind::Multilabel(names()),
                [Label::Multi(vec![1, 0]), Label::Multi(vec![1, 1])],
            );
            t(
                ending,
                LabelKind::Regression,
                [Label::Value(0.25), Label::Value(-1.0e-7)],
            );
        }
    }

    #[test]
    fn errors_name_the_file_and_the_value() {
        fn t(text: &str, expected: &str) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("e.csv");
            std::fs::write(&path, text).unwrap();
            let message = Examples::read(&path).unwrap_err().to_string();
            assert!(
                message.contains("e.csv") && message.contains(expected),
                "{message}"
            );
        }
        t("", "header");
        t("id,split\n", "`sequence` is missing; there are: id, split");
        t("sequence,label\nA,1\nC\n", "line: 3");
        t("sequence,label\nA,x\n", "`label`");
        t(
            "split,sequence,label\nvalid,A,1\n",
            "row 1: `valid` is not a split",
        );
    }

    #[test]
    fn a_label_outside_the_classes_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.parquet");
        let bad = examples(
            LabelKind::Classes(vec!["a".into()]),
            [Label::Class(0), Label::Class(1)],
        );
        assert!(bad.write(&path).unwrap_err().to_string().contains("row 2"));
        assert!(!path.exists());
    }
}
