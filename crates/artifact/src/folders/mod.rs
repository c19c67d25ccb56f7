//! Folders whose layout several crates have to agree on.

pub mod run_folder;
