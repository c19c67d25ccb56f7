//! From a file on disk to a pipeline that was checked.

use std::path::Path;

use super::check::check;
use super::resolve::resolve;
use super::resolved::Pipeline;
use crate::yaml::document::Document;
use crate::yaml::mistakes::Mistakes;

impl Pipeline {
    /// Reads and checks a pipeline file; `sets` are the arguments of `--set`.
    ///
    /// # Errors
    /// [`Mistakes`], each with its place in the file.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self, Mistakes> {
        Self::of_document(Document::read(path, sets)?)
    }

    /// As [`Pipeline::read`], from a document.
    ///
    /// # Errors
    /// [`Mistakes`].
    pub fn of_document(document: Document) -> Result<Self, Mistakes> {
        let pipeline = resolve(document)?;
        let faults = check(&pipeline);
        if faults.is_empty() {
            Ok(pipeline)
        } else {
            Err(pipeline.document.mistakes(faults))
        }
    }
}
