//! The head: what is trained behind the pooling.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The head of a language model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeadShape {
    /// Values of a hidden layer, a linear one with a ReLU, between what is read and the logits. Default: no such layer.
    pub hidden: Option<NonZeroU32>,
}

impl HeadShape {
    /// Values of the hidden layer, where there is one.
    pub(crate) fn hidden(self) -> Option<usize> {
        self.hidden.map(|n| n.get() as usize)
    }

    /// Trained values from `read` values to `outputs` logits; `has_bias`: of a head without a hidden layer.
    pub(crate) fn parameters(self, read: usize, outputs: usize, has_bias: bool) -> usize {
        match self.hidden() {
            None => (read + usize::from(has_bias)) * outputs,
            Some(hidden) => (read + 1) * hidden + (hidden + 1) * outputs,
        }
    }
}
