//! From tables of intervals to rows.

use lingo_artifact::progress::Progress;

use crate::config::genomes::Genomes;
use crate::config::ingest_config::IngestConfig;
use crate::config::sources::IntervalCsvSource;
use crate::error::Result;
use crate::extract::Shape;
use crate::formats::interval_table;
use crate::rows::row;
use crate::sources::bed::{IntervalRows, Part};
use crate::sources::read::{Read, open, skipped};

/// Intervals in the layout of Genomic Benchmarks.
pub(crate) fn interval_tables(
    config: &IngestConfig,
    source: &IntervalCsvSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let genome = open(&source.fasta, config, progress)?;
    let tables = source.tables.iter();
    let files = tables.map(|t| t.file.path().to_path_buf()).collect();
    let mut all = Part::new(files, config.max_memory);
    let (limit, most) = (config.max_uncompressed_bytes, config.max_memory.get() / 2);
    for (number, table) in source.tables.iter().enumerate() {
        let path = table.file.path();
        let intervals = IntervalRows {
            genome: &genome,
            of: genome.part(&table.file),
            path,
            file: row::file(number)?,
            shape: Shape {
                width: source.width,
                beyond_end: source.beyond_end,
            },
            split: table.split,
            keep_originals: config.negatives.is_some(),
        };
        let table_is = interval_table::Table {
            stranded: source.stranded,
            genomes: matches!(source.fasta, Genomes::Several(_)),
        };
        interval_table::each_row(path, table_is, limit, most, |interval| {
            intervals.push(interval, &table.class, &mut all)
        })?;
        progress.advance(number as u64 + 2, "");
    }
    all.check_left(source.width)?;
    let mut read = Read::new(all.rows, Some(genome));
    read.dropped_outside = all.outside;
    read.left_out = skipped(config, all.skipped);
    read.dev_from_train = source.dev_from_train;
    Ok(read)
}
