//! Rows on their way to examples: where a sequence is to be found, not the sequence; class and split perhaps not yet known.
//!
//! A source pushes rows; a row takes about fifty bytes whatever the length of its sequence. Sequences are fetched when
//! they are looked at: [`crate::dataset`].

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use lingo_artifact::byte_size::amount;
use lingo_artifact::{ByteSize, Split, Strand};

use crate::{Error, Result};

/// A piece of a genome: what stands there is the row's sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Which sequence of the genome, in the order of its file.
    pub(crate) sequence: u32,
    /// The strand that is read; of [`Strand::Reverse`] the reverse complement.
    pub(crate) strand: Strand,
    /// The first base.
    pub(crate) start: u64,
    /// One behind the last base.
    pub(crate) end: u64,
}

/// What a row's sequence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// What stands in a window of the genome.
    Window(Window),
    /// A pair: a window, and the same with a variant in it; the number of [`Rows::edit`].
    Edited(u32),
    /// A window that reaches beyond its chromosome; the number of [`Rows::padding`].
    Padded(u32),
    /// A text that its file gave, upper case, U as T; two for a pair.
    Text {
        first: TextId,
        second: Option<TextId>,
        /// The number of the row in its file, from 1: its name when it has no other.
        number: u32,
    },
    /// A text that was made from a window of a sequence of the genome: it goes where that goes.
    Derived { first: TextId, sequence: u32 },
}

/// A window of the forward strand, and what stands in it with a variant: as long, with the first bases the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    /// What the genome has.
    pub(crate) window: Window,
    /// Bases before the variant.
    pub(crate) before: u32,
    /// Bases of the genome that it takes the place of.
    pub(crate) replaced: u32,
    /// What stands there instead.
    pub(crate) alternate: TextId,
}

/// A window of the forward strand with N before the chromosome's first base and behind its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Padding {
    /// What lies on the chromosome.
    pub(crate) window: Window,
    /// N before it.
    pub(crate) before: u32,
    /// N behind it.
    pub(crate) behind: u32,
}

/// A labelled sequence as a source gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its own name; without one it is called after its place or number.
    pub(crate) name: Option<TextId>,
    /// Where its sequence is.
    pub(crate) content: Content,
    /// The label as it was written.
    pub(crate) label: TextId,
    /// The line in its file, from 1.
    pub(crate) line: u32,
    /// Which of the input files it came from.
    pub(crate) file: u16,
    /// The split, when the source has a file for each.
    pub(crate) split: Option<Split>,
}

impl Row {
    /// Whether it has two sequences.
    pub(crate) fn is_pair(&self) -> bool {
        match self.content {
            Content::Edited(_) => true,
            Content::Text { second, .. } => second.is_some(),
            Content::Window(_) | Content::Padded(_) | Content::Derived { .. } => false,
        }
    }
}

/// A text in [`Texts`]: where it begins, in two halves, which lets a [`Row`] be packed closer than a `u64` would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TextId {
    /// The upper half, plus one.
    high: NonZeroU32,
    low: u32,
}

impl TextId {
    fn new(at: u64) -> Self {
        Self {
            high: NonZeroU32::MIN.saturating_add((at >> 32) as u32),
            low: at as u32,
        }
    }

    fn at(self) -> usize {
        (u64::from(self.high.get() - 1) << 32 | u64::from(self.low)) as usize
    }
}

/// Many texts in one piece of memory: a `String` each would cost three times their length.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// Each text behind its length, four bytes little-endian.
    bytes: Vec<u8>,
    /// Labels repeat: the first few thousand that were seen, by their text.
    seen: HashMap<Box<str>, TextId>,
    /// The label before: the next one often is the same.
    last: Option<TextId>,
}

/// Labels beyond so many are taken for measurements, which seldom repeat.
const MOST_SEEN: usize = 4096;

impl Texts {
    /// Keeps a text. One of more than four gigabytes is cut there; the memory limit stops sources long before.
    pub(crate) fn push(&mut self, text: &str) -> TextId {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let at = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes
            .extend_from_slice(&text.as_bytes()[..length as usize]);
        TextId::new(at)
    }

    /// Keeps a text that probably was kept before.
    pub(crate) fn push_label(&mut self, text: &str) -> TextId {
        if let Some(last) = self.last.filter(|last| self.get(*last) == text) {
            return last;
        }
        let id = self.find_label(text);
        self.last = Some(id);
        id
    }

    fn find_label(&mut self, text: &str) -> TextId {
        if let Some(id) = self.seen.get(text) {
            return *id;
        }
        let id = self.push(text);
        if self.seen.len() < MOST_SEEN {
            self.seen.insert(text.into(), id);
        }
        id
    }

    /// The length of a text in bytes.
    pub(crate) fn length(&self, id: TextId) -> u64 {
        let at = id.at();
        match self.bytes.get(at..at + 4).map(<[u8; 4]>::try_from) {
            Some(Ok(length)) => u64::from(u32::from_le_bytes(length)),
            _ => 0,
        }
    }

    /// The text.
    pub(crate) fn get(&self, id: TextId) -> &str {
        let at = id.at();
        let text = || -> Option<&str> {
            let length = self.length(id) as usize;
            std::str::from_utf8(self.bytes.get(at + 4..at + 4 + length)?).ok()
        };
        text().unwrap_or_default()
    }
}

/// What the files of a source hold.
#[derive(Debug)]
pub(crate) struct Rows {
    /// In the order of the files.
    rows: Vec<Row>,
    /// Names, labels, and sequences that are no windows.
    pub(crate) texts: Texts,
    /// What is larger than a row should be.
    edits: Vec<Edit>,
    paddings: Vec<Padding>,
    /// The files that rows count.
    pub(crate) files: Vec<PathBuf>,
    /// What they may take.
    limit: ByteSize,
}

