//! The report of a run of designs: `report.html`, `metrics.csv` and `figures/`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cell`] | what lies in the folder of a cell |
//! | [`task`] | the cells of a task, method by method |
//! | [`table`] | the methods of a task, and `metrics.csv` |
//! | [`figures`] | scores, distances, steps |
//! | [`logo`] | the sequence logo |
//! | [`mod@page`] | the page |

pub mod cell;
pub mod figures;
pub mod logo;
pub mod page;
pub mod table;
pub mod task;

use lingo_artifact::run_folder::RunFolder;

use crate::error::Result;
use crate::report::data::plan::ReportPlan;
use crate::report::figures::figure::Figures;
use crate::report::figures::files;
use task::Designs;

/// Reads the cells of `plan.run`, writes `report.html`, `metrics.csv` and `figures/` there. A cell without `metrics.json` is
/// a hole and shown as one.
///
/// # Errors
/// A file of a cell that is there but cannot be read; a file that cannot be written.
pub fn report(plan: &ReportPlan) -> Result<()> {
    let tasks = Designs::all(plan)?;
    let run = RunFolder::new(&plan.run);
    lingo_artifact::atomic::write_bytes(&run.metrics_csv(), table::csv(&tasks).as_bytes())?;
    let (of_tasks, counts): (_, Vec<Vec<usize>>) = tasks.iter().map(figures::of_task).unzip();
    let drawn = Figures::new(Vec::new(), of_tasks);
    // Before the page, which leads to them.
    files::write::write(&run.figures(), &drawn.all())?;
    let page = page::page(plan, &tasks, (&drawn.of_tasks, &counts));
    lingo_artifact::atomic::write_bytes(&run.report(), page.as_bytes())?;
    Ok(())
}
