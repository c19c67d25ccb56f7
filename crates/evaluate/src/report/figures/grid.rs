//! A grid of cells that are the darker the more they hold.

use std::fmt::Write as _;

use crate::report::figures::figure::open;
use crate::report::html::escape;

/// What the names of the columns, which are turned, need above the cells.
fn above(columns: &[String]) -> f64 {
    let longest = columns.iter().map(|name| name.chars().count()).max();
    // A letter is about 7 units wide.
    (22.0 + 7.0 * 0.62 * longest.unwrap_or(0) as f64).max(34.0)
}

/// A grid.
pub struct Grid<'a> {
    /// Unique on the page.
    pub id: &'a str,
    /// What it shows, in a few words.
    pub title: &'a str,
    /// The same in sentences, for readers who cannot see it.
    pub description: &'a str,
    /// What the rows are.
    pub corner: &'a str,
    /// The rows' names.
    pub rows: &'a [String],
    /// The columns' names.
    pub columns: &'a [String],
    /// The class of its colour.
    pub colour: &'a str,
    /// How wide the names of the rows are.
    pub left: f64,
    /// How wide and high a cell is.
    pub cell: [f64; 2],
    /// What stands in (row, column).
    pub cells: Vec<Vec<Option<Cell>>>,
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// How dark, 0 to 1.
    pub shade: f64,
    /// What is written in it.
    pub text: String,
    /// What is written below that, in small letters.
    pub below: String,
}

impl Grid<'_> {
    /// How wide the drawing must be: up to where the last column ends, or the name of any, which is turned.
    pub fn width(&self) -> f64 {
        let ends = self.columns.iter().enumerate().map(|(j, name)| {
            let letters = 7.0 * 0.79 * name.chars().count() as f64;
            self.left + (j as f64 + 0.5) * self.cell[0] + letters + 6.0
        });
        let columns = self.left + self.cell[0] * self.columns.len() as f64;
        ends.fold(columns, f64::max)
    }

    /// The grid as one `<svg>`, at least `narrowest` wide.
    pub fn svg(&self, narrowest: f64) -> String {
        let [width, height] = self.cell;
        let whole = self.width().max(narrowest);
        let top = above(self.columns);
        let mut out = open(
            self.id,
            self.title,
            self.description,
            (10.0 * whole).round() / 10.0,
            (top + height * self.rows.len() as f64 + 6.0).round(),
        );
        let _ = write!(
            out,
            "<text class=\"t\" x=\"0\" y=\"{:.1}\">{}</text>",
            top - 6.0,
            escape(self.corner)
        );
        for (j, name) in self.columns.iter().enumerate() {
            let (x, y) = (self.left + (j as f64 + 0.5) * width, top - 6.0);
            let _ = write!(
                out,
                "<text class=\"t\" transform=\"translate({x:.1} {y:.1}) rotate(-38)\">{}</text>",
                escape(name)
            );
        }
        for (i, (name, cells)) in self.rows.iter().zip(&self.cells).enumerate() {
            let y = top + i as f64 * height;
            let _ = write!(
                out,
                "<text class=\"t e\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                self.left - 8.0,
                y + height / 2.0 + 4.5,
                escape(name)
            );
            for (j, cell) in cells.iter().enumerate() {
                if let Some(cell) = cell {
                    let x = self.left + j as f64 * width;
                    self.draw(&mut out, cell, x, y);
                }
            }
        }
        out.push_str("</svg>");
        out
    }

    fn draw(&self, out: &mut String, cell: &Cell, x: f64, y: f64) {
        let [width, height] = self.cell;
        let _ = write!(
            out,
            "<rect class=\"heat {}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill-opacity=\"{:.2}\"/>",
            self.colour,
            x + 1.0,
            y + 1.0,
            width - 2.0,
            height - 2.0,
            0.06 + 0.42 * cell.shade
        );
        let middle = y + height / 2.0;
        let texts = match cell.below.is_empty() {
            true => vec![("", &cell.text, middle + 4.5)],
            false => vec![
                ("", &cell.text, middle - 1.0),
                (" small", &cell.below, middle + 11.5),
            ],
        };
        for (size, text, y) in texts.iter().filter(|(_, text, _)| !text.is_empty()) {
            let _ = write!(
                out,
                "<text class=\"t mid name{size}\" x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
                x + width / 2.0,
                escape(text)
            );
        }
    }
}

/// At most so many characters of a name.
pub fn cut(name: &str, most: usize) -> String {
    match name.chars().count() > most {
        true => name.chars().take(most - 1).chain(['\u{2026}']).collect(),
        false => name.to_string(),
    }
}
