//! The figures, as SVG: those of a task, and those of the whole run.
//!
//! | module | what it holds |
//! |---|---|
//! | [`of_task`], [`confusion`], [`reliability`], [`heat`], [`rank_steps`] | the figures of a task |
//! | [`front`] | what a method reaches against what it costs, over all tasks |
//! | [`chart`], [`dots`], [`grid`], [`plane`], [`scale`], [`style`], [`curves`], [`key`], [`letters`], [`tsv`] | what they are drawn and told with |
//! | [`mod@figure`] | their frame |
//! | [`mod@files`] | their files beside the page |

pub mod chart;
pub mod confusion;
pub mod curves;
pub mod dots;
pub mod figure;
pub mod files;
pub mod front;
pub mod grid;
pub mod heat;
pub mod key;
pub mod letters;
pub mod of_task;
pub mod plane;
pub mod rank_steps;
pub mod reliability;
pub mod scale;
pub mod style;
pub mod tsv;
