//! From tables of sequences to rows.

use lingo_artifact::progress::Progress;

use crate::config::ingest_config::IngestConfig;
use crate::error::{Error, Result};
use crate::rows::row;
use crate::rows::row::Rows;
use crate::sources::read::{Read, given_files};

use crate::config::sources::CsvSource;
use crate::formats::labelled_table;

/// Tables in the layout of GUE.
pub(crate) fn tables(
    config: &IngestConfig,
    source: &CsvSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let tables = given_files([&source.train, &source.dev, &source.test], &source.file);
    let files = tables.iter().map(|(path, _)| (*path).clone()).collect();
    let mut rows = Rows::new(files, config.max_memory);
    for (number, (path, split)) in tables.iter().enumerate() {
        let before = rows.all().len();
        labelled_table::read(
            path,
            row::file(number)?,
            *split,
            Some(&source.columns),
            config.max_uncompressed_bytes,
            &mut rows,
        )?;
        if let (Some(a), Some(b)) = (rows.all().first(), rows.all().get(before))
            && a.is_pair() != b.is_pair()
        {
            return Err(Error::line(
                path,
                1,
                format!(
                    "one of this file and {} has pairs of sequences, the other has not",
                    tables[0].0.display()
                ),
            ));
        }
        progress.advance(number as u64 + 1, "");
    }
    Ok(Read::new(rows, None))
}
