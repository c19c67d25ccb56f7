//! From FASTA with labels to rows.

use lingo_artifact::progress::Progress;

use crate::config::ingest_config::IngestConfig;
use crate::config::sources::LabelledFastaSource;
use crate::error::Result;
use crate::formats::labelled_fasta as fasta;
use crate::formats::labelled_fasta::HeaderLayout;
use crate::rows::row;
use crate::rows::row::{Content, Row, Rows};
use crate::sources::read::{Read, given_files};

/// FASTA with labels in its headers.
pub(crate) fn labelled_fasta(
    config: &IngestConfig,
    source: &LabelledFastaSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let all = given_files([&source.train, &source.dev, &source.test], &source.file);
    let files = all.iter().map(|(path, _)| (*path).clone()).collect();
    let mut rows = Rows::new(files, config.max_memory);
    let layout = HeaderLayout {
        separator: &source.separator,
        field: source.field,
        label_needed: true,
    };
    for (number, (path, split)) in all.iter().enumerate() {
        let file = row::file(number)?;
        let mut count = 0;
        fasta::read(path, layout, config.max_uncompressed_bytes, |record| {
            count += 1;
            let row = Row {
                name: Some(rows.texts.push(&record.id)),
                content: Content::Text {
                    first: rows.texts.push(&record.sequence),
                    second: None,
                    number: count,
                },
                label: rows.push_label(&record.label),
                line: row::line(record.line),
                file,
                split: *split,
            };
            rows.push(row)
        })?;
        progress.advance(number as u64 + 1, "");
    }
    let mut read = Read::new(rows, None);
    read.dev_from_train = source.dev_from_train;
    Ok(read)
}
