//! The logits of all rows, in a file: what a prediction that is stopped leaves, and goes on from.
//!
//! The file begins with what the logits are of; then come records, each of a piece of rows, with a hash. A record that
//! was cut short by a kill is dropped.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use lingo_artifact::digest::Digest;
use lingo_workflow::{Error, Kind};

const MAGIC: &[u8; 8] = b"lingo p1";
/// Rows, and how many of them were cut.
const HEAD: usize = 8;
const HASH: usize = 32;

/// A file of logits.
pub struct Scores {
    file: File,
    /// Where it stands; none for a file that nobody can come back to.
    path: Option<PathBuf>,
    /// Where the first record begins.
    first: u64,
    /// Values of a row.
    width: usize,
    /// Rows that it holds.
    pub rows: u64,
    /// How many of them were longer than an adapter reads.
    pub truncated: u64,
}

/// What was found where the file was to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// No file.
    Nothing,
    /// One of the same prediction.
    Begun,
    /// One of another prediction, which is begun anew.
    Other,
}

/// Where the logits of a prediction that goes to `out` are kept until it is whole.
pub fn beside(out: &Path) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!(".{name}.part"))
}

impl Scores {
    /// A file that is gone when the program ends.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn temporary(width: usize) -> Result<Self, Error> {
        let failed = |e| {
            Error::stage(
                Kind::Failed,
                format!("could not make a temporary file: {e}"),
            )
        };
        Ok(Self {
            file: tempfile::tempfile().map_err(failed)?,
            path: None,
            first: 0,
            width,
            rows: 0,
            truncated: 0,
        })
    }

    /// Opens the file at `path`, or begins it: `identity` says what the logits are of, of each row `width` values.
    ///
    /// # Errors
    /// It cannot be read or written; another process is at work on it.
    pub fn open(path: &Path, identity: &str, width: usize) -> Result<(Self, Found), Error> {
        let failed = |e| Error::from(lingo_artifact::Error::io("write", path)(e));
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(failed)?;
        if let Err(fs::TryLockError::WouldBlock) = file.try_lock() {
            let message = format!(
                "{}: another process is predicting to this file; wait for it, or give another --out",
                path.display()
            );
            return Err(Error::stage(Kind::Usage, message));
        }
        let mut head = MAGIC.to_vec();
        head.extend((identity.len() as u32).to_le_bytes());
        head.extend(identity.as_bytes());
        let mut scores = Self {
            file,
            path: Some(path.to_path_buf()),
            first: head.len() as u64,
            width,
            rows: 0,
            truncated: 0,
        };
        let found = scores.recover(&head).map_err(failed)?;
        Ok((scores, found))
    }

    /// Reads what is there, and cuts off what is not whole.
    fn recover(&mut self, head: &[u8]) -> io::Result<Found> {
        let length = self.file.metadata()?.len();
        let mut there = Vec::new();
        let mut start = (&self.file).take(head.len() as u64);
        start.read_to_end(&mut there)?;
        if there != head {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(head)?;
            self.file.sync_data()?;
            let is_other = length > 0;
            return Ok(if is_other {
                Found::Other
            } else {
                Found::Nothing
            });
        }
        let mut good = self.first;
        let mut reader = BufReader::new(&self.file);
        while let Some(record) = read_record(&mut reader, self.width)? {
            good += (HEAD + 4 * record.values.len() + HASH) as u64;
            self.rows += u64::from(record.rows);
            self.truncated += u64::from(record.truncated);
        }
        self.file.set_len(good)?;
        self.file.seek(SeekFrom::Start(good))?;
        Ok(Found::Begun)
    }

    /// Appends the logits of a piece of rows; they stay when the machine goes down.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&mut self, values: &[f32], truncated: u32) -> Result<(), Error> {
        let rows = (values.len() / self.width.max(1)) as u32;
        let mut bytes = Vec::with_capacity(HEAD + 4 * values.len() + HASH);
        bytes.extend(rows.to_le_bytes());
        bytes.extend(truncated.to_le_bytes());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let hash = Digest::of_bytes(&bytes);
        bytes.extend(hash.bytes());
        let mut written = self.file.write_all(&bytes);
        if self.path.is_some() {
            written = written.and_then(|()| self.file.sync_data());
        }
        written.map_err(|e| self.failed(e))?;
        self.rows += u64::from(rows);
        self.truncated += u64::from(truncated);
        Ok(())
    }

    fn failed(&self, e: io::Error) -> Error {
        let path = self
            .path
            .as_deref()
            .unwrap_or(Path::new("a temporary file"));
        lingo_artifact::Error::io("write", path)(e).into()
    }

    /// The logits from the first row on.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn reader(&mut self) -> Result<ScoreReader<'_>, Error> {
        let first = SeekFrom::Start(self.first);
        self.file.seek(first).map_err(|e| self.failed(e))?;
        Ok(ScoreReader {
            reader: BufReader::new(&self.file),
            width: self.width,
            values: Vec::new(),
            at: 0,
        })
    }

    /// Removes the file: what was made of it is whole.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(self) -> Result<(), Error> {
        match &self.path {
            Some(path) => fs::remove_file(path).map_err(|e| self.failed(e)),
            None => Ok(()),
        }
    }
}

