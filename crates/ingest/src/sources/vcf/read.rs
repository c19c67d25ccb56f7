//! From VCF files to rows.

use lingo_artifact::progress::Progress;

use crate::config::ingest_config::IngestConfig;
use crate::config::sources::{RefMismatch, VariantLabel, VcfSource};
use crate::error::{Error, Result};
use crate::formats::vcf;
use crate::rows::row;
use crate::rows::row::{Edit, Row, Rows};
use crate::sources::read::{Read, counts, open};
use crate::sources::vcf::pair as variant_pair;
use crate::sources::vcf::pair::Placed;

/// Each ALT allele of each record: a pair of sequences.
pub(crate) fn variants(
    config: &IngestConfig,
    source: &VcfSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let genome = open(&source.fasta, config, progress)?;
    let width = u64::from(source.width.get());
    let mut rows = Rows::new(source.files.clone(), config.max_memory);
    let mut refused = vcf::LeftOut::default();
    let (mut outside, mut too_long, mut mismatches, mut other_labels) = (0, 0, 0, 0);
    for (number, path) in source.files.iter().enumerate() {
        let file = row::file(number)?;
        let class = match &source.label {
            VariantLabel::PerFile(names) => names.get(number).map(String::as_str),
            _ => None,
        };
        let limit = config.max_uncompressed_bytes;
        let left_out = vcf::read(path, limit, &source.label, class, |variant| {
            let error = |problem: String| Error::line(path, variant.line, problem);
            let label = match (&variant.label, &source.only) {
                (Some(label), None) => label,
                (Some(label), Some(only)) if only.contains(label) => label,
                (_, Some(_)) => {
                    other_labels += 1;
                    return Ok(());
                }
                (None, None) => return Err(error(source.label.missing(&variant.name()))),
            };
            let placed = variant_pair::place(&genome, &variant, width)?.map_err(error)?;
            let (window, before) = match placed {
                Placed::In(window, before) => (window, before),
                Placed::Outside => {
                    outside += 1;
                    return Ok(());
                }
                Placed::TooLong => {
                    too_long += 1;
                    return Ok(());
                }
                Placed::Mismatch(_) if source.ref_mismatch == RefMismatch::Skip => {
                    mismatches += 1;
                    return Ok(());
                }
                Placed::Mismatch(found) => {
                    return Err(error(format!(
                        "REF is `{}`, but {} has `{found}` at {}:{}; are these variants of another assembly? `ref_mismatch: skip` leaves such variants out",
                        variant.reference,
                        source.fasta.display(),
                        variant.chrom,
                        variant.position.map_or(0, |p| p + 1)
                    )));
                }
            };
            let name = match &variant.id {
                Some(id) => rows.texts.push(id),
                None => rows.texts.push(&variant.name()),
            };
            let label = rows.push_label(label);
            let alternate = rows.texts.push(&variant.alternate);
            let content = rows.edited(Edit {
                window,
                before,
                replaced: variant.reference.len() as u32,
                alternate,
            });
            rows.push(Row {
                name: Some(name),
                content,
                label,
                line: row::line(variant.line),
                file,
                split: None,
            })
        })?;
        refused.add(&left_out);
        progress.advance(number as u64 + 2, "");
    }
    let left_out = [
        ("symbolic_alleles", refused.symbolic),
        ("breakends", refused.breakends),
        ("overlapped_alleles", refused.overlapped),
        ("without_alternate", refused.without_alternate),
        ("ref_mismatches", mismatches),
        ("longer_than_window", too_long),
        ("other_labels", other_labels),
    ];
    if rows.all().is_empty() {
        let mut all: Vec<String> = left_out
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(key, n)| format!("{n} {}", lingo_artifact::left_out::words(key, *n)))
            .collect();
        match outside {
            0 => {}
            1 => all.push("1 variant whose window would leave the chromosome".into()),
            n => all.push(format!(
                "{n} variants whose window would leave the chromosome"
            )),
        }
        return Err(Error::Data(format!(
            "no variant is left; left out: {}",
            all.join(", ")
        )));
    }
    let mut read = Read::new(rows, Some(genome));
    read.dropped_outside = outside;
    read.left_out = counts(left_out);
    Ok(read)
}

impl VariantLabel {
    /// What is wrong with a variant that has none.
    fn missing(&self, variant: &str) -> String {
        let hint = "`only` leaves out what has none of the labels that it names";
        match self {
            Self::Info(key) => {
                format!("`{variant}` has no `{key}` in its INFO, which is its label; {hint}")
            }
            Self::Filter => format!("FILTER of `{variant}` is `.`, and its label is there; {hint}"),
            Self::Id => format!("ID of `{variant}` is `.`, and its label is there; {hint}"),
            Self::PerFile(_) => format!("`{variant}` has no label"),
        }
    }
}
