//! Which method is ahead of which: one table for each metric, and the differences task by task.

use std::fmt::Write as _;

use crate::paired::comparison::{CONFIDENCE, FEWEST_TASKS, Reading, TaskDifference, Unit};
use crate::paired::sign_flip::smallest;
use crate::report::data::differences::{Difference, EACH_AGAINST_EACH};
use crate::report::data::plan::ReportPlan;
use crate::report::data::ranks::Ranks;
use crate::report::data::task::metric_name;
use crate::report::html::{NONE, escape, fixed, probability, signed};

/// The section; empty where no two methods share a task and a seed.
pub fn differences(plan: &ReportPlan, all: &[Difference], ranks: &[Ranks]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<section id=\"differences\"><h2>Differences between methods</h2><p>Is one method ahead of another by more than chance? Runs with the same task and the same seed are set against each other, on the test rows.</p>",
    );
    for one_metric in all.chunk_by(|a, b| a.metric == b.metric) {
        out.push_str(&table(one_metric));
        let same = |r: &&Ranks| one_metric.first().is_some_and(|d| d.metric == r.metric);
        out.push_str(&ranks.iter().find(same).map_or(String::new(), rank_table));
        out.push_str(&by_task(one_metric));
    }
    let _ = writeln!(out, "<ul>{}</ul></section>", notes(plan, all));
    out
}

fn table(differences: &[Difference]) -> String {
    let metric = differences.first().map_or("", |d| metric_name(d.metric));
    let share = format!("{} %", fixed(100.0 * CONFIDENCE, 0));
    let mut out = format!(
        "<div class=\"scroll\"><table><caption><span>Test {metric} of one method minus that of another</span></caption><thead><tr><th scope=\"col\">Methods</th><th scope=\"col\" class=\"n\">Mean difference</th><th scope=\"col\" class=\"n\">{share} interval<small>Student\u{2019}s t</small></th><th scope=\"col\" class=\"n\">{share} interval<small>BCa bootstrap</small></th><th scope=\"col\" class=\"n\">p<small>sign flips; after Holm</small></th><th scope=\"col\">Counted</th><th scope=\"col\">In words</th></tr></thead><tbody>"
    );
    for difference in differences {
        let found = difference.comparison.as_ref();
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}<small>minus {}</small></th><td class=\"n key\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}<small>{}</small></td><td class=\"wide\">{}</td><td>{}</td></tr>",
            escape(difference.method),
            escape(difference.against),
            found.map_or(NONE.into(), |f| signed(f.mean, 3)),
            interval(found.and_then(|f| f.student)),
            interval(found.and_then(|f| f.bca)),
            found.map_or(NONE.into(), |f| probability(f.p)),
            found.map_or(NONE.into(), |_| probability(difference.holm)),
            counted(difference),
            in_words(difference)
        );
    }
    out.push_str("</tbody></table></div>");
    out
}

/// Each method's mean rank, the best first.
fn rank_table(ranks: &Ranks) -> String {
    let mut methods = ranks.methods.clone();
    methods.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut out = format!(
        "<div class=\"scroll\"><table><caption><span>Mean rank by test {} over the {} of which every method has a result, and all were run alike</span></caption><thead><tr><th scope=\"col\">Method</th><th scope=\"col\" class=\"n\">Mean rank</th></tr></thead><tbody>",
        metric_name(ranks.metric),
        number(ranks.tasks, "task")
    );
    for (method, rank) in methods {
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td></tr>",
            escape(method),
            fixed(rank, 2)
        );
    }
    out.push_str("</tbody></table></div>");
    out
}

fn interval(interval: Option<[f64; 2]>) -> String {
    interval.map_or(NONE.to_string(), |[low, high]| {
        format!("{} to {}", signed(low, 3), signed(high, 3))
    })
}

/// The units, and of how many pairs of runs they are made.
fn counted(difference: &Difference) -> String {
    let left_out = [
        (difference.not_run, "not run"),
        (difference.not_alike, "run under other settings or data"),
        (difference.undefined, "without a defined metric"),
    ];
    let left_out = left_out.iter().filter(|(n, _)| *n > 0);
    let left_out: String = left_out.map(|(n, why)| format!("; {n} {why}")).collect();
    let planned = number(difference.planned, "pair");
    let Some(found) = &difference.comparison else {
        return format!("<small>none of {planned} used{left_out}</small>");
    };
    let units = match found.unit {
        Unit::Task => number(found.units, "task"),
        Unit::Pair => number(found.units, "pair of runs"),
    };
    let mut from = vec![];
    if found.unit == Unit::Pair {
        from.push(number(found.tasks.len(), "task"));
    }
    from.push(number(found.seeds.len(), "seed"));
    let used = format!("{} of {planned} used", found.pairs);
    let tally = found.tally();
    format!(
        "{units}<small>tasks won {}, tied {}, lost {}</small><small>{}, {used}{left_out}</small>",
        tally.wins,
        tally.ties,
        tally.losses,
        from.join(", ")
    )
}

