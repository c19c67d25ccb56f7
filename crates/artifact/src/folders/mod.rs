//! Folders whose layout several crates have to agree on.

pub mod model_folder;
pub mod run_folder;
