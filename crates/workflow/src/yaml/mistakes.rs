//! Mistakes as diagnostics: message, place, hint.

use std::fmt;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// One mistake, ready to be shown.
#[derive(Clone, Debug)]
pub struct Mistake {
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) label: String,
    pub(super) source: Option<NamedSource<String>>,
    pub(super) span: Option<std::ops::Range<usize>>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Mistake {
    /// Whether two say the same of the same place.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let text = |m: &Self| m.source.as_ref().map(|s| s.inner().clone());
        (&self.message, &self.span) == (&other.message, &other.span) && text(self) == text(other)
    }
}

impl std::error::Error for Mistake {}

impl Diagnostic for Mistake {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|h| Box::new(h) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|s| s as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span.clone()?;
        let label = LabeledSpan::new(Some(self.label.clone()), span.start, span.len());
        Some(Box::new(std::iter::once(label)))
    }
}

/// Everything that is wrong with a file.
#[derive(Clone, Debug)]
pub struct Mistakes {
    pub(super) file: String,
    pub(super) list: Vec<Mistake>,
}

impl Mistakes {
    /// A mistake without a place.
    pub fn plain(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_string(),
            list: vec![Mistake {
                message: message.into(),
                help: None,
                label: String::new(),
                source: None,
                span: None,
            }],
        }
    }

    pub(super) fn help(mut self, help: &str) -> Self {
        self.list
            .iter_mut()
            .for_each(|m| m.help = Some(help.to_string()));
        self
    }

    /// The mistakes, in the order in which they were found.
    pub fn list(&self) -> &[Mistake] {
        &self.list
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.list.as_slice() {
            [one] => one.fmt(f),
            many => write!(f, "{}: {} mistakes", self.file, many.len()),
        }
    }
}

impl std::error::Error for Mistakes {}

impl Diagnostic for Mistakes {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        match self.list.as_slice() {
            [one] => one.help(),
            _ => None,
        }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        match self.list.as_slice() {
            [one] => one.source_code(),
            _ => None,
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match self.list.as_slice() {
            [one] => one.labels(),
            _ => None,
        }
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        match self.list.as_slice() {
            [_] => None,
            many => Some(Box::new(many.iter().map(|m| m as &dyn Diagnostic))),
        }
    }
}
