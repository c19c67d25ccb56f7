//! Bases as numbers: A 0, C 1, G 2, T 3; the complement of `b` is `3 - b`.

/// The letters of the numbers.
pub const LETTERS: [u8; 4] = *b"ACGT";

/// The number of a letter, in either case, U as T.
pub fn base(letter: u8) -> Option<u8> {
    match letter.to_ascii_uppercase() {
        b'A' => Some(0),
        b'C' => Some(1),
        b'G' => Some(2),
        b'T' | b'U' => Some(3),
        _ => None,
    }
}

/// The numbers of a text; the first letter that is no base.
///
/// # Errors
/// The letter.
pub fn bases(text: &str) -> Result<Vec<u8>, char> {
    let of = |letter: char| {
        let ascii = u8::try_from(letter).ok();
        ascii.and_then(base).ok_or(letter)
    };
    text.chars().map(of).collect()
}

/// The text of bases.
pub fn text(bases: &[u8]) -> String {
    let letter = |b: &u8| char::from(LETTERS[usize::from(*b & 3)]);
    bases.iter().map(letter).collect()
}

/// The other strand.
pub fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    bases.iter().rev().map(|b| 3 - b).collect()
}

/// The one of both strands that is first in the alphabet.
pub fn canonical(bases: &[u8]) -> Vec<u8> {
    let other = reverse_complement(bases);
    if other.as_slice() < bases {
        other
    } else {
        bases.to_vec()
    }
}

/// Bases as one number, the first base the highest.
pub fn code(bases: &[u8]) -> usize {
    bases.iter().fold(0, |code, b| 4 * code + usize::from(*b))
}

/// The bases of a number.
pub fn of_code(mut code: usize, length: usize) -> Vec<u8> {
    let mut bases = vec![0; length];
    for base in bases.iter_mut().rev() {
        *base = (code % 4) as u8;
        code /= 4;
    }
    bases
}

/// How many places differ; a difference in length counts as so many.
pub fn distance(a: &[u8], b: &[u8]) -> usize {
    let places = a.iter().zip(b).filter(|(a, b)| a != b).count();
    places + a.len().abs_diff(b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strands_and_codes() {
        let of = |text: &str| bases(text).unwrap();
        assert_eq!(text(&reverse_complement(&of("ACGGT"))), "ACCGT");
        assert_eq!(text(&canonical(&of("ttuC"))), "GAAA");
        assert_eq!(code(&of("ACGT")), 27);
        assert_eq!(text(&of_code(27, 4)), "ACGT");
        assert_eq!(bases("ACN"), Err('N'));
        assert_eq!(distance(&of("ACG"), &of("AGGT")), 2);
    }
}
