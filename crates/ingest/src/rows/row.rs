//! Rows on their way to examples: where a sequence is to be found, not the sequence; class and split perhaps not yet known.
//!
//! A source pushes rows; a row takes about fifty bytes whatever the length of its sequence. Sequences are fetched when
//! they are looked at: [`crate::dataset`].

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};

use foldhash::fast::RandomState;
use lingo_artifact::byte_size::amount;
use lingo_artifact::{ByteSize, Split, Strand};

use crate::error::{Error, Result};

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
    /// What the genome has, and N beyond its ends.
    pub(crate) lies: Padding,
    /// Bases before the variant.
    pub(crate) before: u32,
    /// Bases of the genome that it takes the place of.
    pub(crate) replaced: u32,
    /// What stands there instead.
    pub(crate) alternate: TextId,
}

/// A window with N before the chromosome's first base and behind its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Padding {
    /// What lies on the chromosome.
    pub(crate) window: Window,
    /// N before it, on the forward strand.
    pub(crate) before: u32,
    /// N behind it, on the forward strand.
    pub(crate) behind: u32,
}

impl Padding {
    /// The bases of the window and those beyond it.
    pub(crate) fn length(&self) -> u64 {
        let beyond = u64::from(self.before) + u64::from(self.behind);
        self.window.end - self.window.start + beyond
    }
}

/// A labelled sequence as a source gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its own name; without one it is called after its place or number.
    pub(crate) name: Option<TextId>,
    /// Where its sequence is.
    pub(crate) content: Content,
    /// The label as it was written: [`Rows::label`].
    pub(crate) label: LabelId,
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

    fn moved(self, by: u64) -> Self {
        Self::new(self.at() as u64 + by)
    }

    fn at(self) -> usize {
        (u64::from(self.high.get() - 1) << 32 | u64::from(self.low)) as usize
    }
}

/// Many texts in one piece of memory: a `String` each would cost three times their length.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// Each text behind its length: six bits a character, the lowest first, and a seventh that says that more follow. So all of it is
    /// text, and none has to be checked again.
    all: String,
}

impl Texts {
    /// Keeps a text.
    pub(crate) fn push(&mut self, text: &str) -> TextId {
        let at = self.all.len() as u64;
        let mut length = text.len();
        while length >= 64 {
            self.all.push(char::from(64 | (length % 64) as u8));
            length /= 64;
        }
        self.all.push(char::from(length as u8));
        self.all.push_str(text);
        TextId::new(at)
    }

    /// The length of a text in bytes.
    pub(crate) fn length(&self, id: TextId) -> u64 {
        self.place(id).len() as u64
    }

    /// The text.
    pub(crate) fn get(&self, id: TextId) -> &str {
        self.all.get(self.place(id)).unwrap_or_default()
    }

    fn place(&self, id: TextId) -> Range<usize> {
        let mut length = 0;
        let mut shift = 0;
        let mut at = id.at();
        for part in self.all.as_bytes().get(at..).unwrap_or_default() {
            at += 1;
            length |= usize::from(part & 63) << shift;
            shift += 6;
            if part & 64 == 0 {
                break;
            }
        }
        at..at + length
    }

    /// Bytes that they take.
    fn memory(&self) -> usize {
        self.all.len()
    }

    /// Appends other texts; says how far their places are moved.
    fn append(&mut self, other: &Texts) -> u64 {
        let by = self.all.len() as u64;
        self.all.push_str(&other.all);
        by
    }
}

/// A label: [`Rows::label`] says its text. Equal texts mostly have equal numbers, and have so for the first few thousand texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LabelId(u32);

impl LabelId {
    /// Its place in [`Rows::labels`].
    pub(crate) fn number(self) -> usize {
        self.0 as usize
    }
}

/// The texts of labels, which repeat.
#[derive(Debug, Default)]
struct Labels {
    texts: Texts,
    all: Vec<TextId>,
    /// The first few thousand by their text.
    seen: HashMap<Box<str>, LabelId, RandomState>,
    /// The label before: the next one often is the same.
    last: Option<LabelId>,
}

/// Labels beyond so many are taken for measurements, which seldom repeat.
const MOST_SEEN: usize = 4096;

impl Labels {
    fn push(&mut self, text: &str) -> LabelId {
        if let Some(last) = self.last.filter(|last| self.get(*last) == text) {
            return last;
        }
        let id = self.find(text);
        self.last = Some(id);
        id
    }

