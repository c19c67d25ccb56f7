//! Bases as bytes.

/// The other strand, read in its own direction; upper case, U as T; ambiguous bases (IUPAC) as the ambiguous bases opposite, anything else N.
pub fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    let complement = |base: &u8| match base.to_ascii_uppercase() {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        b'T' | b'U' => b'A',
        b'R' => b'Y',
        b'Y' => b'R',
        b'K' => b'M',
        b'M' => b'K',
        b'B' => b'V',
        b'V' => b'B',
        b'D' => b'H',
        b'H' => b'D',
        same @ (b'S' | b'W') => same,
        _ => b'N',
    };
    bases.iter().rev().map(complement).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_strand_is_read_backwards() {
        assert_eq!(reverse_complement(b"AAcgTuR"), b"YAACGTT");
        // Biopython: Seq("ACGTRYSWKMBDHVN").reverse_complement().
        assert_eq!(reverse_complement(b"ACGTRYSWKMBDHVN"), b"NBDHVKMWSRYACGT");
        assert_eq!(reverse_complement(b""), b"");
    }
}
