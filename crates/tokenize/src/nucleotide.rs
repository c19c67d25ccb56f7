//! The four bases and N.

use std::borrow::Cow;

pub use lingo_artifact::bases::reverse_complement;

/// The bases in the order in which k-mers are counted: A < C < G < T.
pub const BASES: [u8; 4] = *b"ACGT";

/// 0..4 for A, C, G, T in either case (U is T); `None` for everything else.
#[inline]
pub fn base_index(letter: u8) -> Option<u32> {
    match letter {
        b'A' | b'a' => Some(0),
        b'C' | b'c' => Some(1),
        b'G' | b'g' => Some(2),
        b'T' | b't' | b'U' | b'u' => Some(3),
        _ => None,
    }
}

/// Whether a letter is one of A, C, G, T, U, in either case.
#[inline]
pub fn is_base(letter: u8) -> bool {
    matches!(letter & !0x20, b'A' | b'C' | b'G' | b'T' | b'U')
}

/// Upper case, U as T; what is none of A, C, G, T becomes N.
pub fn normalized(sequence: &[u8]) -> Vec<u8> {
    let letter = |b: &u8| base_index(*b).map_or(b'N', |i| BASES[i as usize]);
    sequence.iter().map(letter).collect()
}

/// The letters of a text as bytes: one for each, also where UTF-8 has several.
pub fn letters(text: &str) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        Cow::Borrowed(text.as_bytes())
    } else {
        let letter = |c: char| u8::try_from(c).ok().filter(u8::is_ascii).unwrap_or(b'N');
        Cow::Owned(text.chars().map(letter).collect())
    }
}

/// The longest runs of A, C, G, T in a normalized sequence, and single Ns between them.
pub fn runs(sequence: &[u8]) -> impl Iterator<Item = &[u8]> {
    sequence.chunk_by(|a, b| *a != b'N' && *b != b'N')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_letters_become_n() {
        fn t(from: &str, to: &str) {
            assert_eq!(normalized(&letters(from)), to.as_bytes());
        }
        t("acgtu", "ACGTT");
        t("ACGTU", "ACGTT");
        t("nRyé-", "NNNNN");
        t("", "");
    }

    #[test]
    fn the_other_strand() {
        assert_eq!(reverse_complement(b"AaCGTuNR"), b"YNAACGTT");
    }

    #[test]
    fn a_base_has_an_index() {
        for letter in 0..=255 {
            assert_eq!(is_base(letter), base_index(letter).is_some(), "{letter}");
        }
    }

    #[test]
    fn runs_stop_at_every_n() {
        let found: Vec<&[u8]> = runs(b"ACNNGT").collect();
        assert_eq!(found, [&b"AC"[..], b"N", b"N", b"GT"]);
        assert_eq!(runs(b"").count(), 0);
    }
}
