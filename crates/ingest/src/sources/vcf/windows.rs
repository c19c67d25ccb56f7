//! Variants without labels, one after the other: the window of each as REF and as ALT have it.

use std::num::NonZeroU32;

use lingo_artifact::Strand;
use lingo_artifact::example::Interval;
use lingo_artifact::sequence_source::SequenceSource as _;

use crate::config::genomes::{GenomeFile, Genomes};
use crate::config::sources::{BeyondEnd, OddAlleles, RefMismatch, VariantLabel, VcfSource};
use crate::error::{Error, Result};
use crate::formats::vcf;
use crate::genome::reader::Genome;
use crate::sources::vcf::pair::{Placed, place};

/// How variants are read.
#[derive(Clone, Copy, Debug)]
pub struct VariantOptions {
    /// As [`VcfSource::width`].
    pub width: NonZeroU32,
    /// As [`VcfSource::normalise`].
    pub normalise: bool,
    /// Whether a variant whose REF is not what the genome has is left out and counted, not an error.
    pub skip_ref_mismatch: bool,
    /// Whether alleles that are no variant or have ambiguous bases are left out and counted, not an error.
    pub skip_odd_alleles: bool,
    /// How many bytes may come out of a packed file.
    pub limit: u64,
}

/// A variant, and the window that shows it. An ALT with its REF is one; of a record with several there are several.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantWindows {
    /// The line of its record, from 1.
    pub line: u64,
    /// The ID column, where there is one.
    pub id: Option<String>,
    /// The sequence of the genome.
    pub chrom: String,
    /// Where REF begins, from 0; of a variant that was normalised as REF and ALT are told here.
    pub position: u64,
    /// REF.
    pub reference: String,
    /// ALT.
    pub alternate: String,
    /// The window as the genome has it.
    pub interval: Interval,
    /// The bases of the window with REF, and with ALT: as long.
    pub sequences: [String; 2],
}

/// Reads a VCF file: `take` gets every variant that its window shows. Returns what was left out, by the names that
/// [`lingo_artifact::left_out`] has words for, without those of which there are none.
///
/// # Errors
/// With file and line: what is no VCF; a REF that is not what stands in the genome; an unknown chromosome. What `take` says.
pub fn each_variant(
    genome: &Genome,
    file: &GenomeFile,
    options: &VariantOptions,
    mut take: impl FnMut(VariantWindows) -> Result<()>,
) -> Result<Vec<(&'static str, u64)>> {
    let odd_alleles = match options.skip_odd_alleles {
        true => OddAlleles::Skip,
        false => OddAlleles::Error,
    };
    let source = VcfSource {
        fasta: Genomes::One(genome.path().to_path_buf()),
        files: vec![file.clone()],
        label: VariantLabel::PerFile(vec![String::new()]),
        only: None,
        width: options.width,
        beyond_end: BeyondEnd::Drop,
        normalise: options.normalise,
        ref_mismatch: RefMismatch::Error,
        odd_alleles,
    };
    let (path, of) = (file.path(), genome.part(file));
    let [
        mut skipped,
        mut outside,
        mut too_long,
        mut unseen,
        mut mismatches,
    ] = [0u64; 5];
    let refused = vcf::read(
        path,
        options.limit,
        &source.label,
        Some(""),
        odd_alleles,
        |mut variant| {
            let line = variant.line;
            let error = |problem: String| Error::line(path, line, problem);
            let written = (variant.position, variant.reference.clone());
            let counted = match place(genome, of, &mut variant, &source)?.map_err(error)? {
                Placed::In(lies, before) => {
                    let window = lies.window;
                    let chrom = genome.sequences()[window.sequence as usize].0.clone();
                    let sequences =
                        sequences(genome, &chrom, window.start, window.end, before, &variant)?;
                    return take(VariantWindows {
                        line,
                        id: variant.id,
                        position: variant.position.unwrap_or_default(),
                        reference: variant.reference,
                        alternate: variant.alternate,
                        interval: Interval {
                            chrom: chrom.clone(),
                            start: window.start,
                            end: window.end,
                            strand: Strand::Forward,
                        },
                        chrom,
                        sequences,
                    });
                }
                Placed::Mismatch(found) if !options.skip_ref_mismatch => {
                    return Err(error(format!(
                        "REF is `{}`, but {} has `{found}` at {}:{}; are these variants of another assembly? --skip-ref-mismatch leaves such variants out",
                        written.1,
                        genome.shown(),
                        variant.chrom,
                        written.0.map_or(0, |p| p + 1)
                    )));
                }
                Placed::Mismatch(_) => &mut mismatches,
                Placed::Skipped => &mut skipped,
                Placed::Outside => &mut outside,
                Placed::TooLong => &mut too_long,
                Placed::Unseen => &mut unseen,
            };
            *counted += 1;
            Ok(())
        },
    )?;
    let counts = [
        ("symbolic_alleles", refused.symbolic),
        ("breakends", refused.breakends),
        ("overlapped_alleles", refused.overlapped),
        ("without_alternate", refused.without_alternate),
        ("unchanged_alleles", refused.unchanged),
        ("ambiguous_alleles", refused.ambiguous),
        ("ref_mismatches", mismatches),
        ("longer_than_window", too_long),
        ("unseen_in_window", unseen),
        ("outside", outside),
        ("skipped_contigs", skipped),
    ];
    Ok(counts.into_iter().filter(|(_, n)| *n > 0).collect())
}

/// What the genome has from `start` to `end`, and the same with a variant behind its first `before` bases: what follows the variant
/// is the genome's, to the same length, with N behind its end.
fn sequences(
    genome: &Genome,
    chrom: &str,
    start: u64,
    end: u64,
    before: u32,
    variant: &vcf::Variant,
) -> Result<[String; 2]> {
    let reference = genome.bases(chrom, start, end)?.into_owned();
    let mut alternate = reference[..before as usize].to_vec();
    alternate.extend_from_slice(variant.alternate.as_bytes());
    let width = reference.len();
    let behind = start + u64::from(before) + variant.reference.len() as u64;
    let missing = width.saturating_sub(alternate.len()) as u64;
    let length = genome.length(chrom).unwrap_or(end);
    let past = (behind + missing).min(length).max(behind);
    alternate.extend_from_slice(&genome.bases(chrom, behind, past)?);
    alternate.resize(width, b'N');
    let text = |bases: Vec<u8>| String::from_utf8(bases).unwrap_or_default();
    Ok([text(reference), text(alternate)])
}
