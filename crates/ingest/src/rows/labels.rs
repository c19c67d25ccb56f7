//! From label texts to classes, values or lists of 0 and 1.

use std::collections::{BTreeSet, HashMap};

use lingo_artifact::{Label, LabelKind, Split};
use rayon::prelude::*;

use crate::config::ingest_config::LabelKindPlan;
use crate::error::{Error, Result};
use crate::rows::label_lists::LabelLists;
use crate::rows::row::{Row, Rows};

/// The labels of all rows, in their order.
#[derive(Debug, PartialEq)]
pub(crate) enum LabelColumn {
    /// Classes.
    Classes(Vec<u32>),
    /// 0 or 1 for each class of each row.
    Lists(LabelLists),
    /// Values.
    Values(Vec<f32>),
}

impl LabelColumn {
    /// The label of a row.
    pub(crate) fn get(&self, row: usize) -> Label {
        match self {
            Self::Classes(classes) => Label::Class(classes[row]),
            Self::Lists(lists) => Label::Multi(lists.list(row)),
            Self::Values(values) => Label::Value(values[row]),
        }
    }

    /// Takes out the labels of all rows that are not to be kept.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        match self {
            Self::Classes(classes) => of_kept(classes, keep),
            Self::Lists(lists) => lists.retain(keep),
            Self::Values(values) => of_kept(values, keep),
        }
    }

    /// Adds a row to the counts of the classes.
    pub(crate) fn count(&self, row: usize, counts: &mut [u64]) {
        match self {
            Self::Classes(classes) => {
                if let Some(count) = counts.get_mut(classes[row] as usize) {
                    *count += 1;
                }
            }
            Self::Lists(lists) => lists.each(row, &mut |class| {
                if let Some(count) = counts.get_mut(class as usize) {
                    *count += 1;
                }
            }),
            Self::Values(_) => {}
        }
    }

    /// Tells every class that a row has; a value is none.
    pub(crate) fn each_class(&self, row: usize, tell: &mut dyn FnMut(u32)) {
        match self {
            Self::Classes(classes) => tell(classes[row]),
            Self::Lists(lists) => lists.each(row, tell),
            Self::Values(_) => {}
        }
    }

    /// Whether two rows have the same label.
    pub(crate) fn agree(&self, a: usize, b: usize) -> bool {
        match self {
            Self::Classes(classes) => classes[a] == classes[b],
            Self::Lists(lists) => lists.row(a) == lists.row(b),
            Self::Values(values) => values[a] == values[b],
        }
    }
}

/// Takes out what is not to be kept.
fn of_kept<T>(values: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    values.retain(|_| keep.next() == Some(&true));
}

/// Makes a label of every row's text; `more_classes` goes behind the message that there is one only. Rows of given splits fix the classes by their training rows.
///
/// # Errors
/// With file and line: a label outside the classes, no number where one is needed, a list of another length.
/// Fewer than two classes.
pub(crate) fn resolve(
    rows: &Rows,
    plan: LabelKindPlan,
    classes: Option<&[String]>,
    more_classes: &str,
) -> Result<(LabelKind, LabelColumn)> {
    match plan {
        LabelKindPlan::Auto | LabelKindPlan::Classes => {
            resolve_classes(rows, plan, classes, more_classes)
        }
        LabelKindPlan::Regression => resolve_values(rows),
        LabelKindPlan::Multilabel => resolve_lists(rows, classes),
    }
}

fn resolve_classes(
    rows: &Rows,
    plan: LabelKindPlan,
    classes: Option<&[String]>,
    more_classes: &str,
) -> Result<(LabelKind, LabelColumn)> {
    let names = match classes {
        Some(names) => names.to_vec(),
        None => {
            if plan == LabelKindPlan::Auto {
                refuse_measurements(rows)?;
                refuse_lists(rows)?;
            }
            class_names(found(rows)?)?
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
            "all rows have the same label ({}); at least two classes are needed{more_classes}",
            names.join(", ")
        )));
    }
    let class_of: Vec<Option<u32>> = rows.labels().map(|text| ids.get(text).copied()).collect();
    let outside = |row: &Row| {
        let of = if classes.is_some() { "" } else { " of train" };
        rows.error(
            row,
            format!(
                "the label `{}` is outside the classes{of}: {}",
                rows.label(row),
                listed(&names)
            ),
        )
    };
    let class = |row: &Row| class_of[row.label.number()];
    if class_of.contains(&None)
        && let Some(row) = rows.all().iter().find(|row| class(row).is_none())
    {
        return Err(outside(row));
    }
    let labels = rows
        .all()
        .par_iter()
        .map(|row| class(row).unwrap_or_default())
        .collect();
    Ok((LabelKind::Classes(names), LabelColumn::Classes(labels)))
}

