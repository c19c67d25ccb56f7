//! Labels of a table as those of a task that is known from elsewhere: a class is found by its name, whatever number it has in
//! the table.

use std::path::Path;

use crate::error::{Error, Result};
use crate::tables::label_column;
use crate::tables::table::columns::Table;
use crate::value::label::{Label, LabelKind};

/// How the labels of a table are read.
pub(crate) struct KnownLabels {
    wanted: LabelKind,
    /// What the table says of itself, as Parquet does, and for each of its classes or labels the place among those wanted.
    of_table: Option<(LabelKind, Vec<usize>)>,
}

impl KnownLabels {
    /// # Errors
    /// The table says that it has labels of another kind, or names that are not among those wanted.
    pub fn new(path: &Path, wanted: &LabelKind, of_table: Option<LabelKind>) -> Result<Self> {
        let places = |own: &LabelKind| {
            let place = |name: &String| wanted.names().iter().position(|n| n == name);
            let places: Option<Vec<usize>> = own.names().iter().map(place).collect();
            let is_alike = match (wanted, own) {
                (LabelKind::Classes(_), LabelKind::Classes(_))
                | (LabelKind::Regression, LabelKind::Regression) => true,
                (LabelKind::Multilabel(a), LabelKind::Multilabel(b)) => a.len() == b.len(),
                _ => false,
            };
            places.filter(|_| is_alike).ok_or_else(|| {
                Error::invalid(
                    path,
                    format!(
                        "its labels are {own}, and {wanted} is what is asked for: without the column `label` they do not count"
                    ),
                )
            })
        };
        let of_table = of_table.map(|own| Ok::<_, Error>((places(&own)?, own)));
        Ok(Self {
            wanted: wanted.clone(),
            of_table: of_table.transpose()?.map(|(places, own)| (own, places)),
        })
    }

    /// The labels of a table that has the column `label`.
    ///
    /// # Errors
    /// With the row: a label that is none of those wanted.
    pub fn read(&self, path: &Path, table: &Table) -> Result<Vec<Label>> {
        match (&self.of_table, &self.wanted) {
            (Some((own, places)), _) => {
                let (_, labels) = label_column::read(path, table, Some(own.clone()))?;
                Ok(labels.iter().map(|label| moved(label, places)).collect())
            }
            (None, LabelKind::Classes(names)) => by_name(path, table, names),
            (None, wanted) => Ok(label_column::read(path, table, Some(wanted.clone()))?.1),
        }
    }
}

fn moved(label: &Label, places: &[usize]) -> Label {
    match label {
        Label::Class(class) => {
            let place = places.get(*class as usize);
            Label::Class(place.map_or(*class, |place| *place as u32))
        }
        Label::Multi(all) => {
            let mut there = vec![0; all.len()];
            for (value, place) in all.iter().zip(places) {
                if let Some(there) = there.get_mut(*place) {
                    *there = *value;
                }
            }
            Label::Multi(there)
        }
        Label::Value(value) => Label::Value(*value),
    }
}