impl Rows {
    /// No rows yet; `files` are those that [`Row::file`] counts.
    pub(crate) fn new(files: Vec<PathBuf>, limit: ByteSize) -> Self {
        Self {
            rows: Vec::new(),
            texts: Texts::default(),
            edits: Vec::new(),
            paddings: Vec::new(),
            files,
            limit,
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// More than the memory limit.
    pub(crate) fn push(&mut self, row: Row) -> Result<()> {
        if self.memory() > self.limit.get() {
            return Err(Error::Data(format!(
                "{} rows take {} (sequences that a table gives are held in memory, windows of a genome are not), more than max_memory, {}; raise it, or split the data into several tasks",
                self.rows.len(),
                amount(self.memory()),
                self.limit
            )));
        }
        self.rows.push(row);
        Ok(())
    }

    /// Keeps a variant, for a row.
    pub(crate) fn edited(&mut self, edit: Edit) -> Content {
        self.edits.push(edit);
        Content::Edited(line(self.edits.len() as u64 - 1))
    }

    /// Keeps a padded window, for a row.
    pub(crate) fn padded(&mut self, padding: Padding) -> Content {
        self.paddings.push(padding);
        Content::Padded(line(self.paddings.len() as u64 - 1))
    }

    /// What [`Content::Edited`] numbers.
    pub(crate) fn edit(&self, number: u32) -> &Edit {
        &self.edits[number as usize]
    }

    /// What [`Content::Padded`] numbers.
    pub(crate) fn padding(&self, number: u32) -> &Padding {
        &self.paddings[number as usize]
    }

    /// Where a row lies, when it lies in a genome.
    pub(crate) fn window(&self, row: &Row) -> Option<Window> {
        match row.content {
            Content::Window(window) => Some(window),
            Content::Edited(number) => Some(self.edit(number).window),
            Content::Padded(number) => Some(self.padding(number).window),
            Content::Text { .. } | Content::Derived { .. } => None,
        }
    }

    /// The sequence of the genome that a row belongs to.
    pub(crate) fn chromosome(&self, row: &Row) -> Option<usize> {
        match row.content {
            Content::Derived { sequence, .. } => Some(sequence as usize),
            _ => self.window(row).map(|window| window.sequence as usize),
        }
    }

    /// What the rows may take.
    pub(crate) fn limit(&self) -> ByteSize {
        self.limit
    }

    /// All rows.
    pub(crate) fn all(&self) -> &[Row] {
        &self.rows
    }

    /// Whether a row is so. Sources do not mix kinds of rows much: a yes nearly always stands at the front.
    pub(crate) fn any(&self, is_so: impl Fn(&Row) -> bool) -> bool {
        self.rows.first().is_some_and(&is_so) || self.rows.iter().any(is_so)
    }

    /// The label of a row as it was written.
    pub(crate) fn label(&self, row: &Row) -> &str {
        self.texts.get(row.label)
    }

    /// Bytes that the rows take.
    pub(crate) fn memory(&self) -> u64 {
        let beside =
            self.edits.len() * size_of::<Edit>() + self.paddings.len() * size_of::<Padding>();
        (self.rows.len() * size_of::<Row>() + beside + self.texts.bytes.len()) as u64
    }

    /// An error about a row.
    pub(crate) fn error(&self, row: &Row, problem: impl Into<String>) -> Error {
        match self.files.get(usize::from(row.file)) {
            Some(path) => Error::line(path.as_ref() as &Path, u64::from(row.line), problem),
            None => Error::Data(problem.into()),
        }
    }
}

/// A line number as rows hold it.
pub(crate) fn line(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The number of an input file as rows hold it.
///
/// # Errors
/// More files than rows can count.
pub(crate) fn file(number: usize) -> Result<u16> {
    u16::try_from(number)
        .map_err(|_| Error::Config(format!("more than {} files of one source", u16::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_light() {
        assert_eq!(size_of::<Row>(), 48);
    }

    #[test]
    fn places_beyond_four_gigabytes_come_back() {
        for at in [0, 1, u64::from(u32::MAX), 1 << 32, (1 << 40) + 7] {
            assert_eq!(TextId::new(at).at() as u64, at);
        }
    }

    #[test]
    fn texts_come_back() {
        let mut texts = Texts::default();
        let ids = ["", "a", "ä\0\n", "a"].map(|text| (texts.push(text), text));
        let labels = ["x", "y", "x"].map(|text| (texts.push_label(text), text));
        for (id, text) in ids.iter().chain(&labels) {
            assert_eq!(texts.get(*id), *text);
        }
        assert_eq!(labels[0].0, labels[2].0);
        let before = texts.bytes.len();
        for i in 0..2 * MOST_SEEN {
            let id = texts.push_label(&i.to_string());
            assert_eq!(texts.get(id), i.to_string());
        }
        assert!(texts.bytes.len() > before && texts.seen.len() == MOST_SEEN);
    }

    #[test]
    fn too_many_rows_are_told() {
        let mut rows = Rows::new(Vec::new(), ByteSize::LEAST);
        let text = "A".repeat(1 << 20);
        let failed = (0..1000).find_map(|number| {
            let first = rows.texts.push(&text);
            let label = rows.texts.push_label("1");
            let content = Content::Text {
                first,
                second: None,
                number,
            };
            rows.push(Row {
                name: None,
                content,
                label,
                line: number,
                file: 0,
                split: None,
            })
            .err()
        });
        let message = failed.unwrap().to_string();
        assert!(message.contains("more than max_memory, 32 MB"), "{message}");
        assert!(rows.memory() < 100_000_000);
    }
}
