//! A score for every sequence of a few bases: what a weight matrix says of the better of both strands.

use std::io::{self, Write};

use lingo_artifact::random::Stream;

use crate::iupac::reverse_complement;
use crate::synthetic::background::BASES;

/// Bases of a sequence.
pub(super) const LENGTH: usize = 6;

/// All sequences in the order of the alphabet, with their scores: sums of weights, one for each place and base, drawn
/// from a normal distribution.
pub(super) fn write(seed: u64, writer: &mut impl Write) -> io::Result<()> {
    let mut stream = Stream::new(seed, "weights of the landscape");
    let weights: Vec<[f64; 4]> = (0..LENGTH)
        .map(|_| std::array::from_fn(|_| stream.normal()))
        .collect();
    let score = |bases: &[u8]| -> f64 {
        let places = weights.iter().zip(bases);
        let of = |(place, base): (&[f64; 4], &u8)| {
            let number = BASES.iter().position(|b| b == base);
            number.map_or(0.0, |number| place[number])
        };
        places.map(of).sum()
    };
    writeln!(writer, "sequence\tscore")?;
    for code in 0..1usize << (2 * LENGTH) {
        let base = |place: usize| BASES[code >> (2 * (LENGTH - 1 - place)) & 3];
        let bases: Vec<u8> = (0..LENGTH).map(base).collect();
        let better = score(&bases).max(score(&reverse_complement(&bases)));
        writer.write_all(&bases)?;
        writeln!(writer, "\t{better:.4}")?;
    }
    Ok(())
}
