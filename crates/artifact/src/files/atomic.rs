//! Atomic writes: a temporary name in the same folder, flush, `fsync`, rename, `fsync` of the folder.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Writes `path` through `fill`; on any error `path` is left as it was and no temporary file remains.
///
/// Missing parent folders are made.
///
/// # Errors
/// [`Error::Io`] with the path, also when the disk is full or the folder read-only; whatever `fill` returns.
pub fn write<E: From<Error>>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let folder = parent(path);
    fs::create_dir_all(&folder).map_err(Error::io("create folder", &folder))?;
    let prefix = temporary_prefix(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).rand_bytes(RANDOM);
    as_any_new_file(&mut builder);
    let mut temporary = builder
        .tempfile_in(&folder)
        .map_err(|e| Error::io("write", path)(without_name(e)))?;
    let mut writer = BufWriter::new(
        temporary
            .as_file_mut()
            .try_clone()
            .map_err(Error::io("write", path))?,
    );
    fill(&mut writer)?;
    writer.flush().map_err(Error::io("write", path))?;
    temporary
        .as_file()
        .sync_all()
        .map_err(Error::io("write", path))?;
    temporary
        .persist(path)
        .map_err(|e| Error::io("write", path)(e.error))?;
    sync_folder(&folder)?;
    Ok(())
}

/// [`write()`] for contents that are already in memory.
///
/// # Errors
/// As [`write()`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, |w| {
        w.write_all(bytes).map_err(Error::io("write", path))
    })
}

/// [`write_bytes`] of a value as pretty-printed JSON with a final newline.
///
/// # Errors
/// As [`write()`].
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::invalid(path, format!("cannot be written as JSON: {e}")))?;
    text.push('\n');
    write_bytes(path, text.as_bytes())
}

/// Reads a JSON file.
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] with line and column.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).map_err(Error::io("read", path))?;
    serde_json::from_slice(&text).map_err(|e| Error::Format {
        path: path.to_path_buf(),
        format: "JSON",
        message: e.to_string(),
    })
}

/// Fills a new folder and gives it its name only when all of it is there; an older folder of that name is replaced.
///
/// # Errors
/// As [`write()`].
pub fn write_folder<E: From<Error>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let parent_folder = parent(path);
    fs::create_dir_all(&parent_folder).map_err(Error::io("create folder", &parent_folder))?;
    let temporary = tempfile::Builder::new()
        .prefix(&temporary_prefix(path))
        .rand_bytes(RANDOM)
        .tempdir_in(&parent_folder)
        .map_err(|e| Error::io("write", path)(without_name(e)))?;
    fill(temporary.path())?;
    sync_folder(temporary.path())?;
    if path.exists() {
        fs::remove_dir_all(path).map_err(Error::io("replace", path))?;
    }
    let filled = temporary.keep();
    if let Err(e) = fs::rename(&filled, path) {
        // The folder no longer cleans itself up; leave nothing half-written behind.
        let _ = fs::remove_dir_all(&filled);
        return Err(Error::io("write", path)(e).into());
    }
    sync_folder(&parent_folder)?;
    Ok(())
}

/// Finds out whether `path` can be written, before the work whose result goes there. Missing parent folders are made.
///
/// # Errors
/// [`Error::Io`] with the path, when the folder is read-only or is none.
pub fn check_writable(path: &Path) -> Result<()> {
    let folder = parent(path);
    fs::create_dir_all(&folder).map_err(Error::io("create folder", &folder))?;
    tempfile::Builder::new()
        .prefix(&temporary_prefix(path))
        .tempfile_in(&folder)
        .map(|_| ())
        .map_err(|e| Error::io("write", path)(without_name(e)))
}

/// Removes what writes that were killed left in `folder`: files and folders with a temporary name. For a folder that
/// nobody else writes to.
///
/// # Errors
/// [`Error::Io`]; a folder that is not there holds nothing.
pub fn remove_leftovers(folder: &Path) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io("read", folder)(e)),
    };
    for entry in entries {
        let entry = entry.map_err(Error::io("read", folder))?;
        if !entry.file_name().to_str().is_some_and(is_temporary) {
            continue;
        }
        let path = entry.path();
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        removed.map_err(Error::io("remove", &path))?;
    }
    Ok(())
}

/// Characters that stand behind [`temporary_prefix`].
const RANDOM: usize = 6;

fn is_temporary(name: &str) -> bool {
    let (Some(inner), Some((_, end))) = (name.strip_prefix('.'), name.rsplit_once('.')) else {
        return false;
    };
    let is_random = end.len() == RANDOM && end.bytes().all(|b| b.is_ascii_alphanumeric());
    is_random && inner.len() > RANDOM + 1
}

