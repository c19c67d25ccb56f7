//! Windows around the features of an annotation: promoters, splice sites, features of one type.

use std::num::NonZeroU32;
use std::path::Path;

use lingo_artifact::Strand;
use lingo_artifact::byte_size::amount;
use lingo_artifact::sequence_source::SequenceSource as _;

use crate::config::genomes::GenomeFile;
use crate::config::sources::{FeatureLabel, FeatureWindow, Flanks, GffSource};
use crate::error::{Error, Result};
use crate::extract::{around_centre, placed};
use crate::formats::gff;
use crate::formats::gff::Feature;
use crate::genome::reader::{Genome, Part};
use crate::rows::row;
use crate::rows::row::{Row, Rows};
use crate::sources::gff::places::Places;
use crate::sources::gff::transcripts::{Exons, Transcript, Transcripts};

/// How many windows were laid, and what became of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) rows: u64,
    /// Windows that were there before: the same place, strand and label.
    pub(crate) repeated: u64,
    /// Windows that would leave their chromosome.
    pub(crate) outside: u64,
    /// Transcripts without a strand, for windows that need one.
    pub(crate) strandless: u64,
    /// Transcripts and features on sequences that `contigs.skip` leaves out.
    pub(crate) skipped: u64,
}

/// Reads an annotation and lays windows around its features: rows in the order of `windows`, and there in that of the file.
///
/// # Errors
/// Whatever reading says. With file and line: an unknown chromosome, a feature that begins beyond it, no attribute where the label is.
/// With file: features of none of the kinds that the windows need.
pub(crate) fn read(
    gff: &GenomeFile,
    file: u16,
    limit: u64,
    source: &GffSource,
    genome: &Genome,
    rows: &mut Rows,
    places: &mut Places,
) -> Result<Counts> {
    let path = gff.path();
    let mut wanted: Vec<&str> = source.only.keys().map(String::as_str).collect();
    if let FeatureLabel::Attribute(name) = &source.label {
        wanted.push(name);
    }
    let kinds: Vec<&str> = source
        .windows
        .iter()
        .filter_map(|window| match window {
            FeatureWindow::Feature(feature) => Some(feature.kind.as_str()),
            _ => None,
        })
        .collect();
    let mut introns = source.windows.iter();
    let introns = introns
        .any(|window| matches!(window, FeatureWindow::Donor(_) | FeatureWindow::Acceptor(_)));
    let mut transcripts = Transcripts::new(source.transcripts.clone(), introns);
    let mut features: Vec<(usize, Transcript)> = Vec::new();
    let of = |features: &Vec<_>| size_of_val::<[(usize, Transcript)]>(features) as u64;
    // Of the files before this one.
    let before = genome.memory() + rows.memory() + places.memory();
    gff::read(path, limit, &wanted, |feature| {
        transcripts.add(&feature);
        if let Some(kind) = kinds.iter().position(|kind| *kind == feature.kind) {
            let Feature {
                kind: name,
                chrom,
                start,
                end,
                ..
            } = &feature;
            let name = match &feature.id {
                Some(id) => id.clone(),
                None => format!("{name}:{chrom}:{start}-{end}"),
            };
            // A feature is a transcript of one exon, as far as its window goes.
            features.push((kind, transcripts.feature(&feature, &name)));
        }
        let taken = transcripts.memory() + of(&features);
        if before + taken > rows.limit().get() {
            return Err(Error::line(
                path,
                feature.line,
                too_much(rows, taken, before),
            ));
        }
        Ok(())
    })?;
    let seen = transcripts.seen.clone();
    let held = transcripts.memory() + of(&features);
    let (mut taken, exons) = transcripts.take_all();
    for (_, feature) in &mut features {
        transcripts.inherit(feature);
    }
    let read = taken.len();
    let values = values_of(source, &taken);
    taken.retain(|t| source.takes(&t.attributes));
    features.retain(|(_, f)| source.takes(&f.attributes));
    let transcripts = taken;
    let mut laid = Laid {
        path,
        of: genome.part(gff),
        genome,
        source,
        file,
        rows,
        counts: Counts::default(),
        places,
        held,
    };
    for window in &source.windows {
        let before = laid.counts.all();
        match window {
            FeatureWindow::Promoter(flanks) => laid.promoters(&transcripts, *flanks)?,
            FeatureWindow::Donor(flanks) => {
                laid.splice_sites(&transcripts, &exons, *flanks, true)?;
            }
            FeatureWindow::Acceptor(flanks) => {
                laid.splice_sites(&transcripts, &exons, *flanks, false)?;
            }
            FeatureWindow::Feature(of) => {
                let kind = kinds.iter().position(|kind| *kind == of.kind);
                let all = features.iter().filter(|(k, _)| Some(*k) == kind);
                laid.features(all.map(|(_, f)| f), &of.kind, of.width)?;
            }
        }
        if laid.counts.all() == before {
            let mut seen: Vec<_> = seen.iter().collect();
            seen.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
            let seen: Vec<String> = seen
                .iter()
                .take(8)
                .map(|(kind, n)| format!("{n} {kind}"))
                .collect();
            return Err(Error::file(
                path,
                format!(
                    "there is nothing for `{}` ({} transcripts taken{}); the features are: {}",
                    window.name(),
                    transcripts.len(),
                    match read > transcripts.len() {
                        true => format!(" of {read}, whose {values}"),
                        false => String::new(),
                    },
                    seen.join(", ")
                ),
            ));
        }
    }
    Ok(laid.counts)
}

