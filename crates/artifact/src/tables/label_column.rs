//! Labels as a column of a table: class ids as `u32`, several labels as lists of 0/1, values as `f32`.

use std::path::Path;

use polars::prelude::{Column, NamedFrom as _, Series};

use crate::error::{Error, Result};
use crate::tables::table::columns::Table;
use crate::tables::table::list_column::u32_list_column;
use crate::value::label::{Label, LabelKind};

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
                "row {}: the label {} does not fit: labels are {kind}",
                table.before() + row + 1,
                labels[row],
            ),
        )),
    }
}

/// The most classes of a table that numbers them; without a bound, one wrong cell would fill the memory.
const MOST_CLASSES: u64 = 1 << 16;

fn infer(path: &Path, table: &Table) -> Result<LabelKind> {
    let numbered = |n: usize| (0..n).map(|i| i.to_string()).collect();
    if let Ok(classes) = table.u64s("label") {
        if let Some(row) = classes.iter().position(|c| *c >= MOST_CLASSES) {
            return Err(Error::invalid(
                path,
                format!(
                    "row {}: the label {} is too large for a class number (classes are counted from 0, and there are at most {MOST_CLASSES}); if labels are measured values, write them with a decimal point",
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

#[cfg(test)]
mod tests {
    use crate::tables::prediction::Predictions;

    #[test]
    fn a_number_that_is_no_class_is_told_with_its_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        for label in ["4000000000", "18446744073709551615"] {
            let text = format!("label,logits\n0,0.5 0.5\n{label},0.5 0.5\n");
            std::fs::write(&path, text).unwrap();
            let message = Predictions::read(&path).unwrap_err().to_string();
            let told = format!("row 2: the label {label} is too large for a class number");
            assert!(message.contains(&told), "{message}");
        }
    }
}
