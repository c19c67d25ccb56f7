//! How a method looks in every figure: colour, dashes and marker together, so that no one of them is needed.

use std::fmt::Write as _;

use crate::report::html::escape;

/// What the classes of drawings stand for: first the colours of a light page, then those of a dark one, then a rule a class.
pub const STYLE: &str = include_str!("figures.css");

/// Colours in the style sheet, `.c0` to `.c5`.
const COLOURS: usize = 6;
const DASHES: [&str; 5] = ["", "7 3", "2 3", "9 3 2 3", "4 2"];
const MARKERS: usize = 6;

/// The class that gives a method its colour.
pub fn colour(style: usize) -> String {
    format!("c{}", style % COLOURS)
}

/// The attribute that gives a line its dashes, with a space before it; empty for a solid one.
pub fn dashes(style: usize) -> String {
    match DASHES[style % DASHES.len()] {
        "" => String::new(),
        dashes => format!(" stroke-dasharray=\"{dashes}\""),
    }
}

/// A marker around a point.
pub fn marker(style: usize, x: f64, y: f64) -> String {
    let class = format!("m {}", colour(style));
    let path = |d: String| format!("<path class=\"{class}\" d=\"{d}\"/>");
    match style % MARKERS {
        0 => format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.6\"/>"),
        1 => path(format!("M{:.1} {:.1}h6.4v6.4h-6.4z", x - 3.2, y - 3.2)),
        2 => path(format!("M{x:.1} {:.1}l4 7h-8z", y - 4.4)),
        3 => path(format!("M{x:.1} {:.1}l4.4 4.4l-4.4 4.4l-4.4-4.4z", y - 4.4)),
        4 => path(format!("M{x:.1} {:.1}l4 -7h-8z", y + 4.4)),
        _ => path(format!("M{:.1} {:.1}l7 7m0-7l-7 7", x - 3.5, y - 3.5)),
    }
}

/// The key to the figures of a task: each method's line and marker beside its name.
pub fn legend(methods: &[(usize, &str)]) -> String {
    let mut out = String::from("<ul class=\"legend\">");
    for (style, name) in methods {
        let _ = write!(
            out,
            "<li><svg viewBox=\"0 0 40 14\" width=\"40\" height=\"14\" aria-hidden=\"true\"><path class=\"l {}\"{} d=\"M1 7H39\"/>{}</svg>{}</li>",
            colour(*style),
            dashes(*style),
            marker(*style, 20.0, 7.0),
            escape(name)
        );
    }
    out.push_str("</ul>");
    out
}
