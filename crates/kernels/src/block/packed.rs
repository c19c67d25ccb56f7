//! A block, packed for one instruction set and one number format.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::batch::ROWS;
use crate::block::values::{
    BlockValues, LinearValues, NormPlace, NormValues, Precision, SITES, Site, Weight,
};
use crate::memory::buffer::Buffer;
use crate::memory::size::{checked_count, count};
use crate::numbers::element::{Bf16, Element};
use crate::numbers::matrix::Matrix;
use crate::parts::activation::Activation;
use crate::parts::attention::heads::Attention;
use crate::parts::norm::{Norm, NormKind};
use crate::product::packed::{Packed, padded_bias};
use crate::simd::level::Level;

/// A packed linear layer: the weight, and its transpose for the backward pass.
pub(crate) struct Linear<E: Element> {
    pub weight: Packed<E>,
    pub transposed: Option<Packed<E>>,
    pub bias: Option<Buffer<f32>>,
}

/// A block in one number format.
pub(crate) struct Parts<E: Element> {
    pub place: NormPlace,
    pub attention: Attention,
    pub sites: [Option<Linear<E>>; SITES],
    pub attention_norm: Norm,
    pub feed_forward_norm: Norm,
    pub activation: Activation,
    pub hidden: usize,
    /// Another one for every block. The backward pass trusts the sizes in a record that its own block
    /// made, and compares this number to know that it did.
    pub id: u64,
}

/// A block, packed for one instruction set.
pub struct Block {
    pub(crate) format: Format,
    level: Level,
}

pub(crate) enum Format {
    F32(Parts<f32>),
    Bf16(Parts<Bf16>),
}

impl Block {
    /// Packs a block's weights; without `gradients` only for [`Block::forward`], in half the memory.
    ///
    /// # Panics
    /// If the sizes of the parts do not fit one another.
    pub fn new(values: &BlockValues, precision: Precision, level: Level, gradients: bool) -> Self {
        assert!(level.is_here(), "this processor lacks {level}");
        let lanes = level.lanes();
        let format = match precision {
            Precision::F32 => Format::F32(Parts::new(values, lanes, gradients)),
            Precision::Bf16 => Format::Bf16(Parts::new(values, lanes, gradients)),
        };
        Self { format, level }
    }

    /// The instruction set it was packed for.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Its number format.
    pub fn precision(&self) -> Precision {
        match self.format {
            Format::F32(_) => Precision::F32,
            Format::Bf16(_) => Precision::Bf16,
        }
    }

    /// Width of its input and output.
    pub fn hidden(&self) -> usize {
        match &self.format {
            Format::F32(parts) => parts.hidden,
            Format::Bf16(parts) => parts.hidden,
        }
    }

    /// Input and output width of a site.
    pub fn site(&self, site: Site) -> Option<(usize, usize)> {
        match &self.format {
            Format::F32(parts) => parts.size(site as usize),
            Format::Bf16(parts) => parts.size(site as usize),
        }
    }

    /// Bytes of packed weights.
    pub fn bytes(&self) -> usize {
        match &self.format {
            Format::F32(parts) => parts.bytes(),
            Format::Bf16(parts) => parts.bytes(),
        }
    }
}

