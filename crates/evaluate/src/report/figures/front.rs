//! What a method reaches against what it costs: dots, and through those that no other is better and cheaper than a line.

use std::fmt::Write as _;

use crate::report::data::standing::{Standing, Standings};
use crate::report::data::task::metric_name;
use crate::report::figures::figure::{Figure, Shown, open};
use crate::report::figures::grid::cut;
use crate::report::figures::plane::{Axis, BASE, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axes};
use crate::report::figures::scale::{Scale, decimals, range, ticks};
use crate::report::figures::style::marker;
use crate::report::figures::tsv::{Tsv, number};
use crate::report::html::{escape, fixed};

/// What a method costs.
struct Cost {
    /// In the names of files.
    name: &'static str,
    /// As people say it.
    words: &'static str,
    /// Below the axis.
    axis: &'static str,
    of: fn(&Standing) -> Option<f64>,
}

const COSTS: [Cost; 2] = [
    Cost {
        name: "parameters",
        words: "trained parameters",
        axis: "trained parameters (logarithmic)",
        of: |s| s.parameters,
    },
    Cost {
        name: "time",
        words: "training time",
        axis: "wall seconds of training a cell (logarithmic)",
        of: |s| s.seconds,
    },
];

/// A dot.
struct Dot<'a> {
    method: &'a str,
    style: usize,
    cost: f64,
    value: f64,
    /// Whether no other method is at least as good and as cheap, and better in one.
    on_front: bool,
}

/// Two figures for each metric: parameters, and time.
pub fn fronts(standings: &[Standings]) -> Vec<Figure> {
    let of_metric = |s| COSTS.iter().filter_map(move |cost| figure(s, cost));
    standings.iter().flat_map(of_metric).collect()
}

fn figure(standings: &Standings, cost: &Cost) -> Option<Figure> {
    let dots = dots(standings, cost);
    if dots.len() < 2 {
        return None;
    }
    let metric = metric_name(standings.metric);
    let title = format!("Mean test {metric} against {}", cost.words);
    let mut data = Tsv::new(&["method", cost.name, standings.metric, "on_front"]);
    for dot in &dots {
        let [cost, value] = [dot.cost, dot.value].map(|v| number(Some(v)));
        data.row(&[dot.method.into(), cost, value, dot.on_front.to_string()]);
    }
    let of = match standings.tasks == standings.of {
        true => format!("{} tasks", standings.tasks),
        false => format!(
            "{} of {} tasks, those of which all of these methods have a result",
            standings.tasks, standings.of
        ),
    };
    let of = if standings.of == 1 {
        "one task".into()
    } else {
        of
    };
    let left_out = match standings.left_out.as_slice() {
        [] => String::new(),
        few => format!(
            " Left out, with results on few tasks: {}.",
            escape(&few.join(", "))
        ),
    };
    Some(Figure {
        name: format!("front.{}.{}", standings.metric, cost.name),
        shown: Shown::Drawing(svg(standings, cost, &title, &dots)),
        title,
        caption: format!(
            "Means over {of}. The line is the Pareto front: to the left of it and above it there is no method.{left_out}"
        ),
        key: dots.iter().map(|d| (d.style, d.method.into())).collect(),
        data,
    })
}

fn dots<'a>(standings: &'a Standings, cost: &Cost) -> Vec<Dot<'a>> {
    let known = standings.methods.iter().filter_map(|s| {
        let cost = (cost.of)(s).filter(|c| *c > 0.0)?;
        Some((s, cost))
    });
    let known: Vec<(&Standing, f64)> = known.collect();
    let dominated = |of: &Standing, cost: f64| {
        known.iter().any(|(other, theirs)| {
            let no_worse = *theirs <= cost && other.value >= of.value;
            no_worse && (*theirs < cost || other.value > of.value)
        })
    };
    let mut dots: Vec<Dot> = known
        .iter()
        .map(|(s, cost)| Dot {
            method: s.method,
            style: s.style,
            cost: *cost,
            value: s.value,
            on_front: !dominated(s, *cost),
        })
        .collect();
    dots.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    dots
}

fn svg(standings: &Standings, cost: &Cost, title: &str, dots: &[Dot]) -> String {
    let marks = powers(range(dots.iter().map(|d| d.cost)));
    let ends = (
        marks.first().map_or(0.0, |m| m.log10()),
        marks.last().map_or(1.0, |m| m.log10()),
    );
    let values = ticks_of(dots);
    let y = Scale::new(
        (
            values.first().copied().unwrap_or(0.0),
            values.last().copied().unwrap_or(1.0),
        ),
        (BASE, TOP),
    );
    // A little room, so that no dot stands on an axis.
    let x = Scale::new(ends, (LEFT + 8.0, RIGHT - 8.0));
    let id = format!("front-{}-{}", standings.metric, cost.name);
    let said: Vec<String> = dots
        .iter()
        .map(|d| {
            let front = if d.on_front { ", on the front" } else { "" };
            format!(
                "{}: {} at {}{front}",
                d.method,
                fixed(d.value, 3),
                short(d.cost)
            )
        })
        .collect();
    let description = format!("{}.", said.join("; "));
    let mut out = open(&id, title, &description, WIDTH, HEIGHT);
    let axis = Axis {
        label: cost.axis,
        marks: marks
            .iter()
            .map(|m| (x.place(m.log10()), short(*m)))
            .collect(),
    };
    let digits = decimals(&values);
    let rows = values.iter().map(|v| (y.place(*v), fixed(*v, digits)));
    axes(&mut out, &axis, &rows.collect::<Vec<_>>());
    let place = |d: &Dot| (x.place(d.cost.log10()), y.place(d.value));
    let mut line = String::new();
    for dot in dots.iter().filter(|d| d.on_front) {
        let (x, y) = place(dot);
        let _ = match line.is_empty() {
            true => write!(line, "M{x:.1} {BASE}V{y:.1}"),
            false => write!(line, "H{x:.1}V{y:.1}"),
        };
    }
    let _ = write!(line, "H{RIGHT}");
    let _ = write!(out, "<path class=\"axis\" d=\"{line}\"/>");
    let places: Vec<(f64, f64)> = dots.iter().map(place).collect();
    for (dot, (name_x, name_y, end)) in dots.iter().zip(names(dots, &places)) {
        let _ = write!(
            out,
            "<text class=\"t halo name{end}\" x=\"{name_x:.1}\" y=\"{name_y:.1}\">{}</text>",
            escape(&cut(dot.method, 26))
        );
    }
    for (dot, (x, y)) in dots.iter().zip(&places) {
        out.push_str(&marker(dot.style, *x, *y));
    }
    out.push_str("</svg>");
    out
}

