//! A line chart as SVG, for any screen: 460 units wide, text at 13.

use std::fmt::Write as _;

use crate::report::figures::figure::open;
use crate::report::figures::plane::{Axis, BASE, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axes};
use crate::report::figures::scale::{Scale, decimals, range, ticks};
use crate::report::figures::style::{colour, dashes, marker};
use crate::report::html::{count, escape, fixed};

/// How strong a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// With markers.
    Main,
    /// One seed, behind its mean.
    Thin,
    /// Wide and pale, behind another.
    Band,
}

/// One line.
pub struct Line {
    /// The method's style.
    pub style: usize,
    /// How strong.
    pub weight: Weight,
    /// What it is of its method: the mean, a seed, ...
    pub of: String,
    /// Points by growing x.
    pub points: Vec<(f64, f64)>,
}

/// A chart.
pub struct Chart<'a> {
    /// Unique on the page.
    pub id: &'a str,
    /// What the chart shows, in a few words.
    pub title: &'a str,
    /// The same in sentences, with the numbers that matter, for readers who cannot see the chart.
    pub description: &'a str,
    /// Name of the x axis.
    pub x_label: &'a str,
    /// Values that the y axis must show.
    pub y_shows: &'a [f64],
    /// The lines, the later above the earlier.
    pub lines: &'a [Line],
    /// Horizontal lines with a name.
    pub references: &'a [(f64, String)],
}

impl Chart<'_> {
    /// The chart as one `<svg>`.
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|l| &l.points);
        let ys = || {
            let references = self.references.iter().map(|r| r.0);
            points()
                .map(|p| p.1)
                .chain(self.y_shows.iter().copied())
                .chain(references)
        };
        let (low, high) = range(ys());
        let (first, last) = range(points().map(|p| p.0));
        let y_ticks = ticks(low, high, 4);
        let x_ticks = ticks(first.min(0.0), last, 4);
        let y_range = ends(&y_ticks);
        let x = Scale::new((first.min(0.0), last), (LEFT, RIGHT));
        let y = Scale::new(y_range, (BASE, TOP));
        let mut out = open(self.id, self.title, self.description, WIDTH, HEIGHT);
        let decimals = decimals(&y_ticks);
        let steps = x_ticks.iter().filter(|t| **t <= last * 1.0001);
        let steps = steps.map(|t| (x.place(*t), count(t.round() as u64)));
        axes(
            &mut out,
            &Axis {
                label: self.x_label,
                marks: steps.collect(),
            },
            &y_ticks
                .iter()
                .map(|t| (y.place(*t), fixed(*t, decimals)))
                .collect::<Vec<_>>(),
        );
        for (value, name) in self.references {
            let at = y.place(*value);
            let _ = write!(
                out,
                "<path class=\"ref\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/><text class=\"t halo e\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                RIGHT - 2.0,
                at - 5.0,
                escape(name)
            );
        }
        for line in self.lines {
            draw(&mut out, line, &x, &y);
        }
        out.push_str("</svg>");
        out
    }
}

/// Draws a line where its points stand.
pub fn draw(out: &mut String, line: &Line, x: &Scale, y: &Scale) {
    let places: Vec<(f64, f64)> = line
        .points
        .iter()
        .map(|p| (x.place(p.0), y.place(p.1)))
        .collect();
    let mut d = String::new();
    for (i, (x, y)) in places.iter().enumerate() {
        let _ = write!(d, "{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" });
    }
    let (class, dash) = match line.weight {
        Weight::Main => ("l", dashes(line.style)),
        Weight::Thin => ("l thin", String::new()),
        Weight::Band => ("l band", String::new()),
    };
    let _ = write!(
        out,
        "<path class=\"{class} {}\"{dash} d=\"{d}\"/>",
        colour(line.style)
    );
    if line.weight == Weight::Main {
        // Few markers, each method's at other places, so that lines that meet stay readable.
        let every = places.len().div_ceil(6).max(1);
        for (i, (x, y)) in places.iter().enumerate() {
            if (i + line.style).is_multiple_of(every) || i + 1 == places.len() {
                out.push_str(&marker(line.style, *x, *y));
            }
        }
    }
}

fn ends(ticks: &[f64]) -> (f64, f64) {
    (
        ticks.first().copied().unwrap_or(0.0),
        ticks.last().copied().unwrap_or(1.0),
    )
}
