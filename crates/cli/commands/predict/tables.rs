//! Tables of what was predicted: rows with their places, labelled examples, variants, changes; and BED.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use lingo_artifact::example::Interval;
use lingo_artifact::placed_prediction::{PlacedColumns, PlacedPrediction, PlacedStream, Told};
use lingo_artifact::prediction::{Prediction, PredictionStream};
use lingo_artifact::table::{Cells, Format, TableStream, frame};
use lingo_artifact::{Label, LabelKind};
use lingo_ingest::VariantWindows;
use lingo_workflow::Error;

use super::items::Row;
use super::mutants::{changes, on_forward_strand};
use super::outcomes::{Outcomes, Spread};
use crate::arguments::ValueChoice;

/// Rows of a table that are written at a time.
const ROWS: usize = 1 << 15;

type Out<'a> = &'a mut BufWriter<File>;

/// Predictions of rows whose label nobody knows.
pub struct Placed<'a> {
    outcomes: &'a Outcomes,
    deviations: bool,
    stream: PlacedStream<Out<'a>>,
    rows: Vec<PlacedPrediction>,
}

impl<'a> Placed<'a> {
    /// Begins the table; `places` says whether any row has a place, `members` how many adapters there are.
    pub fn new(
        path: &Path,
        outcomes: &'a Outcomes,
        places: bool,
        members: usize,
        out: Out<'a>,
    ) -> Result<Self, Error> {
        let deviations = members > 1;
        let columns = PlacedColumns {
            classes: outcomes.kind.names().to_vec(),
            places,
            deviations,
        };
        Ok(Self {
            outcomes,
            deviations,
            stream: PlacedStream::new(path, columns, out)?,
            rows: Vec::new(),
        })
    }

    /// Adds a row.
    pub fn take(&mut self, row: &Row, logits: &[f32]) -> Result<(), Error> {
        let of_row = self.outcomes.of_row(logits);
        let deviations = of_row.iter().filter(|_| self.deviations);
        let told = match &self.outcomes.kind {
            LabelKind::Regression => {
                Told::Value(of_row.first().map_or(f32::NAN, |s| s.mean as f32))
            }
            _ => Told::Name(self.outcomes.told(&of_row).0),
        };
        let classes = self.outcomes.kind.names().len();
        self.rows.push(PlacedPrediction {
            id: row.id.clone(),
            interval: row.interval.clone(),
            told,
            probabilities: of_row.iter().take(classes).map(|s| s.mean as f32).collect(),
            deviations: deviations.map(|s| s.deviation as f32).collect(),
        });
        if self.rows.len() == ROWS {
            self.stream.write(&self.rows)?;
            self.rows.clear();
        }
        Ok(())
    }

    /// Writes the rest.
    pub fn finish(mut self) -> Result<(), Error> {
        self.stream.write(&self.rows)?;
        Ok(self.stream.finish()?)
    }
}

/// Predictions of labelled rows, which can be scored.
pub struct Labelled<'a> {
    outcomes: &'a Outcomes,
    stream: PredictionStream<Out<'a>>,
    rows: Vec<Prediction>,
}

impl<'a> Labelled<'a> {
    /// Begins the table.
    pub fn new(path: &Path, outcomes: &'a Outcomes, out: Out<'a>) -> Result<Self, Error> {
        Ok(Self {
            outcomes,
            stream: PredictionStream::new(path, &outcomes.kind, out)?,
            rows: Vec::new(),
        })
    }

    /// Adds a row with its label.
    pub fn take(&mut self, row: &Row, label: &Label, logits: &[f32]) -> Result<(), Error> {
        self.rows.push(Prediction {
            id: row.id.clone(),
            split: row.split,
            label: label.clone(),
            logits: self.outcomes.mean_logits(logits),
        });
        if self.rows.len() == ROWS {
            self.stream.write(&self.rows)?;
            self.rows.clear();
        }
        Ok(())
    }

    /// Writes the rest.
    pub fn finish(mut self) -> Result<(), Error> {
        self.stream.write(&self.rows)?;
        Ok(self.stream.finish()?)
    }
}

/// BED6, what is predicted, and a probability for each class.
pub fn bed_line(
    path: &Path,
    outcomes: &Outcomes,
    row: &Row,
    logits: &[f32],
    out: &mut BufWriter<File>,
) -> Result<(), Error> {
    let Some(place) = &row.interval else {
        return Ok(());
    };
    let of_row = outcomes.of_row(logits);
    let (told, score) = outcomes.told(&of_row);
    let mut fields = vec![
        place.chrom.clone(),
        place.start.to_string(),
        place.end.to_string(),
        row.id.clone(),
        score,
        place.strand.to_string(),
        told,
    ];
    let classes = outcomes.kind.names().len();
    fields.extend(
        of_row
            .iter()
            .take(classes)
            .map(|s| format!("{:.6}", s.mean)),
    );
    let written = writeln!(out, "{}", fields.join("\t"));
    Ok(written.map_err(lingo_artifact::Error::io("write", path))?)
}

