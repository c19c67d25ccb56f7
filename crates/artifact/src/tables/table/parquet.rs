//! What all Parquet files of lingo-pipe share: their compression, and where their metadata stands.

use std::io::Write;

use polars::io::parquet::write::KeyValueMetadata;
use polars::prelude::*;

/// The key under which lingo-pipe's JSON stands in a Parquet file's metadata.
pub const METADATA_KEY: &str = "lingo";

/// A Parquet file with our metadata.
pub(crate) fn parquet_writer<W: Write>(out: W, metadata: &str) -> ParquetWriter<W> {
    ParquetWriter::new(out)
        .with_compression(compression())
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(vec![(
            METADATA_KEY.to_string(),
            metadata.to_string(),
        )])))
}

/// zstd at its fastest level: the next ones take twice as long for a few percent.
pub(crate) fn compression() -> ParquetCompression {
    ParquetCompression::Zstd(polars_parquet::write::ZstdLevel::try_new(1).ok())
}

/// The I/O error behind a Parquet file that could not be written. polars reports a full disk in several ways, one of
/// them as if the file were bad; the frames written here fail for no other reason, so all of these count as I/O.
pub(crate) fn write_failure(e: PolarsError) -> std::io::Error {
    match e {
        PolarsError::IO { error, .. } => std::io::Error::new(error.kind(), error.to_string()),
        e => std::io::Error::other(e.to_string()),
    }
}
