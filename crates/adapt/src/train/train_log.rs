//! `train.jsonl`, written line by line while training runs.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use lingo_artifact::train_log::{TrainEvent, read};
use lingo_artifact::{Error, atomic};

/// An open `train.jsonl`.
pub(crate) struct TrainLog {
    path: PathBuf,
    file: File,
}

impl TrainLog {
    /// Begins a new log.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io("create folder", folder))?;
        }
        // Whatever an earlier run left stays until it is known whether this one takes it up.
        let file = open(path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Drops all lines.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn clear(&mut self) -> Result<(), Error> {
        self.file.set_len(0).map_err(Error::io("write", &self.path))
    }

    /// Drops the lines of steps after `step`: a resumed run writes them again.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_until(&mut self, step: u64) -> Result<(), Error> {
        // A killed run may have left half a line.
        let events = match read(&self.path) {
            Ok(events) => events,
            Err(_) => whole_lines(&self.path)?,
        };
        let mut text = String::new();
        for event in events.into_iter().filter(|e| e.step <= step) {
            text.push_str(&line(&self.path, &event)?);
        }
        atomic::write_bytes(&self.path, text.as_bytes())?;
        self.file = open(&self.path)?;
        Ok(())
    }

    /// Writes one event.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn append(&mut self, event: &TrainEvent) -> Result<(), Error> {
        let text = line(&self.path, event)?;
        self.file
            .write_all(text.as_bytes())
            .map_err(Error::io("write", &self.path))
    }
}

fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(Error::io("write", path))
}

fn line(path: &Path, event: &TrainEvent) -> Result<String, Error> {
    let mut text = serde_json::to_string(event).map_err(|e| Error::invalid(path, e.to_string()))?;
    text.push('\n');
    Ok(text)
}

fn whole_lines(path: &Path) -> Result<Vec<TrainEvent>, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    Ok(text
        .lines()
        .map_while(|l| serde_json::from_str(l).ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_log_has_no_line_twice_and_no_half_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cell/train.jsonl");
        let event = |step| TrainEvent {
            step,
            ..TrainEvent::default()
        };
        let mut log = TrainLog::create(&path).unwrap();
        for step in 1..=4 {
            log.append(&event(step)).unwrap();
        }
        log.file.write_all(b"{\"step\": 5, \"ep").unwrap();
        let mut log = TrainLog::create(&path).unwrap();
        log.keep_until(2).unwrap();
        log.append(&event(3)).unwrap();
        let steps: Vec<u64> = read(&path).unwrap().iter().map(|e| e.step).collect();
        assert_eq!(steps, [1, 2, 3]);
        log.clear().unwrap();
        log.append(&event(1)).unwrap();
        assert_eq!(read(&path).unwrap(), [event(1)]);
    }
}
