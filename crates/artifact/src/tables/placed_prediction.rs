//! Predictions on sequences whose true label nobody knows: a table of places and probabilities, made by `predict` piece by piece.
//!
//! It has no `label` and no `logits`, so that it cannot be scored by mistake.

use std::io::Write;
use std::path::{Path, PathBuf};

use polars::prelude::DataFrame;

use crate::error::{Error, Result};
use crate::tables::example::row::Interval;
use crate::tables::table::format::Format;
use crate::tables::table::stream::{Cells, TableStream, frame};

/// What a model predicts for one sequence.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The name of a class, or of several.
    Name(String),
    /// A predicted measurement.
    Value(f32),
}

/// One prediction with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedPrediction {
    /// What the sequence is called.
    pub id: String,
    /// Where it lies, where that is known.
    pub interval: Option<Interval>,
    /// What is predicted.
    pub told: Told,
    /// One probability for each class name; none for a measurement.
    pub probabilities: Vec<f32>,
    /// The spread of each probability, or of the measurement, over several models; none of one.
    pub deviations: Vec<f32>,
}

/// Which columns a table of predictions has.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedColumns {
    /// The names of the classes; none for a measurement.
    pub classes: Vec<String>,
    /// Whether `chrom`, `start`, `end` and `strand` are there.
    pub places: bool,
    /// Whether the spread over models is there.
    pub deviations: bool,
}

/// A table of predictions that grows: id, chrom, start, end, strand, prediction, `p_<class>` for each class, and
/// `sd_<class>`, or `sd` of a measurement.
pub struct PlacedStream<W: Write> {
    path: PathBuf,
    columns: PlacedColumns,
    table: TableStream<W>,
}

impl<W: Write> PlacedStream<W> {
    /// Begins `.parquet`, `.csv` or `.tsv`; `path` says which.
    ///
    /// # Errors
    /// [`Error::Ending`]; what the writer says.
    pub fn new(path: &Path, columns: PlacedColumns, out: W) -> Result<Self> {
        let first = columns.frame(path, &[])?;
        let table = TableStream::new(path, Format::of_path(path)?, "{}", &first, out)?;
        Ok(Self {
            path: path.to_path_buf(),
            columns,
            table,
        })
    }

    /// Writes more rows.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a row has another number of probabilities; what the writer says.
    pub fn write(&mut self, rows: &[PlacedPrediction]) -> Result<()> {
        self.table.write(&self.columns.frame(&self.path, rows)?)
    }

    /// Writes what stands behind the rows.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(self) -> Result<()> {
        self.table.finish()
    }
}

impl PlacedColumns {
    fn frame(&self, path: &Path, rows: &[PlacedPrediction]) -> Result<DataFrame> {
        let classes = &self.classes;
        if let Some(row) = rows.iter().find(|r| r.probabilities.len() != classes.len()) {
            return Err(Error::invalid(
                path,
                format!(
                    "`{}`: {} probabilities for {} classes",
                    row.id,
                    row.probabilities.len(),
                    classes.len()
                ),
            ));
        }
        let texts = |of: &dyn Fn(&PlacedPrediction) -> String| Cells::texts(rows.iter().map(of));
        let interval = |of: &dyn Fn(&Interval) -> String| {
            Cells::Text(rows.iter().map(|r| r.interval.as_ref().map(of)).collect())
        };
        let place = |of: &dyn Fn(&Interval) -> u64| {
            Cells::Whole(rows.iter().map(|r| r.interval.as_ref().map(of)).collect())
        };
        let mut columns = vec![("id", texts(&|r| r.id.clone()))];
        if self.places {
            columns.extend([
                ("chrom", interval(&|i| i.chrom.clone())),
                ("start", place(&|i| i.start)),
                ("end", place(&|i| i.end)),
                ("strand", interval(&|i| i.strand.to_string())),
            ]);
        }
        columns.push((
            "prediction",
            match classes.is_empty() {
                true => Cells::Numbers(rows.iter().map(PlacedPrediction::value).collect()),
                false => texts(&|r| r.told.to_string()),
            },
        ));
        let mut columns: Vec<(String, Cells)> = columns
            .into_iter()
            .map(|(name, cells)| (name.to_string(), cells))
            .collect();
        let numbers = |of: &dyn Fn(&PlacedPrediction) -> Option<f32>| {
            Cells::Numbers(rows.iter().map(|r| of(r).unwrap_or(f32::NAN)).collect())
        };
        for (i, class) in classes.iter().enumerate() {
            let cells = numbers(&|r| r.probabilities.get(i).copied());
            columns.push((format!("p_{class}"), cells));
        }
        if self.deviations {
            let names = classes.iter().map(|class| format!("sd_{class}"));
            let names = match classes.is_empty() {
                true => vec!["sd".to_string()],
                false => names.collect(),
            };
            for (i, name) in names.into_iter().enumerate() {
                columns.push((name, numbers(&|r| r.deviations.get(i).copied())));
            }
        }
        frame(path, columns)
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Value(value) => write!(f, "{value}"),
        }
    }
}

