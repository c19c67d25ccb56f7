//! What reading the files of a source gives, whatever the kind of source.

use std::path::PathBuf;

use lingo_artifact::progress::Progress;
use lingo_artifact::{LabelKind, Split};

use crate::config::genomes::{GenomeFile, Genomes};
use crate::config::ingest_config::IngestConfig;
use crate::config::sources::DevFromTrain;
use crate::error::Result;
use crate::genome::reader::Genome;
use crate::rows::dataset::LeftOut;
use crate::rows::labels::LabelColumn;
use crate::rows::row::Rows;

/// What the files of a source hold.
pub(crate) struct Read {
    pub(crate) rows: Rows,
    pub(crate) genome: Option<Genome>,
    /// Windows that would have left their chromosome.
    pub(crate) dropped_outside: u64,
    /// What else did not become a row.
    pub(crate) left_out: Vec<LeftOut>,
    /// The labels, when the source makes them itself.
    pub(crate) labels: Option<(LabelKind, LabelColumn)>,
    /// Dev is a share of the training rows.
    pub(crate) dev_from_train: Option<DevFromTrain>,
}

impl Read {
    /// Rows whose labels are texts, with nothing left out.
    pub(crate) fn new(rows: Rows, genome: Option<Genome>) -> Self {
        Self {
            rows,
            genome,
            dropped_outside: 0,
            left_out: Vec::new(),
            labels: None,
            dev_from_train: None,
        }
    }
}

/// The genome of a source: the first of its files, or several.
pub(crate) fn open(
    genomes: &Genomes,
    config: &IngestConfig,
    progress: &dyn Progress,
) -> Result<Genome> {
    let limit = config.max_uncompressed_bytes;
    let mut genome = Genome::open_within(genomes, limit, config.max_memory)?;
    genome.name_contigs(&config.contigs, limit)?;
    for warning in genome.warnings() {
        progress.say(&format!("warning: {warning}"));
    }
    progress.advance(1, "");
    Ok(genome)
}

/// The paths of files of places.
pub(crate) fn paths_of(files: &[GenomeFile]) -> Vec<PathBuf> {
    files.iter().map(|file| file.path().to_path_buf()).collect()
}

/// How many rows lie on sequences that `contigs` leaves out, where it leaves out any.
pub(crate) fn skipped(config: &IngestConfig, rows: u64) -> Vec<LeftOut> {
    match &config.contigs.skip {
        Some(_) => counts([("skipped_contigs", rows)]),
        None => Vec::new(),
    }
}

/// Counts of what was left out, by their names in the audit.
pub(crate) fn counts<const N: usize>(all: [(&'static str, u64); N]) -> Vec<LeftOut> {
    all.map(|(key, rows)| LeftOut { key, rows }).to_vec()
}

/// The files of a source that has one for each split, or one in all, with the split that each gives.
pub(crate) fn given_files<'a>(
    of_splits: [&'a Option<PathBuf>; 3],
    whole: &'a Option<PathBuf>,
) -> Vec<(&'a PathBuf, Option<Split>)> {
    let splits = Split::ALL.map(Some);
    of_splits
        .into_iter()
        .zip(splits)
        .chain([(whole, None)])
        .filter_map(|(path, split)| Some((path.as_ref()?, split)))
        .collect()
}
