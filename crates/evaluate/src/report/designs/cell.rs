//! What lies in the folder of a cell of designs.

use std::path::Path;

use lingo_artifact::atomic;
use lingo_artifact::run_folder::CellFolder;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// A finished cell.
pub struct Cell {
    /// Its seed.
    pub seed: u64,
    /// `metrics.json`.
    pub metrics: Map<String, Value>,
    /// `designs.tsv`, the best first.
    pub designs: Vec<Design>,
    /// `steps.tsv`; empty of methods that have none.
    pub steps: Vec<Step>,
    /// The seconds that it took, where they were measured.
    pub seconds: Option<f64>,
    /// Whether a file is not as the run left it.
    pub altered: bool,
}

/// A row of `designs.tsv`.
pub struct Design {
    /// Its bases.
    pub sequence: String,
    /// The score that the method's proxy predicts.
    pub predicted: f64,
    /// The standard deviation between heads.
    pub spread: f64,
    /// Bases that differ from the nearest known sequence.
    pub distance: f64,
    /// That sequence.
    pub nearest: String,
    /// Its score.
    pub nearest_score: f64,
    /// What the table says of the design.
    pub measured: Option<f64>,
}

/// A row of `steps.tsv`.
pub struct Step {
    /// From 1.
    pub step: f64,
    /// The mean prediction of the candidates.
    pub predicted: f64,
    /// Mean, least and most weight of the forward loss.
    pub gamma: Option<[f64; 3]>,
    /// The same of the learning rate.
    pub rate: [f64; 3],
}

impl Cell {
    /// The cell of a folder; nothing where none is finished.
    ///
    /// # Errors
    /// A file that is there but cannot be read.
    pub fn read(folder: &CellFolder, seed: u64, altered: bool) -> Result<Option<Self>> {
        if !folder.finished().is_file() {
            return Ok(None);
        }
        let resources = atomic::read_json::<Value>(&folder.resources());
        let seconds = resources.ok().and_then(|r| r.get("wall_seconds")?.as_f64());
        Ok(Some(Self {
            seed,
            metrics: atomic::read_json(&folder.metrics())?,
            designs: rows(&folder.designs(), design)?,
            steps: match folder.steps().is_file() {
                true => rows(&folder.steps(), step)?,
                false => Vec::new(),
            },
            seconds,
            altered,
        }))
    }

    /// A number of `metrics.json` over all designs, such as `median`.
    pub fn of_all(&self, name: &str) -> Option<f64> {
        let designs = self.metrics.get("designs")?.as_u64()?;
        self.number(&format!("{name}_{designs}"))
    }

    /// A number of `metrics.json`.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.metrics.get(key)?.as_f64()
    }
}

/// The rows of a table with a header, each by `of`.
fn rows<T>(path: &Path, of: impl Fn(&[&str]) -> Option<T>) -> Result<Vec<T>> {
    let text = std::fs::read_to_string(path).map_err(lingo_artifact::Error::io("read", path))?;
    let lines = text.lines().enumerate().skip(1);
    lines
        .map(|(i, line)| {
            let fields: Vec<&str> = line.split('\t').collect();
            of(&fields).ok_or_else(|| Error::Row {
                id: format!("{}:{}", path.display(), i + 1),
                problem: "is not as the run wrote it; run the cell again".into(),
            })
        })
        .collect()
}

fn design(fields: &[&str]) -> Option<Design> {
    let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Design {
        sequence: fields.get(1)?.to_string(),
        predicted: number(2)?,
        spread: number(3)?,
        distance: number(4)?,
        nearest: fields.get(5)?.to_string(),
        nearest_score: number(6)?,
        measured: match *fields.get(8)? {
            "" => None,
            _ => Some(number(8)?),
        },
    })
}

fn step(fields: &[&str]) -> Option<Step> {
    let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
    let three = |at: usize| Some([number(at)?, number(at + 1)?, number(at + 2)?]);
    Some(Step {
        step: number(0)?,
        predicted: number(2)?,
        gamma: match *fields.get(5)? {
            "" => None,
            _ => Some(three(5)?),
        },
        rate: three(8)?,
    })
}
