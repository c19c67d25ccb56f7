//! The report of a run: `report.html`, `metrics.parquet`, `metrics.csv`.
//!
//! The page is one file without scripts and without anything from the network: CSS and SVG stand in it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`plan`] | what the report is about |
//! | [`cells`] | what lies in the folders of the cells |
//! | [`summary`] | cells of one method over the seeds |
//! | [`table`] | `metrics.parquet` and `metrics.csv` |
//! | [`page`] | the whole page |
//! | [`task`] | the section of one task |
//! | [`results_table`] | its table: method by metric |
//! | [`audit`] | the data of a task |
//! | [`figures`] | the figures of a task |
//! | [`curves`] | training logs as lines |
//! | [`chart`], [`dots`], [`heat`] | the three kinds of figures, as SVG |
//! | [`style`] | a method's colour, dashes and marker |
//! | [`scale`] | axes and ticks |
//! | [`html`] | text and numbers as HTML |

pub mod audit;
pub mod cells;
pub mod chart;
pub mod curves;
pub mod dots;
pub mod figures;
pub mod heat;
pub mod html;
pub mod page;
pub mod plan;
pub mod results_table;
pub mod scale;
pub mod style;
pub mod summary;
pub mod table;
pub mod task;

pub use plan::{Published, ReportPlan, TaskInfo};

use lingo_artifact::run_folder::RunFolder;

use crate::Result;

/// Reads the cells of `plan.run`, writes `report.html`, `metrics.parquet` and `metrics.csv` there.
///
/// A cell without `metrics.json` is a hole and shown as one.
///
/// # Errors
/// A file of a cell that is there but cannot be read; a file that cannot be written.
pub fn report(plan: &ReportPlan) -> Result<()> {
    let cells = cells::read(plan)?;
    let run = RunFolder::new(&plan.run);
    table::write(&run, &plan.name, &cells)?;
    let page = page::page(plan, &cells);
    lingo_artifact::atomic::write_bytes(&run.report(), page.as_bytes())?;
    Ok(())
}
