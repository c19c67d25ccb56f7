//! Where adapters may be.

/// A linear layer that an adapter may target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The module's name in the bare Hugging Face model: `encoder.layer.0.attention.self.query`,
    /// `decoder.layers.0.self_attn.q_proj`.
    pub name: String,
    /// Width of its input.
    pub input: usize,
    /// Width of its output.
    pub output: usize,
    /// The block it stands in; `None` for BERT's pooler and OPT's projections.
    pub layer: Option<usize>,
}
