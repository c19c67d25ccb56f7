//! What reading the files of a source gives, whatever the kind of source.

use lingo_artifact::LabelKind;

use crate::dataset::LeftOut;
use crate::genome::Genome;
use crate::labels::LabelColumn;
use crate::row::Rows;
use crate::sources::DevFromTrain;

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
