//! The figures of a task of designs: scores of the methods; of each method its designs' scores against their distance, its logo,
//! its steps.

use std::fmt::Write as _;

use super::cell::{Cell, Step};
use super::logo;
use super::task::{Designs, OfMethod};
use crate::report::figures::chart::{Chart, Line, Weight};
use crate::report::figures::dots::{Row, dots};
use crate::report::figures::figure::{Figure, Shown, open};
use crate::report::figures::plane::{Axis, BASE, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axes};
use crate::report::figures::scale::{Scale, decimals, range, ticks};
use crate::report::figures::style::marker;
use crate::report::figures::tsv::{Tsv, number};
use crate::report::html::{escape, fixed};

/// The figures of a task, and how many of them are of each method: they stand behind those of the task, method by method.
pub fn of_task(task: &Designs) -> (Vec<Figure>, Vec<usize>) {
    let mut figures: Vec<Figure> = medians(task).into_iter().collect();
    let mut counts = Vec::new();
    for method in &task.methods {
        let own = of_method(task, method);
        counts.push(own.len());
        figures.extend(own);
    }
    (figures, counts)
}

/// What the files of a figure of a method are called.
fn name_of(task: &Designs, shows: &str, method: &str) -> String {
    format!("{}.{shows}.{method}", task.info.name)
}

/// The median measured score of each method, a dot a seed.
fn medians(task: &Designs) -> Option<Figure> {
    let mut data = Tsv::new(&["method", "seed", "median"]);
    let mut rows = Vec::new();
    for method in &task.methods {
        let values = method
            .cells
            .iter()
            .filter_map(|cell| Some((cell.seed, cell.of_all("median")?)));
        let values: Vec<(u64, f64)> = values.collect();
        for (seed, value) in &values {
            data.row(&[method.method.into(), seed.to_string(), number(Some(*value))]);
        }
        if let Some(mean) = method.over(|cell| cell.of_all("median")) {
            rows.push(Row {
                name: method.method.into(),
                style: Some(method.style),
                values: values.into_iter().map(|(_, value)| value).collect(),
                mean: mean.mean,
            });
        }
    }
    if rows.is_empty() {
        return None;
    }
    let title = "Median measured score of the designs".to_string();
    let told: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row.name, fixed(row.mean, 3)))
        .collect();
    let id = format!("{}-medians", task.id);
    Some(Figure {
        name: format!("{}.medians", task.info.name),
        shown: Shown::Drawing(dots(&id, &title, &told.join(", "), &rows)),
        title,
        caption: "Looked up in the whole table, which is scaled to 0 to 1. A marker is a seed, the bar their mean.".into(),
        key: Vec::new(),
        data,
    })
}

/// Of the first seed of a method.
fn of_method(task: &Designs, method: &OfMethod) -> Vec<Figure> {
    let Some(cell) = method.cells.first().filter(|c| !c.designs.is_empty()) else {
        return Vec::new();
    };
    let mut figures = vec![distances(task, method, cell), letters(task, method, cell)];
    figures.extend(steps(task, method, cell));
    figures
}

fn distances(task: &Designs, method: &OfMethod, cell: &Cell) -> Figure {
    let is_measured = cell.designs.iter().any(|d| d.measured.is_some());
    let of = if is_measured { "Measured" } else { "Predicted" };
    let mut data = Tsv::new(&["sequence", "distance", "measured", "predicted", "spread"]);
    let mut points = Vec::new();
    for design in &cell.designs {
        data.row(&[
            design.sequence.clone(),
            number(Some(design.distance)),
            number(design.measured),
            number(Some(design.predicted)),
            number(Some(design.spread)),
        ]);
        let score = if is_measured {
            design.measured
        } else {
            Some(design.predicted)
        };
        points.extend(score.map(|score| (design.distance, score)));
    }
    let title = format!("{of} score against distance");
    let id = format!("{}-{}-distance", task.id, method.style);
    Figure {
        name: name_of(task, "distance", method.method),
        shown: Shown::Drawing(scatter(&id, &title, method.style, &points)),
        title,
        caption: format!(
            "Seed {}, a marker a design. Distance: bases that differ from the nearest known sequence, on either strand; markers are moved aside a little, so that they do not hide each other.",
            cell.seed
        ),
        key: vec![(method.style, method.method.into())],
        data,
    }
}

