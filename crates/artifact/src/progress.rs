//! How a stage tells how far it is, and hears that it must stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where a stage's news goes: a bar on a terminal, plain lines in a log, nowhere in a test.
pub trait Progress: Send + Sync {
    /// A part of known length begins (`total` units, 0 when unknown).
    fn begin(&self, what: &str, total: u64);
    /// So many units are done; `note` is short ("loss 0.412, 8,123 tokens/s").
    fn advance(&self, done: u64, note: &str);
    /// The part is over.
    fn end(&self, note: &str);
    /// A line that stays: a count of truncated sequences, a warning.
    fn say(&self, line: &str);
}

/// Says nothing.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
    fn say(&self, _: &str) {}
}

/// Set by a signal handler, read between two steps.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks everything that holds this flag to finish its step and stop.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether to stop.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// The flag itself, for registering a signal.
    pub fn shared(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }
}
