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
    /// Sequences that have more than one label, over all splits.
    pub two_labels: TwoLabels,
    /// Intervals that were left out because their resized window would leave the chromosome.
    pub dropped_outside: u64,
    /// The Jaccard index from which on sequences count as nearly the same; nothing where they were not looked for.
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
    /// Rows that share 15-mers with so many others (repeats do) that they were compared with a part of those only: similar rows may have
    /// been missed, and stand in separate clusters.
    pub not_all_compared: u64,
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
    /// Rows that share 15-mers with so many sequences there (repeats do) that they were compared with a part of those only, and were not
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
    /// Whether a sequence was found in more than one split.
    pub fn leaks(&self) -> bool {
        let mut shared = self.shared.iter();
        shared.any(|s| s.same + s.reverse_complement + s.near > 0)
    }

    /// All that people must know; `number` writes counts.
    pub fn findings(&self, number: fn(u64) -> String) -> Vec<Finding> {
        let tell = Tell {
            number,
            found: Vec::new(),
        };
        tell.rows(self).splits(self).shared(self).labels(self).found
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
                        t.n(n, "row shares 15-mers", "rows share 15-mers")
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
                    "{} taken out of {split}: {others} the sequence, its reverse complement or nearly the same",
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
            let nearly = format!(
                "nearly the same sequence stands in {} (15-mers with a Jaccard index of {} or more)",
                s.found_in,
                audit.near_jaccard.unwrap_or_default()
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
                    t.n(cut, "row shares 15-mers", "rows share 15-mers"),
                    s.found_in,
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
            }],
            "shared": [{ "split": "train", "found_in": "test", "same": 3, "reverse_complement": 0 }],
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
                "train: 1 row repeats (0.5 %) an earlier row's sequence",
                "leakage: 3 rows of train (1.5 %): the sequence stands in test too",
            ]
        );
        assert!(audit.leaks());
        assert_eq!(
            found[3].sentence(),
            "Leakage: 3 rows of train (1.5 %): the sequence stands in test too."
        );
    }
}
