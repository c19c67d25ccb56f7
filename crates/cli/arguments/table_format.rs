//! Tables on stdin and stdout.

use clap::ValueEnum;

/// What a table looks like on stdin and stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Comma-separated values.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// Apache Parquet.
    Parquet,
    /// FASTA (sequences only).
    Fa,
}

impl TableFormat {
    /// The ending of files in this format.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
            Self::Fa => "fa",
        }
    }
}
