//! The figures of a task.

use crate::report::data::task::TaskResults;
use crate::report::figures::chart::{Chart, Line, Weight};
use crate::report::figures::dots::{self, Row};
use crate::report::figures::figure::figure;
use crate::report::figures::style::legend;
use crate::report::figures::{curves, heat};
use crate::report::html::fixed;

/// All figures that the logs and results of a task allow.
pub fn of_task(task: &TaskResults) -> String {
    let figures: String = [
        results(task),
        dev(task),
        loss(task),
        budget(task),
        reintroduced(task),
        heat::ranks(task),
    ]
    .into_iter()
    .flatten()
    .collect();
    if figures.is_empty() {
        return String::new();
    }
    let shown = task.methods.iter().filter(|m| {
        m.cells
            .iter()
            .any(|c| !c.log.is_empty() || c.metrics.is_some())
    });
    let names: Vec<_> = shown.map(|m| (m.style, m.method)).collect();
    format!("{}<div class=\"figures\">{figures}</div>", legend(&names))
}

fn results(task: &TaskResults) -> Option<String> {
    let mut rows: Vec<Row> = task
        .methods
        .iter()
        .filter_map(|m| {
            Some(Row {
                name: m.method.to_string(),
                style: Some(m.style),
                values: m.done().filter_map(|c| c.test.get(task.metric)).collect(),
                mean: m.test(task.metric)?.mean,
            })
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let other = |name: String, value| Row {
        name,
        style: None,
        values: vec![value],
        mean: value,
    };
    let floors = task.info.floors.iter();
    rows.extend(floors.filter_map(|f| {
        let value = f.test.get(task.metric)?;
        Some(other(format!("floor: {}", f.counts), value))
    }));
    let published = task.info.published.iter();
    rows.extend(published.map(|p| other(format!("published: {}", p.model), p.mcc)));
    let title = format!("Test {} by method", task.metric_name());
    let said: Vec<String> = rows
        .iter()
        .map(|r| format!("{}: {}", r.name, fixed(r.mean, 3)))
        .collect();
    let svg = dots::dots(
        &format!("{}-results", task.id),
        &title,
        &format!("{}.", said.join("; ")),
        &rows,
    );
    Some(figure(
        &title,
        &svg,
        "One marker a seed; the upright bar and the number are their mean.",
    ))
}

fn dev(task: &TaskResults) -> Option<String> {
    if task.metric != "mcc" {
        return None;
    }
    let lines = curves::with_seeds(&task.methods, |e| e.dev_mcc);
    let title = "Dev MCC over steps";
    let references: Vec<(f64, String)> = task
        .info
        .floors
        .iter()
        .filter_map(|f| Some((f.dev.get("mcc")?, format!("floor: {}", f.counts))))
        .collect();
    chart(
        task,
        "dev",
        title,
        &lines,
        &references,
        &[0.0],
        "Strong lines: mean over the seeds, where all of them were measured. Thin lines: each seed.",
    )
}

fn loss(task: &TaskResults) -> Option<String> {
    let caption = format!(
        "Smoothed: each point is the mean of what all seeds logged in one of {} equal windows of steps.",
        curves::WINDOWS
    );
    chart(
        task,
        "loss",
        "Training loss over steps",
        &curves::loss(&task.methods),
        &[],
        &[],
        &caption,
    )
}

fn budget(task: &TaskResults) -> Option<String> {
    let mut lines = curves::means(&task.methods, Weight::Band, |e| {
        e.rank_budget.map(|n| n as f64)
    });
    lines.extend(curves::means(&task.methods, Weight::Main, |e| {
        e.rank_alive.map(|n| n as f64)
    }));
    chart(
        task,
        "budget",
        "Rank over steps: triplets alive",
        &lines,
        &[],
        &[0.0],
        "Lines with markers: triplets that live. Wide pale lines behind them: the budget, how many may. Mean over the seeds.",
    )
}

fn reintroduced(task: &TaskResults) -> Option<String> {
    let lines = curves::means(&task.methods, Weight::Main, |e| {
        e.reintroduced.map(|n| n as f64)
    });
    let ever = lines.iter().flat_map(|l| &l.points).any(|p| p.1 > 0.0);
    if !ever {
        return None;
    }
    chart(
        task,
        "back",
        "Triplets that came back to life",
        &lines,
        &[],
        &[0.0],
        "At each allocation, triplets that had been pruned and live again. Mean over the seeds.",
    )
}

fn chart(
    task: &TaskResults,
    kind: &str,
    title: &str,
    lines: &[Line],
    references: &[(f64, String)],
    y_shows: &[f64],
    caption: &str,
) -> Option<String> {
    if lines.iter().all(|l| l.points.len() < 2) {
        return None;
    }
    let id = format!("{}-{kind}", task.id);
    let said: Vec<String> = lines
        .iter()
        .filter(|l| l.weight == Weight::Main)
        .filter_map(|l| {
            let (first, last) = (l.points.first()?, l.points.last()?);
            let name = task.methods.iter().find(|m| m.style == l.style)?.method;
            Some(format!(
                "{name}: {} at step {} to {} at step {}",
                number(first.1),
                fixed(first.0, 0),
                number(last.1),
                fixed(last.0, 0)
            ))
        })
        .collect();
    let svg = Chart {
        id: &id,
        title,
        description: &format!("{}.", said.join("; ")),
        x_label: "optimizer steps",
        y_shows,
        lines,
        references,
    }
    .svg();
    Some(figure(title, &svg, caption))
}

fn number(value: f64) -> String {
    fixed(value, if value.abs() >= 20.0 { 0 } else { 3 })
}
