//! What `ingest` found in the data of a task: it counts, and people read it on the terminal and in the report.
//!
//! It travels as JSON in the metadata of `examples.parquet` and in `task.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::records::left_out;
use crate::value::split::Split;

/// The audit of a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Audit {
    /// All rows.
    pub rows: u64,
    /// Train, dev and test.
    pub splits: Vec<SplitAudit>,
    /// Sequences that stand in two splits, for each pair of splits.
    pub shared: Vec<Shared>,
    /// Rows that lie over rows of another split in the genome, for each pair of splits; none where rows have no places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overlaps: Vec<Overlap>,
    /// Rows that lie over one another and were kept in one split; nothing where they were not looked for, or there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linked: Option<Linked>,
    /// Sequences that have more than one label, over all splits.
    pub two_labels: TwoLabels,
    /// Intervals that were left out because their resized window would leave the chromosome.
    pub dropped_outside: u64,
    /// The Jaccard index from which on sequences count as nearly the same, beside those that are by their bases; nothing where none was
    /// asked for.
    pub near_jaccard: Option<f64>,
    /// Rows that were taken out of train because dev or test has their sequence (`on_leak: drop`).
    pub dropped_train: u64,
    /// Rows that were taken out of dev because test has their sequence (`on_leak: drop`).
    pub dropped_dev: u64,
    /// Rows that `negatives` made.
    pub negatives: u64,
    /// Negatives for which no place was found.
    #[serde(default)]
    pub negatives_missing: u64,
    /// The clusters that `split: { clusters: ... }` made.
    pub clusters: Option<Clusters>,
    /// What the source left out, by the names that [`crate::left_out`] has words for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, u64>,
}

/// Clusters of similar sequences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clusters {
    /// How many there are.
    pub clusters: u64,
    /// The rows of the largest.
    pub largest: u64,
    /// Rows that share k-mers with so many others (repeats do) that they were compared with a part of those only: similar rows may have
    /// been missed, and stand in separate clusters.
    pub not_all_compared: u64,
}

/// Rows that stay in one split because they lie over one another in the genome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linked {
    /// Rows that share a base with another row.
    pub rows: u64,
    /// Groups of such rows: what overlaps link, over any number of steps.
    pub groups: u64,
    /// The rows of the largest group of rows that stay together.
    pub largest: u64,
    /// The shares of train, dev and test that were asked for.
    pub wanted: [f64; 3],
}

/// Rows of one split that lie over rows of another in the genome, on either strand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// Whose rows are counted.
    pub split: Split,
    /// Over whose rows they lie.
    pub found_in: Split,
    /// Rows with at least one base that lies in a row there.
    pub any: u64,
    /// Rows with at least half of their bases in rows there, one or several.
    pub half: u64,
    /// Rows with all of their bases in rows there, one or several.
    pub whole: u64,
    /// Rows that lie wholly inside of one row there.
    pub inside: u64,
    /// Rows that `on_leak` acts on: those that share as much as `leakage` says.
    pub leaking: u64,
    /// The row that shares most, and the row there that it shares most with.
    pub example: Option<OverlapExample>,
}

/// Two rows that share bases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlapExample {
    /// The id of the row that is counted.
    pub row: String,
    /// Its place.
    pub place: String,
    /// The id of the row of the other split.
    pub other: String,
    /// Its place.
    pub other_place: String,
    /// The bases that the two share.
    pub bases: u64,
}

/// One split. For pairs, both sequences are counted in lengths and composition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitAudit {
    /// Which.
    pub split: Split,
    /// Its rows.
    pub rows: u64,
    /// Rows of each class, in the order of the classes; for several labels, rows that have it; none for regression.
    pub classes: Vec<ClassCount>,
    /// The shortest, the median and the longest sequence, nothing for an empty split.
    pub length: Option<Lengths>,
    /// G and C among A, C, G and T; nothing when there is none of them.
    pub gc: Option<f64>,
    /// Sequences with at least one base that is not A, C, G or T.
    pub non_acgt_sequences: u64,
    /// Those bases.
    pub non_acgt_bases: u64,
    /// Those of them that are N.
    pub n_bases: u64,
    /// Rows whose sequence already stands in an earlier row of this split.
    pub duplicate_rows: u64,
}

/// How often a class occurs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassCount {
    /// The class.
    pub class: String,
    /// Its rows.
    pub rows: u64,
    /// Its share of the split's rows.
    pub share: f64,
}

/// Lengths in bases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lengths {
    /// The shortest.
    pub min: u64,
    /// The middle one; of an even number, the mean of the middle two.
    pub median: f64,
    /// The longest.
    pub max: u64,
}

