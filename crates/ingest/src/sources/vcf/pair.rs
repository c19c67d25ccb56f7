//! A variant in its genome: the window that holds it, and whether REF is what stands there.

use lingo_artifact::Strand;
use lingo_artifact::sequence_source::SequenceSource as _;

use crate::config::sources::{BeyondEnd, VcfSource};
use crate::error::Result;
use crate::extract::placed;
use crate::formats::vcf::Variant;
use crate::genome::reader::{Genome, Part};
use crate::rows::row::Padding;

/// What becomes of a variant in a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Placed {
    /// The window of the genome with what lies beyond it, and how many of its bases lie before the variant.
    In(Padding, u32),
    /// `contigs` leaves its chromosome out.
    Skipped,
    /// The window would leave the chromosome.
    Outside,
    /// An allele reaches beyond the window.
    TooLong,
    /// The window shows no difference: it ends within the repeat that is longer or shorter.
    Unseen,
    /// The genome has this where REF should be.
    Mismatch(String),
}

/// Places a variant: floor((width - 1) / 2) bases, REF or ALT, and the bases behind REF, `width` in all. Where that is asked for, the
/// variant is first moved to where it is normal.
///
/// For single bases and an even width this is the window of Basenji (`snps_seq1`), the variant at the place width / 2 - 1.
///
/// # Errors
/// A REF that reaches beyond its chromosome, an unknown chromosome: the problem, without file and line. What reading the genome says.
pub(crate) fn place(
    genome: &Genome,
    of: Part,
    variant: &mut Variant,
    source: &VcfSource,
) -> Result<std::result::Result<Placed, String>> {
    let width = u64::from(source.width.get());
    let chrom = variant.chrom.as_str();
    let sequence = match genome.contig(of, chrom) {
        Ok(Some(sequence)) => sequence,
        Ok(None) => return Ok(Ok(Placed::Skipped)),
        Err(problem) => return Ok(Err(problem)),
    };
    let (name, length) = &genome.sequences()[sequence];
    let length = *length;
    // Position 0 is the telomere: no base stands there.
    let Some(position) = variant.position else {
        return Ok(Ok(Placed::Outside));
    };
    let before = variant.reference.len() as u64;
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
    let found = genome.bases(name, position, position + before)?;
    if !found
        .iter()
        .zip(variant.reference.bytes())
        .all(|(genome, reference)| stands_for(*genome) == reference)
    {
        return Ok(Ok(Placed::Mismatch(
            String::from_utf8_lossy(&found).into_owned(),
        )));
    }
    let mut position = position;
    if source.normalise {
        position = normalise(genome, name, position, variant)?;
        variant.position = Some(position);
    }
    let (before, after) = (
        variant.reference.len() as u64,
        variant.alternate.len() as u64,
    );
    let left = (width - 1) / 2;
    let right = width - left;
    if before.max(after) > right {
        return Ok(Ok(Placed::TooLong));
    }
    let start = position as i64 - left as i64;
    let drawn_in = before.saturating_sub(after) as i64;
    let end = start + width as i64;
    let strand = Strand::Forward;
    let lies = placed(
        sequence as u32,
        strand,
        (start, end),
        length,
        source.beyond_end,
    );
    match lies {
        Some(lies) if end + drawn_in <= length as i64 || source.beyond_end == BeyondEnd::Pad => {
            let shown = before == after || {
                let past = (position + right + before).min(length);
                let bases = genome.bases(name, position, past)?;
                let alternate = variant.alternate.as_bytes();
                differs(&bases, before as usize, alternate, right as usize)
            };
            match shown {
                true => Ok(Ok(Placed::In(lies, left as u32))),
                false => Ok(Ok(Placed::Unseen)),
            }
        }
        _ => Ok(Ok(Placed::Outside)),
    }
}

/// Whether the first `width` of `bases`, with N behind them, are others with `alternate` in the place of the first `replaced`.
fn differs(bases: &[u8], replaced: usize, alternate: &[u8], width: usize) -> bool {
    let behind = std::iter::repeat(&b'N');
    let edited = alternate
        .iter()
        .chain(&bases[replaced..])
        .chain(behind.clone());
    let mut both = bases.iter().chain(behind).zip(edited).take(width);
    both.any(|(genome, edited)| genome != edited)
}

/// Bases that are looked at a time on the way to the left.
const STEP: u64 = 64;

/// Writes a variant in its shortest form and as far to the left as it goes (Tan, Abecasis and Kang 2015, algorithm 1); says where it then begins.
fn normalise(genome: &Genome, chrom: &str, position: u64, variant: &mut Variant) -> Result<u64> {
    let mut at = position;
    let (mut reference, mut alternate) = (
        std::mem::take(&mut variant.reference).into_bytes(),
        std::mem::take(&mut variant.alternate).into_bytes(),
    );
    // What stands before `at`, the nearest last.
    let mut before: Vec<u8> = Vec::new();
    while reference.last() == alternate.last() {
        let emptied = reference.len().min(alternate.len()) <= 1;
        if emptied {
            if at == 0 {
                break;
            }
            if before.is_empty() {
                let from = at.saturating_sub(STEP);
                let bases = genome.bases(chrom, from, at)?;
                before.extend(bases.iter().map(|b| stands_for(*b)));
            }
        }
        reference.pop();
        alternate.pop();
        if emptied {
            let base = before.pop().unwrap_or(b'N');
            reference.insert(0, base);
            alternate.insert(0, base);
            at -= 1;
        }
    }
    let same = reference
        .iter()
        .zip(&alternate)
        .take(reference.len().min(alternate.len()).saturating_sub(1))
        .take_while(|(r, a)| r == a)
        .count();
    reference.drain(..same);
    alternate.drain(..same);
    let text = |bases: Vec<u8>| String::from_utf8(bases).unwrap_or_default();
    (variant.reference, variant.alternate) = (text(reference), text(alternate));
    Ok(at + same as u64)
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
