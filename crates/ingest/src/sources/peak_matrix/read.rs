//! From peaks to rows.

use lingo_artifact::LabelKind;
use lingo_artifact::progress::Progress;

use crate::config::ingest_config::IngestConfig;
use crate::config::sources::PeakMatrixSource;
use crate::error::Result;
use crate::rows::label_lists::LabelLists;
use crate::rows::labels::LabelColumn;
use crate::rows::row::{Padding, Row, Rows, Window};
use crate::sources::peak_matrix::bins as matrix;
use crate::sources::read::{Read, counts, open, paths_of, skipped as skipped_contigs};

/// Bins of a genome with a label for each peak file.
pub(crate) fn peak_matrix(
    config: &IngestConfig,
    source: &PeakMatrixSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let genome = open(&source.fasta, config, progress)?;
    let mut skipped = 0;
    let peaks = matrix::read_peaks(source, config.max_uncompressed_bytes, &genome, &mut skipped)?;
    progress.advance(source.peaks.len() as u64, "");
    let mut rows = Rows::new(paths_of(&source.peaks), config.max_memory);
    let mut lists = LabelLists::new(source.peaks.len());
    let held = matrix::memory(&genome, &peaks, source);
    let left_out = matrix::bins(&genome, &peaks, source, |bin| {
        lists.push(bin.labels.iter().copied());
        rows.set_beside(held + lists.memory());
        let window = Window {
            sequence: bin.sequence,
            strand: lingo_artifact::Strand::Unknown,
            start: bin.context.0,
            end: bin.context.1,
        };
        let content = rows.content(Padding {
            window,
            before: bin.beyond.0,
            behind: bin.beyond.1,
        });
        let row = Row {
            name: None,
            content,
            // The labels stand in the column.
            label: rows.push_label(""),
            line: 0,
            file: 0,
            split: None,
        };
        rows.push(row)
    })?;
    rows.set_beside(0);
    let mut read = Read::new(rows, Some(genome));
    read.dropped_outside = left_out.outside;
    read.left_out = counts([("unlabelled_bins", left_out.unlabelled)]);
    read.left_out.extend(skipped_contigs(config, skipped));
    read.labels = Some((
        LabelKind::Multilabel(source.class_names()),
        LabelColumn::Lists(lists),
    ));
    Ok(read)
}
