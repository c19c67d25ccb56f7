//! What a training takes: time, processor, memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use lingo_artifact::atomic;
use lingo_artifact::resources::Resources;
use lingo_artifact::run_folder::CellFolder;

use crate::date;
use crate::failure::Error;
use crate::plan::planned::kernels;

/// Cells that are at work in this process, and those that were ever begun in it.
static AT_WORK: AtomicU64 = AtomicU64::new(0);
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// Ticks of a second in `/proc/PID/stat`: the same on every Linux that the program is built for (`USER_HZ`).
const TICKS: f64 = 100.0;

/// A cell at work; what it took is written by [`Measured::write`].
pub(crate) struct Measured {
    started: String,
    since: Instant,
    before: Counters,
    /// How many cells had been begun when this one was; nothing where another was at work then.
    alone: Option<u64>,
}

impl Measured {
    /// From now on.
    pub fn begin() -> Self {
        let others = AT_WORK.fetch_add(1, Ordering::SeqCst);
        let begun = BEGUN.fetch_add(1, Ordering::SeqCst) + 1;
        Self {
            started: date::now_to_the_millisecond(),
            since: Instant::now(),
            before: Counters::now(),
            alone: (others == 0).then_some(begun),
        }
    }

    /// What it took up to now, into the folder of the cell. `device` is what computed.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn write(&self, folder: &CellFolder, device: &str) -> Result<(), Error> {
        let now = Counters::now();
        let is_alone = self.alone == Some(BEGUN.load(Ordering::SeqCst));
        let ours = |now: Option<u64>, before: Option<u64>| match (now, before) {
            (Some(now), Some(before)) if is_alone => now.checked_sub(before),
            _ => None,
        };
        let before = &self.before;
        let ticks = ours(now.cpu_ticks, before.cpu_ticks);
        let resources = Resources {
            started: self.started.clone(),
            finished: date::now_to_the_millisecond(),
            process_id: std::process::id(),
            wall_seconds: self.since.elapsed().as_secs_f64(),
            cpu_seconds: ticks.map(|ticks| ticks as f64 / TICKS),
            read_bytes: ours(now.read_bytes, before.read_bytes),
            written_bytes: ours(now.written_bytes, before.written_bytes),
            peak_memory_bytes: now.peak_memory_bytes,
            peak_addresses_bytes: now.peak_addresses_bytes,
            kernels: (device == "cpu").then(kernels),
        };
        Ok(atomic::write_json(&folder.resources(), &resources)?)
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        AT_WORK.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What Linux tells of a process; nothing elsewhere.
#[derive(Debug, Default, PartialEq)]
struct Counters {
    cpu_ticks: Option<u64>,
    read_bytes: Option<u64>,
    written_bytes: Option<u64>,
    peak_memory_bytes: Option<u64>,
    peak_addresses_bytes: Option<u64>,
}

impl Counters {
    fn now() -> Self {
        let of = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}"));
        let text = |name: &str| of(name).unwrap_or_default();
        Self::of(&text("stat"), &text("io"), &text("status"))
    }

    fn of(stat: &str, io: &str, status: &str) -> Self {
        let after = |text: &str, key: &str| -> Option<u64> {
            let value = text.lines().find_map(|line| line.strip_prefix(key))?;
            value.split_whitespace().next()?.parse().ok()
        };
        // The second field is the program's name in parentheses, which may hold anything; utime and stime are the 14th
        // and the 15th.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest);
        let mut times = fields.unwrap_or_default().split_whitespace().skip(11);
        let mut time = || times.next()?.parse::<u64>().ok();
        let (user, system) = (time(), time());
        Self {
            cpu_ticks: user.zip(system).map(|(user, system)| user + system),
            read_bytes: after(io, "rchar:"),
            written_bytes: after(io, "wchar:"),
            peak_memory_bytes: after(status, "VmHWM:").map(|kibibytes| kibibytes * 1024),
            peak_addresses_bytes: after(status, "VmPeak:").map(|kibibytes| kibibytes * 1024),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_what_linux_says() {
        let stat = "4242 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0 100 200 300\n";
        let io = "rchar: 1000\nwchar: 20\nsyscr: 3\n";
        let status = "Name:\tx\nVmPeak:\t     900 kB\nVmHWM:\t     300 kB\n";
        let expected = Counters {
            cpu_ticks: Some(300),
            read_bytes: Some(1000),
            written_bytes: Some(20),
            peak_memory_bytes: Some(300 * 1024),
            peak_addresses_bytes: Some(900 * 1024),
        };
        assert_eq!(Counters::of(stat, io, status), expected);
        assert_eq!(Counters::of("", "", ""), Counters::default());
    }

    #[test]
    fn what_two_cells_took_together_is_not_told_of_either() {
        let folder = tempfile::tempdir().unwrap();
        let cell = CellFolder::new(folder.path());
        let written = |measured: &Measured, device: &str| -> Resources {
            measured.write(&cell, device).unwrap();
            atomic::read_json(&cell.resources()).unwrap()
        };
        let first = Measured::begin();
        let alone = written(&first, "cpu");
        assert!(alone.wall_seconds >= 0.0 && alone.started <= alone.finished);
        assert!(alone.kernels.is_some());
        if cfg!(target_os = "linux") {
            assert!(alone.cpu_seconds.is_some() && alone.read_bytes.is_some());
        }
        let second = Measured::begin();
        for measured in [&first, &second] {
            let both = written(measured, "cuda");
            assert_eq!((both.cpu_seconds, both.read_bytes), (None, None));
            assert_eq!(both.kernels, None);
        }
        drop((first, second));
        let third = Measured::begin();
        let alone = written(&third, "cpu");
        assert_eq!(alone.cpu_seconds.is_some(), cfg!(target_os = "linux"));
    }
}
