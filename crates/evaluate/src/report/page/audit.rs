//! What `ingest` found in the data of a task, as tables and sentences.

use std::fmt::Write as _;

use lingo_artifact::audit::{Audit, Finding, Topic};
use serde::Deserialize;

use crate::report::html::{NONE, count, escape, fixed};

/// Findings; those about single splits stand in the table.
pub fn findings(audit: &serde_json::Value) -> Vec<Finding> {
    let Some(audit) = parse(audit) else {
        return Vec::new();
    };
    let found = audit.findings(count).into_iter();
    found
        .filter(|finding| finding.topic != Topic::Split)
        .collect()
}

/// Whether one of them says that a split has what another has.
pub fn leaks(findings: &[Finding]) -> bool {
    findings.iter().any(|f| f.topic == Topic::Leakage)
}

/// A list of findings as sentences, leakage in red.
pub fn list(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let item = |finding: &Finding| {
        let class = match finding.topic {
            Topic::Leakage => " class=\"leak\"",
            _ => "",
        };
        format!("<li{class}>{}</li>", escape(&finding.sentence()))
    };
    let items: String = findings.iter().map(item).collect();
    format!("<ul>{items}</ul>")
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
            escape(&s.split.to_string()),
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

/// The audit, where there is one that can be read.
pub fn parse(audit: &serde_json::Value) -> Option<Audit> {
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
        let found = findings(&audit);
        let sentences: Vec<String> = found.iter().map(Finding::sentence).collect();
        assert_eq!(sentences, expected);
        assert!(!leaks(&found));
    }

    #[test]
    fn overlaps_between_splits_stand_in_red() {
        let audit = serde_json::json!({
            "overlaps": [
                { "split": "dev", "found_in": "train", "any": 0, "half": 0, "whole": 0, "inside": 0, "leaking": 0, "example": null },
                { "split": "test", "found_in": "train", "any": 2, "half": 1, "whole": 1, "inside": 0, "leaking": 2, "example":
                    { "row": "a<b", "place": "I:5-10(+)", "other": "c", "other_place": "I:0-8(-)", "bases": 3 } },
            ],
            "negatives": 1,
        });
        let found = findings(&audit);
        assert!(leaks(&found));
        let list = list(&found);
        assert!(
            list.starts_with(
                "<ul><li>1 negative was made.</li><li class=\"leak\">Leakage: 2 rows of test"
            ),
            "{list}"
        );
        assert!(
            list.contains("`a&lt;b` (I:5-10(+)) of test and `c` (I:0-8(-)) share 3 bases."),
            "{list}"
        );
    }
}