/// Where the names stand: beside their dots, and below one another where those are near.
fn names(dots: &[Dot], places: &[(f64, f64)]) -> Vec<(f64, f64, &'static str)> {
    const LINE: f64 = 14.0;
    let mut order: Vec<usize> = (0..dots.len()).collect();
    order.sort_by(|&a, &b| places[a].1.total_cmp(&places[b].1));
    let mut taken: Vec<(f64, f64, f64)> = Vec::new();
    let mut found = vec![(0.0, 0.0, ""); dots.len()];
    for i in order {
        let (x, y) = places[i];
        let width = 7.0 * dots[i].method.chars().count().min(26) as f64;
        let left = x + 9.0 + width > RIGHT + 14.0;
        let (from, to) = match left {
            true => (x - 9.0 - width, x - 9.0),
            false => (x + 9.0, x + 9.0 + width),
        };
        // The front runs to the right at the height of its dots.
        let below = y + 15.0;
        let mut at = if below < BASE - 3.0 { below } else { y - 6.0 };
        // From above to below, each below what is in its way.
        let in_the_way = |at: f64| {
            let clash =
                |t: &&(f64, f64, f64)| t.0 < to && from < t.1 && (t.2 - at).abs() < LINE - 0.5;
            taken.iter().find(clash).map(|t| t.2)
        };
        while let Some(other) = in_the_way(at) {
            at = other + LINE;
        }
        let at = at.min(BASE - 3.0);
        taken.push((from, to, at));
        found[i] = match left {
            true => (to, at, " e"),
            false => (from, at, ""),
        };
    }
    found
}

/// Marks of the metric; they span the dots.
fn ticks_of(dots: &[Dot]) -> Vec<f64> {
    let (low, high) = range(dots.iter().map(|d| d.value));
    ticks(low, high, 4)
}

/// Powers of ten that span the range, and 2 and 5 times them where that is short.
fn powers((low, high): (f64, f64)) -> Vec<f64> {
    let first = low.log10().floor() as i32;
    let last = (high.log10().ceil() as i32).max(first + 1);
    let steps: &[f64] = match last - first {
        1 | 2 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    let every = ((last - first) as usize).div_ceil(7).max(1);
    let mut marks: Vec<f64> = (first..=last)
        .step_by(every)
        .flat_map(|power| steps.iter().map(move |s| s * 10f64.powi(power)))
        .collect();
    let below = marks.iter().filter(|m| **m <= low * 1.000_001).count();
    marks.drain(..below.saturating_sub(1));
    let above = marks.iter().position(|m| *m >= high * 0.999_999);
    marks.truncate(above.map_or(marks.len(), |at| at + 1));
    marks
}

/// 1,500,000 as `1.5 M`.
fn short(value: f64) -> String {
    let (scaled, unit) = match value {
        v if v >= 1e9 => (v / 1e9, " G"),
        v if v >= 1e6 => (v / 1e6, " M"),
        v if v >= 1e3 => (v / 1e3, " k"),
        v => (v, ""),
    };
    let text = match scaled {
        s if s >= 100.0 || (s - s.round()).abs() < 1e-9 => fixed(s, 0),
        s if s >= 1.0 => fixed(s, 1),
        s => fixed(s, 3).trim_end_matches('0').to_string(),
    };
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_powers_of_ten_around_the_range() {
        assert_eq!(powers((770.0, 22e6)), [1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8]);
        assert_eq!(powers((90.0, 210.0)), [50.0, 100.0, 200.0, 500.0]);
        assert_eq!(powers((10.0, 10.0)), [10.0]);
    }

    #[test]
    fn numbers_are_short() {
        let shown = [770.0, 332_546.0, 2e6, 1.5e9, 0.05].map(short);
        assert_eq!(shown, ["770", "333 k", "2 M", "1.5 G", "0.05"]);
    }

    #[test]
    fn the_front_has_whom_none_surpasses() {
        let method = |method, parameters, value| Standing {
            method,
            style: 0,
            value,
            parameters,
            seconds: None,
        };
        let standings = Standings {
            metric: "mcc",
            methods: vec![
                method("dear", Some(900.0), 0.8),
                method("cheap", Some(10.0), 0.5),
                method("surpassed", Some(900.0), 0.7),
                method("worse and dearer", Some(20.0), 0.4),
                method("equal", Some(10.0), 0.5),
                method("unknown", None, 0.9),
            ],
            tasks: 1,
            of: 1,
            left_out: Vec::new(),
        };
        let dots = dots(&standings, &COSTS[0]);
        let front: Vec<&str> = dots
            .iter()
            .filter(|d| d.on_front)
            .map(|d| d.method)
            .collect();
        assert_eq!(front, ["cheap", "equal", "dear"]);
        assert_eq!(dots.len(), 5);
        assert_eq!(fronts(&[standings]).len(), 1);
    }
}
