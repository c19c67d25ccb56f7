//! Cells at a time as far as memory goes: `--jobs` is the most, and a cell waits while there is no room for another like those
//! at work.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use lingo_artifact::progress::StopFlag;

use crate::observer::Observer;

/// Lets cells begin.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    one_left: Condvar,
}

#[derive(Default)]
struct State {
    at_work: u64,
    is_told: bool,
}

/// A cell at work.
pub(super) struct AtWork<'a>(&'a Gate);

impl Gate {
    /// Waits for room; the first cell always begins. An interruption ends the wait.
    pub fn enter(&self, observer: &dyn Observer, stop: &StopFlag) -> AtWork<'_> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !stop.is_raised() {
            let (taken, free) = (taken(), free());
            if has_room(state.at_work, taken, free) {
                break;
            }
            if !state.is_told {
                state.is_told = true;
                let gib = |bytes: Option<u64>| bytes.unwrap_or(0) as f64 / f64::from(1 << 30);
                observer.say(&format!(
                    "fewer cells at a time than --jobs: {} take {:.1} GiB, and {:.1} GiB are free",
                    state.at_work,
                    gib(taken),
                    gib(free)
                ));
            }
            let waited = self.one_left.wait_timeout(state, Duration::from_secs(1));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.at_work += 1;
        AtWork(self)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.at_work = state.at_work.saturating_sub(1);
        self.0.one_left.notify_all();
    }
}

/// Whether another cell fits that takes as much as each of those at work, with a tenth to spare. What the system does not
/// tell stops nothing.
fn has_room(at_work: u64, taken: Option<u64>, free: Option<u64>) -> bool {
    match (taken, free) {
        (Some(taken), Some(free)) if at_work > 0 => taken / at_work <= free / 10 * 9,
        _ => true,
    }
}

/// Bytes that the process holds.
fn taken() -> Option<u64> {
    kibibytes("/proc/self/status", "VmRSS:")
}

/// Bytes that are free for it: of the machine, or of its control group where that has less.
fn free() -> Option<u64> {
    let of_machine = kibibytes("/proc/meminfo", "MemAvailable:")?;
    let number = |name: &str| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?;
        text.trim().parse().ok()
    };
    let of_group = number("memory.max").zip(number("memory.current"));
    let of_group = of_group.map(|(most, now)| most.saturating_sub(now));
    Some(of_group.map_or(of_machine, |free| free.min(of_machine)))
}

fn kibibytes(path: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_begins_where_one_more_like_those_at_work_fits() {
        let t = |at_work, taken, free, expected| {
            assert_eq!(has_room(at_work, Some(taken), Some(free)), expected);
        };
        t(0, 50, 1, true);
        t(1, 50, 60, true);
        t(1, 50, 52, false);
        t(2, 100, 60, true);
        t(4, 400, 60, false);
        assert!(has_room(3, None, Some(0)) && has_room(3, Some(9), None));
    }
}
