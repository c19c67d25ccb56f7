//! A score for every sequence of a few bases: how well a factor binds it, wherever its site lies and on either strand.

use std::io::{self, Write};

use lingo_artifact::random::Stream;

use crate::iupac::reverse_complement;
use crate::synthetic::background::BASES;

/// Bases of a sequence.
const LENGTH: usize = 6;

/// Bases of a site.
const SITE: usize = 4;

/// All sequences in the order of the alphabet, with their scores: the logarithm of the sum, over all places of a site on
/// both strands, of the exponential of its weight, which is the sum of normal draws, one for each place and base of it.
pub(super) fn write(seed: u64, writer: &mut impl Write) -> io::Result<()> {
    let mut stream = Stream::new(seed, "weights of the landscape");
    let weights: Vec<[f64; 4]> = (0..SITE)
        .map(|_| std::array::from_fn(|_| stream.normal()))
        .collect();
    let weight = |site: &[u8]| -> f64 {
        let places = weights.iter().zip(site);
        let of = |(place, base): (&[f64; 4], &u8)| {
            let number = BASES.iter().position(|b| b == base);
            number.map_or(0.0, |number| place[number])
        };
        places.map(of).sum()
    };
    let sum = |bases: &[u8]| -> f64 { bases.windows(SITE).map(|site| weight(site).exp()).sum() };
    writeln!(writer, "sequence\tscore")?;
    for code in 0..1usize << (2 * LENGTH) {
        let base = |place: usize| BASES[code >> (2 * (LENGTH - 1 - place)) & 3];
        let bases: Vec<u8> = (0..LENGTH).map(base).collect();
        let bound = sum(&bases) + sum(&reverse_complement(&bases));
        writer.write_all(&bases)?;
        writeln!(writer, "\t{:.4}", bound.ln())?;
    }
    Ok(())
}