/// A table with columns of its own, whose cells are gathered row by row.
struct Gathered<'a> {
    path: &'a Path,
    names: Vec<&'static str>,
    texts: Vec<Vec<Option<String>>>,
    wholes: Vec<Vec<Option<u64>>>,
    numbers: Vec<Vec<f32>>,
    /// Of each column its kind and its place among those.
    order: Vec<(Kind, usize)>,
    stream: Option<TableStream<Out<'a>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Whole,
    Number,
}

/// One cell.
enum Cell {
    Text(Option<String>),
    Whole(Option<u64>),
    Number(f64),
}

impl<'a> Gathered<'a> {
    fn new(path: &'a Path, columns: &[(&'static str, Kind)], out: Out<'a>) -> Result<Self, Error> {
        let of = |kind| columns.iter().filter(|c| c.1 == kind).count();
        let mut next = [0; 3];
        let order = columns.iter().map(|(_, kind)| {
            let next = &mut next[*kind as usize];
            *next += 1;
            (*kind, *next - 1)
        });
        let mut table = Self {
            path,
            names: columns.iter().map(|c| c.0).collect(),
            order: order.collect(),
            texts: vec![Vec::new(); of(Kind::Text)],
            wholes: vec![Vec::new(); of(Kind::Whole)],
            numbers: vec![Vec::new(); of(Kind::Number)],
            stream: None,
        };
        let first = frame(path, table.columns())?;
        table.stream = Some(TableStream::new(
            path,
            Format::of_path(path)?,
            "{}",
            &first,
            out,
        )?);
        Ok(table)
    }

    fn columns(&mut self) -> Vec<(String, Cells)> {
        let cells = self.order.iter().map(|(kind, place)| match kind {
            Kind::Text => Cells::Text(std::mem::take(&mut self.texts[*place])),
            Kind::Whole => Cells::Whole(std::mem::take(&mut self.wholes[*place])),
            Kind::Number => Cells::Numbers(std::mem::take(&mut self.numbers[*place])),
        });
        let names = self.names.iter().map(ToString::to_string);
        names.zip(cells).collect()
    }

    fn push(&mut self, row: impl IntoIterator<Item = Cell>) -> Result<(), Error> {
        for ((_, place), cell) in self.order.iter().zip(row) {
            match cell {
                Cell::Text(text) => self.texts[*place].push(text),
                Cell::Whole(whole) => self.wholes[*place].push(whole),
                Cell::Number(number) => self.numbers[*place].push(number as f32),
            }
        }
        if self.numbers.first().map_or(0, Vec::len) == ROWS {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Error> {
        let frame = frame(self.path, self.columns())?;
        match &mut self.stream {
            Some(stream) => Ok(stream.write(&frame)?),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<(), Error> {
        self.write()?;
        match self.stream {
            Some(stream) => Ok(stream.finish()?),
            None => Ok(()),
        }
    }
}

/// What a model makes of variants.
pub struct Variants<'a> {
    outcomes: &'a Outcomes,
    several: bool,
    table: Gathered<'a>,
}

impl<'a> Variants<'a> {
    /// Begins the table; `members` says how many adapters there are.
    pub fn new(
        path: &'a Path,
        outcomes: &'a Outcomes,
        members: usize,
        out: Out<'a>,
    ) -> Result<Self, Error> {
        let mut columns = vec![
            ("chrom", Kind::Text),
            ("pos", Kind::Whole),
            ("id", Kind::Text),
            ("ref", Kind::Text),
            ("alt", Kind::Text),
        ];
        let several = members > 1;
        let numbers: &[&'static str] = match (&outcomes.kind, several) {
            (LabelKind::Regression, false) => &["value_ref", "value_alt", "difference"],
            (LabelKind::Regression, true) => &["value_ref", "value_alt", "difference", "sd"],
            (_, false) => &[
                "p_ref",
                "p_alt",
                "p_difference",
                "logit_ref",
                "logit_alt",
                "difference",
            ],
            (_, true) => &[
                "p_ref",
                "p_alt",
                "p_difference",
                "logit_ref",
                "logit_alt",
                "difference",
                "sd",
            ],
        };
        columns.extend(numbers.iter().map(|name| (*name, Kind::Number)));
        Ok(Self {
            outcomes,
            several,
            table: Gathered::new(path, &columns, out)?,
        })
    }

    /// Adds a variant; `logits` are those of REF, then those of ALT.
    pub fn take(&mut self, variant: &VariantWindows, logits: &[f32]) -> Result<(), Error> {
        let (reference, alternate) = logits.split_at(logits.len() / 2);
        let mut row = vec![
            Cell::Text(Some(variant.chrom.clone())),
            Cell::Whole(Some(variant.position + 1)),
            Cell::Text(variant.id.clone()),
            Cell::Text(Some(variant.reference.clone())),
            Cell::Text(Some(variant.alternate.clone())),
        ];
        let kinds: &[ValueChoice] = match self.outcomes.kind {
            LabelKind::Regression => &[ValueChoice::Logit],
            _ => &[ValueChoice::Probability, ValueChoice::Logit],
        };
        let mut deviation = 0.0;
        for what in kinds {
            let of_reference = self.outcomes.values(reference, *what);
            let of_alternate = self.outcomes.values(alternate, *what);
            let difference = differences(&of_reference, &of_alternate);
            deviation = difference.deviation;
            row.extend([
                Cell::Number(Spread::of(&of_reference).mean),
                Cell::Number(Spread::of(&of_alternate).mean),
                Cell::Number(difference.mean),
            ]);
        }
        row.extend(self.several.then_some(Cell::Number(deviation)));
        self.table.push(row)
    }

    /// Writes the rest.
    pub fn finish(self) -> Result<(), Error> {
        self.table.finish()
    }
}

/// What a change does to the value: mean and spread over the adapters.
fn differences(before: &[f64], after: &[f64]) -> Spread {
    let each: Vec<f64> = before.iter().zip(after).map(|(b, a)| a - b).collect();
    Spread::of(&each)
}

/// What every change of a sequence does to the logit: at a place, from a base to another.
pub fn effects(
    outcomes: &Outcomes,
    sequence: &[u8],
    logits: &[f32],
    width: usize,
) -> Vec<(super::mutants::Change, Spread)> {
    let mut rows = logits.chunks(width);
    let values = |row: &[f32]| outcomes.values(row, ValueChoice::Logit);
    let own = rows.next().map(values).unwrap_or_default();
    changes(sequence)
        .zip(rows)
        .map(|(change, row)| (change, differences(&own, &values(row))))
        .collect()
}

/// Every change of one base, and what it does.
pub struct Changes<'a> {
    outcomes: &'a Outcomes,
    several: bool,
    width: usize,
    table: Gathered<'a>,
}

impl<'a> Changes<'a> {
    /// Begins the table; `members` says how many adapters there are.
    pub fn new(
        path: &'a Path,
        outcomes: &'a Outcomes,
        members: usize,
        out: Out<'a>,
    ) -> Result<Self, Error> {
        let mut columns = vec![
            ("window", Kind::Text),
            ("chrom", Kind::Text),
            ("start", Kind::Whole),
            ("ref", Kind::Text),
            ("alt", Kind::Text),
            ("difference", Kind::Number),
        ];
        let several = members > 1;
        columns.extend(several.then_some(("sd", Kind::Number)));
        Ok(Self {
            outcomes,
            several,
            width: members * outcomes.outputs(),
            table: Gathered::new(path, &columns, out)?,
        })
    }

    /// Adds the changes of a row, whose bases are `sequence`.
    pub fn take(&mut self, row: &Row, sequence: &[u8], logits: &[f32]) -> Result<(), Error> {
        let base = |b: u8| Cell::Text(Some(char::from(b).to_string()));
        for (change, effect) in effects(self.outcomes, sequence, logits, self.width) {
            let (start, from, to) = match &row.interval {
                Some(interval) => on_forward_strand(change, interval),
                None => (change.place as u64, change.from, change.to),
            };
            let chrom = row.interval.as_ref().map(|i: &Interval| i.chrom.clone());
            let mut cells = vec![
                Cell::Text(Some(row.id.clone())),
                Cell::Text(chrom),
                Cell::Whole(Some(start)),
                base(from),
                base(to),
                Cell::Number(effect.mean),
            ];
            cells.extend(self.several.then_some(Cell::Number(effect.deviation)));
            self.table.push(cells)?;
        }
        Ok(())
    }

    /// Writes the rest.
    pub fn finish(self) -> Result<(), Error> {
        self.table.finish()
    }
}