    fn find(&mut self, text: &str) -> LabelId {
        if let Some(id) = self.seen.get(text) {
            return *id;
        }
        let id = LabelId(line(self.all.len() as u64));
        self.all.push(self.texts.push(text));
        if self.seen.len() < MOST_SEEN {
            self.seen.insert(text.into(), id);
        }
        id
    }

    fn get(&self, id: LabelId) -> &str {
        self.all
            .get(id.number())
            .map_or("", |text| self.texts.get(*text))
    }

    fn clear(&mut self) {
        self.texts.all.clear();
        self.all.clear();
        self.seen.clear();
        self.last = None;
    }

    fn memory(&self) -> usize {
        self.texts.memory() + self.all.len() * size_of::<TextId>()
    }
}

/// What the files of a source hold.
#[derive(Debug)]
pub(crate) struct Rows {
    /// In the order of the files.
    rows: Vec<Row>,
    /// Names, and sequences that are no windows.
    pub(crate) texts: Texts,
    labels: Labels,
    /// What is larger than a row should be.
    edits: Vec<Edit>,
    paddings: Vec<Padding>,
    /// Intervals as they stand in the files, where their windows do not hold them whole: sequence, start, end. Kept for what must
    /// lie away from them.
    originals: Vec<(u32, u64, u64)>,
    /// The files that rows count.
    pub(crate) files: Vec<PathBuf>,
    /// What they may take.
    limit: ByteSize,
    /// What is held beside them.
    beside: u64,
    traits: Traits,
}

/// What is known of all rows without looking at them again: that takes longer than one would think, there are many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traits {
    /// Some row has two sequences.
    pub(crate) pairs: bool,
    /// Some row lies in a genome.
    pub(crate) windows: bool,
    /// Some row's split is given.
    pub(crate) splits: bool,
    /// The bases of the longest row.
    pub(crate) longest: u64,
}

impl Traits {
    fn add(&mut self, other: Self) {
        self.pairs |= other.pairs;
        self.windows |= other.windows;
        self.splits |= other.splits;
        self.longest = self.longest.max(other.longest);
    }
}

impl Rows {
    /// No rows yet; `files` are those that [`Row::file`] counts.
    pub(crate) fn new(files: Vec<PathBuf>, limit: ByteSize) -> Self {
        Self {
            rows: Vec::new(),
            texts: Texts::default(),
            labels: Labels::default(),
            edits: Vec::new(),
            paddings: Vec::new(),
            originals: Vec::new(),
            files,
            limit,
            beside: 0,
            traits: Traits::default(),
        }
    }

    /// How many bytes a source holds beside the rows: they count against what the rows may take.
    pub(crate) fn set_beside(&mut self, bytes: u64) {
        self.beside = bytes;
    }

    /// Adds a row.
    ///
    /// # Errors
    /// More than the memory limit.
    pub(crate) fn push(&mut self, row: Row) -> Result<()> {
        self.check_memory()?;
        self.traits.add(Traits {
            pairs: row.is_pair(),
            windows: self.window(&row).is_some(),
            splits: row.split.is_some(),
            longest: self.length(&row),
        });
        self.rows.push(row);
        Ok(())
    }

    fn check_memory(&self) -> Result<()> {
        if self.memory() + self.beside <= self.limit.get() {
            return Ok(());
        }
        let beside = match self.beside {
            0 => String::new(),
            bytes => format!(" and their labels and peaks {}", amount(bytes)),
        };
        Err(Error::Data(format!(
            "{} rows take {}{beside} (sequences that a table gives are held in memory, windows of a genome are not), more than max_memory, {}; raise it, or split the data into several tasks",
            self.rows.len(),
            amount(self.memory()),
            self.limit
        )))
    }

    /// Appends rows that were read apart: windows, which is what can be read so.
    ///
    /// # Errors
    /// As [`Rows::push`].
    pub(crate) fn append_windows(&mut self, part: &Rows) -> Result<()> {
        let by = self.texts.append(&part.texts);
        let texts = part
            .labels
            .all
            .iter()
            .map(|text| part.labels.texts.get(*text));
        let labels: Vec<LabelId> = texts.map(|text| self.labels.push(text)).collect();
        let padded = line(self.paddings.len() as u64);
        self.paddings.extend_from_slice(&part.paddings);
        self.rows.extend(part.rows.iter().map(|row| Row {
            name: row.name.map(|name| name.moved(by)),
            label: labels[row.label.number()],
            content: match row.content {
                Content::Padded(number) => Content::Padded(padded + number),
                window => window,
            },
            ..*row
        }));
        self.originals.extend_from_slice(&part.originals);
        self.traits.add(part.traits);
        self.check_memory()
    }

