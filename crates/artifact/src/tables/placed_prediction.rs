//! Predictions on intervals whose true label nobody knows: a table of places and probabilities, made by `predict`.
//!
//! It has no `label` and no `logits`, so that it cannot be scored by mistake.

use std::path::Path;

use polars::prelude::{Column, DataFrame};

use crate::error::{Error, Result};
use crate::tables::example::row::Interval;
use crate::tables::table::write as table;

/// What a model predicts for one interval.
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
    /// The interval's name.
    pub id: String,
    /// Where it lies.
    pub interval: Interval,
    /// What is predicted.
    pub told: Told,
    /// One probability for each class name; none for a measurement.
    pub probabilities: Vec<f32>,
}

/// Writes `.parquet`, `.csv` or `.tsv` atomically: id, chrom, start, end, strand, prediction, and `p_<class>` for each
/// of `classes`.
///
/// # Errors
/// [`Error::Ending`], [`Error::Io`]; [`Error::Invalid`] when a row has another number of probabilities.
pub fn write(path: &Path, classes: &[String], rows: &[PlacedPrediction]) -> Result<()> {
    let bad = |message: String| Error::invalid(path, message);
    if let Some(row) = rows.iter().find(|r| r.probabilities.len() != classes.len()) {
        return Err(bad(format!(
            "`{}`: {} probabilities for {} classes",
            row.id,
            row.probabilities.len(),
            classes.len()
        )));
    }
    let text = |name: &str, of: &dyn Fn(&PlacedPrediction) -> String| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<_>>())
    };
    let place = |name: &str, of: &dyn Fn(&PlacedPrediction) -> u64| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<_>>())
    };
    let values: Option<Vec<f32>> = rows
        .iter()
        .map(|r| match r.told {
            Told::Value(value) => Some(value),
            Told::Name(_) => None,
        })
        .collect();
    let prediction = match values {
        Some(values) => Column::new("prediction".into(), values),
        None => text("prediction", &|r| match &r.told {
            Told::Name(name) => name.clone(),
            Told::Value(value) => value.to_string(),
        }),
    };
    let mut columns = vec![
        text("id", &|r| r.id.clone()),
        text("chrom", &|r| r.interval.chrom.clone()),
        place("start", &|r| r.interval.start),
        place("end", &|r| r.interval.end),
        text("strand", &|r| r.interval.strand.to_string()),
        prediction,
    ];
    for (i, class) in classes.iter().enumerate() {
        let of: Vec<f32> = rows.iter().map(|r| r.probabilities[i]).collect();
        columns.push(Column::new(format!("p_{class}").into(), of));
    }
    let mut frame = DataFrame::new_infer_height(columns).map_err(|e| bad(e.to_string()))?;
    table::write(path, &mut frame, "{}")
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
            interval: Interval {
                chrom: "chr1".to_string(),
                start: 5,
                end: 95,
                strand: Strand::Reverse,
            },
            told,
            probabilities: probabilities.to_vec(),
        }
    }

    #[test]
    fn text_is_quoted_where_a_name_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        let rows = [row("a,b", Told::Name("on".into()), &[0.25, 0.75])];
        write(&path, &["off".into(), "on".into()], &rows).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "id,chrom,start,end,strand,prediction,p_off,p_on\n\"a,b\",chr1,5,95,-,on,0.25,0.75\n"
        );
    }

    #[test]
    fn what_has_no_truth_cannot_be_scored() {
        let folder = tempfile::tempdir().unwrap();
        for ending in ["parquet", "csv", "tsv"] {
            let path = folder.path().join("p").with_extension(ending);
            let rows = [row("a", Told::Name("on".into()), &[0.25, 0.75])];
            write(&path, &["off".into(), "on".into()], &rows).unwrap();
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
