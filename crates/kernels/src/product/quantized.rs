//! Frozen weights in eight or four bits, as `bitsandbytes` rounds them.
//!
//! - `Int8`: one byte a weight, one scale an output: `absmax / 127` (Dettmers et al. 2022, LLM.int8(), without its part for
//!   outliers among the activations, which stay `f32` or `bf16` here).
//! - `Nf4`: sixteen quantiles of a normal distribution (Dettmers et al. 2023, QLoRA), one scale for 64 weights in a row, the
//!   scales themselves rounded to eight bits in blocks of 256 ("double quantisation").
//!
//! A matrix is held once, `[outputs, inputs]` as files have it, for the forward pass and for the backward pass. A product
//! unpacks one panel of it at a time into the cache, and goes through all of a chunk's rows with it.

use std::str::FromStr;
use std::sync::LazyLock;

/// Weights that share a scale.
const BLOCK: usize = 64;
/// Scales that share one of their own.
const SCALES: usize = 256;

/// The sixteen values of `nf4`.
const NF4: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// In how many bits frozen weights are held, and how they are rounded to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantization {
    /// Eight bits, a scale for each output.
    Int8,
    /// Four bits, a scale for every 64 weights, rounded itself.
    Nf4,
}

impl Quantization {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Nf4 => "nf4",
        }
    }
}

impl FromStr for Quantization {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Int8, Self::Nf4]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("`{text}` is neither int8 nor nf4"))
    }
}

/// A linear layer's weights in few bits.
#[derive(Clone, Debug)]
pub struct QuantizedMatrix {
    outputs: usize,
    inputs: usize,
    codes: Codes,
}

#[derive(Clone, Debug)]
enum Codes {
    Int8 {
        codes: Vec<i8>,
        /// One an output.
        scales: Vec<f32>,
    },
    Nf4 {
        /// Two a byte, the first in the high half; a row begins with a byte of its own.
        codes: Vec<u8>,
        /// So many for each row as it can meet.
        scales: Vec<f32>,
        /// For each row, how far into a block of the whole matrix it begins.
        offsets: Vec<u8>,
    },
}

impl QuantizedMatrix {
    /// Rounds a matrix `[outputs, inputs]`.
    ///
    /// # Panics
    /// If `weight` is not a whole number of rows.
    pub fn new(kind: Quantization, weight: &[f32], inputs: usize) -> Self {
        assert!(
            inputs > 0 && weight.len().is_multiple_of(inputs),
            "whole rows"
        );
        let outputs = weight.len() / inputs;
        let codes = match kind {
            Quantization::Int8 => int8(weight, inputs),
            Quantization::Nf4 => nf4(weight, inputs),
        };
        Self {
            outputs,
            inputs,
            codes,
        }
    }

    /// How it is rounded.
    pub fn kind(&self) -> Quantization {
        match self.codes {
            Codes::Int8 { .. } => Quantization::Int8,
            Codes::Nf4 { .. } => Quantization::Nf4,
        }
    }

    /// Outputs and inputs.
    pub fn sizes(&self) -> [usize; 2] {
        [self.outputs, self.inputs]
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        match &self.codes {
            Codes::Int8 { codes, scales } => codes.len() + size_of_val(&scales[..]),
            Codes::Nf4 {
                codes,
                scales,
                offsets,
            } => codes.len() + size_of_val(&scales[..]) + offsets.len(),
        }
    }

    /// Some of its outputs, with the values that they have here.
    ///
    /// # Panics
    /// If there is no such output.
    pub fn outputs(&self, outputs: &[usize]) -> Self {
        fn rows<T: Copy>(values: &[T], width: usize, rows: &[usize]) -> Vec<T> {
            let row = |&row: &usize| &values[row * width..][..width];
            rows.iter().flat_map(row).copied().collect()
        }
        let codes = match &self.codes {
            Codes::Int8 { codes, scales } => Codes::Int8 {
                codes: rows(codes, self.inputs, outputs),
                scales: rows(scales, 1, outputs),
            },
            Codes::Nf4 {
                codes,
                scales,
                offsets,
            } => Codes::Nf4 {
                codes: rows(codes, self.inputs.div_ceil(2), outputs),
                scales: rows(scales, scales_of_row(self.inputs), outputs),
                offsets: rows(offsets, 1, outputs),
            },
        };
        Self {
            outputs: outputs.len(),
            inputs: self.inputs,
            codes,
        }
    }

