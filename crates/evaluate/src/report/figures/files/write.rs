//! The files of all figures in the folder of a run.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use lingo_artifact::{Error, atomic};
use rayon::prelude::*;

use crate::report::figures::figure::Figure;
use crate::report::figures::files::stand_alone::stand_alone;

/// Writes `<name>.svg` and `<name>.tsv` of every figure into `folder`, and removes those of figures that are no more. A file that
/// is as it was is left alone.
///
/// # Errors
/// The folder cannot be read or written.
pub fn write(folder: &Path, figures: &[&Figure]) -> Result<(), Error> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for figure in figures {
        if let Some(svg) = figure.svg() {
            files.insert(
                format!("{}.svg", figure.name),
                stand_alone(svg, &figure.key),
            );
        }
        files.insert(
            format!("{}.tsv", figure.name),
            figure.data.text().to_string(),
        );
    }
    atomic::remove_leftovers(folder)?;
    remove_others(folder, &files)?;
    files.par_iter().try_for_each(|(name, text)| {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(there) if there == text.as_bytes() => Ok(()),
            _ => atomic::write_bytes(&path, text.as_bytes()),
        }
    })
}

/// Removes drawings and tables that are none of `files`; what else lies there is not ours.
fn remove_others(folder: &Path, files: &BTreeMap<String, String>) -> Result<(), Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io("read", folder)(e)),
    };
    for entry in entries {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let of_figure = path.extension().is_some_and(|e| e == "svg" || e == "tsv");
        if of_figure && path.is_file() && !files.contains_key(name) {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}
