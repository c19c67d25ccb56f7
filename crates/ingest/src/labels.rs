//! From label texts to classes, values or lists of 0 and 1.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use lingo_artifact::{Label, LabelKind, Split};

use crate::config::LabelKindPlan;
use crate::row::Row;
use crate::{Error, Result};

/// Makes a label of every row's text. Rows of given splits fix the classes by their training rows.
///
/// # Errors
/// With file and line: a label outside the classes, no number where one is needed, a list of another length.
/// Fewer than two classes.
pub(crate) fn resolve(
    rows: &[Row],
    files: &[PathBuf],
    plan: LabelKindPlan,
    classes: Option<&[String]>,
) -> Result<(LabelKind, Vec<Label>)> {
    match plan {
        LabelKindPlan::Auto | LabelKindPlan::Classes => resolve_classes(rows, files, plan, classes),
        LabelKindPlan::Regression => resolve_values(rows, files),
        LabelKindPlan::Multilabel => resolve_lists(rows, files, classes),
    }
}

fn resolve_classes(
    rows: &[Row],
    files: &[PathBuf],
    plan: LabelKindPlan,
    classes: Option<&[String]>,
) -> Result<(LabelKind, Vec<Label>)> {
    let names = match classes {
        Some(names) => names.to_vec(),
        None => {
            // Where splits are given, what training never shows cannot be learned: its rows are the measure.
            let measure = |row: &&Row| row.split.is_none_or(|split| split == Split::Train);
            let found: BTreeSet<&str> = rows
                .iter()
                .filter(measure)
                .map(|row| row.label.as_str())
                .collect();
            if plan == LabelKindPlan::Auto
                && let Some(row) = rows.iter().find(|row| is_measurement(&row.label))
            {
                return Err(row.error(
                    files,
                    format!(
                        "the label `{}` looks like a measurement; say `label_kind: regression`, or `label_kind: classes` when it is the name of a class",
                        row.label
                    ),
                ));
            }
            in_order(found)?
        }
    };
    let ids: HashMap<&str, u32> = names
        .iter()
        .enumerate()
        .map(|(i, name)| (name.as_str(), i as u32))
        .collect();
    if ids.len() < names.len() {
        return Err(Error::Config("`classes` names a class twice".into()));
    }
    if names.len() < 2 {
        return Err(Error::Data(format!(
            "all rows have the same label ({}); at least two classes are needed",
            names.join(", ")
        )));
    }
    let labels = rows
        .iter()
        .map(|row| match ids.get(row.label.as_str()) {
            Some(id) => Ok(Label::Class(*id)),
            None => {
                let of = if classes.is_some() { "" } else { " of train" };
                Err(row.error(
                    files,
                    format!(
                        "the label `{}` is outside the classes{of}: {}",
                        row.label,
                        listed(&names)
                    ),
                ))
            }
        })
        .collect::<Result<_>>()?;
    Ok((LabelKind::Classes(names), labels))
}

/// Numbers by value, anything else by name.
fn in_order(found: BTreeSet<&str>) -> Result<Vec<String>> {
    let numbers: Option<Vec<(f64, &str)>> = found
        .iter()
        .map(|text| {
            text.parse::<f64>()
                .ok()
                .filter(|v| v.is_finite())
                .map(|v| (v, *text))
        })
        .collect();
    let Some(mut numbers) = numbers else {
        return Ok(found.into_iter().map(str::to_string).collect());
    };
    numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let Some(two) = numbers.windows(2).find(|two| two[0].0 == two[1].0) {
        return Err(Error::Data(format!(
            "the labels `{}` and `{}` are the same number; write each class in one way",
            two[0].1, two[1].1
        )));
    }
    Ok(numbers
        .into_iter()
        .map(|(_, text)| text.to_string())
        .collect())
}

/// A number with a fraction: no class is called so.
fn is_measurement(text: &str) -> bool {
    text.parse::<f64>()
        .is_ok_and(|v| v.is_finite() && v.fract() != 0.0)
}

fn listed(names: &[String]) -> String {
    let mut shown: Vec<&str> = names.iter().take(10).map(String::as_str).collect();
    if names.len() > shown.len() {
        shown.push("...");
    }
    shown.join(", ")
}

fn resolve_values(rows: &[Row], files: &[PathBuf]) -> Result<(LabelKind, Vec<Label>)> {
    let labels = rows
        .iter()
        .map(|row| match row.label.parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(Label::Value(value)),
            _ => Err(row.error(
                files,
                format!("the label `{}` is not a finite number", row.label),
            )),
        })
        .collect::<Result<_>>()?;
    Ok((LabelKind::Regression, labels))
}

fn resolve_lists(
    rows: &[Row],
    files: &[PathBuf],
    classes: Option<&[String]>,
) -> Result<(LabelKind, Vec<Label>)> {
    let lists = rows
        .iter()
        .map(|row| {
            row.label
                .split([' ', ',', ';'])
                .filter(|word| !word.is_empty())
                .map(|word| match word {
                    "0" => Ok(0),
                    "1" => Ok(1),
                    _ => Err(row.error(
                        files,
                        format!("`{word}` in the label `{}` is neither 0 nor 1", row.label),
                    )),
                })
                .collect::<Result<Vec<u8>>>()
        })
        .collect::<Result<Vec<_>>>()?;
    let names = match classes {
        Some(names) => names.to_vec(),
        None => (0..lists.first().map_or(0, Vec::len))
            .map(|i| i.to_string())
            .collect(),
    };
    for (row, list) in rows.iter().zip(&lists) {
        if list.len() != names.len() {
            return Err(row.error(
                files,
                format!(
                    "the label `{}` has {} entries where {} are needed",
                    row.label,
                    list.len(),
                    names.len()
                ),
            ));
        }
    }
    Ok((
        LabelKind::Multilabel(names),
        lists.into_iter().map(Label::Multi).collect(),
    ))
}

/// Makes sure that training sees every class.
///
/// # Errors
/// The classes without a training row.
pub(crate) fn check_train(
    kind: &LabelKind,
    labelled: impl Iterator<Item = (Split, Label)>,
) -> Result<()> {
    let LabelKind::Classes(names) = kind else {
        return Ok(());
    };
    let mut elsewhere: BTreeMap<u32, u64> =
        (0..names.len() as u32).map(|class| (class, 0)).collect();
    let mut in_train = BTreeSet::new();
    for (split, label) in labelled {
        if let Label::Class(class) = label {
            *elsewhere.entry(class).or_default() += u64::from(split != Split::Train);
            if split == Split::Train {
                in_train.insert(class);
            }
        }
    }
    match elsewhere
        .iter()
        .find(|(class, _)| !in_train.contains(class))
    {
        None => Ok(()),
        Some((class, rows)) => Err(Error::Data(format!(
            "train has no row of the class `{}` (dev and test have {rows}); split in another way, or leave the class out",
            names[*class as usize]
        ))),
    }
}
