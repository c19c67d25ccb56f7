//! Small pieces of HTML that several parts of the page show.

use crate::report::data::summary::Spread;
use crate::report::html::{NONE, escape, fixed};

/// Sentences as a list; nothing for none.
pub fn items(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let items: String = lines
        .iter()
        .map(|l| format!("<li>{}</li>", escape(l)))
        .collect();
    format!("<ul>{items}</ul>")
}

/// Mean ± standard deviation.
pub fn spread(spread: &Spread, decimals: usize) -> String {
    let mean = fixed(spread.mean, decimals);
    match spread.deviation {
        Some(deviation) => format!(
            "{mean}<span class=\"sd\"> \u{b1} {}</span>",
            fixed(deviation, decimals)
        ),
        None => mean,
    }
}

/// A number, or the dash that stands for an undefined one.
pub fn plain(value: Option<f64>, decimals: usize) -> String {
    value.map_or(NONE.to_string(), |v| fixed(v, decimals))
}
