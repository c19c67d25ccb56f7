//! Progress on stderr: bars on a terminal, a plain line now and then in a log.

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use lingo_artifact::progress::{Progress, Silent};
use lingo_workflow::Observer;

use crate::output::say;

/// How often a log hears that something is still at work.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// What stderr gets to see.
pub enum Terminal {
    /// Nothing.
    Quiet,
    /// Bars that are drawn over.
    Bars(MultiProgress, ProgressBar),
    /// Lines.
    Plain,
}

impl Terminal {
    /// Bars on a terminal, lines elsewhere, nothing when that is wished.
    pub fn new(quiet: bool) -> Self {
        if quiet {
            Self::Quiet
        } else if std::io::stderr().is_terminal() {
            let bars = MultiProgress::new();
            let cells = ProgressBar::hidden();
            Self::Bars(bars, cells)
        } else {
            Self::Plain
        }
    }

    /// What a user may like to know, unless only errors are wished.
    pub fn note(&self, line: &str) {
        if !matches!(self, Self::Quiet) {
            Observer::say(self, line);
        }
    }

    /// Takes the bars away.
    pub fn finish(&self) {
        if let Self::Bars(bars, cells) = self {
            cells.finish_and_clear();
            let _ = bars.clear();
        }
    }
}

impl Observer for Terminal {
    fn part(&self, label: &str) -> Box<dyn Progress> {
        match self {
            Self::Quiet => Box::new(Silent),
            Self::Bars(bars, _) => Box::new(Bar {
                bars: bars.clone(),
                label: label.to_string(),
                bar: Mutex::new(None),
            }),
            Self::Plain => Box::new(Lines {
                label: label.to_string(),
                at_work: Mutex::new(None),
            }),
        }
    }

    fn cells(&self, done: usize, total: usize) {
        match self {
            Self::Quiet => {}
            Self::Bars(bars, cells) => {
                if cells.is_hidden() && total > 1 {
                    bars.insert(0, cells.clone());
                    cells.set_style(style("cells {bar:30} {pos}/{len}, {elapsed_precise}"));
                }
                cells.set_length(total as u64);
                cells.set_position(done as u64);
            }
            Self::Plain if total > 0 => say(&format!("{done} of {total} cells done")),
            Self::Plain => {}
        }
    }

    fn say(&self, line: &str) {
        match self {
            // Warnings and failures are told even when progress is not wished.
            Self::Quiet | Self::Plain => say(line),
            Self::Bars(bars, _) => bars.suspend(|| say(line)),
        }
    }
}

/// No colour at all: meaning is never by colour alone, and NO_COLOR needs no second path.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

struct Bar {
    bars: MultiProgress,
    label: String,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bar {
    fn take(&self) -> Option<ProgressBar> {
        self.bar
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Progress for Bar {
    fn begin(&self, what: &str, total: u64) {
        if let Some(old) = self.take() {
            old.finish_and_clear();
        }
        let bar = self.bars.add(ProgressBar::new(total));
        bar.set_style(if total > 0 {
            style("{prefix} {bar:24} {pos}/{len} {msg} ({eta} left)")
        } else {
            style("{prefix} {spinner} {elapsed} {msg}")
        });
        bar.set_prefix(format!("{} {what}", self.label));
        bar.enable_steady_tick(Duration::from_millis(250));
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn advance(&self, done: u64, note: &str) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = bar.as_ref() {
            // A run that goes on from a checkpoint begins in the middle: that jump is no pace.
            let resumed = bar.position() == 0 && done > 1;
            bar.set_position(done);
            if resumed {
                bar.reset_eta();
            }
            bar.set_message(note.to_string());
        }
    }

    fn end(&self, _: &str) {
        if let Some(bar) = self.take() {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    fn say(&self, line: &str) {
        self.bars
            .suspend(|| say(&format!("{}: {line}", self.label)));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end("");
    }
}

struct Lines {
    label: String,
    at_work: Mutex<Option<AtWork>>,
}

struct AtWork {
    what: String,
    total: u64,
    begun: Instant,
    told: Instant,
    /// What was done at the first news: a run that goes on from a checkpoint begins in the middle.
    first: Option<(u64, Instant)>,
}

impl Progress for Lines {
    fn begin(&self, what: &str, total: u64) {
        let now = Instant::now();
        let at_work = AtWork {
            what: what.to_string(),
            total,
            begun: now,
            told: now,
            first: None,
        };
        *self.at_work.lock().unwrap_or_else(PoisonError::into_inner) = Some(at_work);
    }

    fn advance(&self, done: u64, note: &str) {
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(part) = at_work.as_mut() else {
            return;
        };
        let (first, since) = *part.first.get_or_insert_with(|| (done, Instant::now()));
        if part.told.elapsed() < HEARTBEAT {
            return;
        }
        part.told = Instant::now();
        let pace = (done > first).then(|| since.elapsed().as_secs_f64() / (done - first) as f64);
        say(&heartbeat(
            &self.label,
            &part.what,
            done,
            part.total,
            pace,
            note,
        ));
    }

    fn end(&self, note: &str) {
        let part = self
            .at_work
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(part) = part {
            let seconds = part.begun.elapsed().as_secs_f64();
            let note = if note.is_empty() {
                String::new()
            } else {
                format!(", {note}")
            };
            say(&format!(
                "{}: {} in {seconds:.1} s{note}",
                self.label, part.what
            ));
        }
    }

    fn say(&self, line: &str) {
        say(&format!("{}: {line}", self.label));
    }
}

/// `pace` is in seconds a unit, where it is known.
fn heartbeat(
    label: &str,
    what: &str,
    done: u64,
    total: u64,
    pace: Option<f64>,
    note: &str,
) -> String {
    let mut line = format!("{label}: {what} {done}");
    if total > 0 {
        line.push_str(&format!("/{total}"));
    }
    if !note.is_empty() {
        line.push_str(&format!(", {note}"));
    }
    if let Some(pace) = pace.filter(|_| total > done) {
        let left = pace * (total - done) as f64;
        line.push_str(&format!(", {} left", duration(left)));
    }
    line
}

/// `45 s`, `12 min`, `3.5 h`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_says_how_far_and_how_long() {
        assert_eq!(
            heartbeat("H3", "training", 100, 400, Some(0.6), "loss 0.41"),
            "H3: training 100/400, loss 0.41, 3 min left"
        );
        assert_eq!(heartbeat("H3", "reading", 5, 0, None, ""), "H3: reading 5");
    }

    #[test]
    fn durations_are_short() {
        for (seconds, text) in [
            (3.2, "3 s"),
            (89.0, "89 s"),
            (600.0, "10 min"),
            (9000.0, "2.5 h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
