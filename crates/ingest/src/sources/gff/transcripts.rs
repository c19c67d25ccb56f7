//! Transcripts of an annotation: where they begin, and where their introns lie.

use std::collections::{BTreeMap, HashMap};

use lingo_artifact::Strand;

use crate::formats::gff::Feature;

/// A transcript with its exons.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Transcript {
    pub(crate) id: String,
    /// The line of its row, or of its first exon where it has none.
    pub(crate) line: u64,
    pub(crate) chrom: String,
    pub(crate) strand: Strand,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Whether it has a row of its own; if not, its exons give its extent.
    own_row: bool,
    exons: Vec<(u64, u64)>,
    /// Of its row, or of its first exon.
    pub(crate) attributes: Vec<Option<String>>,
}

impl Transcript {
    /// The introns in the direction of the transcript: the gaps between its exons.
    pub(crate) fn introns(&self) -> Vec<(u64, u64)> {
        let mut exons = self.exons.clone();
        exons.sort_unstable();
        let mut introns = Vec::new();
        let mut behind = exons.first().map_or(0, |e| e.1);
        for (start, end) in exons {
            if start > behind {
                introns.push((behind, start));
            }
            behind = behind.max(end);
        }
        if self.strand == Strand::Reverse {
            introns.reverse();
        }
        introns
    }

    /// The first base of the transcript; nothing where the strand is unknown.
    pub(crate) fn start_site(&self) -> Option<u64> {
        match self.strand {
            Strand::Forward => Some(self.start),
            Strand::Reverse => self.end.checked_sub(1),
            Strand::Unknown => None,
        }
    }
}

/// Collects the transcripts of a file, feature by feature, in the order of the file.
///
/// A transcript is told by chromosome, strand and id: GTF of the human pseudoautosomal regions has the same id on X and Y.
#[derive(Default)]
pub(crate) struct Transcripts {
    all: Vec<Transcript>,
    by_place: HashMap<(String, Strand, String), usize>,
    kinds: Option<Vec<String>>,
    /// Features of each type, for messages.
    pub(crate) seen: BTreeMap<String, u64>,
}

impl Transcripts {
    /// `kinds`: which types are transcripts; nothing for the usual ones.
    pub(crate) fn new(kinds: Option<Vec<String>>) -> Self {
        Self {
            kinds,
            ..Self::default()
        }
    }

    fn is_transcript(&self, kind: &str) -> bool {
        match &self.kinds {
            Some(kinds) => kinds.iter().any(|k| k == kind),
            None => {
                kind == "transcript"
                    || kind.ends_with("RNA")
                    || kind.ends_with("_transcript")
                    || kind.ends_with("_gene_segment")
            }
        }
    }

    /// Takes in a feature; what is neither a transcript nor an exon is only counted.
    pub(crate) fn add(&mut self, feature: &Feature) {
        *self.seen.entry(feature.kind.clone()).or_default() += 1;
        if self.is_transcript(&feature.kind) {
            let unnamed = || format!("{}:{}-{}", feature.chrom, feature.start, feature.end);
            let id = feature.id.clone().unwrap_or_else(unnamed);
            let at = self.of(feature, &id);
            let transcript = &mut self.all[at];
            if transcript.own_row {
                // The same id a second time (several places of one transcript): the exons that follow are the new one's.
                let fresh = Transcript::of(feature, &id);
                self.by_place.insert(place(feature, &id), self.all.len());
                self.all.push(fresh);
            } else {
                // Exons may stand before their transcript.
                let exons = std::mem::take(&mut transcript.exons);
                *transcript = Transcript::of(feature, &id);
                transcript.exons = exons;
            }
            let last = self.by_place[&place(feature, &id)];
            self.all[last].own_row = true;
        } else if feature.kind == "exon" {
            for parent in &feature.parents {
                let at = self.of(feature, parent);
                let transcript = &mut self.all[at];
                transcript.exons.push((feature.start, feature.end));
                if !transcript.own_row {
                    transcript.start = transcript.start.min(feature.start);
                    transcript.end = transcript.end.max(feature.end);
                }
            }
        }
    }

