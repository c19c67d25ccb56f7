//! From GFF files to rows.

use lingo_artifact::progress::Progress;

use crate::config::ingest_config::IngestConfig;
use crate::config::sources::GffSource;
use crate::error::{Error, Result};
use crate::rows::row;
use crate::rows::row::Rows;
use crate::sources::gff::places::Places;
use crate::sources::gff::windows as feature_windows;
use crate::sources::read::{Read, counts, open, paths_of, skipped};

/// Windows around features.
pub(crate) fn features(
    config: &IngestConfig,
    source: &GffSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let genome = open(&source.fasta, config, progress)?;
    let mut rows = Rows::new(paths_of(&source.files), config.max_memory);
    let mut all = feature_windows::Counts::default();
    let mut places = Places::default();
    for (number, gff) in source.files.iter().enumerate() {
        let file = row::file(number)?;
        let limit = config.max_uncompressed_bytes;
        let laid =
            feature_windows::read(gff, file, limit, source, &genome, &mut rows, &mut places)?;
        all.rows += laid.rows;
        all.repeated += laid.repeated;
        all.outside += laid.outside;
        all.strandless += laid.strandless;
        all.skipped += laid.skipped;
        progress.advance(number as u64 + 2, "");
    }
    if rows.all().is_empty() {
        let skipped = match all.skipped {
            0 => String::new(),
            n => format!(", {n} lie on sequences that `contigs` leaves out"),
        };
        return Err(Error::Data(format!(
            "no window is left: {} would leave their chromosome, {} transcripts have no strand{skipped}",
            all.outside, all.strandless
        )));
    }
    let mut read = Read::new(rows, Some(genome));
    read.dropped_outside = all.outside;
    read.left_out = counts([
        ("repeated_windows", all.repeated),
        ("strandless_transcripts", all.strandless),
    ]);
    read.left_out.extend(skipped(config, all.skipped));
    Ok(read)
}
