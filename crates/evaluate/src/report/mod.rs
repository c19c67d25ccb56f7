//! The report of a run: `report.html`, `metrics.parquet`, `metrics.csv`, `differences.csv`, and `figures/`.
//!
//! The page is one file without scripts and without anything from the network: CSS and SVG stand in it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`data`] | what the report is about: plan, cells, their summaries |
//! | [`table`] | `metrics.parquet` and `metrics.csv` |
//! | [`differences_table`] | `differences.csv` |
//! | [`mod@page`] | the page |
//! | [`figures`] | its figures, as SVG |
//! | [`designs`] | the report of a run of designs |
//! | [`html`] | text and numbers as HTML |

pub mod data;
pub mod designs;
pub mod differences_table;
pub mod figures;
pub mod html;
pub mod page;
pub mod table;

use lingo_artifact::run_folder::RunFolder;

use crate::error::Result;
use data::cells;
use data::differences::differences;
use data::ranks::ranks;
use data::standing::standings;
use data::task::TaskResults;
use figures::figure::Figures;
use figures::files;
use figures::front::fronts;
use figures::of_task::of_task;
use page::whole::page;

pub use data::conditions::Conditions;
pub use data::plan::{InputFile, Published, ReportPlan, RunBy, TaskInfo};

/// Reads the cells of `plan.run`, writes `report.html`, `metrics.parquet`, `metrics.csv`, `differences.csv` and `figures/` there.
///
/// A cell without `metrics.json` is a hole and shown as one.
///
/// # Errors
/// A file of a cell that is there but cannot be read; a file that cannot be written.
pub fn report(plan: &ReportPlan) -> Result<()> {
    let cells = cells::read(plan)?;
    let run = RunFolder::new(&plan.run);
    table::write(&run, &plan.name, &cells)?;
    let tasks = TaskResults::all(plan, &cells);
    let differences = differences(&tasks);
    differences_table::write(&run, &plan.name, &differences)?;
    let standings = standings(&tasks);
    let of_tasks = tasks.iter().map(of_task).collect();
    let figures = Figures::new(fronts(&standings), of_tasks);
    // Before the page, which leads to them.
    files::write::write(&run.figures(), &figures.all())?;
    let page = page(plan, &tasks, &differences, &ranks(&tasks), &figures);
    lingo_artifact::atomic::write_bytes(&run.report(), page.as_bytes())?;
    Ok(())
}
