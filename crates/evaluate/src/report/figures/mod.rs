//! The figures of a task, as SVG.

pub mod chart;
pub mod curves;
pub mod dots;
pub mod figure;
pub mod heat;
pub mod of_task;
pub mod scale;
pub mod style;
