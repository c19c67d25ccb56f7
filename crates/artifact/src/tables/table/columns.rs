//! A table that was read, and its columns as plain vectors.

use std::path::PathBuf;
use std::str::FromStr;

use polars::prelude::*;

use crate::error::{Error, Result};

/// A data frame with the file it came from, for messages, and its metadata.
pub struct Table {
    pub(super) path: PathBuf,
    pub(super) frame: DataFrame,
    /// Rows of the file before the first of these.
    pub(super) before: usize,
    /// lingo-pipe's JSON, when the file carries it.
    pub metadata: Option<String>,
}

impl Table {
    /// The data frame itself.
    pub fn frame(&self) -> &DataFrame {
        &self.frame
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.frame.height()
    }

    /// Rows of the file that stand before these: more than none where a file is read piece by piece.
    pub(crate) fn before(&self) -> usize {
        self.before
    }

    /// Whether there is a column of that name.
    pub fn has(&self, name: &str) -> bool {
        self.frame.column(name).is_ok()
    }

    fn column(&self, name: &str) -> Result<&Column> {
        self.frame.column(name).map_err(|_| {
            let have: Vec<_> = self
                .frame
                .columns()
                .iter()
                .map(|c| c.name().as_str())
                .collect();
            self.problem(name, format!("is missing; there are: {}", have.join(", ")))
        })
    }

    fn problem(&self, column: &str, problem: impl Into<String>) -> Error {
        Error::Column {
            path: self.path.clone(),
            column: column.to_string(),
            problem: problem.into(),
        }
    }

    fn cast(&self, name: &str, to: &DataType, what: &str) -> Result<Column> {
        self.column(name)?
            .strict_cast(to)
            .map_err(|e| self.problem(name, format!("holds something that is not {what}: {e}")))
    }

    fn full<T>(&self, name: &str, values: Vec<Option<T>>) -> Result<Vec<T>> {
        values
            .into_iter()
            .enumerate()
            .map(|(i, v)| {
                v.ok_or_else(|| {
                    self.problem(name, format!("is empty in row {}", self.before + i + 1))
                })
            })
            .collect()
    }

    /// Strings, none of them missing. An empty text field counts as the empty string.
    ///
    /// # Errors
    /// [`Error::Column`].
    pub fn strings(&self, name: &str) -> Result<Vec<String>> {
        Ok(self
            .optional_strings(name)?
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect())
    }

    /// Strings or nothing.
    ///
    /// # Errors
    /// [`Error::Column`].
    pub fn optional_strings(&self, name: &str) -> Result<Vec<Option<String>>> {
        let column = self.cast(name, &DataType::String, "text")?;
        let strings = column
            .str()
            .map_err(|e| self.problem(name, e.to_string()))?;
        Ok(strings.iter().map(|s| s.map(str::to_string)).collect())
    }

    /// Values that text stands for; `missing` is read where a field is empty.
    ///
    /// # Errors
    /// [`Error::Column`] with the row.
    pub(crate) fn parsed<T: FromStr<Err = String>>(
        &self,
        name: &str,
        missing: &str,
    ) -> Result<Vec<T>> {
        self.optional_strings(name)?
            .iter()
            .enumerate()
            .map(|(i, text)| {
                let text = text.as_deref().unwrap_or(missing);
                text.parse::<T>()
                    .map_err(|e| self.problem(name, format!("row {}: {e}", self.before + i + 1)))
            })
            .collect()
    }

    /// Whole numbers or nothing.
    ///
    /// # Errors
    /// [`Error::Column`].
    pub fn optional_u64s(&self, name: &str) -> Result<Vec<Option<u64>>> {
        let column = self.cast(name, &DataType::UInt64, "a whole number")?;
        let numbers = column
            .u64()
            .map_err(|e| self.problem(name, e.to_string()))?;
        Ok(numbers.iter().collect())
    }

    /// Whole numbers, none missing.
    ///
    /// # Errors
    /// [`Error::Column`] with the row.
    pub fn u64s(&self, name: &str) -> Result<Vec<u64>> {
        self.full(name, self.optional_u64s(name)?)
    }

    /// Numbers, none missing.
    ///
    /// # Errors
    /// [`Error::Column`] with the row.
    pub fn f32s(&self, name: &str) -> Result<Vec<f32>> {
        let column = self.cast(name, &DataType::Float32, "a number")?;
        let numbers = column
            .f32()
            .map_err(|e| self.problem(name, e.to_string()))?;
        self.full(name, numbers.iter().collect())
    }

    /// Lists of whole numbers.
    ///
    /// # Errors
    /// [`Error::Column`] with the row.
    pub fn u32_lists(&self, name: &str) -> Result<Vec<Vec<u32>>> {
        self.lists(name, "whole numbers", |series| {
            let cast = series.strict_cast(&DataType::UInt32).ok()?;
            cast.u32().ok()?.iter().collect::<Option<Vec<u32>>>()
        })
    }

    /// Lists of numbers.
    ///
    /// # Errors
    /// [`Error::Column`] with the row.
    pub fn f32_lists(&self, name: &str) -> Result<Vec<Vec<f32>>> {
        self.lists(name, "numbers", |series| {
            let cast = series.strict_cast(&DataType::Float32).ok()?;
            cast.f32().ok()?.iter().collect::<Option<Vec<f32>>>()
        })
    }

    fn lists<T: FromStr>(
        &self,
        name: &str,
        what: &str,
        of_series: impl Fn(&Series) -> Option<Vec<T>>,
    ) -> Result<Vec<Vec<T>>> {
        let column = self.column(name)?;
        let in_row = |i: usize| {
            let row = self.before + i + 1;
            self.problem(name, format!("row {row}: not a list of {what}"))
        };
        if let Ok(lists) = column.list() {
            return (0..lists.len())
                .map(|i| {
                    lists
                        .get_as_series(i)
                        .and_then(|s| of_series(&s))
                        .ok_or_else(|| in_row(i))
                })
                .collect();
        }
        self.strings(name)?
            .iter()
            .enumerate()
            .map(|(i, text)| {
                text.split_ascii_whitespace()
                    .map(|word| word.parse().map_err(|_| in_row(i)))
                    .collect()
            })
            .collect()
    }
}
