//! The dropouts of a pass.

use crate::block::values::SITES;
use crate::dropout::kept::Kept;

/// The dropouts of one pass through a block; `None` where there is none. Decisions are counted over
/// the padded batch, so that any way of computing it sees the same ones.
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
