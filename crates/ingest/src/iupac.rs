//! The IUPAC nucleotide alphabet (Cornish-Bowden 1985): which letters there are, and their complements.

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

/// Every upper-case code to the code of the complementary bases.
const COMPLEMENT: [u8; 256] = {
    let mut table = [b'N'; 256];
    let from = b"ACGTRYSWKMBDHVN";
    let to = b"TGCAYRSWMKVHDBN";
    let mut i = 0;
    while i < from.len() {
        table[from[i] as usize] = to[i];
        i += 1;
    }
    table
};

/// The upper-case base of a letter (U is T), nothing for what is no IUPAC nucleotide code.
pub fn normal(byte: u8) -> Option<u8> {
    match NORMAL[byte as usize] {
        0 => None,
        base => Some(base),
    }
}

/// Normalises all of `bases` in place.
///
/// # Errors
/// The position of the first byte that is no IUPAC nucleotide code.
pub(crate) fn normalise(bases: &mut [u8]) -> Result<(), usize> {
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
    bases
        .iter()
        .rev()
        .map(|b| COMPLEMENT[*b as usize])
        .collect()
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
        fn reverse_complement_is_an_involution(bases in "[ACGTRYSWKMBDHVN]{0,200}") {
            prop_assert_eq!(reverse_complement(&reverse_complement(bases.as_bytes())), bases.into_bytes());
        }
    }
}