    /// The values that it stands for, `[outputs, inputs]`.
    pub fn values(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.outputs * self.inputs];
        for (output, row) in values.chunks_exact_mut(self.inputs).enumerate() {
            self.read(output, 0, row);
        }
        values
    }

    /// The weights of one output, from input `first` on.
    #[inline(always)]
    pub(crate) fn read(&self, output: usize, first: usize, to: &mut [f32]) {
        match &self.codes {
            Codes::Int8 { codes, scales } => {
                let scale = scales[output];
                let codes = &codes[output * self.inputs + first..][..to.len()];
                for (value, &code) in to.iter_mut().zip(codes) {
                    *value = f32::from(code) * scale;
                }
            }
            Codes::Nf4 {
                codes,
                scales,
                offsets,
            } => {
                let codes = &codes[output * self.inputs.div_ceil(2)..];
                let scales = &scales[output * scales_of_row(self.inputs)..];
                let offset = usize::from(offsets[output]);
                let end = first + to.len();
                let mut at = first;
                while at < end {
                    let block = (offset + at) / BLOCK;
                    let behind = ((block + 1) * BLOCK - offset).min(end);
                    unpack(
                        codes,
                        at,
                        scales[block],
                        &mut to[at - first..behind - first],
                    );
                    at = behind;
                }
            }
        }
    }
}

/// How many blocks a row can meet, wherever in one it begins.
fn scales_of_row(inputs: usize) -> usize {
    (inputs + BLOCK - 1).div_ceil(BLOCK)
}

/// The codes from `first` on, by one scale.
#[inline(always)]
fn unpack(codes: &[u8], first: usize, scale: f32, to: &mut [f32]) {
    let (odd, to) = to.split_at_mut((first % 2).min(to.len()));
    if let [value] = odd {
        *value = NF4[usize::from(codes[first / 2] & 15)] * scale;
    }
    let codes = &codes[first.div_ceil(2)..];
    let (pairs, rest) = to.as_chunks_mut::<2>();
    for (pair, &code) in pairs.iter_mut().zip(codes) {
        let [high, low] = PAIRS[usize::from(code)];
        *pair = [high * scale, low * scale];
    }
    if let [value] = rest {
        *value = NF4[usize::from(codes[pairs.len()] >> 4)] * scale;
    }
}

/// What the two codes of a byte stand for.
static PAIRS: [[f32; 2]; 256] = {
    let mut pairs = [[0.0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [NF4[byte >> 4], NF4[byte & 15]];
        byte += 1;
    }
    pairs
};

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most: f32, x| most.max(x.abs()))
}

fn int8(weight: &[f32], inputs: usize) -> Codes {
    let mut codes = Vec::with_capacity(weight.len());
    let mut scales = Vec::with_capacity(weight.len() / inputs);
    for row in weight.chunks_exact(inputs) {
        let most = largest(row);
        let factor = if most > 0.0 { 127.0 / most } else { 0.0 };
        codes.extend(row.iter().map(|x| (x * factor).round_ties_even() as i8));
        scales.push(most / 127.0);
    }
    Codes::Int8 { codes, scales }
}

fn nf4(weight: &[f32], inputs: usize) -> Codes {
    let bounds: [f32; 15] = std::array::from_fn(|i| f32::midpoint(NF4[i], NF4[i + 1]));
    let nearest = |x: f32| bounds.iter().filter(|&&bound| bound < x).count() as u8;
    let blocks: Vec<f32> = weight.chunks(BLOCK).map(largest).collect();
    let row_bytes = inputs.div_ceil(2);
    let outputs = weight.len() / inputs;
    let mut codes = vec![0u8; outputs * row_bytes];
    for (i, &x) in weight.iter().enumerate() {
        let scaled = x * (1.0 / blocks[i / BLOCK].max(1e-38));
        let (row, column) = (i / inputs, i % inputs);
        let high = if column % 2 == 0 { 4 } else { 0 };
        codes[row * row_bytes + column / 2] |= nearest(scaled.clamp(-1.0, 1.0)) << high;
    }
    let blocks = rounded_scales(&blocks);
    let mut scales = Vec::with_capacity(outputs * scales_of_row(inputs));
    let mut offsets = Vec::with_capacity(outputs);
    for row in 0..outputs {
        let first = row * inputs;
        offsets.push((first % BLOCK) as u8);
        scales.extend(
            (first / BLOCK..first / BLOCK + scales_of_row(inputs))
                .map(|block| blocks.get(block).copied().unwrap_or(0.0)),
        );
    }
    Codes::Nf4 {
        codes,
        scales,
        offsets,
    }
}