/// Rows of one split whose sequence also stands in another split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shared {
    /// Whose rows are counted.
    pub split: Split,
    /// Where their sequences were found.
    pub found_in: Split,
    /// Rows whose very sequence is there.
    pub same: u64,
    /// Rows whose reverse complement is there; a sequence that is its own reverse complement counts as the same only.
    pub reverse_complement: u64,
    /// Rows that are neither, and nearly the same as a sequence there, on either strand.
    #[serde(default)]
    pub near: u64,
    /// Rows that share k-mers with so many sequences there (repeats do) that they were compared with a part of those only, and were not
    /// nearly the same as any in that part.
    #[serde(default)]
    pub near_not_all_compared: u64,
}

/// Sequences with more than one label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TwoLabels {
    /// Distinct sequences.
    pub sequences: u64,
    /// Their rows.
    pub rows: u64,
    /// The ids of the first such sequence's first two rows that disagree.
    pub example: Option<(String, String)>,
}

/// Something that may make a score look better, or worse, than the method is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub topic: Topic,
    /// One clause, without capital and full stop; with the topic's own words before it, see [`Finding::sentence`].
    pub text: String,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Rows that were made or taken away on the way from the source to the splits.
    Rows,
    /// One split for itself: empty, repeated rows, missing classes, bases that are not A, C, G or T.
    Split,
    /// A sequence that stands in two splits.
    Leakage,
    /// Sequences with two labels.
    Labels,
}

impl Finding {
    /// With `leakage: ` before it where that is what it is about.
    pub fn line(&self) -> String {
        match self.topic {
            Topic::Leakage => format!("leakage: {}", self.text),
            _ => self.text.clone(),
        }
    }

    /// The same with a capital and a full stop.
    pub fn sentence(&self) -> String {
        let line = self.line();
        let mut letters = line.chars();
        let first = letters.next().map(char::to_uppercase);
        let first: String = first.into_iter().flatten().collect();
        format!("{first}{}.", letters.as_str())
    }
}

impl Audit {
    /// Whether a sequence was found in more than one split, or a place of the genome, as much of it as counts.
    pub fn leaks(&self) -> bool {
        let mut shared = self.shared.iter();
        let mut overlaps = self.overlaps.iter();
        shared.any(|s| s.same + s.reverse_complement + s.near > 0)
            || overlaps.any(|o| o.leaking > 0)
    }

    /// All that people must know; `number` writes counts.
    pub fn findings(&self, number: fn(u64) -> String) -> Vec<Finding> {
        let tell = Tell {
            number,
            found: Vec::new(),
        };
        tell.rows(self)
            .linked(self)
            .splits(self)
            .shared(self)
            .overlaps(self)
            .labels(self)
            .found
    }
}

/// Collects findings.
struct Tell {
    number: fn(u64) -> String,
    found: Vec<Finding>,
}

impl Tell {
    /// `n one` or `n many`.
    fn n(&self, n: u64, one: &str, many: &str) -> String {
        format!("{} {}", (self.number)(n), if n == 1 { one } else { many })
    }

    /// Adds a finding where there is something to count.
    fn say(&mut self, topic: Topic, n: u64, text: impl FnOnce(&Self) -> String) {
        if n > 0 {
            let text = text(self);
            self.found.push(Finding { topic, text });
        }
    }

    fn rows(mut self, audit: &Audit) -> Self {
        for (n, one, many, what) in [
            (
                audit.dropped_outside,
                "interval was",
                "intervals were",
                "dropped: the window would leave the chromosome",
            ),
            (audit.negatives, "negative was", "negatives were", "made"),
            (
                audit.negatives_missing,
                "negative was",
                "negatives were",
                "not found: positives are so much more",
            ),
        ] {
            self.say(Topic::Rows, n, |t| format!("{} {what}", t.n(n, one, many)));
        }
        if let Some(c) = &audit.clusters {
            self.say(Topic::Rows, c.clusters, |t| {
                let cut = match c.not_all_compared {
                    0 => String::new(),
                    n => format!(
                        "; {} with too many others to compare them all, so that similar rows may stand in separate clusters",
                        t.n(n, "row shares k-mers", "rows share k-mers")
                    ),
                };
                format!(
                    "{}, the largest with {}{cut}",
                    t.n(c.clusters, "cluster", "clusters"),
                    t.n(c.largest, "row", "rows")
                )
            });
        }
        for (n, split, others) in [
            (audit.dropped_train, Split::Train, "dev or test has"),
            (audit.dropped_dev, Split::Dev, "test has"),
        ] {
            self.say(Topic::Rows, n, |t| {
                format!(
                    "{} taken out of {split}: {others} the sequence, its reverse complement, nearly the same, or bases of its place",
                    t.n(n, "row was", "rows were")
                )
            });
        }
        for (key, &n) in &audit.left_out {
            self.say(Topic::Rows, n, |t| {
                format!("left out: {} {}", (t.number)(n), left_out::words(key, n))
            });
        }
        self
    }

