//! The indices of many windows at once: loops over bytes without branches, which the compiler turns into vectors.

/// Windows in a block.
pub const BLOCK: usize = 256;

/// The longest k-mer.
const MOST: usize = crate::scheme::MAX_K as usize;

/// How many letters the windows of one block cover.
const BASES: usize = BLOCK + MOST - 1;

/// Indices of the windows of `K` bases that begin at the first [`BLOCK`] letters, in the order A < C < G < T, and how
/// many there are: fewer where the letters end. 0 when one of the letters looked at is no base.
pub fn indices_of_block<const K: usize>(letters: &[u8], indices: &mut [u16; BLOCK]) -> usize {
    let mut padded = [b'A'; BASES];
    let (seen, windows) = match letters.first_chunk::<BASES>() {
        Some(seen) => (seen, BLOCK),
        None => {
            padded[..letters.len()].copy_from_slice(letters);
            let windows = (letters.len() + 1).saturating_sub(K);
            (&padded, windows.min(BLOCK))
        }
    };
    let mut ones = [0u8; BASES];
    let mut all_bases = true;
    for (code, letter) in ones.iter_mut().zip(seen) {
        // Bits 1 and 2 of the letters: A 0, C 1, T 2, G 3; the last two are swapped.
        let bits = letter >> 1 & 3;
        *code = bits ^ (bits >> 1);
        all_bases &= crate::nucleotide::is_base(*letter);
    }
    if !all_bases {
        return 0;
    }
    // Codes of two bases in a byte, then of four; K is put together from these.
    let twos = joined::<2, 1>(&ones);
    let fours = joined::<4, 2>(&twos);
    let at = |codes: &[u8; BASES], i: usize| u16::from(codes[i]);
    for (i, index) in indices.iter_mut().enumerate() {
        *index = match K {
            1 => at(&ones, i),
            2 => at(&twos, i),
            3 => at(&twos, i) << 2 | at(&ones, i + 2),
            4 => at(&fours, i),
            5 => at(&fours, i) << 2 | at(&ones, i + 4),
            6 => at(&fours, i) << 4 | at(&twos, i + 4),
            7 => at(&fours, i) << 6 | at(&twos, i + 4) << 2 | at(&ones, i + 6),
            _ => at(&fours, i) << 8 | at(&fours, i + 4),
        };
    }
    windows
}

/// The codes at i and i + `APART` as one.
fn joined<const BITS: usize, const APART: usize>(codes: &[u8; BASES]) -> [u8; BASES] {
    let mut both = [0; BASES];
    for i in 0..BASES - APART {
        both[i] = codes[i] << BITS | codes[i + APART];
    }
    both
}
