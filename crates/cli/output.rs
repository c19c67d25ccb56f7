//! Data on stdout, tables from stdin; talk goes to stderr.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use lingo_artifact::atomic;
use lingo_workflow::{Error, Kind};
use tempfile::TempDir;

use crate::arguments::TableFormat;

/// Prints to stdout. Whoever reads it may stop reading (`| head`): that is no failure.
pub fn print(text: &str) -> Result<(), Error> {
    write(text.as_bytes())
}

/// One JSON object on stdout.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::stage(Kind::Failed, format!("cannot be written as JSON: {e}")))?;
    print(&(text + "\n"))
}

fn write(bytes: &[u8]) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::stage(
            Kind::Failed,
            format!("could not write to stdout: {e}"),
        )),
        _ => Ok(()),
    }
}

/// A line on stderr; a closed stderr is nobody's failure.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The endings of tables.
pub const TABLES: &[&str] = &["parquet", "csv", "tsv", "txt"];

/// The endings of sequences.
pub const SEQUENCES: &[&str] = &["parquet", "csv", "tsv", "txt", "fa", "fasta"];

/// Finds out, before any work, whether a result can go to `path`: its ending is one of `endings`, its folder takes files.
pub fn check_out(path: &Path, endings: &[&str]) -> Result<(), Error> {
    if path == Path::new("-") {
        return Ok(());
    }
    let ending = path.extension().map(|e| e.to_string_lossy().to_string());
    if !ending.is_some_and(|e| endings.contains(&e.as_str())) {
        let message = format!(
            "--out {}: the ending names no format that can be written here; use one of .{}",
            path.display(),
            endings.join(", .")
        );
        return Err(Error::stage(Kind::Usage, message));
    }
    Ok(atomic::check_writable(path)?)
}

/// Refuses FASTA where a table is needed.
pub fn no_fasta(format: TableFormat) -> Result<(), Error> {
    match format {
        TableFormat::Fa => Err(Error::stage(
            Kind::Usage,
            "--format fa: only `ingest` writes FASTA; use csv, tsv or parquet",
        )),
        TableFormat::Csv | TableFormat::Tsv | TableFormat::Parquet => Ok(()),
    }
}

/// Writes a table through `fill`, to the path, or to stdout when the path is `-`.
pub fn to_path_or_stdout(
    path: &Path,
    format: TableFormat,
    fill: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    if path != Path::new("-") {
        return fill(path);
    }
    // The writers choose the format by the ending, and write whole files.
    let folder = temporary_folder()?;
    let file = folder.path().join(format!("stdout.{}", format.ending()));
    fill(&file)?;
    let bytes = std::fs::read(&file).map_err(lingo_artifact::Error::io("read", &file))?;
    write(&bytes)
}

/// Lets `fill` write to stdout piece by piece. Whoever reads it may stop reading: that is no failure.
pub fn stream_to_stdout(
    fill: impl FnOnce(&mut UntilClosed) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut out = UntilClosed {
        out: io::stdout(),
        closed: false,
    };
    match fill(&mut out) {
        Err(_) if out.closed => Ok(()),
        filled => filled,
    }
}

/// Stdout, and whether its reader went away.
pub struct UntilClosed {
    out: io::Stdout,
    closed: bool,
}

impl UntilClosed {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        self.closed |= result
            .as_ref()
            .is_err_and(|e| e.kind() == io::ErrorKind::BrokenPipe);
        result
    }
}

impl io::Write for UntilClosed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.note(flushed)
    }
}

/// A table that may be stdin: the path to read, and the folder that holds it as long as it is read.
pub struct Input {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl Input {
    /// The path itself, or for `-` a copy of stdin with the ending of `format`.
    pub fn open(path: &Path, format: TableFormat) -> Result<Self, Error> {
        if path != Path::new("-") {
            return Ok(Self {
                path: path.to_path_buf(),
                _folder: None,
            });
        }
        let folder = temporary_folder()?;
        let file = folder.path().join(format!("stdin.{}", format.ending()));
        let written = |e| Error::from(lingo_artifact::Error::io("write", &file)(e));
        let mut to = std::fs::File::create(&file).map_err(written)?;
        let (mut stdin, mut buffer) = (io::stdin().lock(), vec![0; 1 << 16]);
        loop {
            let read = stdin.read(&mut buffer);
            let n =
                read.map_err(|e| Error::stage(Kind::Input, format!("could not read stdin: {e}")))?;
            if n == 0 {
                break;
            }
            to.write_all(&buffer[..n]).map_err(written)?;
        }
        Ok(Self {
            path: file,
            _folder: Some(folder),
        })
    }

    /// What to read.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn temporary_folder() -> Result<TempDir, Error> {
    tempfile::tempdir().map_err(|e| {
        Error::stage(
            Kind::Failed,
            format!("could not make a temporary folder: {e}"),
        )
    })
}

/// Rows of cells as aligned columns.
pub fn columns<R: AsRef<[String]>>(rows: &[R]) -> String {
    let rows = rows.iter().map(AsRef::as_ref);
    let most = rows.clone().map(<[String]>::len).max().unwrap_or(0);
    let width = |i: usize| {
        let cells = rows.clone().filter_map(|row| row.get(i));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..most).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let line: String = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
