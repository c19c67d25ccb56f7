//! Tokens, and the sequences behind them, that several cells train on are held once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lingo_artifact::Split;
use lingo_artifact::example::{Example, Examples};
use lingo_artifact::run_folder::TaskFolder;
use lingo_artifact::tokens::Tokens;
use lingo_ingest::Genome;
use lingo_tokenize::{EncodedRows, Encoder};

use crate::failure::Error;
use crate::plan::planned::CellPlan;

/// Tokens of the tasks at work: read once, let go when the task's last cell is done.
pub(crate) struct SharedTokens {
    tasks: Mutex<BTreeMap<String, Task>>,
    /// Whether the test rows are left out.
    hide_test: bool,
}

#[derive(Default)]
struct Task {
    cells_left: usize,
    tokens: Option<Arc<Tokens>>,
    readings: Option<Arc<EncodedRows>>,
}

impl SharedTokens {
    pub(crate) fn of(cells: &[&CellPlan], hide_test: bool) -> Self {
        let mut tasks: BTreeMap<String, Task> = BTreeMap::new();
        for cell in cells {
            tasks.entry(cell.task.clone()).or_default().cells_left += 1;
        }
        Self {
            tasks: Mutex::new(tasks),
            hide_test,
        }
    }

    pub(crate) fn get(&self, files: &TaskFolder, task: &str) -> Result<Arc<Tokens>, Error> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tasks.entry(task.to_string()).or_default();
        if let Some(tokens) = &known.tokens {
            return Ok(tokens.clone());
        }
        let mut tokens = Tokens::read(&files.tokens())?;
        if self.hide_test {
            tokens.rows.retain(|row| row.split != Split::Test);
        }
        let tokens = Arc::new(tokens);
        known.tokens = Some(tokens.clone());
        Ok(tokens)
    }

    /// The sequences behind a task's tokens, for cells that read bases or change them, and the genome around them.
    pub(crate) fn readings(
        &self,
        (tokens, examples): (&TaskFolder, &TaskFolder),
        task: &str,
        model: &Path,
        genome: impl FnOnce() -> Result<Option<Genome>, Error>,
    ) -> Result<Arc<EncodedRows>, Error> {
        let tokens = self.get(tokens, task)?;
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tasks.entry(task.to_string()).or_default();
        if let Some(readings) = &known.readings {
            return Ok(readings.clone());
        }
        let examples = Examples::read(&examples.examples())?;
        let is_hidden = |row: &Example| self.hide_test && row.split == Split::Test;
        let (hidden, shown) = examples.rows.into_iter().partition(is_hidden);
        let encoder = Encoder::from_encoding(&tokens.metadata.encoding, model)?;
        let readings = EncodedRows::new(shown, encoder).hiding(hidden);
        let readings = Arc::new(match genome()? {
            Some(genome) => readings.in_genome(Box::new(genome)),
            None => readings,
        });
        known.readings = Some(readings.clone());
        Ok(readings)
    }

    /// A cell has come to the end of its training.
    pub(crate) fn release(&self, task: &str) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = tasks.get_mut(task) else {
            return;
        };
        known.cells_left = known.cells_left.saturating_sub(1);
        if known.cells_left == 0 {
            known.tokens = None;
            known.readings = None;
        }
    }
}
