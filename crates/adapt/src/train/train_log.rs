//! `train.jsonl`, written line by line while training runs.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use lingo_artifact::train_log::TrainEvent;
use lingo_artifact::{Error, atomic};

/// An open `train.jsonl`.
pub(crate) struct TrainLog {
    path: PathBuf,
    file: File,
    /// Lines that this log knows of.
    lines: u64,
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
            lines: 0,
        })
    }

    /// Lines that were written, and kept.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Drops all lines but the first so many: a resumed run writes the others again. Gives how many there are.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep(&mut self, lines: u64) -> Result<u64, Error> {
        let text = std::fs::read(&self.path).map_err(Error::io("read", &self.path))?;
        // A killed run may have left half a line.
        let whole = text.split_inclusive(|&b| b == b'\n');
        let whole = whole.filter(|line| line.ends_with(b"\n"));
        let kept: Vec<&[u8]> = whole.take(lines.try_into().unwrap_or(usize::MAX)).collect();
        self.lines = kept.len() as u64;
        let bytes = kept.concat();
        if bytes.len() < text.len() {
            atomic::write_bytes(&self.path, &bytes)?;
            self.file = open(&self.path)?;
        }
        Ok(self.lines)
    }

    /// Writes one event.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn append(&mut self, event: &TrainEvent) -> Result<(), Error> {
        let text = line(&self.path, event)?;
        self.file
            .write_all(text.as_bytes())
            .map_err(Error::io("write", &self.path))?;
        self.lines += 1;
        Ok(())
    }

    /// Brings all lines to the disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<(), Error> {
        self.file
            .sync_data()
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

#[cfg(test)]
mod tests {
    use lingo_artifact::train_log::read;

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
        assert_eq!(log.lines(), 4);
        log.file.write_all(b"{\"step\": 5, \"ep").unwrap();
        let mut log = TrainLog::create(&path).unwrap();
        assert_eq!(log.keep(2).unwrap(), 2);
        log.append(&event(3)).unwrap();
        assert_eq!(log.lines(), 3);
        let steps: Vec<u64> = read(&path).unwrap().iter().map(|e| e.step).collect();
        assert_eq!(steps, [1, 2, 3]);
        // More than there are: half a line is none.
        log.file.write_all(b"{\"step\"").unwrap();
        assert_eq!(log.keep(9).unwrap(), 3);
        assert_eq!(log.keep(0).unwrap(), 0);
        log.append(&event(1)).unwrap();
        assert_eq!(read(&path).unwrap(), [event(1)]);
    }
}