    fn linked(mut self, audit: &Audit) -> Self {
        let Some(linked) = &audit.linked else {
            return self;
        };
        self.say(Topic::Rows, linked.rows, |t| {
            format!(
                "{} bases with others of the genome and {} kept together: {}, the largest with {}",
                t.n(linked.rows, "row shares", "rows share"),
                if linked.rows == 1 { "was" } else { "were" },
                t.n(linked.groups, "group", "groups"),
                t.n(linked.largest, "row", "rows")
            )
        });
        let mut missed = Vec::new();
        // What `on_leak` took out was dealt out before.
        let all = audit.rows + audit.dropped_train + audit.dropped_dev;
        for s in &audit.splits {
            let wanted = linked.wanted[s.split as usize];
            let dropped = match s.split {
                Split::Train => audit.dropped_train,
                Split::Dev => audit.dropped_dev,
                Split::Test => 0,
            };
            let rows = s.rows + dropped;
            let off = rows as f64 - wanted * all as f64;
            // What one row more or less makes of a small data set is no news.
            if off.abs() > (all as f64 / 100.0).max(1.0) {
                missed.push(format!(
                    "{} has {} of the rows instead of {}",
                    s.split,
                    percent(rows, all),
                    share(wanted)
                ));
            }
        }
        self.say(Topic::Rows, missed.len() as u64, |t| {
            format!(
                "{}: rows that are kept together are too many for the shares (the largest group has {}, {} of all); `split: {{ chromosomes: ... }}` or `folds: {{ k: 5, by: chromosome }}` cut the genome where nothing overlaps",
                missed.join(", "),
                t.n(linked.largest, "row", "rows"),
                percent(linked.largest, all),
            )
        });
        self
    }

    fn splits(mut self, audit: &Audit) -> Self {
        for s in &audit.splits {
            self.say(Topic::Split, u64::from(s.rows == 0), |_| {
                format!("{} has no rows", s.split)
            });
            self.say(Topic::Split, s.duplicate_rows, |t| {
                format!(
                    "{}: {} ({}) an earlier row's sequence",
                    s.split,
                    t.n(s.duplicate_rows, "row repeats", "rows repeat"),
                    percent(s.duplicate_rows, s.rows)
                )
            });
            self.say(Topic::Split, s.non_acgt_sequences, |t| {
                format!(
                    "{}: {} bases that are not A, C, G or T ({} such bases, {} of them N)",
                    s.split,
                    t.n(s.non_acgt_sequences, "sequence has", "sequences have"),
                    (t.number)(s.non_acgt_bases),
                    (t.number)(s.n_bases)
                )
            });
            for class in s.classes.iter().filter(|c| c.rows == 0 && s.rows > 0) {
                self.say(Topic::Split, 1, |_| {
                    format!("{} has no row of the class `{}`", s.split, class.class)
                });
            }
        }
        self
    }

    fn shared(mut self, audit: &Audit) -> Self {
        let rows_of = |split: Split| {
            let mut splits = audit.splits.iter();
            splits.find(|s| s.split == split).map_or(0, |s| s.rows)
        };
        for s in &audit.shared {
            let jaccard = audit.near_jaccard.map_or(String::new(), |jaccard| {
                format!(", or 15-mers with a Jaccard index of {jaccard} or more")
            });
            let nearly = format!(
                "nearly the same sequence stands in {} (90 % of the bases over 80 % of the shorter{jaccard})",
                s.found_in
            );
            for (n, what) in [
                (s.same, format!("the sequence stands in {} too", s.found_in)),
                (
                    s.reverse_complement,
                    format!("the reverse complement stands in {}", s.found_in),
                ),
                (s.near, nearly),
            ] {
                self.say(Topic::Leakage, n, |t| {
                    format!(
                        "{} of {} ({}): {what}",
                        t.n(n, "row", "rows"),
                        s.split,
                        percent(n, rows_of(s.split))
                    )
                });
            }
            let cut = s.near_not_all_compared;
            self.say(Topic::Rows, cut, |t| {
                format!(
                    "{}: {} with so many sequences of {} that not all of those were compared: there may be more near-duplicates than counted",
                    s.split,
                    t.n(cut, "row shares k-mers", "rows share k-mers"),
                    s.found_in,
                )
            });
        }
        self
    }

