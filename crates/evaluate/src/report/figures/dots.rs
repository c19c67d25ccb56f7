//! One row a method, one marker a seed: the result of a task at a glance.

use std::fmt::Write as _;

use crate::report::figures::figure::open;
use crate::report::figures::scale::{Scale, decimals, range, ticks};
use crate::report::figures::style::{colour, marker};
use crate::report::html::{escape, fixed};

const WIDTH: f64 = 460.0;
const ROW: f64 = 43.0;
const LEFT: f64 = 12.0;
const VALUE: f64 = 56.0;

/// One row.
pub struct Row {
    /// The name that stands above the row.
    pub name: String,
    /// The method's style; `None` for the floor and published results.
    pub style: Option<usize>,
    /// One value a seed.
    pub values: Vec<f64>,
    /// Their mean.
    pub mean: f64,
}

/// The rows as one `<svg>`; `title` and `description` say the same in words.
pub fn dots(id: &str, title: &str, description: &str, rows: &[Row]) -> String {
    let height = rows.len() as f64 * ROW + 34.0;
    let values = || {
        rows.iter()
            .flat_map(|r| r.values.iter().copied().chain([r.mean]))
    };
    let (low, high) = range(values().chain([0.0]));
    let marks = ticks(low, high, 4);
    let span = (
        marks.first().copied().unwrap_or(0.0),
        marks.last().copied().unwrap_or(1.0),
    );
    let x = Scale::new(span, (LEFT, WIDTH - VALUE));
    let base = rows.len() as f64 * ROW;
    let mut out = open(id, title, description, WIDTH, height);
    for mark in &marks {
        let at = x.place(*mark);
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{at:.1} 4V{base}\"/><text class=\"t mid\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
            height - 7.0,
            fixed(*mark, decimals(&marks))
        );
    }
    for (i, row) in rows.iter().enumerate() {
        let top = i as f64 * ROW;
        let y = top + 29.0;
        let class = row.style.map_or("c-ref".to_string(), colour);
        let at = x.place(row.mean);
        let _ = write!(
            out,
            "<text class=\"t halo name\" x=\"{:.1}\" y=\"{:.1}\">{}</text><path class=\"grid\" d=\"M0 {:.1}H{WIDTH}\"/>",
            LEFT - 8.0,
            top + 15.0,
            escape(&row.name),
            top + ROW
        );
        for value in &row.values {
            match row.style {
                Some(style) => out.push_str(&marker(style, x.place(*value), y)),
                None => {
                    let at = x.place(*value);
                    let _ = write!(
                        out,
                        "<circle class=\"m {class}\" cx=\"{at:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
                    );
                }
            }
        }
        let _ = write!(
            out,
            "<path class=\"mean {class}\" d=\"M{at:.1} {:.1}v16\"/><text class=\"t e value\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            y - 8.0,
            WIDTH - 4.0,
            y + 4.5,
            fixed(row.mean, 3)
        );
    }
    out.push_str("</svg>");
    out
}
