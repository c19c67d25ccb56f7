//! The IUPAC nucleotide alphabet: which letters there are, and the other strand, in blocks. Single complements are `artifact`'s.

use lingo_artifact::bases::complement;

/// Every byte to its base, upper case and U as T; 0 for what is no IUPAC nucleotide code.
const NORMAL: [u8; 256] = {
    let mut table = [0u8; 256];
    let letters = b"ACGTRYSWKMBDHVN";
    let mut i = 0;
    while i < letters.len() {
        table[letters[i] as usize] = letters[i];
        table[letters[i].to_ascii_lowercase() as usize] = letters[i];
        i += 1;
    }
    table[b'U' as usize] = b'T';
    table[b'u' as usize] = b'T';
    table
};

/// The upper-case base of a letter (U is T), nothing for what is no IUPAC nucleotide code.
pub fn normal(byte: u8) -> Option<u8> {
    match NORMAL[byte as usize] {
        0 => None,
        base => Some(base),
    }
}

/// Bases that are looked at together: their comparisons become vector instructions.
const BLOCK: usize = 32;

/// Has a function compiled for the vectors of AVX2 too, which are twice as wide and turn bytes around in one step, and takes the one for
/// this processor.
macro_rules! widest {
    ($(#[$doc:meta])* $visible:vis fn $name:ident / $wide:ident / $inner:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?) => {
        $(#[$doc])*
        $visible fn $name($($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, which is all that the function asks for.
                return unsafe { $wide($($arg),*) };
            }
            $inner($($arg),*)
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn $wide($($arg: $type),*) $(-> $out)? {
            $inner($($arg),*)
        }
    };
}

widest! {
    /// Normalises all of `bases` in place.
    ///
    /// # Errors
    /// The position of the first byte that is no IUPAC nucleotide code.
    pub(crate) fn normalise / normalise_avx2 / normalise_blocks(bases: &mut [u8]) -> Result<(), usize>
}

#[inline(always)]
fn normalise_blocks(bases: &mut [u8]) -> Result<(), usize> {
    let (blocks, rest) = bases.as_chunks_mut::<BLOCK>();
    let in_blocks = blocks.len() * BLOCK;
    for (i, block) in blocks.iter_mut().enumerate() {
        // Nearly every block holds nothing but A, C, G, T and N.
        let mut plain = true;
        for byte in block.iter() {
            let upper = byte & 0xdf;
            plain &= (upper == b'A')
                | (upper == b'C')
                | (upper == b'G')
                | (upper == b'T')
                | (upper == b'N');
        }
        if plain {
            block.iter_mut().for_each(|byte| *byte &= 0xdf);
        } else {
            normalise_each(block).map_err(|at| i * BLOCK + at)?;
        }
    }
    normalise_each(rest).map_err(|at| in_blocks + at)
}

fn normalise_each(bases: &mut [u8]) -> Result<(), usize> {
    for (i, byte) in bases.iter_mut().enumerate() {
        let base = NORMAL[*byte as usize];
        if base == 0 {
            return Err(i);
        }
        *byte = base;
    }
    Ok(())
}

/// The position of the first byte that is no IUPAC nucleotide code.
pub(crate) fn first_foreign(bases: &[u8]) -> Option<usize> {
    bases.iter().position(|b| NORMAL[*b as usize] == 0)
}

/// The other strand, read in its own direction, of upper-case bases.
///
/// ```
/// assert_eq!(lingo_ingest::iupac::reverse_complement(b"AACRN"), b"NYGTT");
/// ```
pub fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    let mut other = Vec::new();
    append_reverse_complement(bases, &mut other);
    other
}

/// Appends the other strand of upper-case bases.
pub(crate) fn append_reverse_complement(bases: &[u8], to: &mut Vec<u8>) {
    let before = to.len();
    to.resize(before + bases.len(), 0);
    complement_backwards(bases, &mut to[before..]);
}

widest! {
    fn complement_backwards / complement_backwards_avx2 / complement_blocks_backwards(bases: &[u8], to: &mut [u8])
}

/// `to` is as long as `bases`.
#[inline(always)]
fn complement_blocks_backwards(bases: &[u8], to: &mut [u8]) {
    let (rest, blocks) = bases.as_rchunks::<BLOCK>();
    let (out, out_rest) = to.as_chunks_mut::<BLOCK>();
    for (block, out) in blocks.iter().rev().zip(out) {
        let mask = |holds: bool| u8::from(holds).wrapping_neg();
        let mut plain = true;
        for (b, other) in block.iter().rev().zip(out.iter_mut()) {
            *other = (mask(*b == b'A') & b'T')
                | (mask(*b == b'T') & b'A')
                | (mask(*b == b'C') & b'G')
                | (mask(*b == b'G') & b'C')
                | (mask(*b == b'N') & b'N');
            plain &= *other != 0;
        }
        if !plain {
            complement_each_backwards(block, out);
        }
    }
    complement_each_backwards(rest, out_rest);
}

fn complement_each_backwards(bases: &[u8], to: &mut [u8]) {
    for (base, other) in bases.iter().rev().zip(to) {
        *other = complement(*base);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Which of A, C, G, T each code stands for: the definition that the complement table must follow.
    const MEANING: [(u8, &[u8]); 15] = [
        (b'A', b"A"),
        (b'C', b"C"),
        (b'G', b"G"),
        (b'T', b"T"),
        (b'R', b"AG"),
        (b'Y', b"CT"),
        (b'S', b"CG"),
        (b'W', b"AT"),
        (b'K', b"GT"),
        (b'M', b"AC"),
        (b'B', b"CGT"),
        (b'D', b"AGT"),
        (b'H', b"ACT"),
        (b'V', b"ACG"),
        (b'N', b"ACGT"),
    ];

    #[test]
    fn a_complement_stands_for_the_complementary_bases() {
        for (code, bases) in MEANING {
            let mut expected: Vec<u8> = bases
                .iter()
                .map(|b| match b {
                    b'A' => b'T',
                    b'C' => b'G',
                    b'G' => b'C',
                    _ => b'A',
                })
                .collect();
            expected.sort_unstable();
            let complement = reverse_complement(&[code])[0];
            let found = MEANING.iter().find(|(c, _)| *c == complement).unwrap().1;
            assert_eq!(found, expected, "{}", code as char);
        }
    }

    #[test]
    fn exactly_the_codes_are_letters() {
        let letters: Vec<u8> = (0..=255).filter(|b| normal(*b).is_some()).collect();
        assert_eq!(letters, b"ABCDGHKMNRSTUVWYabcdghkmnrstuvwy");
        assert_eq!(normal(b'u'), Some(b'T'));
        assert_eq!(first_foreign(b"ACGTX"), Some(4));
    }

    proptest! {
        #[test]
        fn blocks_are_read_as_single_bases_are(bases in "[ACGTacgtNnURYkm]{0,200}", foreign in 0..400usize, byte: u8) {
            let mut bases = bases.into_bytes();
            if let Some(place) = bases.get_mut(foreign) {
                *place = byte;
            }
            let (mut blocks, mut each) = (bases.clone(), bases.clone());
            let mut narrow = bases.clone();
            prop_assert_eq!(normalise(&mut blocks), normalise_each(&mut each));
            prop_assert_eq!(normalise_blocks(&mut narrow).is_ok(), first_foreign(&bases).is_none());
            if first_foreign(&bases).is_none() {
                prop_assert_eq!(&blocks, &each);
                let one_by_one: Vec<u8> = each.iter().rev().map(|b| complement(*b)).collect();
                prop_assert_eq!(&narrow, &each);
                prop_assert_eq!(reverse_complement(&each), &one_by_one[..]);
                complement_blocks_backwards(&each, &mut narrow);
                prop_assert_eq!(narrow, one_by_one);
            }
        }

        #[test]
        fn reverse_complement_is_an_involution(bases in "[ACGTRYSWKMBDHVN]{0,200}") {
            prop_assert_eq!(reverse_complement(&reverse_complement(bases.as_bytes())), bases.into_bytes());
        }
    }
}