impl Counts {
    fn all(&self) -> u64 {
        self.rows + self.repeated + self.outside + self.strandless + self.skipped
    }
}

impl GffSource {
    /// Whether the attributes are those asked for; they begin with the keys of `only`. Of several values one is enough.
    fn takes(&self, attributes: &[Vec<String>]) -> bool {
        // A comma in GFF3 may be one of the text: `product=kinase, putative`.
        let mut asked = self.only.values().zip(attributes);
        asked.all(|(wanted, found)| found.contains(wanted) || found.join(",") == *wanted)
    }
}

/// The values that the keys of `only` have, a few, for a message.
fn values_of(source: &GffSource, transcripts: &[Transcript]) -> String {
    let told = source.only.keys().enumerate().map(|(i, key)| {
        let mut values: Vec<&str> = Vec::new();
        for value in transcripts.iter().flat_map(|t| &t.attributes[i]) {
            if values.len() < 5 && !values.contains(&value.as_str()) {
                values.push(value);
            }
        }
        match values.is_empty() {
            true => format!("`{key}` is nowhere"),
            false => format!("`{key}` is {}", values.join(", ")),
        }
    });
    told.collect::<Vec<_>>().join("; ")
}

struct Laid<'a> {
    path: &'a Path,
    genome: &'a Genome,
    /// Of which of several genomes the file is.
    of: Part,
    source: &'a GffSource,
    file: u16,
    rows: &'a mut Rows,
    counts: Counts,
    places: &'a mut Places,
    /// Bytes of the features.
    held: u64,
}