/// Scales as they are after their own rounding: without their mean, in blocks of 256, to the map below.
fn rounded_scales(scales: &[f32]) -> Vec<f32> {
    let sum: f64 = scales.iter().map(|&x| f64::from(x)).sum();
    let mean = (sum / scales.len().max(1) as f64) as f32;
    let map = &*DYNAMIC_MAP;
    let mut rounded = Vec::with_capacity(scales.len());
    for block in scales.chunks(SCALES) {
        let centred: Vec<f32> = block.iter().map(|x| x - mean).collect();
        let most = largest(&centred);
        let factor = 1.0 / most.max(1e-38);
        for x in centred {
            let x = (x * factor).clamp(-1.0, 1.0);
            let above = map
                .windows(2)
                .filter(|pair| f32::midpoint(pair[0], pair[1]) < x);
            rounded.push(map[above.count()] * most + mean);
        }
    }
    rounded
}

/// The signed "dynamic" map of eight bits (Dettmers 2016, 8-bit approximations): for each power of ten from -6 to 0 twice as
/// many values as for the one below, evenly between a tenth of it and itself, with both signs; and 0 and 1.
static DYNAMIC_MAP: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let mut map = vec![0.0, 1.0];
    for power in 0..7 {
        let steps = 1 << power;
        let bound = |i: i32| 0.1 + 0.9 * f64::from(i) / f64::from(steps);
        for i in 0..steps {
            let value = (10f64.powi(power - 6) * f64::midpoint(bound(i), bound(i + 1))) as f32;
            map.extend([value, -value]);
        }
    }
    map.sort_by(f32::total_cmp);
    map
});

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(n: usize) -> Vec<f32> {
        let at = |i: usize| (i as f32 * 0.7).sin() * (1.0 + (i / BLOCK % 5) as f32);
        (0..n).map(at).collect()
    }

    #[test]
    fn the_map_has_256_values() {
        assert_eq!(DYNAMIC_MAP.len(), 256);
        assert!(DYNAMIC_MAP.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn values_are_near_and_parts_are_the_wholes() {
        for (kind, near) in [(Quantization::Int8, 1.0 / 254.0), (Quantization::Nf4, 0.16)] {
            // Blocks within rows, over rows, and rows of an odd width.
            for inputs in [128, 96, 33, 1] {
                let weight = weights(inputs * 7);
                let matrix = QuantizedMatrix::new(kind, &weight, inputs);
                let values = matrix.values();
                for (i, (a, b)) in values.iter().zip(&weight).enumerate() {
                    // The scale of a block is not beyond 5.
                    assert!(
                        (a - b).abs() <= near * 5.1,
                        "{kind:?} {inputs} {i}: {a}, {b}"
                    );
                }
                let some = matrix.outputs(&[5, 2]);
                let expected = [5, 2].map(|row| &values[row * inputs..][..inputs]).concat();
                assert_eq!(some.values(), expected);
                for first in 0..inputs.min(5) {
                    let mut row = vec![0.0; inputs - first];
                    some.read(1, first, &mut row);
                    assert_eq!(row, expected[inputs + first..]);
                }
            }
        }
    }

    #[test]
    fn zeros_stay_zero() {
        for kind in [Quantization::Int8, Quantization::Nf4] {
            let matrix = QuantizedMatrix::new(kind, &[0.0; 128], 64);
            assert_eq!(matrix.values(), [0.0; 128]);
        }
    }

    #[test]
    fn four_bits_take_an_eighth_and_their_scales() {
        let weight = weights(768 * 256);
        let bits = |kind| {
            let bytes = QuantizedMatrix::new(kind, &weight, 768).bytes();
            8.0 * bytes as f64 / weight.len() as f64
        };
        assert!(bits(Quantization::Int8) < 8.1);
        assert!(bits(Quantization::Nf4) < 4.6);
    }
}
