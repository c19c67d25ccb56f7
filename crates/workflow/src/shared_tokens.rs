//! Tokens that several cells train on are held once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lingo_artifact::tokens::Tokens;

use crate::failure::Error;
use crate::plan::CellPlan;
use crate::prepare;

/// Tokens of the tasks at work: read once, given back when the task's last cell is done.
pub(crate) struct SharedTokens {
    tasks: Mutex<BTreeMap<String, Task>>,
}

#[derive(Default)]
struct Task {
    cells_left: usize,
    tokens: Option<Arc<Tokens>>,
}

impl SharedTokens {
    pub(crate) fn of(cells: &[&CellPlan]) -> Self {
        let mut tasks: BTreeMap<String, Task> = BTreeMap::new();
        for cell in cells {
            tasks.entry(cell.task.clone()).or_default().cells_left += 1;
        }
        Self {
            tasks: Mutex::new(tasks),
        }
    }

    pub(crate) fn get(&self, run: &Path, task: &str) -> Result<Arc<Tokens>, Error> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tasks.entry(task.to_string()).or_default();
        if let Some(tokens) = &known.tokens {
            return Ok(tokens.clone());
        }
        let tokens = Arc::new(Tokens::read(&prepare::tokens_path(&run.join(task)))?);
        known.tokens = Some(tokens.clone());
        Ok(tokens)
    }

    pub(crate) fn release(&self, task: &str) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tasks.get_mut(task) {
            known.cells_left = known.cells_left.saturating_sub(1);
            if known.cells_left == 0 {
                known.tokens = None;
            }
        }
    }
}
