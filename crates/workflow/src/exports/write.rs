//! All exports of a run, in order.

use std::path::Path;

use lingo_artifact::atomic;

use super::facts::Facts;
use super::{bibliography, methods_text, multiqc, ro_crate, trace, typed, versions};
use crate::failure::Error;
use crate::lock::Lock;

/// Writes them into the folder of the run. They say what `lock` vouches for: results in the folder that it does not know
/// are not in them.
///
/// # Errors
/// A file that cannot be written, or whose hash cannot be taken.
pub(crate) fn write(lock: &Lock, run: &Path) -> Result<(), Error> {
    let facts = Facts::read(lock, run);
    let folder = &facts.folder;
    atomic::write_json(&folder.metrics_mqc(), &multiqc::table(&facts))?;
    match multiqc::bars(&facts) {
        Some(bars) => atomic::write_json(&folder.metrics_plot_mqc(), &bars)?,
        None => forget(&folder.metrics_plot_mqc())?,
    }
    let text = |path: &Path, text: String| atomic::write_bytes(path, text.as_bytes());
    text(&folder.software_versions(), versions::yaml(&facts))?;
    text(&folder.trace(), trace::table(&facts))?;
    let methods = methods_text::methods(&facts);
    text(&folder.methods(), methods.text)?;
    let references = bibliography::bibtex(&methods.cited, &lock.version);
    text(&folder.references(), references)?;
    match typed::text(lock, folder) {
        Some(typed) => text(&folder.pipeline(), typed)?,
        None => forget(&folder.pipeline())?,
    }
    // Last: it names the others.
    Ok(atomic::write_json(
        &folder.ro_crate(),
        &ro_crate::metadata(&facts)?,
    )?)
}

/// `methods.md` as it would be written, for the report.
pub(crate) fn methods(lock: &Lock, run: &Path) -> String {
    methods_text::methods(&Facts::read(lock, run)).text
}

/// Removes what an earlier state of the run had, and this one has not.
fn forget(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(lingo_artifact::Error::io("remove", path)(e).into())
        }
        _ => Ok(()),
    }
}