struct Record {
    rows: u32,
    truncated: u32,
    values: Vec<f32>,
}

/// The next record; nothing where there is none, or not all of it.
fn read_record(from: &mut impl Read, width: usize) -> io::Result<Option<Record>> {
    let mut bytes = vec![0; HEAD];
    if !filled(from, &mut bytes)? {
        return Ok(None);
    }
    let number = |at: usize| {
        let bytes = bytes[at..at + 4].try_into().unwrap_or_default();
        u32::from_le_bytes(bytes)
    };
    let (rows, truncated) = (number(0), number(4));
    // What is no record may claim to be a long one.
    let mut values = Vec::new();
    let wanted = rows as usize * width * 4;
    from.take(wanted as u64).read_to_end(&mut values)?;
    let mut hash = [0; HASH];
    if values.len() < wanted || !filled(from, &mut hash)? {
        return Ok(None);
    }
    bytes.extend(&values);
    if *Digest::of_bytes(&bytes).bytes() != hash {
        return Ok(None);
    }
    let values = values.chunks_exact(4);
    let values = values.map(|v| f32::from_le_bytes(v.try_into().unwrap_or_default()));
    Ok(Some(Record {
        rows,
        truncated,
        values: values.collect(),
    }))
}

fn filled(from: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

/// Logits, row after row.
pub struct ScoreReader<'a> {
    reader: BufReader<&'a File>,
    width: usize,
    values: Vec<f32>,
    at: usize,
}

impl ScoreReader<'_> {
    /// The logits of the next row.
    ///
    /// # Errors
    /// There is none.
    pub fn next(&mut self) -> Result<&[f32], Error> {
        let gone = || {
            Error::stage(
                Kind::Failed,
                "the logits that were kept cannot be read again",
            )
        };
        if self.at == self.values.len() {
            let record = read_record(&mut self.reader, self.width).map_err(|_| gone())?;
            self.values = record.ok_or_else(gone)?.values;
            self.at = 0;
        }
        let values = self.values.get(self.at..self.at + self.width);
        self.at += self.width;
        values.ok_or_else(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_there_again_but_for_a_torn_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = beside(&folder.path().join("p.bw"));
        assert_eq!(path.file_name().unwrap(), ".p.bw.part");
        let open = |identity: &str| Scores::open(&path, identity, 2).unwrap();
        let (mut scores, found) = open("one");
        assert_eq!(found, Found::Nothing);
        scores.append(&[1.0, 2.0, 3.0, 4.0], 1).unwrap();
        assert!(
            Scores::open(&path, "one", 2).is_err(),
            "it is being written"
        );
        scores.append(&[5.0, 6.0], 0).unwrap();
        drop(scores);
        let whole = fs::read(&path).unwrap();
        for (cut, rows) in [(0, 3), (1, 2), (47, 2), (48, 2), (49, 0), (90, 0)] {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let (mut scores, found) = open("one");
            assert_eq!((found, scores.rows), (Found::Begun, rows), "{cut}");
            let mut reader = scores.reader().unwrap();
            let mut all = Vec::new();
            for _ in 0..rows {
                all.extend_from_slice(reader.next().unwrap());
            }
            assert_eq!(all, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..2 * rows as usize]);
            assert!(reader.next().is_err());
        }
        // A changed bit.
        let mut changed = whole.clone();
        let last = changed.len() - 34;
        changed[last] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert_eq!(open("one").0.rows, 2);
        // Another prediction.
        fs::write(&path, &whole).unwrap();
        let (scores, found) = open("two");
        assert_eq!((found, scores.rows), (Found::Other, 0));
        scores.remove().unwrap();
        assert!(!path.exists());
    }
}
