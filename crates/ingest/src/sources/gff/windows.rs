//! Windows around the features of an annotation: promoters, splice sites, features of one type.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::Path;

use lingo_artifact::Strand;

use crate::config::sources::{FeatureLabel, FeatureWindow, Flanks, GffSource};
use crate::error::{Error, Result};
use crate::extract::resize;
use crate::formats::gff;
use crate::formats::gff::Feature;
use crate::genome::reader::Genome;
use crate::rows::row;
use crate::rows::row::{Content, LabelId, Row, Rows, Window};
use crate::sources::gff::transcripts::{Transcript, Transcripts};

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
}

/// Reads an annotation and lays windows around its features: rows in the order of `windows`, and there in that of the file.
///
/// # Errors
/// Whatever reading says. With file and line: an unknown chromosome, a feature that begins beyond it, no attribute where the label is.
/// With file: features of none of the kinds that the windows need.
pub(crate) fn read(
    path: &Path,
    file: u16,
    limit: u64,
    source: &GffSource,
    genome: &Genome,
    rows: &mut Rows,
) -> Result<Counts> {
    let mut wanted: Vec<&str> = source.only.keys().map(String::as_str).collect();
    if let FeatureLabel::Attribute(name) = &source.label {
        wanted.push(name);
    }
    let kinds: HashSet<&str> = source
        .windows
        .iter()
        .filter_map(|window| match window {
            FeatureWindow::Feature(feature) => Some(feature.kind.as_str()),
            _ => None,
        })
        .collect();
    let mut transcripts = Transcripts::new(source.transcripts.clone());
    let mut features = Vec::new();
    gff::read(path, limit, &wanted, |feature| {
        transcripts.add(&feature);
        if kinds.contains(feature.kind.as_str()) {
            features.push(feature);
        }
        Ok(())
    })?;
    let seen = transcripts.seen.clone();
    let mut transcripts = transcripts.into_all();
    transcripts.retain(|t| source.takes(&t.attributes));
    features.retain(|f| source.takes(&f.attributes));
    let mut laid = Laid {
        path,
        genome,
        source,
        file,
        rows,
        counts: Counts::default(),
        places: HashSet::new(),
    };
    for window in &source.windows {
        let before = laid.counts.all();
        match window {
            FeatureWindow::Promoter(flanks) => laid.promoters(&transcripts, *flanks)?,
            FeatureWindow::Donor(flanks) => laid.splice_sites(&transcripts, *flanks, true)?,
            FeatureWindow::Acceptor(flanks) => laid.splice_sites(&transcripts, *flanks, false)?,
            FeatureWindow::Feature(of) => laid.features(&features, &of.kind, of.width)?,
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
                    "there is nothing for `{}` ({} transcripts taken); the features are: {}",
                    window.name(),
                    transcripts.len(),
                    seen.join(", ")
                ),
            ));
        }
    }
    Ok(laid.counts)
}

impl Counts {
    fn all(&self) -> u64 {
        self.rows + self.repeated + self.outside + self.strandless
    }
}

impl GffSource {
    /// Whether the attributes are those asked for; they begin with the keys of `only`.
    fn takes(&self, attributes: &[Option<String>]) -> bool {
        self.only
            .values()
            .zip(attributes)
            .all(|(wanted, found)| found.as_deref() == Some(wanted))
    }
}

struct Laid<'a> {
    path: &'a Path,
    genome: &'a Genome,
    source: &'a GffSource,
    file: u16,
    rows: &'a mut Rows,
    counts: Counts,
    places: HashSet<(u32, u64, u64, Strand, LabelId)>,
}

