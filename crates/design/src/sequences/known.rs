//! Measured sequences, from a table.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::Path;

use super::dna;
use crate::error::Error;

/// A model of fewer rows says nothing.
pub const FEWEST: usize = 10;

/// Measured sequences, each once, and the length of the designs that are made from them.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The sequences, in the order of the file.
    pub sequences: Vec<Vec<u8>>,
    /// Their scores; more is better.
    pub scores: Vec<f64>,
    /// Bases of a design. Searches begin at the measured sequences of this length; proxies learn from all.
    pub length: usize,
}

/// How a table names its columns.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// That of the sequences.
    pub sequence: &'a str,
    /// That of the scores.
    pub score: &'a str,
}

impl Known {
    /// Reads a table with a header: tab-separated where the file ends in `.tsv`, else comma-separated. Without a `length` of the
    /// designs all sequences have one.
    ///
    /// # Errors
    /// A file that cannot be read; a column that is missing; a letter that is no base, a score that is no number, a length
    /// that differs, a sequence that stands there twice: each with its line. Too few rows; scores that are all the same; no
    /// sequence of the wanted length.
    pub fn read(path: &Path, columns: Columns, length: Option<usize>) -> Result<Self, Error> {
        let table = |problem: String| Error::Table {
            path: path.to_path_buf(),
            problem,
        };
        let text = std::fs::read(path).map_err(lingo_artifact::Error::io("read", path))?;
        let is_tsv = path.extension().is_some_and(|e| e == "tsv" || e == "txt");
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(if is_tsv { b'\t' } else { b',' })
            .flexible(false)
            .from_reader(text.as_slice());
        let header = reader.headers().map_err(|e| table(e.to_string()))?.clone();
        let column = |name: &str| {
            let found = header.iter().position(|column| column.trim() == name);
            found.ok_or_else(|| {
                let there: Vec<&str> = header.iter().collect();
                table(format!(
                    "no column `{name}`; the columns are {}",
                    there.join(", ")
                ))
            })
        };
        let (sequence, score) = (column(columns.sequence)?, column(columns.score)?);
        let mut known = Self {
            length: length.unwrap_or_default(),
            ..Self::default()
        };
        let mut lines: HashMap<Vec<u8>, u64> = HashMap::new();
        for record in reader.records() {
            let record = record.map_err(|e| table(e.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let row = |problem: String| Error::Row {
                path: path.to_path_buf(),
                line,
                problem,
            };
            let (text, number) = (record[sequence].trim(), record[score].trim());
            let bases = dna::bases(text)
                .map_err(|letter| row(format!("`{letter}` in `{text}` is none of A, C, G, T")))?;
            let value = number.parse::<f64>().ok().filter(|value| value.is_finite());
            let value = value.ok_or_else(|| row(format!("the score `{number}` is no number")))?;
            if bases.is_empty() {
                return Err(row("the sequence is empty".into()));
            }
            if known.length == 0 {
                known.length = bases.len();
            }
            if length.is_none() && known.length != bases.len() {
                return Err(row(format!(
                    "`{text}` has {} bases, the sequences before it have {}: designs have one length, so say which \
                     (`length: {1}` of the task), or part the table",
                    bases.len(),
                    known.length
                )));
            }
            if let Some(before) = lines.insert(bases.clone(), line) {
                return Err(row(format!("`{text}` stands on line {before} already")));
            }
            known.sequences.push(bases);
            known.scores.push(value);
        }
        known.check().map_err(table)?;
        Ok(known)
    }

    /// What no single row shows.
    ///
    /// # Errors
    /// Too few rows; scores that are all the same; no sequence of the designs' length.
    pub fn check(&self) -> Result<(), String> {
        let rows = self.scores.len();
        if rows < FEWEST {
            return Err(format!("{rows} rows; at least {FEWEST} are needed"));
        }
        if self.scores.iter().all(|score| *score == self.scores[0]) {
            return Err(format!(
                "all {rows} scores are {}: nothing can be learnt from one value",
                self.scores[0]
            ));
        }
        if !self
            .sequences
            .iter()
            .any(|bases| bases.len() == self.length)
        {
            let lengths = self.lengths();
            return Err(format!(
                "no sequence has the {} bases that designs are to have; theirs are {} to {}",
                self.length,
                lengths.start(),
                lengths.end()
            ));
        }
        Ok(())
    }

    /// Bases of the shortest and of the longest sequence.
    pub fn lengths(&self) -> RangeInclusive<usize> {
        let lengths = || self.sequences.iter().map(Vec::len);
        lengths().min().unwrap_or_default()..=lengths().max().unwrap_or_default()
    }

    /// Whether not all have the length of the designs.
    pub fn is_mixed(&self) -> bool {
        self.lengths() != (self.length..=self.length)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// The rows from the lowest score up; rows of one score in the order of the file.
    pub fn by_score(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|a, b| self.scores[*a].total_cmp(&self.scores[*b]));
        order
    }

    /// Some of the rows.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            sequences: rows
                .iter()
                .map(|&row| self.sequences[row].clone())
                .collect(),
            scores: rows.iter().map(|&row| self.scores[row]).collect(),
            length: self.length,
        }
    }

