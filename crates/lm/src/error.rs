//! What can be wrong with a model folder or a device.

use std::path::PathBuf;

/// An error of this crate; each variant names the file and the value at fault.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// A model folder lacks a file.
    #[error("{}: the model folder has no {file}{hint}", folder.display())]
    MissingFile {
        /// The model folder.
        folder: PathBuf,
        /// The file it should hold.
        file: &'static str,
        /// What to do about it; empty, or starting with a separator.
        hint: &'static str,
    },

    /// A JSON file does not parse.
    #[error("{}: not valid JSON: {message}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The parser's message, with line and column.
        message: String,
    },

    /// A key of `config.json` is missing or holds what this crate cannot use.
    #[error("{}: `{key}` {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The key at fault.
        key: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A safetensors file whose header cannot be trusted.
    #[error("{}: bad safetensors header: {problem}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, naming the tensor where one is at fault.
        problem: String,
    },

    /// A file of pickled tensors that cannot be read, or should not.
    #[error("{}: {problem}", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// A tensor is missing, misshapen, of an unusable type, or unknown to the family.
    #[error("{}: tensor `{tensor}` {problem}", path.display())]
    Tensor {
        /// The file or folder.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A name that is not a parameter of the model.
    #[error("the model has no parameter `{name}`")]
    UnknownParameter {
        /// The name asked for.
        name: String,
    },

    /// A tensor of a block that was packed for the CPU's kernels.
    #[error("parameter `{name}` is packed, and can no longer be read or changed")]
    Released {
        /// The name asked for.
        name: String,
    },

    /// Values of the wrong number for a parameter.
    #[error("parameter `{name}` holds {expected} values, got {got}")]
    WrongLength {
        /// The parameter.
        name: String,
        /// How many values it holds.
        expected: usize,
        /// How many were given.
        got: usize,
    },

    /// A device that this build or this machine does not have.
    #[error("device `{device}`: {problem}")]
    Device {
        /// The device asked for.
        device: String,
        /// Why it cannot be used.
        problem: String,
    },

    /// A batch that the model cannot take.
    #[error("batch: {0}")]
    Batch(String),
}
