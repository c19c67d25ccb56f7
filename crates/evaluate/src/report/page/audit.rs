//! What `ingest` found in the data of a task, as tables and sentences.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lingo_artifact::left_out;
use serde::Deserialize;

use crate::report::html::{NONE, count, escape, fixed};

/// The audit as it stands in the metadata of `examples.parquet`; whatever is absent is not shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Audit {
    splits: Vec<Split>,
    shared: Vec<Shared>,
    two_labels: TwoLabels,
    dropped_outside: u64,
    near_jaccard: Option<f64>,
    dropped_train: u64,
    dropped_dev: u64,
    negatives: u64,
    clusters: Option<Clusters>,
    left_out: BTreeMap<String, u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Clusters {
    clusters: u64,
    largest: u64,
    not_all_compared: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Split {
    split: String,
    rows: u64,
    classes: Vec<Class>,
    length: Option<Lengths>,
    gc: Option<f64>,
    non_acgt_sequences: u64,
    duplicate_rows: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Class {
    class: String,
    rows: u64,
    share: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Lengths {
    min: u64,
    median: f64,
    max: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shared {
    split: String,
    found_in: String,
    same: u64,
    reverse_complement: u64,
    near: u64,
    near_not_all_compared: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TwoLabels {
    sequences: u64,
    rows: u64,
}

/// Warnings as sentences, plain text.
pub fn warnings(audit: &serde_json::Value) -> Vec<String> {
    let Some(audit) = parse(audit) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for s in &audit.shared {
        let of = audit
            .splits
            .iter()
            .find(|x| x.split == s.split)
            .map_or(0, |x| x.rows);
        let mut say = |n: u64, what: &str| {
            if n > 0 {
                lines.push(format!(
                    "Leakage: {} of {} {} rows have {what} in {}.",
                    count(n),
                    count(of),
                    s.split,
                    s.found_in
                ));
            }
        };
        say(s.same, "the same sequence");
        say(s.reverse_complement, "their reverse complement");
        let nearly = format!(
            "nearly the same sequence (Jaccard index of the 15-mers of {} or more)",
            audit.near_jaccard.unwrap_or_default()
        );
        say(s.near, &nearly);
        if s.near_not_all_compared > 0 {
            lines.push(format!(
                "{} {} rows share 15-mers with so many sequences of {} that not all of those were compared: there may be more near-duplicates than counted.",
                count(s.near_not_all_compared),
                s.split,
                s.found_in
            ));
        }
    }
    for (n, split, others) in [
        (audit.dropped_train, "train", "dev or test has"),
        (audit.dropped_dev, "dev", "test has"),
    ] {
        if n > 0 {
            lines.push(format!(
                "{} rows were taken out of {split}: {others} the sequence, its reverse complement or nearly the same.",
                count(n)
            ));
        }
    }
    if audit.negatives > 0 {
        lines.push(format!(
            "{} negatives were made, not measured.",
            count(audit.negatives)
        ));
    }
    if let Some(c) = &audit.clusters {
        let cut = match c.not_all_compared {
            0 => String::new(),
            n => format!(
                "; {} rows share 15-mers with too many others to compare them all, so that similar rows may stand in separate clusters",
                count(n)
            ),
        };
        lines.push(format!(
            "The splits are made of {} clusters of similar sequences, the largest with {} rows{cut}.",
            count(c.clusters),
            count(c.largest)
        ));
    }
    if audit.two_labels.sequences > 0 {
        lines.push(format!(
            "{} sequences ({} rows) stand under more than one label.",
            count(audit.two_labels.sequences),
            count(audit.two_labels.rows)
        ));
    }
    if audit.dropped_outside > 0 {
        lines.push(format!(
            "{} intervals were left out: their window would leave the chromosome.",
            count(audit.dropped_outside)
        ));
    }
    for (key, rows) in audit.left_out.iter().filter(|(_, rows)| **rows > 0) {
        lines.push(format!(
            "Left out: {} {}.",
            count(*rows),
            left_out::words(key, *rows)
        ));
    }
    lines
}

/// A table with one row a split; empty when there is no audit.
pub fn table(audit: &serde_json::Value) -> String {
    let Some(audit) = parse(audit).filter(|a| !a.splits.is_empty()) else {
        return String::new();
    };
    let mut out = String::from(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Split</th><th scope=\"col\" class=\"n\">Rows</th><th scope=\"col\">Classes</th><th scope=\"col\" class=\"n\">Length in bases<small>shortest / median / longest</small></th><th scope=\"col\" class=\"n\">GC</th><th scope=\"col\" class=\"n\">Not ACGT<small>sequences</small></th><th scope=\"col\" class=\"n\">Duplicates<small>rows</small></th></tr></thead><tbody>",
    );
    for s in &audit.splits {
        let classes: Vec<String> = s
            .classes
            .iter()
            .map(|c| {
                format!(
                    "{}: {} ({} %)",
                    escape(&c.class),
                    count(c.rows),
                    fixed(100.0 * c.share, 1)
                )
            })
            .collect();
        let lengths = s.length.as_ref().map_or(NONE.to_string(), |l| {
            format!(
                "{} / {} / {}",
                count(l.min),
                fixed(l.median, 0),
                count(l.max)
            )
        });
        let gc =
            s.gc.map_or(NONE.to_string(), |gc| format!("{} %", fixed(100.0 * gc, 1)));
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{lengths}</td><td class=\"n\">{gc}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(&s.split),
            count(s.rows),
            if classes.is_empty() {
                NONE.to_string()
            } else {
                classes.join("<br>")
            },
            count(s.non_acgt_sequences),
            count(s.duplicate_rows)
        );
    }
    out.push_str("</tbody></table></div>");
    out
}

fn parse(audit: &serde_json::Value) -> Option<Audit> {
    audit.is_object().then(|| Audit::deserialize(audit).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_left_out_is_told() {
        let audit = serde_json::json!({
            "left_out": { "symbolic_alleles": 1, "breakends": 0, "ref_mismatches": 1200 },
        });
        let expected = [
            format!(
                "Left out: {} variants whose REF is not what the genome has.",
                count(1200)
            ),
            "Left out: 1 symbolic allele (such as <DEL>).".to_string(),
        ];
        assert_eq!(warnings(&audit), expected);
    }
}