/// What the operating system said, without the name of a temporary file that nobody asked for.
fn without_name(e: std::io::Error) -> std::io::Error {
    let kind = e.kind();
    match e.to_string().split_once(" at path ") {
        Some((said, _)) => std::io::Error::new(kind, said),
        None => e,
    }
}

/// The folder that holds `path`, `.` for a bare name.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn temporary_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(Error::io("sync folder", folder))
}

/// Temporary files are made private (0600); a result is as readable as the user's umask makes any other new file.
#[cfg(unix)]
fn as_any_new_file(builder: &mut tempfile::Builder) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn as_any_new_file(_: &mut tempfile::Builder) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/table.csv");
        write_bytes(&path, b"old").unwrap();
        let failed: Result<()> = write(&path, |w| {
            w.write_all(b"half of the new")
                .map_err(Error::io("write", &path))?;
            Err(Error::invalid(&path, "stop here"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(path.parent().unwrap()), ["table.csv"]);
        write_bytes(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adapter");
        let failed: Result<()> = write_folder(&path, |inside| {
            fs::write(inside.join("half"), b"x").unwrap();
            Err(Error::invalid(inside, "stop here"))
        });
        assert!(failed.is_err());
        assert_eq!(names(folder.path()), Vec::<String>::new());
        for content in [b"1", b"2"] {
            write_folder(&path, |inside| write_bytes(&inside.join("f"), content)).unwrap();
            assert_eq!(fs::read(path.join("f")).unwrap(), content);
        }
        assert_eq!(names(folder.path()), ["adapter"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_takes_no_file_is_told_without_the_temporary_name() {
        // Nobody can make a file there, not even root.
        let path = Path::new("/proc/self/out.csv");
        for failed in [
            check_writable(path),
            write_bytes(path, b"x"),
            write_folder(path, |_| Ok(())),
        ] {
            let message = failed.unwrap_err().to_string();
            assert!(
                message.starts_with("could not write /proc/self/out.csv: ")
                    && !message.contains(".out.csv."),
                "{message}"
            );
        }
    }

    #[test]
    fn what_a_killed_write_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let stay = [
            ".running",
            ".digests.json",
            ".stem",
            "table.csv",
            "a.abcdef",
            ".abcdef",
        ];
        for name in stay {
            fs::write(folder.path().join(name), b"x").unwrap();
        }
        // What a write that is killed leaves is what a write has made before it ends.
        let path = folder.path().join("table.csv");
        let killed = |_: &mut BufWriter<File>| -> Result<()> {
            let found = names(folder.path());
            let temporary = found.iter().find(|name| !stay.contains(&name.as_str()));
            let kept = folder.path().join(temporary.unwrap());
            fs::rename(&kept, folder.path().join("kept")).unwrap();
            fs::write(&kept, b"half").unwrap();
            fs::rename(folder.path().join("kept"), kept.with_extension("ZZZZZZ")).unwrap();
            Err(Error::invalid(&path, "stop here"))
        };
        write(&path, killed).unwrap_err();
        fs::create_dir(folder.path().join(".adapter.Ab12cD")).unwrap();
        assert!(names(folder.path()).len() > stay.len() + 1);
        remove_leftovers(folder.path()).unwrap();
        let mut expected = stay.map(ToString::to_string);
        expected.sort();
        assert_eq!(names(folder.path()), expected);
        remove_leftovers(&folder.path().join("not there")).unwrap();
    }

    #[test]
    fn a_check_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(&folder.path().join("new/table.csv")).unwrap();
        assert_eq!(names(&folder.path().join("new")), Vec::<String>::new());
    }

    #[cfg(unix)]
    #[test]
    fn a_result_is_as_readable_as_any_other_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            let metadata = fs::metadata(folder.path().join(name)).unwrap();
            metadata.permissions().mode()
        };
        fs::write(folder.path().join("plain"), b"x").unwrap();
        write_bytes(&folder.path().join("ours"), b"x").unwrap();
        assert_eq!(mode("ours"), mode("plain"));
        fs::create_dir(folder.path().join("folder")).unwrap();
        write_folder(&folder.path().join("our folder"), |_| Ok::<(), Error>(())).unwrap();
        assert_eq!(mode("our folder"), mode("folder"));
    }

    #[test]
    fn an_error_names_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let message = write_bytes(&file.join("below"), b"x")
            .unwrap_err()
            .to_string();
        assert!(message.contains("file"), "{message}");
    }
}