    fn overlaps(mut self, audit: &Audit) -> Self {
        for o in &audit.overlaps {
            let mut splits = audit.splits.iter();
            let rows = splits.find(|s| s.split == o.split).map_or(0, |s| s.rows);
            self.say(Topic::Leakage, o.any, |t| {
                let example = o.example.as_ref().map_or(String::new(), |e| {
                    format!(
                        "; {} of {} and {} share {}",
                        called(&e.row, &e.place),
                        o.split,
                        called(&e.other, &e.other_place),
                        t.n(e.bases, "base", "bases")
                    )
                });
                let more = if o.any == 1 { "lies" } else { "lie" };
                format!(
                    "{} of {} ({}) {more} over rows of {} in the genome: {} with half or more of the bases, {} with all of them, {} inside of one row{example}",
                    t.n(o.any, "row", "rows"),
                    o.split,
                    percent(o.any, rows),
                    o.found_in,
                    (t.number)(o.half),
                    (t.number)(o.whole),
                    (t.number)(o.inside),
                )
            });
        }
        self
    }

    fn labels(mut self, audit: &Audit) -> Self {
        let two = &audit.two_labels;
        self.say(Topic::Labels, two.sequences, |t| {
            let example = two
                .example
                .as_ref()
                .map_or(String::new(), |(a, b)| format!(", such as `{a}` and `{b}`"));
            format!(
                "{} more than one label ({} rows{example})",
                t.n(two.sequences, "sequence has", "sequences have"),
                (t.number)(two.rows)
            )
        });
        self
    }
}

/// A row by its id, and its place unless that is the id.
fn called(id: &str, place: &str) -> String {
    if id == place {
        format!("`{id}`")
    } else {
        format!("`{id}` ({place})")
    }
}

fn share(value: f64) -> String {
    format!("{:.1} %", 100.0 * value)
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_counted_in_words_and_as_sentences() {
        let audit: Audit = serde_json::from_value(serde_json::json!({
            "splits": [{
                "split": "train", "rows": 200, "classes": [], "length": null, "gc": null,
                "non_acgt_sequences": 0, "non_acgt_bases": 0, "n_bases": 0, "duplicate_rows": 1,
            }, {
                "split": "test", "rows": 100, "classes": [], "length": null, "gc": null,
                "non_acgt_sequences": 0, "non_acgt_bases": 0, "n_bases": 0, "duplicate_rows": 0,
            }],
            "shared": [{ "split": "train", "found_in": "test", "same": 3, "reverse_complement": 0 }],
            "overlaps": [{
                "split": "test", "found_in": "train", "any": 9, "half": 4, "whole": 2, "inside": 1, "leaking": 0,
                "example": { "row": "x", "place": "I:5-10(+)", "other": "I:0-20(-)", "other_place": "I:0-20(-)", "bases": 5 },
            }],
            "linked": { "rows": 30, "groups": 2, "largest": 20, "wanted": [0.9, 0.0, 0.1] },
            "rows": 300,
            "left_out": { "symbolic_alleles": 1, "breakends": 0, "ref_mismatches": 1200 },
        }))
        .unwrap();
        let found = audit.findings(|n| n.to_string());
        let lines: Vec<String> = found.iter().map(Finding::line).collect();
        assert_eq!(
            lines,
            [
                "left out: 1200 variants whose REF is not what the genome has",
                "left out: 1 symbolic allele (such as <DEL>)",
                "30 rows share bases with others of the genome and were kept together: 2 groups, the largest with 20 rows",
                "train has 66.7 % of the rows instead of 90.0 %, test has 33.3 % of the rows instead of 10.0 %: rows that are kept together are too many for the shares (the largest group has 20 rows, 6.7 % of all); `split: { chromosomes: ... }` or `folds: { k: 5, by: chromosome }` cut the genome where nothing overlaps",
                "train: 1 row repeats (0.5 %) an earlier row's sequence",
                "leakage: 3 rows of train (1.5 %): the sequence stands in test too",
                "leakage: 9 rows of test (9.0 %) lie over rows of train in the genome: 4 with half or more of the bases, 2 with all of them, 1 inside of one row; `x` (I:5-10(+)) of test and `I:0-20(-)` share 5 bases",
            ]
        );
        assert!(audit.leaks());
        let told_only = Audit {
            shared: Vec::new(),
            ..audit
        };
        assert!(!told_only.leaks() && told_only.overlaps[0].any > 0);
        assert_eq!(
            found[5].sentence(),
            "Leakage: 3 rows of train (1.5 %): the sequence stands in test too."
        );
    }
}
