//! Failures as a user sees them.

use std::io::IsTerminal as _;

use lingo_workflow::Error;
use miette::{GraphicalReportHandler, GraphicalTheme};

use crate::output::say;

/// Says on stderr what went wrong, where, and what to do.
pub fn show(error: &Error) {
    match error {
        Error::Pipeline(mistakes) => {
            let theme = if colours() {
                GraphicalTheme::unicode()
            } else {
                GraphicalTheme::unicode_nocolor()
            };
            let handler = GraphicalReportHandler::new_themed(theme)
                .with_width(100)
                .with_links(false);
            let mut text = String::new();
            match handler.render_report(&mut text, mistakes.as_ref()) {
                Ok(()) => say(text.trim_end()),
                Err(_) => say(&format!("error: {error}")),
            }
        }
        other => {
            say(&format!("error: {other}"));
            if let Some(hint) = other.hint() {
                say(&format!("hint: {hint}"));
            }
        }
    }
}

/// Colours on a terminal, unless <https://no-color.org>.
fn colours() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    std::io::stderr().is_terminal() && !unwanted
}