    /// Keeps where an interval lay that its window does not hold whole.
    pub(crate) fn push_original(&mut self, sequence: u32, start: u64, end: u64) {
        self.originals.push((sequence, start, end));
    }

    /// What [`Rows::push_original`] kept.
    pub(crate) fn originals(&self) -> impl Iterator<Item = (u32, u64, u64)> {
        self.originals.iter().copied()
    }

    /// Takes all rows out; their memory stays.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.texts.all.clear();
        self.labels.clear();
        self.edits.clear();
        self.paddings.clear();
        self.originals.clear();
        self.traits = Traits::default();
    }

    /// Takes out all rows that are not to be kept; what was kept for them besides stays.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        let mut keep = keep.iter();
        self.rows.retain(|_| keep.next() == Some(&true));
    }

    /// Keeps a label that probably was kept before.
    pub(crate) fn push_label(&mut self, text: &str) -> LabelId {
        self.labels.push(text)
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

    /// What a row's sequence is that lies there.
    pub(crate) fn content(&mut self, lies: Padding) -> Content {
        match (lies.before, lies.behind) {
            (0, 0) => Content::Window(lies.window),
            _ => self.padded(lies),
        }
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
            Content::Edited(number) => Some(self.edit(number).lies.window),
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

    /// What is known of all rows.
    pub(crate) fn traits(&self) -> Traits {
        self.traits
    }

    /// The lengths of a row's sequences, without looking at their bases.
    pub(crate) fn lengths_of(&self, row: &Row) -> impl Iterator<Item = u64> {
        let length = |text| self.texts.length(text);
        let (first, second) = match row.content {
            Content::Window(w) => (w.end - w.start, None),
            Content::Derived { first, .. } => (length(first), None),
            Content::Padded(number) => (self.padding(number).length(), None),
            Content::Edited(number) => {
                let length = self.edit(number).lies.length();
                (length, Some(length))
            }
            Content::Text { first, second, .. } => (length(first), second.map(length)),
        };
        std::iter::once(first).chain(second)
    }

    /// The bases of a row.
    pub(crate) fn length(&self, row: &Row) -> u64 {
        match row.content {
            // What nearly all rows of a large data set are.
            Content::Window(w) => w.end - w.start,
            _ => self.lengths_of(row).sum(),
        }
    }

    /// The label of a row as it was written.
    pub(crate) fn label(&self, row: &Row) -> &str {
        self.labels.get(row.label)
    }

    /// The texts that [`LabelId::number`] counts; beyond the first few thousand a text may stand there more than once.
    pub(crate) fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        let texts = &self.labels.texts;
        self.labels.all.iter().map(|text| texts.get(*text))
    }

    /// Bytes that the rows take.
    pub(crate) fn memory(&self) -> u64 {
        let beside = self.edits.len() * size_of::<Edit>()
            + self.paddings.len() * size_of::<Padding>()
            + self.originals.len() * size_of::<(u32, u64, u64)>();
        let texts = self.texts.memory() + self.labels.memory();
        (self.rows.len() * size_of::<Row>() + beside + texts) as u64
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
        let long: Vec<String> = [63, 64, 4095, 4096, 300_000].map(|n| "x".repeat(n)).into();
        let all = ["", "a", "ä\0\n", "a"].into_iter();
        let all: Vec<&str> = all.chain(long.iter().map(String::as_str)).collect();
        let ids: Vec<TextId> = all.iter().map(|text| texts.push(text)).collect();
        for (id, text) in ids.iter().zip(&all) {
            assert_eq!(texts.get(*id), *text);
            assert_eq!(texts.length(*id), text.len() as u64);
        }
    }

    #[test]
    fn labels_come_back() {
        let mut labels = Labels::default();
        let ids = ["x", "y", "x"].map(|text| (labels.push(text), text));
        for (id, text) in &ids {
            assert_eq!(labels.get(*id), *text);
        }
        assert_eq!(ids[0].0, ids[2].0);
        for i in 0..2 * MOST_SEEN {
            let id = labels.push(&i.to_string());
            assert_eq!(labels.get(id), i.to_string());
        }
        assert_eq!(labels.seen.len(), MOST_SEEN);
    }

    #[test]
    fn too_many_rows_are_told() {
        let mut rows = Rows::new(Vec::new(), ByteSize::LEAST);
        let text = "A".repeat(1 << 20);
        let failed = (0..1000).find_map(|number| {
            let first = rows.texts.push(&text);
            let label = rows.push_label("1");
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