impl PlacedPrediction {
    fn value(&self) -> f32 {
        match self.told {
            Told::Value(value) => value,
            Told::Name(_) => f32::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::prediction::Predictions;
    use crate::tables::table::read;
    use crate::value::strand::Strand;

    fn row(id: &str, told: Told, probabilities: &[f32]) -> PlacedPrediction {
        PlacedPrediction {
            id: id.to_string(),
            interval: Some(Interval {
                chrom: "chr1".to_string(),
                start: 5,
                end: 95,
                strand: Strand::Reverse,
            }),
            told,
            probabilities: probabilities.to_vec(),
            deviations: Vec::new(),
        }
    }

    fn write(path: &Path, classes: &[&str], rows: &[PlacedPrediction]) -> Result<()> {
        let columns = PlacedColumns {
            classes: classes.iter().map(ToString::to_string).collect(),
            places: rows.iter().any(|r| r.interval.is_some()),
            deviations: rows.iter().any(|r| !r.deviations.is_empty()),
        };
        let file = std::fs::File::create(path).unwrap();
        let mut stream = PlacedStream::new(path, columns, file)?;
        for row in rows.chunks(1) {
            stream.write(row)?;
        }
        stream.finish()
    }

    #[test]
    fn text_is_quoted_where_a_name_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        let rows = [row("a,b", Told::Name("on".into()), &[0.25, 0.75])];
        write(&path, &["off", "on"], &rows).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "id,chrom,start,end,strand,prediction,p_off,p_on\n\"a,b\",chr1,5,95,-,on,0.25,0.75\n"
        );
    }

    #[test]
    fn places_may_be_missing_and_deviations_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.tsv");
        let nowhere = PlacedPrediction {
            interval: None,
            deviations: vec![0.5, 0.5],
            ..row("a", Told::Name("on".into()), &[0.25, 0.75])
        };
        write(&path, &["off", "on"], &[nowhere]).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "id\tprediction\tp_off\tp_on\tsd_off\tsd_on\na\ton\t0.25\t0.75\t0.5\t0.5\n"
        );
    }

    #[test]
    fn what_has_no_truth_cannot_be_scored() {
        let folder = tempfile::tempdir().unwrap();
        for ending in ["parquet", "csv", "tsv"] {
            let path = folder.path().join("p").with_extension(ending);
            let rows = [row("a", Told::Name("on".into()), &[0.25, 0.75])];
            write(&path, &["off", "on"], &rows).unwrap();
            let message = Predictions::read(&path).unwrap_err().to_string();
            assert!(message.contains("`logits` is missing"), "{message}");
        }
    }

    #[test]
    fn measurements_are_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.parquet");
        write(&path, &[], &[row("a", Told::Value(1.5), &[])]).unwrap();
        let read = read::read(&path).unwrap();
        assert_eq!(read.f32s("prediction").unwrap(), [1.5]);
        assert!(write(&path, &[], &[row("a", Told::Value(1.5), &[0.5])]).is_err());
    }
}
