//! Dropout as bits, one for each value that is kept or not.

use rayon::prelude::*;

use crate::simd::dispatch::{Work, call, on_level};
use crate::simd::level::Level;
use crate::simd::vector::{Kernel, Simd};

/// Which of a tensor's values are kept, and what they are multiplied by.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Bit `i % 8` of byte `i / 8` is value `i`. Four bytes more than needed, so that any place
    /// can be read as a word.
    bytes: Vec<u8>,
    /// `1 / (1 - p)`.
    scale: f32,
}

/// Values that one hash decides: 16 bits each.
const PER_HASH: usize = 4;

impl Kept {
    /// `n` decisions from the hashes of `key` from the `first` on: a value is dropped where its 16
    /// bits are below `drop_below`.
    pub fn draw(n: usize, key: u64, first: u64, drop_below: u16, scale: f32) -> Self {
        let mut bytes = vec![0u8; n.div_ceil(8) + 4];
        bytes[..n.div_ceil(8)]
            .par_chunks_mut(PIECE)
            .enumerate()
            .for_each(|(piece, bytes)| {
                let first = first.wrapping_add((piece * PIECE * 2) as u64);
                on_level(
                    Level::detect(),
                    Draw {
                        bytes,
                        key,
                        first,
                        drop_below,
                    },
                );
            });
        Self { bytes, scale }
    }

    /// Decisions one by one.
    pub fn of(decisions: impl ExactSizeIterator<Item = bool>, scale: f32) -> Self {
        let mut bytes = vec![0u8; decisions.len().div_ceil(8) + 4];
        for (i, kept) in decisions.enumerate() {
            bytes[i / 8] |= u8::from(kept) << (i % 8);
        }
        Self { bytes, scale }
    }

    /// The hashes that `n` decisions take.
    pub fn hashes(n: usize) -> u64 {
        n.div_ceil(PER_HASH) as u64
    }

    /// The first `n` decisions as factors: zero, or the scale.
    pub fn mask(&self, n: usize) -> Vec<f32> {
        let mut mask = vec![0.0f32; n];
        mask.par_chunks_mut(8 * PIECE)
            .zip(self.bytes.par_chunks(PIECE))
            .for_each(|(values, bytes)| {
                for (eight, byte) in values.chunks_mut(8).zip(bytes) {
                    for (i, value) in eight.iter_mut().enumerate() {
                        *value = if byte >> i & 1 == 1 { self.scale } else { 0.0 };
                    }
                }
            });
        mask
    }

    /// The first `n` decisions, 32 a word, the first in the lowest bit: what a device with memory of its own is sent,
    /// a thirty-second of the factors.
    pub fn words(&self, n: usize) -> Vec<i32> {
        self.bytes[..4 * n.div_ceil(32)]
            .chunks_exact(4)
            .map(|bytes| i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect()
    }

    /// What kept values are multiplied by.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Whether there are decisions for `n` values.
    pub(crate) fn covers(&self, n: usize) -> bool {
        self.bytes.len() >= n.div_ceil(8) + 4
    }

    /// Whether value `i` is kept.
    pub fn keeps(&self, i: usize) -> bool {
        self.bytes[i / 8] >> (i % 8) & 1 == 1
    }

    /// At least 24 decisions from value `i` on, the first in the lowest bit.
    ///
    /// # Safety
    /// Value `i` is one of those drawn.
    #[inline(always)]
    pub(crate) unsafe fn word(&self, i: usize) -> u32 {
        unsafe {
            let at = self.bytes.as_ptr().add(i / 8).cast::<u32>();
            u32::from_le(at.read_unaligned()) >> (i % 8)
        }
    }
}

/// Bytes of one task.
const PIECE: usize = 1 << 14;

/// Draws a piece of the decisions.
struct Draw<'a> {
    bytes: &'a mut [u8],
    key: u64,
    first: u64,
    drop_below: u16,
}

impl Work for Draw<'_> {
    type Out = ();

    fn run<S: Simd>(self) {
        call::<S, _>(self);
    }
}

impl Kernel for Draw<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // Hashes first, then bits: two loops that a compiler can vectorise.
        const BYTES: usize = 32;
        let mut counter = self.first;
        for bytes in self.bytes.chunks_mut(BYTES) {
            let mut hashes = [0u64; 2 * BYTES];
            for (i, hash) in hashes.iter_mut().enumerate() {
                *hash = mix(self.key, counter.wrapping_add(i as u64));
            }
            counter = counter.wrapping_add(hashes.len() as u64);
            for (byte, pair) in bytes.iter_mut().zip(hashes.chunks_exact(2)) {
                *byte = four(pair[0], self.drop_below) | four(pair[1], self.drop_below) << 4;
            }
        }
    }
}

/// Four decisions of one hash, in the low bits.
#[inline(always)]
fn four(bits: u64, drop_below: u16) -> u8 {
    let mut kept = 0;
    for i in 0..PER_HASH {
        kept |= u8::from((bits >> (16 * i)) as u16 >= drop_below) << i;
    }
    kept
}

/// splitmix64 (Steele, Lea and Flood 2014) at one place of its sequence.
#[inline(always)]
fn mix(key: u64, counter: u64) -> u64 {
    let mut z = key.wrapping_add(counter.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_single_decisions() {
        let kept = Kept::draw(1003, 7, 11, 20_000, 1.4);
        for i in 0..1003 - 16 {
            let word = unsafe { kept.word(i) };
            for j in 0..16 {
                assert_eq!(word >> j & 1 == 1, kept.keeps(i + j), "{i} + {j}");
            }
        }
        let mask = kept.mask(1003);
        assert!((0..1003).all(|i| mask[i] == if kept.keeps(i) { 1.4 } else { 0.0 }));
        for n in [1, 31, 32, 33, 1003] {
            let words = kept.words(n);
            assert_eq!(words.len(), n.div_ceil(32));
            assert!((0..n).all(|i| (words[i / 32] >> (i % 32) & 1 == 1) == kept.keeps(i)));
        }
        let share = (0..1003).filter(|&i| kept.keeps(i)).count() as f64 / 1003.0;
        assert!(
            (share - (1.0 - 20_000.0 / 65_536.0)).abs() < 0.06,
            "{share}"
        );
        let zero = u8::from(mix(7, 11) as u16 >= 20_000);
        assert_eq!(u8::from(kept.keeps(0)), zero);
    }
}