fn scatter(id: &str, title: &str, style: usize, points: &[(f64, f64)]) -> String {
    let (low, high) = range(points.iter().map(|p| p.1));
    let marks = ticks(low, high, 4);
    let ends = |marks: &[f64]| {
        let first = marks.first().copied().unwrap_or(0.0);
        (first, marks.last().copied().unwrap_or(1.0))
    };
    let far = points.iter().map(|p| p.0).fold(1.0, f64::max);
    let y = Scale::new(ends(&marks), (BASE, TOP));
    let x = Scale::new((-0.5, far + 0.5), (LEFT, RIGHT));
    let description = format!(
        "{} designs, at 0 to {far} bases from what is known, with scores of {} to {}",
        points.len(),
        fixed(low, 3),
        fixed(high, 3)
    );
    let mut out = open(id, title, &description, WIDTH, HEIGHT);
    let step = (far / 8.0).ceil().max(1.0);
    let whole = (0..).map(|i| f64::from(i) * step).take_while(|d| *d <= far);
    axes(
        &mut out,
        &Axis {
            label: "bases from the nearest known sequence",
            marks: whole.map(|d| (x.place(d), fixed(d, 0))).collect(),
        },
        &marks
            .iter()
            .map(|t| (y.place(*t), fixed(*t, decimals(&marks))))
            .collect::<Vec<_>>(),
    );
    let room = (x.place(1.0) - x.place(0.0)) * 0.7;
    for (i, (distance, score)) in points.iter().enumerate() {
        // The golden ratio spreads any number of markers evenly.
        let aside = (i as f64 * 0.618_033_988_749_895).fract() - 0.5;
        out.push_str(&marker(
            style,
            x.place(*distance) + aside * room,
            y.place(*score),
        ));
    }
    out.push_str("</svg>");
    out
}

fn letters(task: &Designs, method: &OfMethod, cell: &Cell) -> Figure {
    let sequences: Vec<&str> = cell.designs.iter().map(|d| d.sequence.as_str()).collect();
    let places = logo::places(&sequences);
    let mut data = Tsv::new(&["place", "A", "C", "G", "T", "bits"]);
    for (at, place) in places.iter().enumerate() {
        data.row(&logo::row(at, place));
    }
    let title = "Sequence logo of the designs".to_string();
    let id = format!("{}-{}-logo", task.id, method.style);
    let (svg, is_wide) = logo::svg(&id, &title, &places);
    Figure {
        name: name_of(task, "logo", method.method),
        shown: match is_wide {
            true => Shown::Wide(svg),
            false => Shown::Drawing(svg),
        },
        title,
        caption: format!(
            "Seed {}, {} designs, as they are written: where the strand does not matter, both are among them.",
            cell.seed,
            cell.designs.len()
        ),
        key: Vec::new(),
        data,
    }
}

/// What moves from step to step; of what stays the same there is no drawing.
fn steps(task: &Designs, method: &OfMethod, cell: &Cell) -> Vec<Figure> {
    let of_rate = |step: &Step| Some(step.rate);
    let mut figures = Vec::new();
    if cell.steps.is_empty() {
        return figures;
    }
    let predicted = |step: &Step| Some([step.predicted; 3]);
    figures.push(course(
        task,
        method,
        cell,
        ("predicted", "Predicted score of the candidates"),
        predicted,
    ));
    let moves = |of: &dyn Fn(&Step) -> Option<[f64; 3]>| {
        let all: Vec<[f64; 3]> = cell.steps.iter().filter_map(of).collect();
        all.iter().flatten().any(|value| *value != all[0][0])
    };
    if moves(&|step| step.gamma) {
        let words = ("gamma", "Weight of the forward loss (gamma)");
        figures.push(course(task, method, cell, words, |step| step.gamma));
    }
    if moves(&of_rate) {
        let words = ("rate", "Learning rate (eta)");
        figures.push(course(task, method, cell, words, of_rate));
    }
    figures
}

/// Mean, least and most over the candidates, step by step.
fn course(
    task: &Designs,
    method: &OfMethod,
    cell: &Cell,
    (name, title): (&str, &str),
    of: impl Fn(&Step) -> Option<[f64; 3]>,
) -> Figure {
    let mut data = Tsv::new(&["step", "mean", "least", "most"]);
    let mut lines = [Vec::new(), Vec::new(), Vec::new()];
    for step in &cell.steps {
        let Some(values) = of(step) else { continue };
        let mut row = vec![number(Some(step.step))];
        for (line, value) in lines.iter_mut().zip(values) {
            line.push((step.step, value));
            row.push(number(Some(value)));
        }
        data.row(&row);
    }
    let [mean, least, most] = lines;
    let spreads = mean != least || mean != most;
    let line = |weight, of: &str, points| Line {
        style: method.style,
        weight,
        of: of.into(),
        points,
    };
    let mut description = String::new();
    if let (Some(first), Some(last)) = (mean.first(), mean.last()) {
        let _ = write!(
            description,
            "The mean goes from {} to {}",
            fixed(first.1, 3),
            fixed(last.1, 3)
        );
    }
    let mut all = Vec::new();
    if spreads {
        all.push(line(Weight::Thin, "least", least));
        all.push(line(Weight::Thin, "most", most));
    }
    all.push(line(Weight::Main, "mean", mean));
    let id = format!("{}-{}-{name}", task.id, method.style);
    let chart = Chart {
        id: &id,
        title,
        description: &description,
        x_label: "step",
        y_shows: &[],
        lines: &all,
        references: &[],
    };
    let band = if spreads {
        "; thin: the least and the most"
    } else {
        ""
    };
    Figure {
        name: name_of(task, name, method.method),
        shown: Shown::Drawing(chart.svg()),
        title: title.into(),
        caption: format!(
            "Seed {}, {}: mean over the candidates{band}.",
            cell.seed,
            escape(method.method)
        ),
        key: vec![(method.style, method.method.into())],
        data,
    }
}
