//! Who hears of a run's progress.

use lingo_artifact::progress::{Progress, Silent};

/// What happens in a run, cell by cell; a terminal draws it, a log prints it, a test ignores it.
pub trait Observer: Send + Sync {
    /// A part of the run begins (`H3/lora/seed-1`, `H3: examples`): its own news go to what is returned.
    fn part(&self, label: &str) -> Box<dyn Progress>;
    /// So many of the cells to be run are done.
    fn cells(&self, done: usize, total: usize);
    /// A line that stays.
    fn say(&self, line: &str);
}

/// Hears nothing.
pub struct Deaf;

impl Observer for Deaf {
    fn part(&self, _: &str) -> Box<dyn Progress> {
        Box::new(Silent)
    }

    fn cells(&self, _: usize, _: usize) {}

    fn say(&self, _: &str) {}
}
