//! The shape of a block's attention.

use crate::config::model_config::ModelConfig;
use crate::config::positions::Positions;

/// The shape of a block's attention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AttentionShape {
    pub heads: usize,
    /// Heads of keys and of values, each shared by as many neighbouring heads of queries.
    pub key_value_heads: usize,
    /// Width of a head.
    pub size: usize,
    /// Whether a token sees only itself and what stands before it.
    pub causal: bool,
    /// How far a token sees, where not all of the sequence: 1 is to its neighbours.
    pub window: Option<usize>,
    pub positions: Positions,
}

impl ModelConfig {
    /// The shape of a block's attention where nothing of it is out of sight.
    pub(crate) fn attention(&self) -> AttentionShape {
        AttentionShape {
            heads: self.heads,
            key_value_heads: self.key_value_heads,
            size: self.head_size,
            causal: false,
            window: None,
            positions: self.positions,
        }
    }

    /// Width of a row of [`crate::Adaptation::prefix`]: a key and a value of each block.
    pub fn prefix_width(&self) -> usize {
        2 * self.layers * self.attention().key_value_width()
    }
}

impl AttentionShape {
    /// Width of the queries, and of what attention puts out.
    pub fn width(&self) -> usize {
        self.heads * self.size
    }

    /// Width of the keys, and of the values.
    pub fn key_value_width(&self) -> usize {
        self.key_value_heads * self.size
    }
}
