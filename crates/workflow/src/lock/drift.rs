//! Whether a plan is what a lock says.

use std::collections::{BTreeMap, BTreeSet};

use lingo_artifact::digest::Digest;
use serde_json::Value;

use super::lock::Lock;
use crate::cell::differences;
use crate::plan::planned::Plan;
use crate::plan::{VERSION, is_quiet};

/// A cell as a lock may have it.
pub(crate) struct Locked<'a> {
    pub task: &'a str,
    pub label: String,
    pub id: Digest,
    pub parameters: &'a Value,
    pub inputs: &'a BTreeMap<String, Digest>,
}

/// What of a plan is not as the lock has it, in sentences: settings, inputs and cells that the lock has not. The version of
/// the program is told where something else differs, too. What can change no result is none.
pub fn drift(plan: &Plan, lock: &Lock) -> Vec<String> {
    let cells = plan.cells.iter().map(|cell| Locked {
        task: &cell.task,
        label: cell.label(),
        id: cell.id,
        parameters: &cell.parameters,
        inputs: &cell.inputs,
    });
    drift_of(cells, lock)
}

/// As [`drift`], of any cells.
pub(crate) fn drift_of<'a>(cells: impl Iterator<Item = Locked<'a>>, lock: &Lock) -> Vec<String> {
    let mut told = BTreeSet::new();
    for cell in cells {
        let label = &cell.label;
        let Some(planned) = lock.planned.get(label) else {
            told.insert(format!("{label} is not in the lock"));
            continue;
        };
        if *planned == cell.id {
            continue;
        }
        let Some(locked) = lock.cells.get(label).filter(|locked| locked.id == *planned) else {
            told.insert(format!(
                "{label} has another id ({} in the lock, {} now); it was not finished, so the lock does not say more",
                planned.short(),
                cell.id.short()
            ));
            continue;
        };
        let before = told.len();
        for difference in differences(&locked.parameters, cell.parameters) {
            if !is_quiet(&difference.key) {
                told.insert(difference.to_string());
            }
        }
        for (role, digest) in cell.inputs {
            match locked.inputs.get(role) {
                Some(was) if was == digest => {}
                Some(was) => {
                    told.insert(format!(
                        "{}: input {role} has another content ({} in the lock, {} now)",
                        cell.task,
                        was.short(),
                        digest.short()
                    ));
                }
                None => {
                    told.insert(format!("{}: input {role} is not in the lock", cell.task));
                }
            }
        }
        if told.len() == before && told.is_empty() {
            told.insert(format!("{label} has another id than in the lock"));
        }
    }
    let mut told: Vec<String> = told.into_iter().collect();
    if !told.is_empty() && lock.version != VERSION {
        told.push(format!(
            "the lock was written by lingo-pipe {}, this is {VERSION}",
            lock.version
        ));
    }
    told
}
