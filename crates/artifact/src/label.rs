//! What an example is labelled with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The label of one example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Label {
    /// A class, as an index into the class names.
    Class(u32),
    /// One 0/1 for each class name.
    Multi(Vec<u8>),
    /// A measured value.
    Value(f32),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Class(class) => write!(f, "{class}"),
            Self::Multi(all) => {
                let all: Vec<String> = all.iter().map(ToString::to_string).collect();
                write!(f, "{}", all.join(" "))
            }
            Self::Value(value) => write!(f, "{value}"),
        }
    }
}

/// What all labels of a table are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelKind {
    /// One of several classes; the names in order (numeric labels by value, others by name).
    Classes(Vec<String>),
    /// Several labels at once; the names in order.
    Multilabel(Vec<String>),
    /// A number.
    Regression,
}

impl fmt::Display for LabelKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Classes(names) => write!(f, "{} classes ({})", names.len(), names.join(", ")),
            Self::Multilabel(names) => {
                write!(
                    f,
                    "0 or 1 for each of {} ({})",
                    names.len(),
                    names.join(", ")
                )
            }
            Self::Regression => f.write_str("a number"),
        }
    }
}

impl LabelKind {
    /// How many logits a head for this kind of label has.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Classes(names) | Self::Multilabel(names) => names.len(),
            Self::Regression => 1,
        }
    }

    /// The names of the classes, none for regression.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Classes(names) | Self::Multilabel(names) => names,
            Self::Regression => &[],
        }
    }

    /// True when `label` can stand in a table of this kind.
    pub fn admits(&self, label: &Label) -> bool {
        match (self, label) {
            (Self::Classes(names), Label::Class(c)) => (*c as usize) < names.len(),
            (Self::Multilabel(names), Label::Multi(m)) => {
                m.len() == names.len() && m.iter().all(|b| *b <= 1)
            }
            (Self::Regression, Label::Value(v)) => v.is_finite(),
            _ => false,
        }
    }
}

/// Labels as a column of a table: class ids as `u32`, several labels as lists of 0/1, values as `f32`.
pub(crate) mod column {
    use std::path::Path;

    use polars::prelude::{Column, NamedFrom as _, Series};

    use super::{Label, LabelKind};
    use crate::table::{Table, u32_list_column};
    use crate::{Error, Result};

    /// Makes sure that the label of a row (counted from 0) is of `kind`.
    pub(crate) fn check(path: &Path, kind: &LabelKind, row: usize, label: &Label) -> Result<()> {
        if kind.admits(label) {
            return Ok(());
        }
        Err(Error::invalid(
            path,
            format!("row {}: the label {label} does not fit {kind}", row + 1),
        ))
    }

    /// Writes `labels`, which must all be of `kind`.
    pub(crate) fn write<'a>(
        path: &Path,
        kind: &LabelKind,
        labels: impl Iterator<Item = &'a Label>,
    ) -> Result<Column> {
        let mut classes = Vec::new();
        let mut multi = Vec::new();
        let mut values = Vec::new();
        for (row, label) in labels.enumerate() {
            check(path, kind, row, label)?;
            match label {
                Label::Class(c) => classes.push(*c),
                Label::Multi(m) => multi.push(m.iter().map(|b| u32::from(*b)).collect::<Vec<_>>()),
                Label::Value(v) => values.push(*v),
            }
        }
        Ok(match kind {
            LabelKind::Classes(_) => Series::new("label".into(), classes).into(),
            LabelKind::Multilabel(_) => u32_list_column("label", multi.iter().map(Vec::as_slice)),
            LabelKind::Regression => Series::new("label".into(), values).into(),
        })
    }

    /// Reads the column `label`; without a known kind (a text table) the kind is read off the values.
    pub(crate) fn read(
        path: &Path,
        table: &Table,
        kind: Option<LabelKind>,
    ) -> Result<(LabelKind, Vec<Label>)> {
        let kind = match kind {
            Some(kind) => kind,
            None => infer(path, table)?,
        };
        let labels: Vec<Label> = match &kind {
            LabelKind::Classes(_) => table
                .u64s("label")?
                .into_iter()
                .map(|c| Label::Class(u32::try_from(c).unwrap_or(u32::MAX)))
                .collect(),
            LabelKind::Multilabel(_) => table
                .u32_lists("label")?
                .into_iter()
                .map(|m| Label::Multi(m.into_iter().map(|b| b.min(255) as u8).collect()))
                .collect(),
            LabelKind::Regression => table.f32s("label")?.into_iter().map(Label::Value).collect(),
        };
        match labels.iter().position(|l| !kind.admits(l)) {
            None => Ok((kind, labels)),
            Some(row) => Err(Error::invalid(
                path,
                format!(
                    "row {}: the label {} is outside what its metadata says: {kind}",
                    row + 1,
                    labels[row],
                ),
            )),
        }
    }

    /// More classes than this nobody names by number; without a bound, one wrong cell would fill the memory.
    const MOST_CLASSES: u64 = 1 << 16;

    fn infer(path: &Path, table: &Table) -> Result<LabelKind> {
        let numbered = |n: usize| (0..n).map(|i| i.to_string()).collect();
        if let Ok(classes) = table.u64s("label") {
            if let Some(row) = classes.iter().position(|c| *c >= MOST_CLASSES) {
                return Err(Error::invalid(
                    path,
                    format!(
                        "row {}: the label {} is no class, which are counted from 0 (at most {MOST_CLASSES} of them); write measured values with a decimal point",
                        row + 1,
                        classes[row]
                    ),
                ));
            }
            let n = classes.iter().max().map_or(0, |c| *c as usize + 1);
            return Ok(LabelKind::Classes(numbered(n)));
        }
        match table.f32s("label") {
            Ok(_) => Ok(LabelKind::Regression),
            Err(e) => match table.u32_lists("label") {
                Ok(rows) => Ok(LabelKind::Multilabel(numbered(
                    rows.first().map_or(0, Vec::len),
                ))),
                Err(_) => Err(e),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_labels_as_tables_do() {
        for (label, text) in [
            (Label::Class(7), "7"),
            (Label::Multi(vec![0, 1]), "0 1"),
            (Label::Value(0.5), "0.5"),
        ] {
            assert_eq!(label.to_string(), text);
        }
        for (kind, text) in [
            (
                LabelKind::Classes(vec!["low".into(), "high".into()]),
                "2 classes (low, high)",
            ),
            (
                LabelKind::Multilabel(vec!["a".into()]),
                "0 or 1 for each of 1 (a)",
            ),
            (LabelKind::Regression, "a number"),
        ] {
            assert_eq!(kind.to_string(), text);
        }
    }

    #[test]
    fn a_number_that_is_no_class_is_told_with_its_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        for label in ["4000000000", "18446744073709551615"] {
            let text = format!("label,logits\n0,0.5 0.5\n{label},0.5 0.5\n");
            std::fs::write(&path, text).unwrap();
            let message = crate::prediction::Predictions::read(&path)
                .unwrap_err()
                .to_string();
            let told = format!("row 2: the label {label} is no class");
            assert!(message.contains(&told), "{message}");
        }
    }
}
