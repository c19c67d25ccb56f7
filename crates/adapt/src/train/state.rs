//! What a training is at: all that a killed run needs to go on as if it had not been.

use serde::{Deserialize, Serialize};

use crate::rank::adaptation::RankState;
use crate::tensor_file::TensorFile;
use crate::train::checkpoints::{Found, KEY};
use crate::train::watch::Seen;

/// What the names of rank adaptation's vectors begin with.
const RANK: &str = "rank.";
/// What the names of the averaged values' vectors begin with.
const AVERAGE: &str = "average.";
const VALUES: &str = "values";
const FIRST_MOMENTS: &str = "first_moments";
const SECOND_MOMENTS: &str = "second_moments";
const LIVE: &str = "live";

/// The numbers of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progressed {
    /// Optimizer steps done.
    pub step: u64,
    /// The step of the last evaluation: it may have been interrupted after the step itself.
    pub evaluated: u64,
    /// Lines of train.jsonl.
    pub logged: u64,
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
    /// What an average of the values is made from.
    pub average: Vec<Vec<f32>>,
    pub rank: Option<RankState>,
    /// Values of the best evaluation, and its live triplets.
    pub best: Option<(Vec<f32>, Vec<bool>)>,
}

/// The tensors of a checkpoint, but for the best evaluation's.
pub(crate) fn to_file(progressed: &Progressed, vectors: Vectors) -> Result<TensorFile, String> {
    let text = serde_json::to_string(progressed).map_err(|e| e.to_string())?;
    let mut file = TensorFile {
        note: (KEY.into(), text),
        ..TensorFile::default()
    };
    let mut add = |name: &str, values: Vec<f32>| {
        let length = values.len();
        file.add(name, &[length], values);
    };
    add(VALUES, vectors.values);
    add(FIRST_MOMENTS, vectors.first_moments);
    add(SECOND_MOMENTS, vectors.second_moments);
    for (i, values) in vectors.average.into_iter().enumerate() {
        add(&format!("{AVERAGE}{i}"), values);
    }
    for (name, values) in vectors.rank.into_iter().flat_map(|state| state.vectors) {
        add(&format!("{RANK}{name}"), values);
    }
    Ok(file)
}

/// The tensors of the best evaluation.
pub(crate) fn best_to_file(values: &[f32], live: &[bool]) -> TensorFile {
    let mut file = TensorFile::for_peft();
    file.add(VALUES, &[values.len()], values.to_vec());
    let live = live.iter().map(|&f| f32::from(u8::from(f)));
    let live: Vec<f32> = live.collect();
    file.add(LIVE, &[live.len()], live);
    file
}

/// The numbers and vectors of a checkpoint of a training with `length` values.
///
/// # Errors
/// What is missing, or of another size.
pub(crate) fn of_found(found: Found, length: usize) -> Result<(Progressed, Vectors), String> {
    let Found {
        step,
        state: mut file,
        best,
    } = found;
    let progressed: Progressed =
        serde_json::from_str(&file.note.1).map_err(|e| format!("its state: {e}"))?;
    if progressed.step != step {
        return Err(format!(
            "its manifest says step {step}, its state {}",
            progressed.step
        ));
    }
    let mut take = |name: &str| file.take(name).map(|(_, values)| values);
    let mut vectors = Vectors {
        values: take(VALUES)?,
        first_moments: take(FIRST_MOMENTS)?,
        second_moments: take(SECOND_MOMENTS)?,
        average: Vec::new(),
        rank: None,
        best: None,
    };
    while let Ok(values) = take(&format!("{AVERAGE}{}", vectors.average.len())) {
        vectors.average.push(values);
    }
    if let Some(mut best) = best {
        let (_, values) = best.take(VALUES)?;
        let (_, live) = best.take(LIVE)?;
        vectors.best = Some((values, live.iter().map(|&n| n != 0.0).collect()));
    }
    let all = [
        &vectors.values,
        &vectors.first_moments,
        &vectors.second_moments,
    ]
    .into_iter()
    .chain(vectors.best.as_ref().map(|(values, _)| values))
    .chain(&vectors.average);
    if let Some(other) = all.map(Vec::len).find(|&n| n != length) {
        return Err(format!("it holds {other} values, the run has {length}"));
    }
    let of_rank = file.tensors.into_iter().filter_map(|(name, (_, values))| {
        let name = name.strip_prefix(RANK)?;
        Some((name.to_owned(), values))
    });
    let state = RankState {
        vectors: of_rank.collect(),
        position: progressed.sampling,
    };
    vectors.rank = (!state.vectors.is_empty()).then_some(state);
    Ok((progressed, vectors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back() {
        let progressed = Progressed {
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
        let found = |vectors: &Vectors| Found {
            step: 7,
            state: to_file(&progressed, vectors.clone()).unwrap(),
            best: vectors.best.as_ref().map(|(v, l)| best_to_file(v, l)),
        };
        assert_eq!(
            of_found(found(&vectors), 2),
            Ok((progressed.clone(), vectors.clone()))
        );
        assert!(of_found(found(&vectors), 3).is_err());
        let short = Vectors {
            second_moments: vec![0.3],
            ..vectors
        };
        let problem = of_found(found(&short), 2).unwrap_err();
        assert!(problem.contains("holds 1 values"), "{problem}");
    }
}