/// By the column `class`, which stands beside the class's number where this program wrote the table, else by `label`. Classes
/// that are words may also be numbered.
fn by_name(path: &Path, table: &Table, names: &[String]) -> Result<Vec<Label>> {
    let place = |text: &str| names.iter().position(|name| name == text);
    let labels = table.strings("label")?;
    let classes = match table.has("class") {
        true => table.strings("class")?,
        false => Vec::new(),
    };
    let numbered = names.iter().all(|name| name.parse::<f64>().is_err());
    let class = |(row, label): (usize, &String)| {
        let label = label.trim();
        let by_class = classes.get(row).and_then(|class| place(class.trim()));
        let by_number = || label.parse().ok().filter(|n| numbered && *n < names.len());
        let found = by_class.or_else(|| place(label)).or_else(by_number);
        let found = found.map(|place| Label::Class(place as u32));
        found.ok_or_else(|| {
            let what = match (classes.get(row), label) {
                (Some(class), _) => format!("the class `{class}`"),
                (None, "") => "an empty label".to_owned(),
                (None, label) => format!("the label `{label}`"),
            };
            let message = format!(
                "row {}: {what} is none of the classes {}: write their names, or leave the column `label` out",
                table.before() + row + 1,
                names.join(", ")
            );
            Error::invalid(path, message)
        })
    };
    labels.iter().enumerate().map(class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::example::examples::Examples;
    use crate::tables::example::reader::ExampleReader;

    fn classes(names: &[&str]) -> LabelKind {
        LabelKind::Classes(names.iter().map(ToString::to_string).collect())
    }

    fn labels(file: &str, text: &str, wanted: &LabelKind) -> std::result::Result<Vec<u32>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        of_file(&path, wanted)
    }

    fn of_file(path: &Path, wanted: &LabelKind) -> std::result::Result<Vec<u32>, String> {
        let told = |e: Error| e.to_string();
        let mut reader = ExampleReader::open(path, wanted).map_err(told)?;
        let rows = reader.next(99).map_err(told)?;
        let class = |label: Option<Label>| match label {
            Some(Label::Class(class)) => class,
            other => panic!("{other:?}"),
        };
        Ok(rows.into_iter().map(|row| class(row.label)).collect())
    }

    #[test]
    fn classes_are_found_by_their_names() {
        let three = classes(&["1", "2", "3"]);
        let text = "sequence,label\nA,3\nC,1\nG,2\n";
        assert_eq!(labels("t.csv", text, &three), Ok(vec![2, 0, 1]));
        // A table of some of the classes, as `ingest` writes it: `label` counts its own.
        let text = "sequence\tlabel\tclass\nA\t0\t2\nC\t1\t3\n";
        assert_eq!(labels("t.tsv", text, &three), Ok(vec![1, 2]));
        let words = classes(&["bg", "enh"]);
        for text in [
            "sequence,label\nA,enh\nC,bg\n",
            "sequence,label\nA,1\nC,0\n",
        ] {
            assert_eq!(labels("t.csv", text, &words), Ok(vec![1, 0]));
        }
    }

    #[test]
    fn what_is_none_of_them_is_told_with_its_row() {
        for (wanted, text, told) in [
            (
                &["1", "2"][..],
                "sequence,label\nA,1\nC,0\n",
                "row 2: the label `0` is none of the classes 1, 2",
            ),
            (
                &["bg", "enh"],
                "sequence,label\nA,2\n",
                "row 1: the label `2`",
            ),
            (
                &["bg", "enh"],
                "sequence,label,class\nA,7,other\n",
                "row 1: the class `other`",
            ),
        ] {
            let message = labels("t.csv", text, &classes(wanted)).unwrap_err();
            assert!(message.contains(told), "{message}");
        }
    }

    #[test]
    fn a_table_that_knows_its_classes_has_them_moved() {
        let folder = tempfile::tempdir().unwrap();
        let csv = folder.path().join("t.csv");
        std::fs::write(&csv, "sequence,label\nA,0\nC,1\n").unwrap();
        let mut examples = Examples::read(&csv).unwrap();
        examples.metadata.labels = classes(&["2", "3"]);
        let parquet = folder.path().join("t.parquet");
        examples.write(&parquet).unwrap();
        assert_eq!(
            of_file(&parquet, &classes(&["1", "2", "3"])),
            Ok(vec![1, 2])
        );
        let message = of_file(&parquet, &classes(&["1", "2"])).unwrap_err();
        assert!(
            message.contains("its labels are 2 classes (2, 3)"),
            "{message}"
        );
        let message = of_file(&parquet, &LabelKind::Regression).unwrap_err();
        assert!(
            message.contains("a number is what is asked for"),
            "{message}"
        );
    }

    #[test]
    fn several_labels_are_put_in_order() {
        let places = [1, 0, 2];
        let moved = moved(&Label::Multi(vec![1, 0, 1]), &places);
        assert_eq!(moved, Label::Multi(vec![0, 1, 1]));
    }
}
