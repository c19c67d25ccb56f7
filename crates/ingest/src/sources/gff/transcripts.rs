//! Transcripts of an annotation: where they begin, where their introns lie, and what they inherit from their genes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use lingo_artifact::Strand;

use crate::formats::gff::Feature;

/// The values of each attribute that is wanted.
pub(crate) type Attributes = Rc<Vec<Vec<String>>>;

/// A transcript; its exons stand in [`Exons`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Transcript {
    pub(crate) id: Rc<str>,
    /// The line of its row, or of its first exon where it has none.
    pub(crate) line: u64,
    pub(crate) chrom: Rc<str>,
    pub(crate) strand: Strand,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Whether it has a row of its own; if not, its exons give its extent.
    own_row: bool,
    /// Its number in [`Exons`].
    number: u32,
    /// Of its row, or of its first exon.
    pub(crate) attributes: Attributes,
    /// What stands above it.
    above: Above,
}

/// What stands above a feature.
#[derive(Clone, Debug, Default, PartialEq)]
struct Above {
    /// The first of its parents.
    parent: Option<Rc<str>>,
    /// What GTF calls its gene.
    gene: Option<Rc<str>>,
}

/// The exons of all transcripts in one piece of memory: a list for each would cost twice as much, and leave holes behind.
#[derive(Debug, Default)]
pub(crate) struct Exons {
    /// Number of the transcript, start, end; in order once all are there.
    all: Vec<(u32, u32, u32)>,
}

impl Exons {
    fn of(&self, transcript: u32) -> &[(u32, u32, u32)] {
        let from = self.all.partition_point(|exon| exon.0 < transcript);
        let rest = self.all.get(from..).unwrap_or_default();
        let count = rest.iter().take_while(|exon| exon.0 == transcript).count();
        &rest[..count]
    }

    /// Bytes that they take.
    pub(crate) fn memory(&self) -> u64 {
        size_of_val(self.all.as_slice()) as u64
    }
}

