//! A run of A, C, G, T as 2-bit codes, 32 bases in a word.

use crate::nucleotide::is_base;

/// The code of a letter that [`is_base`] admits: A 0, C 1, T or U 2, G 3, in either case.
///
/// Bits 1 and 2 of the ASCII letters happen to tell the bases apart, so that eight letters are packed at once.
#[inline]
pub fn code(letter: u8) -> usize {
    usize::from(letter >> 1 & 3)
}

/// Bases in a word.
const PER_WORD: usize = 32;

/// A run of bases, packed; the storage is used again from run to run.
#[derive(Default)]
pub struct Packed {
    /// Base i is in bits 2 (i mod 32) of word i / 32; one word of padding follows.
    words: Vec<u64>,
    len: usize,
}

impl Packed {
    /// Packs the longest run of bases that `sequence` begins with, and returns its length.
    pub fn fill(&mut self, sequence: &[u8]) -> usize {
        self.words.clear();
        self.len = 0;
        let (chunks, rest) = sequence.as_chunks::<PER_WORD>();
        for chunk in chunks {
            // No branch for each letter, so that the compiler can compare many at once.
            if !chunk.iter().fold(true, |all, b| all & is_base(*b)) {
                return self.finish(chunk);
            }
            let (eights, _) = chunk.as_chunks::<8>();
            let mut word = 0;
            for (i, eight) in eights.iter().enumerate() {
                word |= packed_eight(*eight) << (16 * i);
            }
            self.words.push(word);
            self.len += PER_WORD;
        }
        self.finish(rest)
    }

    /// The last bases of a run, fewer than a word of them, and the padding.
    fn finish(&mut self, last: &[u8]) -> usize {
        let bases = last.iter().take_while(|b| is_base(**b));
        let mut word = 0;
        for (i, letter) in bases.enumerate() {
            word |= (code(*letter) as u64) << (2 * i);
            self.len += 1;
        }
        self.words.extend([word, 0]);
        self.len
    }

    /// Bases in the run.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The 32 bases from `start` on, the first in the lowest bits; zeros behind the end of the run.
    #[inline]
    pub fn window(&self, start: usize) -> u64 {
        let shift = 2 * (start % PER_WORD);
        let at = start / PER_WORD;
        let low = self.words[at] >> shift;
        // Shifted in two steps, because a shift by 64 at once would overflow.
        low | self.words[at + 1] << 1 << (63 - shift)
    }
}

/// Eight letters as 16 bits, the first in the lowest.
#[inline]
fn packed_eight(letters: [u8; 8]) -> u64 {
    let codes = u64::from_le_bytes(letters) >> 1 & 0x0303_0303_0303_0303;
    let pairs = (codes | codes >> 6) & 0x000f_000f_000f_000f;
    let fours = (pairs | pairs >> 12) & 0x0000_00ff_0000_00ff;
    (fours | fours >> 24) & 0xffff
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_that_of_the_base() {
        let codes: Vec<usize> = b"ACTGacuU".iter().map(|b| code(*b)).collect();
        assert_eq!(codes, [0, 1, 2, 3, 0, 1, 2, 2]);
    }

    proptest! {
        #[test]
        fn windows_hold_the_codes(run in "[ACGTUacgtu]{0,150}", rest in "(N[ACGTN]{0,40})?") {
            let mut packed = Packed::default();
            prop_assert_eq!(packed.fill(format!("{run}{rest}").as_bytes()), run.len());
            prop_assert_eq!(packed.len(), run.len());
            let codes: Vec<usize> = run.bytes().map(code).collect();
            for start in 0..run.len() {
                let window = packed.window(start);
                for i in 0..32 {
                    let expected = codes.get(start + i).copied().unwrap_or(0);
                    prop_assert_eq!((window >> (2 * i) & 3) as usize, expected, "{} + {}", start, i);
                }
            }
        }
    }
}
