//! The cells of a task, method by method.

use lingo_artifact::run_folder::{CellFolder, RunFolder};

use super::cell::{Cell, Design};
use crate::error::Result;
use crate::report::data::plan::{ReportPlan, TaskInfo};
use crate::report::data::summary::Spread;

/// A task.
pub struct Designs<'a> {
    /// What it is about.
    pub info: &'a TaskInfo,
    /// What its section is called on the page.
    pub id: String,
    /// Its methods, in the order of the file.
    pub methods: Vec<OfMethod<'a>>,
}

/// A method on a task.
pub struct OfMethod<'a> {
    /// Its name.
    pub method: &'a str,
    /// How it looks in figures.
    pub style: usize,
    /// Its finished cells.
    pub cells: Vec<Cell>,
    /// Cells that are not there, each with why.
    pub holes: Vec<(u64, String)>,
}

impl<'a> Designs<'a> {
    /// All tasks of a run.
    ///
    /// # Errors
    /// A file of a cell that is there but cannot be read, though it is as the cell left it.
    pub fn all(plan: &'a ReportPlan) -> Result<Vec<Self>> {
        let run = RunFolder::new(&plan.run);
        let tasks = plan.tasks.iter().enumerate();
        tasks
            .map(|(i, info)| {
                let methods = plan.methods.iter().enumerate();
                let methods = methods.map(|(style, method)| {
                    let (mut cells, mut holes) = (Vec::new(), Vec::new());
                    for &seed in &plan.seeds {
                        let label = CellFolder::label(&info.name, method, seed);
                        let folder = run.cell(&info.name, method, seed);
                        let altered = plan.altered.get(&label);
                        let cell = match Cell::read(&folder, seed, altered.is_some()) {
                            // The page names the file, and shows the other cells.
                            Err(_) if altered.is_some() => None,
                            read => read?,
                        };
                        match cell {
                            Some(cell) => cells.push(cell),
                            None => {
                                let altered = altered.and_then(|files| files.first());
                                let why = plan.failures.get(&label).or(altered);
                                holes.push((seed, why.cloned().unwrap_or_default()));
                            }
                        }
                    }
                    Ok(OfMethod {
                        method,
                        style,
                        cells,
                        holes,
                    })
                });
                Ok(Self {
                    info,
                    id: format!("task-{}", i + 1),
                    methods: methods.collect::<Result<_>>()?,
                })
            })
            .collect()
    }

    /// Whether designs are looked up in a table.
    pub fn is_measured(&self) -> bool {
        let cells = self.methods.iter().flat_map(|method| &method.cells);
        cells
            .into_iter()
            .any(|cell| cell.of_all("median").is_some())
    }
}

impl OfMethod<'_> {
    /// Over the seeds, what `of` says of a cell.
    pub fn over(&self, of: impl Fn(&Cell) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.cells.iter().map(of))
    }
}

/// The middle of what `of` says of designs.
pub fn middle(designs: &[Design], of: impl Fn(&Design) -> f64) -> Option<f64> {
    let mut values: Vec<f64> = designs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[half]),
        _ => Some((values[half - 1] + values[half]) / 2.0),
    }
}
