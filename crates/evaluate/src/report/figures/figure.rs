//! The frame of every figure: heading, drawing, caption, and what its files are called.

use std::collections::HashSet;

use crate::report::figures::tsv::Tsv;
use crate::report::html::escape;

/// A figure of the page, which also becomes files beside it.
pub struct Figure {
    /// What its files are called, without the ending: the task, a dot, what it shows.
    pub name: String,
    /// What it shows, in a few words.
    pub title: String,
    /// What is seen.
    pub shown: Shown,
    /// How it is to be read (HTML).
    pub caption: String,
    /// The methods in it by their style, for a drawing that stands where no legend is.
    pub key: Vec<(usize, String)>,
    /// The numbers behind it.
    pub data: Tsv,
}

/// All figures of a report.
pub struct Figures {
    /// Over all tasks.
    pub of_run: Vec<Figure>,
    /// Of each task, in the order of the tasks.
    pub of_tasks: Vec<Vec<Figure>>,
}

impl Figures {
    /// These, each with a name of its own.
    pub fn new(of_run: Vec<Figure>, of_tasks: Vec<Vec<Figure>>) -> Self {
        let mut all = Self { of_run, of_tasks };
        let mut names = HashSet::new();
        let of_tasks = all.of_tasks.iter_mut().flatten();
        for figure in all.of_run.iter_mut().chain(of_tasks) {
            // Names of tasks and methods hold dots, too; on some file systems A is a.
            while !names.insert(figure.name.to_lowercase()) {
                figure.name.push('_');
            }
        }
        all
    }

    /// Every one.
    pub fn all(&self) -> Vec<&Figure> {
        let of_tasks = self.of_tasks.iter().flatten();
        self.of_run.iter().chain(of_tasks).collect()
    }
}

/// What is seen of a figure.
pub enum Shown {
    /// A drawing, an `<svg>`.
    Drawing(String),
    /// A drawing that needs the width of the page.
    Wide(String),
    /// Numbers that no drawing has room for, as an HTML table.
    Table(String),
}

impl Figure {
    /// The figure as HTML, with links to its files in the folder `folder`.
    pub fn html(&self, folder: &str) -> String {
        let file = |ending: &str, what: &str| {
            format!(
                "<a href=\"{folder}/{}.{ending}\">{what}</a>",
                escape(&self.name)
            )
        };
        let (class, shown, files) = match &self.shown {
            Shown::Drawing(svg) => ("", svg.clone(), [file("svg", "SVG"), file("tsv", "data")]),
            Shown::Wide(svg) => (
                " class=\"wide\"",
                format!("<div class=\"scroll\">{svg}</div>"),
                [file("svg", "SVG"), file("tsv", "data")],
            ),
            Shown::Table(html) => ("", html.clone(), [String::new(), file("tsv", "data")]),
        };
        format!(
            "<figure{class}><h3>{}</h3>{shown}<figcaption>{}<small class=\"files\">{}</small></figcaption></figure>",
            escape(&self.title),
            self.caption,
            files.join(" ").trim()
        )
    }

    /// The drawing, where there is one.
    pub fn svg(&self) -> Option<&str> {
        match &self.shown {
            Shown::Drawing(svg) | Shown::Wide(svg) => Some(svg),
            Shown::Table(_) => None,
        }
    }
}

/// The opening of an accessible `<svg>`.
pub fn open(id: &str, title: &str, description: &str, width: f64, height: f64) -> String {
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
        escape(title),
        escape(description)
    )
}
