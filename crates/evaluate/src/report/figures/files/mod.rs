//! Figures as files beside the page: drawings that stand alone, and the numbers behind them.

pub mod stand_alone;
pub mod write;
