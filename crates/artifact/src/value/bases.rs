//! Bases as bytes.

/// The other strand, read in its own direction; upper case, U as T; what is no base is N.
pub fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    let complement = |base: &u8| match base.to_ascii_uppercase() {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        b'T' | b'U' => b'A',
        _ => b'N',
    };
    bases.iter().rev().map(complement).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_strand_is_read_backwards() {
        assert_eq!(reverse_complement(b"AAcgTuR"), b"NAACGTT");
        assert_eq!(reverse_complement(b""), b"");
    }
}
