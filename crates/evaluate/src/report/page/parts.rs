//! Small pieces of HTML that several parts of the page show.

use lingo_artifact::run_folder::RunFolder;

use crate::report::data::summary::Spread;
use crate::report::figures::figure::Figure;
use crate::report::figures::style::legend;
use crate::report::html::{NONE, count, escape, fixed};

/// Marks a result of which a file is not as its record says.
pub const ALTERED: &str =
    " <span class=\"tag leak\" title=\"a file is not as the run left it\">altered</span>";

/// What is shown at once of few tasks, and folded of many.
pub fn folded(few: bool, summary: &str, inside: &str) -> String {
    match few {
        true => inside.to_string(),
        false => format!("<details><summary>{summary}</summary>{inside}</details>"),
    }
}

/// `1 task`, `2 tasks`.
pub fn counted(n: usize, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        count(n as u64),
        if n == 1 { "" } else { "s" }
    )
}

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

/// Figures below the legend of their methods; nothing for none.
pub fn figures(key: &[(usize, String)], figures: &[Figure]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let names: Vec<(usize, &str)> = key.iter().map(|(s, name)| (*s, name.as_str())).collect();
    let figures = figures.iter().map(|f| f.html(RunFolder::FIGURES));
    format!(
        "{}<div class=\"figures\">{}</div>",
        legend(&names),
        figures.collect::<String>()
    )
}
