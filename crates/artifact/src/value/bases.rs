//! Bases as bytes: the complements of the IUPAC nucleotide codes (Cornish-Bowden 1985).

/// Every code, in either case, to the upper-case code of the complementary bases; U is T, and what is no code is N.
const COMPLEMENT: [u8; 256] = {
    let mut table = [b'N'; 256];
    let from = b"ACGTURYSWKMBDHVN";
    let to = b"TGCAAYRSWMKVHDBN";
    let mut i = 0;
    while i < from.len() {
        table[from[i] as usize] = to[i];
        table[from[i].to_ascii_lowercase() as usize] = to[i];
        i += 1;
    }
    table
};

/// The upper-case code of the complementary bases; N for what is no code.
pub fn complement(base: u8) -> u8 {
    COMPLEMENT[base as usize]
}

/// The other strand, read in its own direction; upper case, U as T; what is no code is N.
pub fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    bases.iter().rev().map(|base| complement(*base)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_strand_is_read_backwards() {
        assert_eq!(reverse_complement(b"AAcgTuR-"), b"NYAACGTT");
        assert_eq!(reverse_complement(b""), b"");
    }
}