impl Laid<'_> {
    fn promoters(&mut self, transcripts: &[Transcript], flanks: Flanks) -> Result<()> {
        for transcript in transcripts {
            let length = self.length(transcript.line, &transcript.chrom, transcript.start)?;
            let Some(site) = transcript.start_site() else {
                self.counts.strandless += 1;
                continue;
            };
            // The site itself is one more base downstream: of the boundary before it, or behind it on the minus strand.
            let boundary = site + u64::from(transcript.strand == Strand::Reverse);
            let down = u64::from(flanks.down) + 1;
            let window = around(boundary, flanks.up.into(), down, transcript.strand, length);
            let name = format!("{}:promoter", transcript.id);
            self.put(transcript, window, name, "promoter")?;
        }
        Ok(())
    }

    fn splice_sites(
        &mut self,
        transcripts: &[Transcript],
        flanks: Flanks,
        donor: bool,
    ) -> Result<()> {
        let class = if donor { "donor" } else { "acceptor" };
        for transcript in transcripts {
            let introns = transcript.introns();
            if introns.is_empty() {
                continue;
            }
            let length = self.length(transcript.line, &transcript.chrom, transcript.start)?;
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
                    length,
                );
                let name = format!("{}:{class}:{}", transcript.id, i + 1);
                self.put(transcript, window, name, class)?;
            }
        }
        Ok(())
    }

    fn features(
        &mut self,
        features: &[Feature],
        kind: &str,
        width: Option<NonZeroU32>,
    ) -> Result<()> {
        for feature in features.iter().filter(|f| f.kind == kind) {
            let length = self.length(feature.line, &feature.chrom, feature.start)?;
            let window =
                resize(feature.start, feature.end, width, length).filter(|(_, end)| *end <= length);
            let name = match &feature.id {
                Some(id) => id.clone(),
                None => format!("{kind}:{}:{}-{}", feature.chrom, feature.start, feature.end),
            };
            // A feature is a transcript of one exon, as far as its window goes.
            let owner = Transcript::of(feature, &name);
            self.put(&owner, window, name, kind)?;
        }
        Ok(())
    }

    /// The length of the chromosome. A feature may reach beyond it: on circular ones, those across the origin do.
    fn length(&self, line: u64, chrom: &str, start: u64) -> Result<u64> {
        let error = |problem: String| Error::line(self.path, line, problem);
        let length = self
            .genome
            .length(chrom)
            .ok_or_else(|| error(self.genome.unknown(chrom)))?;
        if start < length {
            Ok(length)
        } else {
            Err(error(format!(
                "the start ({}) lies beyond the {length} bases of `{chrom}`; is this annotation of another assembly?",
                start + 1
            )))
        }
    }

    fn put(
        &mut self,
        owner: &Transcript,
        window: Option<(u64, u64)>,
        name: String,
        class: &str,
    ) -> Result<()> {
        let Some((start, end)) = window else {
            self.counts.outside += 1;
            return Ok(());
        };
        let sequence = self.genome.index(&owner.chrom).unwrap_or_default() as u32;
        let label = match &self.source.label {
            FeatureLabel::Window => class,
            FeatureLabel::Attribute(attribute) => {
                let value = owner.attributes.last().and_then(Option::as_deref);
                value.filter(|v| !v.is_empty()).ok_or_else(|| {
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
        if !self
            .places
            .insert((sequence, start, end, owner.strand, label))
        {
            self.counts.repeated += 1;
            return Ok(());
        }
        self.counts.rows += 1;
        let row = Row {
            name: Some(self.rows.texts.push(&name)),
            content: Content::Window(Window {
                sequence,
                strand: owner.strand,
                start,
                end,
            }),
            label,
            line: row::line(owner.line),
            file: self.file,
            split: None,
        };
        self.rows.push(row)
    }
}

/// `up` bases before a boundary and `down` behind it in the direction of the strand; nothing when they would leave the `length` bases of the
/// chromosome. A boundary lies before the base of its number.
fn around(boundary: u64, up: u64, down: u64, strand: Strand, length: u64) -> Option<(u64, u64)> {
    let (left, right) = match strand {
        Strand::Reverse => (down, up),
        Strand::Forward | Strand::Unknown => (up, down),
    };
    let start = boundary.checked_sub(left)?;
    let end = boundary.checked_add(right)?;
    (end <= length).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flanks_follow_the_strand_and_stay_on_the_chromosome() {
        fn t(boundary: u64, up: u64, down: u64, strand: Strand, expected: Option<(u64, u64)>) {
            assert_eq!(around(boundary, up, down, strand, 100), expected);
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
