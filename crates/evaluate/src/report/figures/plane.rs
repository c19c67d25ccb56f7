//! The plane that lines and dots are drawn on: two axes with their marks, for any screen: 460 units wide, text at 13.

use std::fmt::Write as _;

use crate::report::html::escape;

/// How wide a drawing is.
pub const WIDTH: f64 = 460.0;
/// How high.
pub const HEIGHT: f64 = 270.0;
/// Where the plane begins.
pub const LEFT: f64 = 48.0;
/// Where it ends.
pub const RIGHT: f64 = WIDTH - 16.0;
/// Its upper end.
pub const TOP: f64 = 14.0;
/// Where the x axis stands.
pub const BASE: f64 = HEIGHT - 42.0;

/// The x axis.
pub struct Axis<'a> {
    /// Its name.
    pub label: &'a str,
    /// Where a mark stands, and what is written below it.
    pub marks: Vec<(f64, String)>,
}

/// Draws the axes; `rows` are the marks of the y axis, from place to text.
pub fn axes(out: &mut String, x: &Axis, rows: &[(f64, String)]) {
    for (at, text) in rows {
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/><text class=\"t e\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT - 7.0,
            at + 4.5,
            escape(text)
        );
    }
    for (at, text) in &x.marks {
        let _ = write!(
            out,
            "<path class=\"axis\" d=\"M{at:.1} {BASE}v5\"/><text class=\"t mid\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
            BASE + 19.0,
            escape(text)
        );
    }
    let _ = write!(
        out,
        "<path class=\"axis\" d=\"M{LEFT} {BASE:.1}H{RIGHT}\"/><text class=\"t mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        (LEFT + RIGHT) / 2.0,
        HEIGHT - 5.0,
        escape(x.label)
    );
}