impl Laid<'_> {
    fn promoters(&mut self, transcripts: &[Transcript], flanks: Flanks) -> Result<()> {
        for transcript in transcripts {
            let Some((sequence, length)) = self.contig(transcript)? else {
                continue;
            };
            let Some(site) = transcript.start_site() else {
                self.counts.strandless += 1;
                continue;
            };
            // The site itself is one more base downstream: of the boundary before it, or behind it on the minus strand.
            let boundary = site + u64::from(transcript.strand == Strand::Reverse);
            let down = u64::from(flanks.down) + 1;
            let window = around(boundary, flanks.up.into(), down, transcript.strand);
            let name = format!("{}:promoter", transcript.id);
            self.put(transcript, sequence, length, window, name, "promoter")?;
        }
        Ok(())
    }

    fn splice_sites(
        &mut self,
        transcripts: &[Transcript],
        exons: &Exons,
        flanks: Flanks,
        donor: bool,
    ) -> Result<()> {
        let class = if donor { "donor" } else { "acceptor" };
        for transcript in transcripts {
            let introns = transcript.introns(exons);
            if introns.is_empty() {
                continue;
            }
            let Some((sequence, length)) = self.contig(transcript)? else {
                continue;
            };
            if transcript.strand == Strand::Unknown {
                self.counts.strandless += 1;
                continue;
            }
            for (i, (start, end)) in introns.into_iter().enumerate() {
                let first = donor == (transcript.strand == Strand::Forward);
                let boundary = if first { start } else { end };
                let window = around(
                    boundary,
                    flanks.up.into(),
                    flanks.down.into(),
                    transcript.strand,
                );
                let name = format!("{}:{class}:{}", transcript.id, i + 1);
                self.put(transcript, sequence, length, window, name, class)?;
            }
        }
        Ok(())
    }

    fn features<'b>(
        &mut self,
        features: impl Iterator<Item = &'b Transcript>,
        kind: &str,
        width: Option<NonZeroU32>,
    ) -> Result<()> {
        for feature in features {
            let Some((sequence, length)) = self.contig(feature)? else {
                continue;
            };
            let window = around_centre(feature.start, feature.end, width);
            self.put(
                feature,
                sequence,
                length,
                window,
                feature.id.to_string(),
                kind,
            )?;
        }
        Ok(())
    }

    /// The sequence that a feature lies on, and its length; nothing where `contigs` leaves it out. A feature may reach beyond: on circular
    /// ones, those across the origin do.
    fn contig(&mut self, feature: &Transcript) -> Result<Option<(u32, u64)>> {
        let error = |problem: String| Error::line(self.path, feature.line, problem);
        let chrom = &*feature.chrom;
        let Some(sequence) = self.genome.contig(self.of, chrom).map_err(error)? else {
            self.counts.skipped += 1;
            return Ok(None);
        };
        let length = self.genome.sequences()[sequence].1;
        if feature.start < length {
            Ok(Some((sequence as u32, length)))
        } else {
            Err(error(format!(
                "the start ({}) lies beyond the {length} bases of `{chrom}`; is this annotation of another assembly?",
                feature.start + 1
            )))
        }
    }

    fn put(
        &mut self,
        owner: &Transcript,
        sequence: u32,
        length: u64,
        (start, end): (i64, i64),
        name: String,
        class: &str,
    ) -> Result<()> {
        let lies = placed(
            sequence,
            owner.strand,
            (start, end),
            length,
            self.source.beyond_end,
        );
        let Some(lies) = lies else {
            self.counts.outside += 1;
            return Ok(());
        };
        let joined;
        let label = match &self.source.label {
            FeatureLabel::Window => class,
            FeatureLabel::Attribute(attribute) => {
                joined = owner
                    .attributes
                    .last()
                    .map_or(String::new(), |all| all.join(","));
                Some(joined.as_str()).filter(|v| !v.is_empty()).ok_or_else(|| {
                    Error::line(
                        self.path,
                        owner.line,
                        format!(
                            "`{}` has no attribute `{attribute}`, which is its label; say `only` or `transcripts` to leave such features out",
                            owner.id
                        ),
                    )
                })?
            }
        };
        let label = self.rows.push_label(label);
        if !self.places.insert(self.rows, lies, label) {
            self.counts.repeated += 1;
            return Ok(());
        }
        self.counts.rows += 1;
        let row = Row {
            name: Some(self.rows.texts.push(&name)),
            content: self.rows.content(lies),
            label,
            line: row::line(owner.line),
            file: self.file,
            split: None,
        };
        self.rows.push(row)?;
        let windows = self.genome.memory() + self.rows.memory() + self.places.memory();
        if self.held + windows > self.rows.limit().get() {
            let problem = too_much(self.rows, self.held, windows);
            return Err(Error::line(self.path, owner.line, problem));
        }
        Ok(())
    }
}

/// What to do where features and windows do not fit together.
fn too_much(rows: &Rows, taken: u64, beside: u64) -> String {
    format!(
        "the features that were read take {}, and beside them the {} windows and the genome {}, together more than max_memory, {}; raise it, or split the annotation by chromosome",
        amount(taken),
        rows.all().len(),
        amount(beside),
        rows.limit()
    )
}

/// `up` bases before a boundary and `down` behind it in the direction of the strand. A boundary lies before the base of its number.
fn around(boundary: u64, up: u64, down: u64, strand: Strand) -> (i64, i64) {
    let (left, right) = match strand {
        Strand::Reverse => (down, up),
        Strand::Forward | Strand::Unknown => (up, down),
    };
    let boundary = boundary as i64;
    (boundary - left as i64, boundary + right as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sources::BeyondEnd;

    #[test]
    fn flanks_follow_the_strand_and_stay_on_the_chromosome() {
        fn t(boundary: u64, up: u64, down: u64, strand: Strand, expected: Option<(u64, u64)>) {
            let window = around(boundary, up, down, strand);
            let lies = placed(0, strand, window, 100, BeyondEnd::Drop);
            assert_eq!(lies.map(|l| (l.window.start, l.window.end)), expected);
        }
        t(50, 10, 3, Strand::Forward, Some((40, 53)));
        t(50, 10, 3, Strand::Reverse, Some((47, 60)));
        t(10, 10, 3, Strand::Forward, Some((0, 13)));
        t(9, 10, 3, Strand::Forward, None);
        t(97, 10, 3, Strand::Forward, Some((87, 100)));
        t(98, 10, 3, Strand::Forward, None);
        t(90, 10, 3, Strand::Reverse, Some((87, 100)));
        t(91, 10, 3, Strand::Reverse, None);
        t(2, 10, 3, Strand::Reverse, None);
    }
}