    /// The transcript of that id at the feature's place, made where it is new.
    fn of(&mut self, feature: &Feature, id: &str) -> usize {
        let all = &mut self.all;
        *self.by_place.entry(place(feature, id)).or_insert_with(|| {
            all.push(Transcript::of(feature, id));
            all.len() - 1
        })
    }

    /// All of them; with given kinds only those that have a row of their own.
    pub(crate) fn into_all(self) -> Vec<Transcript> {
        let given = self.kinds.is_some();
        let mut all = self.all;
        all.retain(|transcript| transcript.own_row || !given);
        all
    }
}

fn place(feature: &Feature, id: &str) -> (String, Strand, String) {
    (feature.chrom.clone(), feature.strand, id.to_string())
}

impl Transcript {
    /// As a feature gives it.
    pub(crate) fn of(feature: &Feature, id: &str) -> Self {
        Self {
            id: id.to_string(),
            line: feature.line,
            chrom: feature.chrom.clone(),
            strand: feature.strand,
            start: feature.start,
            end: feature.end,
            own_row: false,
            exons: Vec::new(),
            attributes: feature.attributes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(kind: &str, start: u64, end: u64, strand: Strand, id: &str) -> Feature {
        let exon = kind == "exon";
        Feature {
            chrom: "I".into(),
            kind: kind.into(),
            start,
            end,
            strand,
            id: (!exon).then(|| id.to_string()),
            parents: if exon {
                vec![id.to_string()]
            } else {
                Vec::new()
            },
            ..Feature::default()
        }
    }

    #[test]
    fn introns_are_the_gaps_between_exons() {
        fn t(strand: Strand, exons: &[(u64, u64)], expected: &[(u64, u64)]) {
            let mut all = Transcripts::new(None);
            all.add(&feature("mRNA", 10, 100, strand, "t"));
            for (start, end) in exons {
                all.add(&feature("exon", *start, *end, strand, "t"));
            }
            let all = all.into_all();
            assert_eq!(all.len(), 1);
            assert_eq!(all[0].introns(), expected);
        }
        t(Strand::Forward, &[(10, 100)], &[]);
        t(
            Strand::Forward,
            &[(10, 20), (40, 50), (90, 100)],
            &[(20, 40), (50, 90)],
        );
        // On the minus strand the last is the first; GTF lists its exons in that order.
        t(
            Strand::Reverse,
            &[(90, 100), (40, 50), (10, 20)],
            &[(50, 90), (20, 40)],
        );
        // Exons that touch or overlap have no intron between.
        t(Strand::Forward, &[(10, 20), (20, 30), (25, 40)], &[]);
    }

    #[test]
    fn exons_stand_for_a_transcript_without_a_row() {
        let mut all = Transcripts::new(None);
        all.add(&feature("exon", 40, 50, Strand::Reverse, "t"));
        all.add(&feature("exon", 10, 20, Strand::Reverse, "t"));
        all.add(&feature("exon", 10, 20, Strand::Forward, "u"));
        all.add(&feature("mRNA", 5, 25, Strand::Forward, "u"));
        all.add(&feature("mRNA", 50, 60, Strand::Forward, "u"));
        all.add(&feature("gene", 0, 100, Strand::Forward, "g"));
        let all = all.into_all();
        let extent: Vec<_> = all
            .iter()
            .map(|t| (t.start, t.end, t.start_site()))
            .collect();
        assert_eq!(
            extent,
            [(10, 50, Some(49)), (5, 25, Some(5)), (50, 60, Some(50))]
        );
        let mut given = Transcripts::new(Some(vec!["mRNA".into()]));
        given.add(&feature("exon", 40, 50, Strand::Reverse, "t"));
        given.add(&feature("mRNA", 5, 25, Strand::Unknown, "u"));
        let given = given.into_all();
        assert_eq!(given.len(), 1);
        assert_eq!(given[0].start_site(), None);
    }
}
