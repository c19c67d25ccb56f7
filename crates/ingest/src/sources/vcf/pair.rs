//! A variant in its genome: the window that holds it, and whether REF is what stands there.

use lingo_artifact::Strand;
use lingo_artifact::sequence_source::SequenceSource as _;

use crate::error::Result;
use crate::formats::vcf::Variant;
use crate::genome::reader::Genome;
use crate::rows::row::Window;

/// What becomes of a variant in a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Placed {
    /// The window of the genome, and how many of its bases lie before the variant.
    In(Window, u32),
    /// The window would leave the chromosome.
    Outside,
    /// An allele reaches beyond the window.
    TooLong,
    /// The genome has this where REF should be.
    Mismatch(String),
}

/// Places a variant: floor((width - 1) / 2) bases, REF or ALT, and the bases behind REF, `width` in all.
///
/// For single bases and an even width this is the window of Basenji (`snps_seq1`), the variant at the place width / 2 - 1.
///
/// # Errors
/// A REF that reaches beyond its chromosome, an unknown chromosome: the problem, without file and line. What reading the genome says.
pub(crate) fn place(
    genome: &Genome,
    variant: &Variant,
    width: u64,
) -> Result<std::result::Result<Placed, String>> {
    let chrom = variant.chrom.as_str();
    let Some(sequence) = genome.index(chrom) else {
        return Ok(Err(genome.unknown(chrom)));
    };
    let length = genome.sequences()[sequence].1;
    // Position 0 is the telomere: no base stands there.
    let Some(position) = variant.position else {
        return Ok(Ok(Placed::Outside));
    };
    let (before, after) = (
        variant.reference.len() as u64,
        variant.alternate.len() as u64,
    );
    if position > length
        || position == length && before > 1
        || position < length && before > length - position
    {
        return Ok(Err(format!(
            "REF ({} from position {}) lies beyond the {length} bases of `{chrom}`; are these variants of another assembly?",
            bases(before),
            position.saturating_add(1)
        )));
    }
    // Behind the last base lies the other telomere.
    if position == length {
        return Ok(Ok(Placed::Outside));
    }
    let found = genome.bases(chrom, position, position + before)?;
    if !found
        .iter()
        .zip(variant.reference.bytes())
        .all(|(genome, reference)| stands_for(*genome) == reference)
    {
        return Ok(Ok(Placed::Mismatch(
            String::from_utf8_lossy(&found).into_owned(),
        )));
    }
    let left = (width - 1) / 2;
    let right = width - left;
    if before.max(after) > right {
        return Ok(Ok(Placed::TooLong));
    }
    let Some(start) = position.checked_sub(left) else {
        return Ok(Ok(Placed::Outside));
    };
    let drawn_in = before.saturating_sub(after);
    if start + width + drawn_in > length {
        return Ok(Ok(Placed::Outside));
    }
    let window = Window {
        sequence: sequence as u32,
        strand: Strand::Forward,
        start,
        end: start + width,
    };
    Ok(Ok(Placed::In(window, left as u32)))
}

/// VCF writes an ambiguous base of the genome as the first of those it stands for (VCF 4.3, 1.6.1.4).
fn stands_for(base: u8) -> u8 {
    match base {
        b'R' | b'W' | b'M' | b'D' | b'H' | b'V' => b'A',
        b'Y' | b'S' | b'B' => b'C',
        b'K' => b'G',
        other => other,
    }
}

fn bases(n: u64) -> String {
    format!("{n} base{}", if n == 1 { "" } else { "s" })
}
