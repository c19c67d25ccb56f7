//! What `ingest` found in the data of a task, as tables and sentences.

use std::fmt::Write as _;

use lingo_artifact::audit::{Audit, Topic};
use serde::Deserialize;

use crate::report::html::{NONE, count, escape, fixed};

/// Findings as sentences, plain text; those about single splits stand in the table.
pub fn findings(audit: &serde_json::Value) -> Vec<String> {
    let Some(audit) = parse(audit) else {
        return Vec::new();
    };
    let found = audit.findings(count).into_iter();
    found
        .filter(|finding| finding.topic != Topic::Split)
        .map(|finding| finding.sentence())
        .collect()
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
        assert_eq!(findings(&audit), expected);
    }
}
