//! From VCF files to rows.

use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::path::Path;

use lingo_artifact::progress::Progress;

use crate::config::ingest_config::IngestConfig;
use crate::config::sources::{RefMismatch, VariantLabel, VcfSource};
use crate::error::{Error, Result};
use crate::formats::vcf;
use crate::genome::reader::{Genome, Part};
use crate::rows::row;
use crate::rows::row::{Edit, Row, Rows};
use crate::sources::read::{Read, counts, open, paths_of, skipped};
use crate::sources::vcf::pair as variant_pair;
use crate::sources::vcf::pair::Placed;

/// Each ALT allele of each record: a pair of sequences.
pub(crate) fn variants(
    config: &IngestConfig,
    source: &VcfSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let genome = open(&source.fasta, config, progress)?;
    let mut pairs = Pairs {
        source,
        rows: Rows::new(paths_of(&source.files), config.max_memory),
        left_out: LeftOut::default(),
        ids: HashSet::new(),
    };
    for (number, vcf) in source.files.iter().enumerate() {
        let path = vcf.path();
        let of = genome.part(vcf);
        let file = row::file(number)?;
        let class = match &source.label {
            VariantLabel::PerFile(names) => names.get(number).map(String::as_str),
            _ => None,
        };
        let limit = config.max_uncompressed_bytes;
        let refused = vcf::read(
            path,
            limit,
            &source.label,
            class,
            source.odd_alleles,
            |variant| pairs.add((&genome, of), path, file, variant),
        )?;
        pairs.left_out.refused.add(&refused);
        progress.advance(number as u64 + 2, "");
    }
    let Pairs { rows, left_out, .. } = pairs;
    if rows.all().is_empty() {
        return Err(left_out.nothing_is_left());
    }
    let mut read = Read::new(rows, Some(genome));
    read.dropped_outside = left_out.outside;
    read.left_out = counts(left_out.told());
    read.left_out.extend(skipped(config, left_out.skipped));
    Ok(read)
}

/// The pairs that were read, and what was not taken.
struct Pairs<'a> {
    source: &'a VcfSource,
    rows: Rows,
    left_out: LeftOut,
    /// The names that rows have, as digests.
    ids: HashSet<u64>,
}

impl Pairs<'_> {
    /// Adds a variant of the file `path`, or counts why not.
    fn add(
        &mut self,
        (genome, of): (&Genome, Part),
        path: &Path,
        file: u16,
        mut variant: vcf::Variant,
    ) -> Result<()> {
        let line = variant.line;
        let error = |problem: String| Error::line(path, line, problem);
        let label = variant.label.take();
        let label = match (&label, &self.source.only) {
            (Some(label), None) => label,
            (Some(label), Some(only)) if only.contains(label) => label,
            (_, Some(_)) => {
                self.left_out.other_labels += 1;
                return Ok(());
            }
            (None, None) => return Err(error(self.source.label.missing(&variant.name()))),
        };
        let placed = variant_pair::place(genome, of, &mut variant, self.source)?.map_err(error)?;
        let (lies, before) = match placed {
            Placed::In(lies, before) => (lies, before),
            Placed::Skipped => {
                self.left_out.skipped += 1;
                return Ok(());
            }
            Placed::Mismatch(found) if self.source.ref_mismatch == RefMismatch::Error => {
                return Err(error(self.mismatch(&variant, &found)));
            }
            Placed::Outside => {
                self.left_out.outside += 1;
                return Ok(());
            }
            Placed::TooLong => {
                self.left_out.too_long += 1;
                return Ok(());
            }
            Placed::Unseen => {
                self.left_out.unseen += 1;
                return Ok(());
            }
            Placed::Mismatch(_) => {
                self.left_out.mismatches += 1;
                return Ok(());
            }
        };
        let name = self.name(&variant);
        let rows = &mut self.rows;
        let name = rows.texts.push(&name);
        let label = rows.push_label(label);
        let alternate = rows.texts.push(&variant.alternate);
        let content = rows.edited(Edit {
            lies,
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
    }

    /// The variant's id, or its place and alleles; both where another row has the id; a number behind it where another row has that.
    fn name(&mut self, variant: &vcf::Variant) -> String {
        let mut new = |name: &str| {
            let digest = foldhash::quality::FixedState::with_seed(0).hash_one(name);
            self.ids.insert(digest)
        };
        let place = variant.name();
        let long = match &variant.id {
            Some(id) if new(id) => return id.clone(),
            Some(id) => format!("{id}:{place}"),
            None => place,
        };
        if new(&long) {
            return long;
        }
        let mut number = 2u64;
        loop {
            let name = format!("{long}/{number}");
            if new(&name) {
                return name;
            }
            number += 1;
        }
    }

    /// What is wrong with a variant whose REF is not what the genome has there.
    fn mismatch(&self, variant: &vcf::Variant, found: &str) -> String {
        format!(
            "REF is `{}`, but {} has `{found}` at {}:{}; are these variants of another assembly? `ref_mismatch: skip` leaves such variants out",
            variant.reference,
            self.source.fasta.shown(),
            variant.chrom,
            variant.position.map_or(0, |p| p + 1)
        )
    }
}

/// Variants that were not taken, by the reason.
#[derive(Default)]
struct LeftOut {
    /// What the reader of the format refused.
    refused: vcf::LeftOut,
    outside: u64,
    too_long: u64,
    unseen: u64,
    mismatches: u64,
    other_labels: u64,
    skipped: u64,
}

impl LeftOut {
    /// The counts under the names that the audit has for them.
    fn told(&self) -> [(&'static str, u64); 10] {
        [
            ("symbolic_alleles", self.refused.symbolic),
            ("breakends", self.refused.breakends),
            ("overlapped_alleles", self.refused.overlapped),
            ("without_alternate", self.refused.without_alternate),
            ("unchanged_alleles", self.refused.unchanged),
            ("ambiguous_alleles", self.refused.ambiguous),
            ("ref_mismatches", self.mismatches),
            ("longer_than_window", self.too_long),
            ("unseen_in_window", self.unseen),
            ("other_labels", self.other_labels),
        ]
    }

    /// The error that it is where no variant was taken.
    fn nothing_is_left(&self) -> Error {
        let mut all: Vec<String> = self
            .told()
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(key, n)| format!("{n} {}", lingo_artifact::left_out::words(key, *n)))
            .collect();
        if self.skipped > 0 {
            let words = lingo_artifact::left_out::words("skipped_contigs", self.skipped);
            all.push(format!("{} {words}", self.skipped));
        }
        match self.outside {
            0 => {}
            1 => all.push("1 variant whose window would leave the chromosome".into()),
            n => all.push(format!(
                "{n} variants whose window would leave the chromosome"
            )),
        }
        Error::Data(format!("no variant is left; left out: {}", all.join(", ")))
    }
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