    /// The `n` rows of the designs' length with the highest scores, the best first.
    pub fn best(&self, n: usize) -> Vec<usize> {
        let mut order = self.by_score();
        order.reverse();
        order.retain(|&row| self.sequences[row].len() == self.length);
        order.truncate(n);
        order
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(name: &str, text: &str) -> Result<Known, String> {
        read_for(name, text, None)
    }

    fn read_for(name: &str, text: &str, length: Option<usize>) -> Result<Known, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let columns = Columns {
            sequence: "sequence",
            score: "score",
        };
        Known::read(&path, columns, length).map_err(|e| {
            e.to_string()
                .replace(&format!("{}/", folder.path().display()), "")
        })
    }

    #[test]
    fn every_mistake_of_a_table_is_told_with_its_line_and_value() {
        let rows = |n: usize, score: &str| -> String {
            let row = |i: usize| format!("{},{score}{i}\n", dna::text(&dna::of_code(i, 4)));
            format!("sequence,score\n{}", (0..n).map(row).collect::<String>())
        };
        let known = read("t.csv", &rows(12, "0.")).unwrap();
        assert_eq!(
            (known.len(), known.length, known.is_mixed()),
            (12, 4, false)
        );
        assert_eq!(known.best(2), [9, 8], "0.9, 0.8");
        let t = |name: &str, text: &str, expected: &str| {
            assert_eq!(read(name, text).unwrap_err(), expected);
        };
        let one = "sequence,score\n";
        t(
            "t.csv",
            &rows(3, "0."),
            "t.csv: 3 rows; at least 10 are needed",
        );
        t(
            "t.csv",
            &(0..10).fold(one.to_string(), |text, i| {
                text + &format!("{},2\n", dna::text(&dna::of_code(i, 4)))
            }),
            "t.csv: all 10 scores are 2: nothing can be learnt from one value",
        );
        t(
            "t.csv",
            &format!("{one}ACGN,1\n"),
            "t.csv:2: `N` in `ACGN` is none of A, C, G, T",
        );
        t(
            "t.csv",
            &format!("{one}ACGT,high\n"),
            "t.csv:2: the score `high` is no number",
        );
        t(
            "t.tsv",
            "sequence\tscore\nACGT\t1\nACG\t2\n",
            "t.tsv:3: `ACG` has 3 bases, the sequences before it have 4: designs have one length, so say which (`length: 4` \
             of the task), or part the table",
        );
        t(
            "t.csv",
            &format!("{one}ACGT,1\nACGT,2\n"),
            "t.csv:3: `ACGT` stands on line 2 already",
        );
        t(
            "t.csv",
            "dna,score\nACGT,1\n",
            "t.csv: no column `sequence`; the columns are dna, score",
        );
    }
    #[test]
    fn searches_begin_at_sequences_of_the_designs_length() {
        let row = |i: usize| format!("{},{i}\n", dna::text(&dna::of_code(i, 4 + i % 2)));
        let text = format!("sequence,score\n{}", (0..12).map(row).collect::<String>());
        let known = read_for("t.csv", &text, Some(4)).unwrap();
        assert_eq!(
            (known.len(), known.lengths(), known.is_mixed()),
            (12, 4..=5, true)
        );
        assert_eq!(known.best(3), [10, 8, 6]);
        assert_eq!(known.select(&[1, 2]).length, 4);
        assert_eq!(
            read_for("t.csv", &text, Some(7)).unwrap_err(),
            "t.csv: no sequence has the 7 bases that designs are to have; theirs are 4 to 5"
        );
    }
}
