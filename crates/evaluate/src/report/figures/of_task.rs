//! The figures of a task.

use crate::report::data::task::TaskResults;
use crate::report::figures::chart::{Chart, Line, Weight};
use crate::report::figures::dots::{self, Row};
use crate::report::figures::figure::{Figure, Shown};
use crate::report::figures::key::of_lines;
use crate::report::figures::tsv::{Tsv, number};
use crate::report::figures::{confusion, curves, heat, rank_steps, reliability};
use crate::report::html::fixed;

/// All figures that the logs and results of a task allow.
pub fn of_task(task: &TaskResults) -> Vec<Figure> {
    let mut figures: Vec<Figure> = [
        results(task),
        confusion::confusion(task),
        reliability::reliability(task),
        dev(task),
        loss(task),
        budget(task),
        reintroduced(task),
    ]
    .into_iter()
    .flatten()
    .collect();
    figures.extend(heat::ranks(task));
    figures.extend(rank_steps::rank_steps(task));
    figures
}

fn results(task: &TaskResults) -> Option<Figure> {
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
    let mut data = Tsv::new(&["row", "n", "mean", "values"]);
    for row in &rows {
        let values: Vec<String> = row.values.iter().map(ToString::to_string).collect();
        let n = row.values.len().to_string();
        let mean = number(Some(row.mean));
        data.row(&[row.name.clone(), n, mean, values.join(",")]);
    }
    Some(Figure {
        name: format!("{}.results", task.info.name),
        title,
        shown: Shown::Drawing(svg),
        caption: "One marker a seed; the upright bar and the number are their mean.".into(),
        // The methods' names stand above the rows.
        key: Vec::new(),
        data,
    })
}

fn dev(task: &TaskResults) -> Option<Figure> {
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

fn loss(task: &TaskResults) -> Option<Figure> {
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

fn budget(task: &TaskResults) -> Option<Figure> {
    let mut lines = curves::means(&task.methods, Weight::Band, "budget", |e| {
        e.rank_budget.map(|n| n as f64)
    });
    lines.extend(curves::means(&task.methods, Weight::Main, "alive", |e| {
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

fn reintroduced(task: &TaskResults) -> Option<Figure> {
    let lines = curves::means(&task.methods, Weight::Main, "came back", |e| {
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
) -> Option<Figure> {
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
                short(first.1),
                fixed(first.0, 0),
                short(last.1),
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
    Some(Figure {
        name: format!("{}.{kind}", task.info.name),
        title: title.to_string(),
        shown: Shown::Drawing(svg),
        caption: caption.to_string(),
        data: table(task, "step", lines),
        key: of_lines(task, lines),
    })
}

/// The points of lines.
fn table(task: &TaskResults, x: &str, lines: &[Line]) -> Tsv {
    let mut data = Tsv::new(&["method", "line", x, "value"]);
    for line in lines {
        let method = task.methods.iter().find(|m| m.style == line.style);
        let method = method.map_or("", |m| m.method);
        for (x, y) in &line.points {
            let [x, y] = [x, y].map(|v| number(Some(*v)));
            data.row(&[method.to_string(), line.of.clone(), x, y]);
        }
    }
    data
}

fn short(value: f64) -> String {
    fixed(value, if value.abs() >= 20.0 { 0 } else { 3 })
}
