//! Why a result was made again: the results of the store that were made for one thing, in the order of time, and what set
//! each apart from the one before.

use std::fs;

use lingo_artifact::atomic;
use lingo_artifact::run_folder::RunFolder;
use serde::Serialize;

use super::stored::{Stored, record_in};
use crate::cell::differences;
use crate::failure::Difference;

/// One making of a result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Making {
    /// The stage.
    pub stage: String,
    /// The first digits of the result's id.
    pub id: String,
    /// When it was finished, UTC.
    pub finished: String,
    /// What made it.
    pub made_by: crate::cell::MadeBy,
    /// The settings that differ from those of the making before; empty for the first.
    pub changed: Vec<Difference>,
    /// The inputs, by role, whose content differs from that of the making before.
    pub inputs: Vec<String>,
}

/// The makings that the store still has, for a cell (`task/method/seed-n`) and its task, or for all where none is named: by
/// label and stage, each in the order of time.
pub fn explain(run: &RunFolder, label: Option<&str>) -> Vec<(String, Vec<Making>)> {
    let task = label.and_then(|label| label.split('/').next());
    let wanted = |stored: &Stored| {
        label.is_none_or(|label| stored.label == label || Some(stored.label.as_str()) == task)
    };
    let mut all: Vec<Stored> = fs::read_dir(run.store())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| atomic::read_json(&record_in(&entry.path())).ok())
        .filter(wanted)
        .collect();
    let of_stage = |stored: &Stored| {
        let stages = [
            "model",
            "examples",
            "tokens",
            "floor",
            "adapt_first",
            "training",
            "score",
            "designs",
        ];
        stages.iter().position(|stage| *stage == stored.stage)
    };
    all.sort_by(|a, b| {
        let key = |s: &Stored| {
            (
                s.label.clone(),
                of_stage(s),
                s.finished.clone(),
                s.id.to_string(),
            )
        };
        key(a).cmp(&key(b))
    });
    let mut told: Vec<(String, Vec<Making>)> = Vec::new();
    let mut before: Option<&Stored> = None;
    for stored in &all {
        let same = before.filter(|b| (&b.label, &b.stage) == (&stored.label, &stored.stage));
        let making = Making {
            stage: stored.stage.clone(),
            id: stored.id.short(),
            finished: stored.finished.clone(),
            made_by: stored.made_by.clone(),
            changed: same.map_or_else(Vec::new, |b| differences(&b.parameters, &stored.parameters)),
            inputs: same.map_or_else(Vec::new, |b| {
                let roles = b.inputs.keys().chain(stored.inputs.keys());
                let mut changed: Vec<String> = roles
                    .filter(|role| b.inputs.get(*role) != stored.inputs.get(*role))
                    .cloned()
                    .collect();
                changed.sort();
                changed.dedup();
                changed
            }),
        };
        match told.last_mut().filter(|(label, _)| *label == stored.label) {
            Some((_, makings)) => makings.push(making),
            None => told.push((stored.label.clone(), vec![making])),
        }
        before = Some(stored);
    }
    told
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::thread::sleep;
    use std::time::Duration;

    use lingo_artifact::digest::Digest;
    use serde_json::json;

    use super::*;
    use crate::cell::MadeBy;

    /// The changes that are told of a result with 32 filters and one with 16 made at once after it.
    fn told(ids: [Digest; 2]) -> Vec<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path());
        for (id, filters) in ids.into_iter().zip([32, 16]) {
            let place = run.stored(&id);
            fs::create_dir_all(&place).unwrap();
            let made_from = (json!({ "filters": filters }), BTreeMap::new());
            let of = ("training", "task/cnn/seed-1");
            let stored = Stored::of(&place, of, id, made_from, json!({}), MadeBy::default());
            stored.unwrap().write(&place).unwrap();
            sleep(Duration::from_millis(5));
        }
        let found = explain(&run, None);
        let makings = found.iter().flat_map(|(_, makings)| makings);
        let changes = |making: &Making| making.changed.iter().map(ToString::to_string).collect();
        makings.map(changes).collect()
    }

    #[test]
    fn results_of_one_second_are_told_in_their_order_whatever_their_ids() {
        let [a, b] = ["a", "b"].map(|name| Digest::of_bytes(name.as_bytes()));
        let wanted = vec![vec![], vec!["filters: 32 -> 16".to_string()]];
        assert_eq!(told([a, b]), wanted);
        assert_eq!(told([b, a]), wanted);
    }
}
