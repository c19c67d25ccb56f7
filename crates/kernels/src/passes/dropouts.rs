//! The dropouts of a pass.

use crate::block::values::SITES;
use crate::dropout::kept::Kept;

/// The dropouts of one pass through a block; `None` where nothing is dropped. There is a decision for every
/// value of the padded batch, also for those at padding: the plain operations, which compute padding too,
/// then drop the same values.
#[derive(Clone, Debug, Default)]
pub struct Dropouts {
    /// Before a site's low-rank addition, `[rows, input]`.
    pub sites: [Option<Kept>; SITES],
    /// Of attention's probabilities, `[sequences, heads, padded, padded]`.
    pub probabilities: Option<Kept>,
    /// Behind attention's output layer, `[rows, hidden]`.
    pub attention: Option<Kept>,
    /// Behind the second feed-forward layer, `[rows, hidden]`.
    pub feed_forward: Option<Kept>,
}
