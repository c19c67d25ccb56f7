//! From tables of sequences to rows.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use lingo_artifact::progress::Progress;

use crate::config::ingest_config::IngestConfig;
use crate::error::{Error, Result};
use crate::rows::row;
use crate::rows::row::{Row, Rows};
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
    check_names(&rows)?;
    Ok(Read::new(rows, None))
}

/// Whether what a row is called is the name of no other of its file: predictions are told apart by it and their split.
///
/// # Errors
/// Two rows of one name in a file.
fn check_names(rows: &Rows) -> Result<()> {
    let mut seen: HashMap<(u16, &str), &Row, RandomState> = HashMap::default();
    for row in rows.all() {
        let Some(name) = row.name.map(|name| rows.texts.get(name)) else {
            continue;
        };
        if let Some(first) = seen.insert((row.file, name), row) {
            let file = rows.files[usize::from(first.file)].display();
            return Err(rows.error(
                row,
                format!(
                    "the id `{name}` is that of {file}:{}, too; give each row its own, or call the column something else: rows are then called after their number",
                    first.line
                ),
            ));
        }
    }
    Ok(())
}