impl<E: Element> Parts<E> {
    fn new(values: &BlockValues, lanes: usize, gradients: bool) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let hidden = values.qkv[0].input;
        let heads = &values.heads;
        let width = count(&[heads.heads, heads.size]);
        let shared = count(&[heads.key_value_heads, heads.size]);
        assert!(
            heads.key_value_heads > 0 && heads.heads.is_multiple_of(heads.key_value_heads),
            "heads of queries share those of keys and values evenly"
        );
        for (linear, width) in values.qkv.iter().zip([width, shared, shared]) {
            assert_eq!(
                (linear.input, linear.output),
                (hidden, width),
                "query, key, value"
            );
        }
        let inner = values.first.output;
        let fits = |linear: &LinearValues, sizes| {
            assert_eq!((linear.input, linear.output), sizes);
        };
        fits(&values.attention_output, (width, hidden));
        fits(&values.first, (hidden, inner));
        fits(&values.second, (inner, hidden));
        if let Some(gate) = &values.gate {
            fits(gate, (hidden, inner));
        }
        let linear = |values: &LinearValues| Some(Linear::new(values, lanes, gradients));
        let [q, k, v] = &values.qkv;
        Self {
            place: values.place,
            attention: Attention::new(
                values.heads.clone(),
                values.head_norms.as_ref().map(|norms| {
                    let [query, key] = norms;
                    [query, key].map(|values| norm(values, heads.size))
                }),
            ),
            sites: [
                linear(q),
                linear(k),
                linear(v),
                linear(&values.attention_output),
                linear(&values.first),
                values.gate.as_ref().and_then(linear),
                linear(&values.second),
            ],
            attention_norm: norm(&values.attention_norm, hidden),
            feed_forward_norm: norm(&values.feed_forward_norm, hidden),
            activation: values.activation,
            hidden,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Input and output width of a site.
    pub fn size(&self, site: usize) -> Option<(usize, usize)> {
        let linear = self.sites[site].as_ref()?;
        Some((linear.weight.depth, linear.weight.width))
    }

    /// The tokens of a chunk.
    pub fn chunk_rows(&self) -> usize {
        // Each chunk unpacks them again.
        let is_packed = |linear: &Linear<E>| linear.weight.is_quantized();
        if self.sites.iter().flatten().any(is_packed) {
            4 * ROWS
        } else {
            ROWS
        }
    }

    /// Width of attention: all heads.
    pub fn width(&self) -> usize {
        self.attention.heads.heads * self.attention.heads.size
    }

    /// Width of keys and of values.
    pub fn key_value_width(&self) -> usize {
        self.attention.heads.key_value_heads * self.attention.heads.size
    }

    /// Values in a vector of the instruction set it was packed for.
    pub fn lanes(&self) -> usize {
        self.sites[0].as_ref().map_or(1, |site| site.weight.lanes())
    }

    fn bytes(&self) -> usize {
        self.sites
            .iter()
            .flatten()
            .map(|linear| {
                linear.weight.bytes() + linear.transposed.as_ref().map_or(0, Packed::bytes)
            })
            .sum()
    }
}

impl<E: Element> Linear<E> {
    fn new(values: &LinearValues, lanes: usize, gradients: bool) -> Self {
        let LinearValues {
            weight,
            bias,
            input,
            output,
        } = *values;
        if let Some(bias) = bias {
            assert_eq!(bias.len(), output);
        }
        let (weight, transposed) = match weight {
            Weight::Values(weight) => {
                assert_eq!(Some(weight.len()), checked_count(&[input, output]));
                let turned = || Packed::new(output, input, lanes, |k, n| weight[n * output + k]);
                (
                    Packed::new(input, output, lanes, |k, n| weight[k * output + n]),
                    gradients.then(turned),
                )
            }
            Weight::Quantized(matrix) => {
                assert_eq!(matrix.sizes(), [output, input]);
                let packed = |turned| Packed::quantized(matrix.clone(), turned, lanes);
                (packed(false), gradients.then(|| packed(true)))
            }
        };
        Self {
            weight,
            transposed,
            bias: bias.map(|bias| padded_bias(bias, lanes)),
        }
    }
}

fn norm(values: &NormValues, width: usize) -> Norm {
    let ones = vec![1.0; width];
    let (scale, shift) = match values.kind {
        NormKind::Identity => (&ones[..], None),
        NormKind::Layer | NormKind::Rms => (values.scale, values.shift),
    };
    let padded = |values: Option<&[f32]>| {
        let mut row = Matrix::<f32>::zeros(1, width);
        if let Some(values) = values {
            assert_eq!(values.len(), width);
            row.values[..width].copy_from_slice(values);
        }
        row.values
    };
    Norm {
        kind: values.kind,
        epsilon: values.epsilon as f32,
        scale: padded(Some(scale)),
        shift: padded(shift),
    }
}
