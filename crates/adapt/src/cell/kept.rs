//! What an unfinished cell has left in its folder.

use std::path::{Path, PathBuf};

use lingo_artifact::run_folder::CellFolder;

use crate::error::Error;
use crate::train::checkpoints;

/// The newest checkpoint in the folder of a cell: its step, and where it is.
pub fn last_checkpoint(cell: &Path) -> Option<(u64, PathBuf)> {
    let folder = CellFolder::new(cell).checkpoints();
    Some((checkpoints::newest(&folder)?, folder))
}

/// Removes the checkpoints of a cell, and what its stem was trained in: for one whose results are written.
///
/// # Errors
/// A folder cannot be removed.
pub fn forget_checkpoints(cell: &Path) -> Result<(), Error> {
    let cell = CellFolder::new(cell);
    checkpoints::forget(&cell.stem())?;
    checkpoints::forget(&cell.checkpoints())
}