fn in_words(difference: &Difference) -> String {
    let ahead = |method: &str| format!("<strong>{}</strong> is ahead", escape(method));
    let Some(found) = &difference.comparison else {
        return "not compared".to_string();
    };
    match found.reading() {
        Reading::Ahead => ahead(difference.method),
        Reading::Behind => ahead(difference.against),
        Reading::NotDistinguishable => "not distinguishable".to_string(),
        Reading::NoInterval => match (found.units, found.unit) {
            (1, Unit::Pair) => "no interval from one pair".to_string(),
            (_, Unit::Pair) => "no interval: the same difference in every pair".to_string(),
            (_, Unit::Task) => "no interval: the same difference on every task".to_string(),
        },
    }
}

/// What was compared, task by task.
fn tasks_of<'a>(difference: &'a Difference) -> &'a [TaskDifference] {
    difference.comparison.as_ref().map_or(&[], |c| &c.tasks)
}

/// A task a row, a comparison a column.
fn by_task(differences: &[Difference]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for task in differences.iter().flat_map(tasks_of) {
        if !names.contains(&task.task.as_str()) {
            names.push(&task.task);
        }
    }
    let mut out = String::from(
        "<details><summary>Task by task</summary><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Task</th>",
    );
    for difference in differences {
        let _ = write!(
            out,
            "<th scope=\"col\" class=\"n\">{}<small>minus {}</small></th>",
            escape(difference.method),
            escape(difference.against)
        );
    }
    out.push_str("</tr></thead><tbody>");
    for name in names {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(name));
        for difference in differences {
            let cell = tasks_of(difference).iter().find(|t| t.task == name).map_or(
                NONE.to_string(),
                |t| {
                    format!(
                        "{}<small>{}</small>",
                        signed(t.mean, 3),
                        number(t.pairs, "pair")
                    )
                },
            );
            let _ = write!(out, "<td class=\"n\">{cell}</td>");
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div></details>");
    out
}

/// How the tables are to be read, as items of a list: no more than applies to them.
fn notes(plan: &ReportPlan, all: &[Difference]) -> String {
    let compared = || all.iter().filter_map(|d| d.comparison.as_ref());
    let has = |unit: Unit| compared().any(|c| c.unit == unit);
    let reads = |reading: Reading| compared().any(|c| c.reading() == reading);
    let mut notes = Vec::new();
    if has(Unit::Task) {
        notes.push("Where tasks are counted, each counts once, by the mean over its seeds (and folds). The intervals tell how far the mean would move with other tasks of the same kind.".to_string());
    }
    if has(Unit::Pair) {
        notes.push(format!("With fewer than {FEWEST_TASKS} tasks, each pair of runs (one task, one seed) is counted. The intervals tell how far the mean would move with other seeds on the same tasks; they say nothing of other tasks."));
    }
    if compared().any(|c| c.clustered) {
        notes.push("Pairs of the same task (and folds of it) resemble each other: where pairs of several are counted together, the intervals may be too narrow and p too small.".to_string());
    }
    if reads(Reading::NotDistinguishable) {
        notes.push("Not distinguishable: at least one of the two intervals holds 0, so these runs do not tell which method is ahead. That does not show that the two are equal.".to_string());
    }
    if let Some(fewest) = compared().map(|c| c.units).min() {
        let least = smallest(fewest);
        if least > 1.0 - CONFIDENCE {
            notes.push(format!(
                "From {} p cannot be less than {least}, whatever the differences are.",
                number(fewest, "difference")
            ));
        }
    }
    if all.len() > 1 {
        notes.push(
            "Intervals and the first p are of each row by itself: of many rows, some are ahead by chance. The second p is corrected for that, over the rows of its table."
                .to_string(),
        );
    }
    if plan.methods.len() > EACH_AGAINST_EACH {
        notes.push(format!(
            "With more than {EACH_AGAINST_EACH} methods, each is set against the first of the file."
        ));
    }
    notes
        .iter()
        .map(|note| format!("<li>{}</li>", escape(note)))
        .collect()
}

/// "1 task", "2 tasks", "3 pairs of runs".
fn number(n: usize, noun: &str) -> String {
    let (head, tail) = noun.split_once(' ').unwrap_or((noun, ""));
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {head}{plural} {tail}").trim_end().to_string()
}
