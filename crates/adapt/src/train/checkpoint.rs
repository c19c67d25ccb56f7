//! The training checkpoint: all that a killed run needs to go on as if it had not been.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::rank::adaptation::RankState;
use crate::tensor_file::TensorFile;
use crate::train::watch::Seen;

const KEY: &str = "state";
/// What the names of rank adaptation's vectors begin with.
const RANK: &str = "rank.";
/// What the names of the averaged values' vectors begin with.
const AVERAGE: &str = "average.";

/// The numbers of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progressed {
    /// A hash of all that shapes the run: a checkpoint of another run is not taken up.
    pub run: String,
    /// Optimizer steps done.
    pub step: u64,
    /// Real tokens seen.
    pub tokens: u64,
    /// Wall seconds spent.
    pub seconds: f64,
    /// Sum and count of the losses since the last log line.
    pub loss_sum: f64,
    pub loss_steps: u64,
    /// The losses that tell whether anything is learnt, and what was said of it.
    pub seen: Seen,
    pub warning: Option<String>,
    /// Counter of the dropout masks.
    pub dropout: u64,
    /// Position of the rank-sampling stream.
    pub sampling: u64,
    /// Scores of the last evaluations, the oldest first.
    pub scores: Vec<f64>,
    /// The step of the best evaluation, and its score as it was compared.
    pub best: Option<(u64, f64)>,
    /// Evaluations since then.
    pub since_best: u64,
    /// Whether patience ran out.
    pub stopped: bool,
    /// Triplets reintroduced so far.
    pub reintroduced: u64,
}

/// The vectors of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Vectors {
    pub values: Vec<f32>,
    pub first_moments: Vec<f32>,
    pub second_moments: Vec<f32>,
    /// Values of the best evaluation, and its live triplets.
    pub best: Option<(Vec<f32>, Vec<bool>)>,
    /// What an average of the values is made from.
    pub average: Vec<Vec<f32>>,
    pub rank: Option<RankState>,
}

/// Writes a checkpoint atomically.
pub(crate) fn write(path: &Path, progressed: &Progressed, vectors: Vectors) -> Result<(), Error> {
    let text = serde_json::to_string(progressed)
        .map_err(|e| lingo_artifact::Error::invalid(path, e.to_string()))?;
    let mut file = TensorFile {
        note: (KEY.into(), text),
        ..TensorFile::default()
    };
    let mut add = |name: &str, values: Vec<f32>| {
        let length = values.len();
        file.add(name, &[length], values);
    };
    add("values", vectors.values);
    add("first_moments", vectors.first_moments);
    add("second_moments", vectors.second_moments);
    if let Some((values, live)) = vectors.best {
        add("best_values", values);
        add("best_live", numbers(&live));
    }
    for (i, values) in vectors.average.into_iter().enumerate() {
        add(&format!("{AVERAGE}{i}"), values);
    }
    for (name, values) in vectors.rank.into_iter().flat_map(|state| state.vectors) {
        add(&format!("{RANK}{name}"), values);
    }
    file.write(path)
}

/// Reads a checkpoint of the run `run` with `length` values; `None` where there is none of it.
///
/// # Errors
/// A file that is broken.
pub(crate) fn read(
    path: &Path,
    run: &str,
    length: usize,
) -> Result<Option<(Progressed, Vectors)>, Error> {
    if !path.is_file() {
        return Ok(None);
    }
    let mut file = TensorFile::read(path, KEY)?;
    let fail = |problem: String| Error::Adapter {
        path: path.to_owned(),
        problem,
    };
    let progressed: Progressed =
        serde_json::from_str(&file.note.1).map_err(|e| fail(format!("its state: {e}")))?;
    if progressed.run != run {
        return Ok(None);
    }
    let mut take = |name: &str| file.take(name).map(|(_, values)| values);
    let mut vectors = Vectors {
        values: take("values").map_err(fail)?,
        first_moments: take("first_moments").map_err(fail)?,
        second_moments: take("second_moments").map_err(fail)?,
        best: match (take("best_values"), take("best_live")) {
            (Ok(values), Ok(live)) => Some((values, flags(&live))),
            _ => None,
        },
        average: Vec::new(),
        rank: None,
    };
    while let Ok(values) = take(&format!("{AVERAGE}{}", vectors.average.len())) {
        vectors.average.push(values);
    }
    let best = vectors.best.as_ref().map(|(values, _)| values);
    let all = [
        &vectors.values,
        &vectors.first_moments,
        &vectors.second_moments,
    ]
    .into_iter()
    .chain(best)
    .chain(&vectors.average);
    if let Some(other) = all.map(Vec::len).find(|&n| n != length) {
        return Err(fail(format!(
            "it holds {other} values, the run has {length}"
        )));
    }
    let of_rank = file.tensors.iter().filter_map(|(name, (_, values))| {
        let name = name.strip_prefix(RANK)?;
        Some((name.to_owned(), values.clone()))
    });
    let state = RankState {
        vectors: of_rank.collect(),
        position: progressed.sampling,
    };
    vectors.rank = (!state.vectors.is_empty()).then_some(state);
    Ok(Some((progressed, vectors)))
}

fn numbers(flags: &[bool]) -> Vec<f32> {
    flags.iter().map(|&f| f32::from(u8::from(f))).collect()
}

fn flags(numbers: &[f32]) -> Vec<bool> {
    numbers.iter().map(|&n| n != 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_another_runs_is_not_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let progressed = Progressed {
            run: "a".into(),
            step: 7,
            loss_sum: 0.1 + 0.2,
            sampling: 99,
            best: Some((5, 0.3)),
            ..Progressed::default()
        };
        let vectors = Vectors {
            values: vec![1.0, -2.0],
            first_moments: vec![0.1, 0.2],
            second_moments: vec![0.3, 0.4],
            best: Some((vec![0.5, 0.6], vec![true, false, true])),
            average: vec![vec![0.7, 0.8], vec![0.9, 1.0]],
            rank: Some(
                RankState::at(99)
                    .with("averages", vec![1.0, 2.0, 3.0])
                    .with_flags("live", &[false, true]),
            ),
        };
        assert_eq!(read(&path, "a", 2).unwrap(), None);
        write(&path, &progressed, vectors.clone()).unwrap();
        assert_eq!(
            read(&path, "a", 2).unwrap(),
            Some((progressed.clone(), vectors.clone()))
        );
        assert_eq!(read(&path, "b", 2).unwrap(), None);
        assert!(read(&path, "a", 3).is_err());
        let short = Vectors {
            second_moments: vec![0.3],
            ..vectors
        };
        write(&path, &progressed, short).unwrap();
        let message = read(&path, "a", 2).unwrap_err().to_string();
        assert!(message.contains("holds 1 values"), "{message}");
    }
}