fn refuse_measurements(rows: &Rows) -> Result<()> {
    let measured: Vec<bool> = rows.labels().map(is_measurement).collect();
    if !measured.contains(&true) {
        return Ok(());
    }
    let first = rows.all().iter().find(|row| measured[row.label.number()]);
    first.map_or(Ok(()), |row| {
        Err(rows.error(
            row,
            format!(
                "the label `{}` looks like a measurement; say `label_kind: regression`, or `label_kind: classes` when it is the name of a class",
                rows.label(row)
            ),
        ))
    })
}

fn refuse_lists(rows: &Rows) -> Result<()> {
    let mut entries = rows.labels().map(entries_of_list);
    let first = entries.next().flatten();
    let are_lists = first.is_some_and(|n| n > 1) && entries.all(|n| n == first);
    match rows.all().first() {
        Some(row) if are_lists => Err(rows.error(
            row,
            format!(
                "the label `{}` looks like several labels a row; say `label_kind: multilabel` (--label-kind multilabel), or `label_kind: classes` when it is the name of a class",
                rows.label(row)
            ),
        )),
        _ => Ok(()),
    }
}

/// How many labels a text says 0 or 1 for, if it does nothing else.
fn entries_of_list(text: &str) -> Option<usize> {
    words(text).try_fold(0, |n, word| matches!(word, "0" | "1").then_some(n + 1))
}

/// The entries of a list of labels.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', ';']).filter(|word| !word.is_empty())
}

/// More classes than this are an id, or measurements, in the wrong column.
const MOST_CLASSES: usize = 1 << 16;

/// The labels that make the classes.
///
/// # Errors
/// Too many.
fn found(rows: &Rows) -> Result<BTreeSet<&str>> {
    // Where splits are given, what training never shows cannot be learned: its rows are the measure.
    let measure = |row: &&Row| row.split.is_none_or(|split| split == Split::Train);
    let mut there = vec![false; rows.labels().len()];
    for row in rows.all().iter().filter(measure) {
        there[row.label.number()] = true;
    }
    let mut found = BTreeSet::new();
    for (text, _) in rows.labels().zip(there).filter(|(_, there)| *there) {
        found.insert(text);
        if found.len() > MOST_CLASSES {
            let some: Vec<&str> = found.iter().take(3).copied().collect();
            return Err(Error::Data(format!(
                "there are more than {MOST_CLASSES} different labels (`{}`, ...); is this the column of the label? Say `label_kind: regression` when these are measurements",
                some.join("`, `")
            )));
        }
    }
    Ok(found)
}

/// The classes that labels make, in the order in which they are numbered: numbers by value, anything else by name.
///
/// # Errors
/// Two labels that are the same number.
pub fn class_names(found: BTreeSet<&str>) -> Result<Vec<String>> {
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

fn resolve_values(rows: &Rows) -> Result<(LabelKind, LabelColumn)> {
    let labels = rows
        .all()
        .iter()
        .map(|row| match rows.label(row).parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(rows.error(
                row,
                format!("the label `{}` is not a finite number", rows.label(row)),
            )),
        })
        .collect::<Result<_>>()?;
    Ok((LabelKind::Regression, LabelColumn::Values(labels)))
}

fn resolve_lists(rows: &Rows, classes: Option<&[String]>) -> Result<(LabelKind, LabelColumn)> {
    let entries = |row: &Row, to: &mut Vec<bool>| -> Result<usize> {
        let text = rows.label(row);
        to.clear();
        for word in words(text) {
            to.push(match word {
                "0" => false,
                "1" => true,
                _ => {
                    return Err(rows.error(
                        row,
                        format!("`{word}` in the label `{text}` is neither 0 nor 1"),
                    ));
                }
            });
        }
        Ok(to.len())
    };
    let width = match (classes, rows.all().first()) {
        (Some(names), _) => names.len(),
        (None, Some(row)) => entries(row, &mut Vec::new())?,
        (None, None) => 0,
    };
    let names = match classes {
        Some(names) => names.to_vec(),
        None => (0..width).map(|i| i.to_string()).collect(),
    };
    let mut lists = LabelLists::new(width);
    let mut list = Vec::new();
    for row in rows.all() {
        let found = entries(row, &mut list)?;
        if found != width {
            return Err(rows.error(
                row,
                format!(
                    "the label `{}` has {found} entries where {width} are needed",
                    rows.label(row)
                ),
            ));
        }
        lists.push(list.iter().copied());
    }
    Ok((LabelKind::Multilabel(names), LabelColumn::Lists(lists)))
}
