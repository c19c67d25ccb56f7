//! From a file on disk to a pipeline that was checked.

use std::path::Path;

use super::check::check;
use super::design_file::is_design;
use super::resolve::resolve;
use super::resolved::Pipeline;
use crate::yaml::document::{Document, top};
use crate::yaml::fault::Fault;
use crate::yaml::mistakes::Mistakes;

impl Pipeline {
    /// Reads and checks a pipeline file; `sets` are the arguments of `--set`.
    ///
    /// # Errors
    /// [`Mistakes`], each with its place in the file.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self, Mistakes> {
        let document = Document::read(path, sets)?;
        if is_design(&document.node) {
            let fault = Fault::new(top("tasks"), "these tasks are those of a design file");
            let help = "`run`, `plan`, `validate` and `design` take design files; all else takes pipelines";
            return Err(document.mistakes(vec![fault.help(help)]));
        }
        Self::of_document(document)
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
