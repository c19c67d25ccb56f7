//! Values of layers on the host, as the kernels take them.

use std::sync::Arc;

use lingo_kernels::{LinearValues, NormKind, NormValues, QuantizedMatrix, Weight};

/// A linear layer's values on the host.
pub(crate) struct HostLinear {
    pub weight: HostWeight,
    pub bias: Option<Vec<f32>>,
    pub sizes: [usize; 2],
}

/// Weights on the host.
pub(crate) enum HostWeight {
    Values(Vec<f32>),
    Quantized(Arc<QuantizedMatrix>),
}

impl HostLinear {
    pub fn values(&self) -> LinearValues<'_> {
        LinearValues {
            weight: match &self.weight {
                HostWeight::Values(values) => Weight::Values(values),
                HostWeight::Quantized(matrix) => Weight::Quantized(matrix),
            },
            bias: self.bias.as_deref(),
            input: self.sizes[0],
            output: self.sizes[1],
        }
    }
}

/// A norm's values on the host.
pub(crate) struct HostNorm {
    pub scale: Vec<f32>,
    pub shift: Option<Vec<f32>>,
    pub kind: NormKind,
    pub epsilon: f64,
}

impl HostNorm {
    /// One that leaves rows of this width as they are.
    pub fn none(width: usize) -> Self {
        Self {
            scale: vec![1.0; width],
            shift: None,
            kind: NormKind::Identity,
            epsilon: 0.0,
        }
    }

    pub fn values(&self) -> NormValues<'_> {
        NormValues {
            kind: self.kind,
            scale: &self.scale,
            shift: self.shift.as_deref(),
            epsilon: self.epsilon,
        }
    }
}