impl Transcript {
    /// The introns in the direction of the transcript: the gaps between its exons.
    pub(crate) fn introns(&self, exons: &Exons) -> Vec<(u64, u64)> {
        let exons = exons.of(self.number);
        let mut introns = Vec::new();
        let mut behind = exons.first().map_or(0, |e| e.2);
        for (_, start, end) in exons {
            if *start > behind {
                introns.push((u64::from(behind), u64::from(*start)));
            }
            behind = behind.max(*end);
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

/// Texts and lists of values that many features share, each held once.
#[derive(Default)]
struct Shared {
    texts: HashSet<Rc<str>>,
    attributes: HashSet<Attributes>,
    bytes: u64,
}

impl Shared {
    fn text(&mut self, text: &str) -> Rc<str> {
        if let Some(known) = self.texts.get(text) {
            return Rc::clone(known);
        }
        let new: Rc<str> = text.into();
        self.bytes += text.len() as u64 + 32;
        self.texts.insert(Rc::clone(&new));
        new
    }

    fn memory(&self) -> u64 {
        self.bytes + table(&self.texts) + table(&self.attributes)
    }

    fn attributes(&mut self, values: &[Vec<String>]) -> Attributes {
        let new = Rc::new(values.to_vec());
        if let Some(known) = self.attributes.get(&new) {
            return Rc::clone(known);
        }
        let text: usize = values.iter().flatten().map(|v| v.len() + 40).sum();
        self.bytes += text as u64 + 24 * values.len() as u64 + 64;
        self.attributes.insert(Rc::clone(&new));
        new
    }
}

/// Bytes that the table of a set takes, and the half as large one that it came from while it grew.
fn table<T>(set: &HashSet<T>) -> u64 {
    grown(set.capacity(), size_of::<T>())
}

/// Bytes of a hash table with room for so many entries, and of the one that it came from.
fn grown(capacity: usize, entry: usize) -> u64 {
    let slots = capacity as u64 * 8 / 7;
    (slots + slots / 2) * (entry as u64 + 1)
}

/// Collects the transcripts of a file, feature by feature, in the order of the file, and the features of the kinds that are asked for.
///
/// A transcript is told by chromosome, strand and id: GTF of the human pseudoautosomal regions has the same id on X and Y.
#[derive(Default)]
pub(crate) struct Transcripts {
    all: Vec<Transcript>,
    by_place: HashMap<(Rc<str>, Strand, Rc<str>), u32>,
    kinds: Option<Vec<String>>,
    shared: Shared,
    /// What may stand above others, by chromosome and id; genes of GTF apart, whose ids may be those of transcripts.
    nodes: HashMap<(Rc<str>, Rc<str>), (Attributes, Above)>,
    genes: HashMap<(Rc<str>, Rc<str>), Attributes>,
    /// Nothing where no window needs them.
    exons: Option<Exons>,
    /// Features of each type, for messages.
    pub(crate) seen: BTreeMap<String, u64>,
}

impl Transcripts {
    /// `kinds`: which types are transcripts; nothing for the usual ones. Exons are kept where some window needs `introns`.
    pub(crate) fn new(kinds: Option<Vec<String>>, introns: bool) -> Self {
        Self {
            kinds,
            exons: introns.then(Exons::default),
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

    /// Takes in a feature; what is neither a transcript nor an exon is only counted, and looked at for what it leaves to others.
    pub(crate) fn add(&mut self, feature: &Feature) {
        match self.seen.get_mut(&feature.kind) {
            Some(count) => *count += 1,
            None => {
                self.seen.insert(feature.kind.clone(), 1);
            }
        }
        self.add_ancestor(feature);
        if self.is_transcript(&feature.kind) {
            let unnamed = || format!("{}:{}-{}", feature.chrom, feature.start, feature.end);
            let id = feature.id.clone().unwrap_or_else(unnamed);
            let at = self.of(feature, &id);
            let fresh = self.transcript(feature, &id);
            let transcript = &mut self.all[at];
            let last = if transcript.own_row {
                // The same id a second time (several places of one transcript): the exons that follow are the new one's.
                let place = (Rc::clone(&fresh.chrom), fresh.strand, Rc::clone(&fresh.id));
                self.by_place.insert(place, self.all.len() as u32);
                self.push(fresh);
                self.all.len() - 1
            } else {
                // Exons may stand before their transcript.
                let number = transcript.number;
                *transcript = Transcript { number, ..fresh };
                at
            };
            self.all[last].own_row = true;
        } else if feature.kind == "exon" {
            for parent in &feature.parents {
                let at = self.of(feature, parent);
                let transcript = &mut self.all[at];
                let place = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
                if let Some(exons) = &mut self.exons {
                    let exon = (transcript.number, place(feature.start), place(feature.end));
                    exons.all.push(exon);
                }
                if !transcript.own_row {
                    transcript.start = transcript.start.min(feature.start);
                    transcript.end = transcript.end.max(feature.end);
                }
            }
        }
    }

    fn add_ancestor(&mut self, feature: &Feature) {
        // Where nothing is asked for, nothing is inherited; what lies within transcripts has no heirs.
        if feature.attributes.is_empty() || matches!(feature.kind.as_str(), "exon" | "CDS") {
            return;
        }
        let Some(id) = &feature.id else { return };
        let key = (self.shared.text(&feature.chrom), self.shared.text(id));
        let attributes = self.shared.attributes(&feature.attributes);
        let transcript = self.is_transcript(&feature.kind);
        if feature.kind == "gene" {
            self.genes
                .entry(key.clone())
                .or_insert_with(|| Rc::clone(&attributes));
        }
        // GTF gives the id of a transcript to all that lies within.
        if feature.gene.is_some() && !transcript {
            return;
        }
        let above = self.above(feature);
        self.nodes.entry(key).or_insert((attributes, above));
    }

    fn above(&mut self, feature: &Feature) -> Above {
        Above {
            parent: feature.parents.first().map(|p| self.shared.text(p)),
            gene: feature.gene.as_ref().map(|g| self.shared.text(g)),
        }
    }

    /// A feature for itself; it inherits from its parents, not from a namesake.
    pub(crate) fn feature(&mut self, feature: &Feature, name: &str) -> Transcript {
        let mut made = self.transcript(feature, name);
        made.own_row = true;
        made
    }

    /// As a feature gives it.
    fn transcript(&mut self, feature: &Feature, id: &str) -> Transcript {
        Transcript {
            id: self.shared.text(id),
            line: feature.line,
            chrom: self.shared.text(&feature.chrom),
            strand: feature.strand,
            start: feature.start,
            end: feature.end,
            own_row: false,
            number: 0,
            attributes: self.shared.attributes(&feature.attributes),
            above: self.above(feature),
        }
    }

    /// The transcript of that id at the feature's place, made where it is new.
    fn of(&mut self, feature: &Feature, id: &str) -> usize {
        let chrom = self.shared.text(&feature.chrom);
        let place = (chrom, feature.strand, self.shared.text(id));
        if let Some(known) = self.by_place.get(&place) {
            return *known as usize;
        }
        let new = self.transcript(feature, id);
        self.push(new);
        self.by_place.insert(place, self.all.len() as u32 - 1);
        self.all.len() - 1
    }

    fn push(&mut self, transcript: Transcript) {
        let number = self.all.len() as u32;
        self.all.push(Transcript {
            number,
            ..transcript
        });
    }

    /// Gives what has no value of an attribute the values of what stands above it: the transcript's to an exon, the gene's to a transcript.
    pub(crate) fn inherit(&mut self, transcript: &mut Transcript) {
        let missing = |values: &Attributes| values.iter().any(Vec::is_empty);
        if !missing(&transcript.attributes) {
            return;
        }
        let mut values = transcript.attributes.to_vec();
        let fill = |values: &mut Vec<Vec<String>>, from: &Attributes| {
            for (value, other) in values.iter_mut().zip(from.iter()) {
                if value.is_empty() {
                    value.clone_from(other);
                }
            }
        };
        let key = |id: &Rc<str>| (Rc::clone(&transcript.chrom), Rc::clone(id));
        let mut gene = transcript.above.gene.clone();
        // What has no row of its own may have one of another kind, a gene's.
        let mut next = match transcript.own_row {
            true => transcript.above.parent.clone(),
            false => Some(Rc::clone(&transcript.id)),
        };
        if !transcript.own_row
            && !self.nodes.contains_key(&key(&transcript.id))
            && transcript.above.parent.is_some()
        {
            next = transcript.above.parent.clone();
        }
        // A file may name a feature among its own ancestors.
        for _ in 0..8 {
            let Some((attributes, above)) = next.take().and_then(|id| self.nodes.get(&key(&id)))
            else {
                break;
            };
            fill(&mut values, attributes);
            next = above.parent.clone();
            gene = gene.or_else(|| above.gene.clone());
        }
        if let Some(attributes) = gene.and_then(|gene| self.genes.get(&key(&gene))) {
            fill(&mut values, attributes);
        }
        transcript.attributes = self.shared.attributes(&values);
    }

    /// Bytes that all of it takes.
    pub(crate) fn memory(&self) -> u64 {
        let transcripts = size_of_val(self.all.as_slice()) as u64;
        let place = size_of::<((Rc<str>, Strand, Rc<str>), u32)>();
        let node = size_of::<((Rc<str>, Rc<str>), (Attributes, Above))>();
        let gene = size_of::<((Rc<str>, Rc<str>), Attributes)>();
        let tables = grown(self.by_place.capacity(), place)
            + grown(self.nodes.capacity(), node)
            + grown(self.genes.capacity(), gene);
        let exons = self.exons.as_ref().map_or(0, Exons::memory);
        transcripts + tables + exons + self.shared.memory()
    }

    /// All of them, and their exons; with given kinds only those that have a row of their own.
    pub(crate) fn take_all(&mut self) -> (Vec<Transcript>, Exons) {
        let given = self.kinds.is_some();
        self.by_place = HashMap::new();
        let mut all = std::mem::take(&mut self.all);
        all.retain(|transcript| transcript.own_row || !given);
        for transcript in &mut all {
            self.inherit(transcript);
        }
        let mut exons = self.exons.take().unwrap_or_default();
        exons.all.sort_unstable();
        (all, exons)
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
            let mut all = Transcripts::new(None, true);
            all.add(&feature("mRNA", 10, 100, strand, "t"));
            for (start, end) in exons {
                all.add(&feature("exon", *start, *end, strand, "t"));
            }
            let (all, exons) = all.take_all();
            assert_eq!(all.len(), 1);
            assert_eq!(all[0].introns(&exons), expected);
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
        let mut all = Transcripts::new(None, true);
        all.add(&feature("exon", 40, 50, Strand::Reverse, "t"));
        all.add(&feature("exon", 10, 20, Strand::Reverse, "t"));
        all.add(&feature("exon", 10, 20, Strand::Forward, "u"));
        all.add(&feature("mRNA", 5, 25, Strand::Forward, "u"));
        all.add(&feature("mRNA", 50, 60, Strand::Forward, "u"));
        all.add(&feature("gene", 0, 100, Strand::Forward, "g"));
        let (all, _) = all.take_all();
        let extent: Vec<_> = all
            .iter()
            .map(|t| (t.start, t.end, t.start_site()))
            .collect();
        assert_eq!(
            extent,
            [(10, 50, Some(49)), (5, 25, Some(5)), (50, 60, Some(50))]
        );
        let mut given = Transcripts::new(Some(vec!["mRNA".into()]), true);
        given.add(&feature("exon", 40, 50, Strand::Reverse, "t"));
        given.add(&feature("mRNA", 5, 25, Strand::Unknown, "u"));
        let (given, _) = given.take_all();
        assert_eq!(given.len(), 1);
        assert_eq!(given[0].start_site(), None);
    }

    #[test]
    fn a_gene_leaves_its_attributes_to_transcripts_and_exons() {
        let mut all = Transcripts::new(None, true);
        let of = |kind: &str, id: &str, parent: Option<&str>, gene: Option<&str>, value: &str| {
            let values = value.split_whitespace().map(str::to_string).collect();
            Feature {
                id: (!id.is_empty()).then(|| id.to_string()),
                parents: parent.map(str::to_string).into_iter().collect(),
                gene: gene.map(str::to_string),
                attributes: vec![values],
                ..feature(kind, 10, 20, Strand::Forward, "")
            }
        };
        // GFF3: a transcript before its gene, an exon whose parent is a gene, one that has a value of its own, and a circle.
        all.add(&of("mRNA", "t1", Some("g1"), None, ""));
        all.add(&of("gene", "g1", None, None, "coding a"));
        all.add(&of("pseudogene", "p", None, None, "pseudo"));
        all.add(&of("exon", "", Some("p"), None, ""));
        all.add(&of("mRNA", "t2", Some("g1"), None, "own"));
        all.add(&of("mRNA", "x", Some("y"), None, ""));
        all.add(&of("mRNA", "y", Some("x"), None, ""));
        // GTF, where a gene may have its transcript's id.
        all.add(&of("gene", "z", None, None, "long"));
        all.add(&of("transcript", "z", None, Some("z"), ""));
        all.add(&of("exon", "", Some("w"), Some("z"), ""));
        let seen: Vec<_> = all
            .take_all()
            .0
            .iter()
            .map(|t| format!("{} {}", t.id, t.attributes[0].join(" ")))
            .collect();
        assert_eq!(
            seen,
            [
                "t1 coding a",
                "p pseudo",
                "t2 own",
                "x ",
                "y ",
                "z long",
                "w long"
            ]
        );
    }
}
