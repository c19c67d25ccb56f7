//! Writing bigWig (Kent et al. 2010, supplement), piece by piece.
//!
//! Blocks are written as they fill; summaries go to a temporary file for each zoom level and are copied behind the data. Held in
//! memory are the lists of blocks, 40 bytes for 1,024 values or 512 summaries.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::error::{Error, Result};

const MAGIC: u32 = 0x888F_FC26;
const NAMES: u32 = 0x78CA_8C91;
const INDEX: u32 = 0x2468_ACE0;
const VERSION: u16 = 4;
/// Stretches of a block.
const STRETCHES: usize = 1024;
/// Summaries of a block.
const SUMMARIES: usize = 512;
/// Children of a node, at most.
const CHILDREN: usize = 256;
/// Each zoom level sums up so many times as many bases as the one before.
const COARSER: u32 = 4;
/// More levels than this no program writes.
const MOST_LEVELS: usize = 10;

/// A file that is being written.
pub struct BigWigWriter<W: Write + Seek> {
    path: PathBuf,
    out: Counted<W>,
    /// Names and lengths, as they were given.
    sequences: Vec<(String, u32)>,
    /// The number of each in the file: sequences are numbered as their values come.
    numbers: Vec<Option<u32>>,
    numbered: u32,
    data_offset: u64,
    /// The block that is being filled, and of which sequence it is.
    stretches: Vec<(u32, u32, f32)>,
    sequence: u32,
    /// Where the last stretch ends.
    past: u32,
    blocks: Vec<Block>,
    levels: Vec<Level>,
    total: Summary,
    /// What a block is packed into.
    packed: Vec<u8>,
}

/// Where a block lies, and what it covers.
#[derive(Clone, Copy)]
struct Block {
    sequence: u32,
    start: u32,
    end: u32,
    offset: u64,
    size: u64,
}

/// What is known of some bases.
#[derive(Clone, Copy)]
struct Summary {
    start: u32,
    end: u32,
    bases: u64,
    least: f64,
    most: f64,
    sum: f64,
    squares: f64,
}

impl Summary {
    fn of(start: u32, end: u32) -> Self {
        Self {
            start,
            end,
            bases: 0,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            sum: 0.0,
            squares: 0.0,
        }
    }

    fn add(&mut self, bases: u32, value: f32) {
        let (bases, value) = (u64::from(bases), f64::from(value));
        self.bases += bases;
        self.least = self.least.min(value);
        self.most = self.most.max(value);
        self.sum += bases as f64 * value;
        self.squares += bases as f64 * value * value;
    }
}

/// A zoom level: summaries of so many bases.
struct Level {
    reduction: u32,
    /// The one that the next stretch may add to.
    open: Option<Summary>,
    /// Those of the block that is being filled.
    full: Vec<Summary>,
    /// How many were written.
    summaries: u32,
    /// Offsets are those within `packed`.
    blocks: Vec<Block>,
    packed: Counted<File>,
}

/// Counts what is written.
struct Counted<W> {
    to: W,
    written: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.to.write(bytes)?;
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl<W: Write + Seek> BigWigWriter<W> {
    /// Begins a file at the place where `out` stands, which must be its first byte; `path` is what errors name, and the first zoom
    /// level sums up `reduction` bases.
    ///
    /// # Errors
    /// A sequence of more than 2^32 bases; what the writer says.
    pub fn new(path: &Path, sequences: &[(String, u64)], reduction: u32, out: W) -> Result<Self> {
        let length = |(name, length): &(String, u64)| match u32::try_from(*length) {
            Ok(length) => Ok((name.clone(), length)),
            Err(_) => Err(Error::file(
                path,
                format!("`{name}` has {length} bases, more than bigWig can count; write a table"),
            )),
        };
        let sequences: Vec<(String, u32)> = sequences.iter().map(length).collect::<Result<_>>()?;
        let longest = sequences.iter().map(|s| s.1).max().unwrap_or(0);
        let mut levels = Vec::new();
        let mut next = Some(reduction.max(1));
        while let Some(reduction) = next {
            levels.push(Level {
                reduction,
                open: None,
                full: Vec::new(),
                summaries: 0,
                blocks: Vec::new(),
                packed: Counted {
                    to: tempfile::tempfile().map_err(lingo_artifact::Error::io("write", path))?,
                    written: 0,
                },
            });
            next = reduction
                .checked_mul(COARSER)
                .filter(|r| *r < longest && levels.len() < MOST_LEVELS);
        }
        let mut writer = Self {
            path: path.to_path_buf(),
            out: Counted {
                to: out,
                written: 0,
            },
            numbers: vec![None; sequences.len()],
            numbered: 0,
            sequences,
            data_offset: 0,
            stretches: Vec::new(),
            sequence: 0,
            past: 0,
            blocks: Vec::new(),
            levels,
            total: Summary::of(0, 0),
            packed: Vec::new(),
        };
        writer.begin().map_err(writer.failed())?;
        Ok(writer)
    }

    fn failed(&self) -> impl FnOnce(io::Error) -> Error + use<W> {
        let path = self.path.clone();
        move |e| lingo_artifact::Error::io("write", &path)(e).into()
    }

    fn begin(&mut self) -> io::Result<()> {
        // The head, the zoom levels and the total are written when they are known.
        let head = 64 + 24 * self.levels.len() + 40;
        self.out.write_all(&vec![0; head])?;
        self.data_offset = self.out.written;
        self.out.write_all(&[0; 8])
    }

    /// Gives the bases `start..end` of a sequence, by its place among those that were given, a value. The stretches of a sequence come
    /// together and in order, and no base twice; sequences come in any order.
    ///
    /// # Errors
    /// A stretch that does not follow what was written; what the writer says.
    pub fn add(&mut self, sequence: usize, start: u64, end: u64, value: f32) -> Result<()> {
        let length = self.sequences.get(sequence).map_or(0, |s| s.1);
        let number = self.numbers.get(sequence).copied().flatten();
        let is_next = match number {
            None => true,
            Some(number) => number == self.sequence && start >= u64::from(self.past),
        };
        if !is_next || start >= end || end > u64::from(length) {
            let name = self.sequences.get(sequence).map_or("", |s| s.0.as_str());
            return Err(Error::file(
                &self.path,
                format!("`{name}`: {start}-{end} does not follow what was written"),
            ));
        }
        let (start, end) = (start as u32, end as u32);
        self.put(sequence, start, end, value).map_err(self.failed())
    }

    fn put(&mut self, sequence: usize, start: u32, end: u32, value: f32) -> io::Result<()> {
        if self.numbers[sequence].is_none() {
            self.close_sequence()?;
            self.numbers[sequence] = Some(self.numbered);
            (self.sequence, self.past) = (self.numbered, 0);
            self.numbered += 1;
        } else if self.stretches.len() == STRETCHES {
            self.write_block()?;
        }
        self.stretches.push((start, end, value));
        self.past = end;
        self.total.add(end - start, value);
        let length = self.sequences[sequence].1;
        for level in &mut self.levels {
            level.add(self.sequence, length, (start, end, value), &mut self.packed)?;
        }
        Ok(())
    }

    /// Writes what is left of a sequence.
    fn close_sequence(&mut self) -> io::Result<()> {
        self.write_block()?;
        for level in &mut self.levels {
            level.full.extend(level.open.take());
            level.write_block(self.sequence, &mut self.packed)?;
        }
        Ok(())
    }

    fn write_block(&mut self) -> io::Result<()> {
        let (Some(first), Some(last)) = (self.stretches.first(), self.stretches.last()) else {
            return Ok(());
        };
        let (start, end) = (first.0, last.1);
        let mut bytes = Vec::with_capacity(LARGEST_BLOCK);
        for number in [self.sequence, start, end, 0, 0] {
            bytes.extend(number.to_le_bytes());
        }
        // Stretches with a start and an end each.
        bytes.extend([1, 0]);
        bytes.extend((self.stretches.len() as u16).to_le_bytes());
        for (start, end, value) in self.stretches.drain(..) {
            bytes.extend(start.to_le_bytes());
            bytes.extend(end.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        pack(&bytes, &mut self.packed)?;
        self.blocks.push(Block {
            sequence: self.sequence,
            start,
            end,
            offset: self.out.written,
            size: self.packed.len() as u64,
        });
        self.out.write_all(&self.packed)
    }

    /// Writes what stands behind the data, and the head.
    ///
    /// # Errors
    /// No value at all; what the writer says.
    pub fn finish(mut self) -> Result<()> {
        if self.stretches.is_empty() && self.blocks.is_empty() {
            return Err(Error::file(&self.path, "there is no value to write"));
        }
        self.end().map_err(self.failed())
    }

    fn end(&mut self) -> io::Result<()> {
        self.close_sequence()?;
        let index_offset = self.out.written;
        let blocks = self.blocks.len() as u64;
        write_index(&mut self.out, &self.blocks, STRETCHES)?;
        let mut zoom = Vec::new();
        for level in &mut self.levels {
            let offset = self.out.written;
            self.out.write_all(&level.summaries.to_le_bytes())?;
            let moved = self.out.written;
            level.packed.to.seek(SeekFrom::Start(0))?;
            io::copy(&mut level.packed.to, &mut self.out)?;
            for block in &mut level.blocks {
                block.offset += moved;
            }
            zoom.push((level.reduction, offset, self.out.written));
            write_index(&mut self.out, &level.blocks, SUMMARIES)?;
        }
        let tree_offset = self.out.written;
        let mut names = Vec::new();
        for ((name, length), number) in self.sequences.iter().zip(&self.numbers) {
            let number = number.unwrap_or_else(|| {
                self.numbered += 1;
                self.numbered - 1
            });
            names.push((name.as_str(), number, *length));
        }
        names.sort();
        write_names(&mut self.out, &names)?;
        // Programs look for a truncated file here.
        self.out.write_all(&MAGIC.to_le_bytes())?;
        let out = &mut self.out.to;
        out.seek(SeekFrom::Start(self.data_offset))?;
        out.write_all(&blocks.to_le_bytes())?;
        out.seek(SeekFrom::Start(0))?;
        let mut head = Vec::new();
        head.extend(MAGIC.to_le_bytes());
        head.extend(VERSION.to_le_bytes());
        head.extend((zoom.len() as u16).to_le_bytes());
        for offset in [tree_offset, self.data_offset, index_offset] {
            head.extend(offset.to_le_bytes());
        }
        // No fields of BED, and no description of them.
        head.extend([0; 12]);
        let total_offset = 64 + 24 * zoom.len() as u64;
        head.extend(total_offset.to_le_bytes());
        head.extend((LARGEST_BLOCK as u32).to_le_bytes());
        head.extend([0; 8]);
        for (reduction, data, index) in zoom {
            head.extend(reduction.to_le_bytes());
            head.extend([0; 4]);
            head.extend(data.to_le_bytes());
            head.extend(index.to_le_bytes());
        }
        let total = &self.total;
        head.extend(total.bases.to_le_bytes());
        for number in [total.least, total.most, total.sum, total.squares] {
            head.extend(number.to_le_bytes());
        }
        out.write_all(&head)?;
        out.seek(SeekFrom::End(0))?;
        out.flush()
    }
}

/// The longest block before it is packed: summaries take 32 bytes each.
const LARGEST_BLOCK: usize = 32 * SUMMARIES;
const _: () = assert!(24 + 12 * STRETCHES <= LARGEST_BLOCK);

impl Level {
    fn add(
        &mut self,
        sequence: u32,
        length: u32,
        (mut start, end, value): (u32, u32, f32),
        packed: &mut Vec<u8>,
    ) -> io::Result<()> {
        while start < end {
            let open = match self.open.take() {
                Some(open) if open.end > start => open,
                full => {
                    self.full.extend(full);
                    if self.full.len() == SUMMARIES {
                        self.write_block(sequence, packed)?;
                    }
                    Summary::of(start, start.saturating_add(self.reduction).min(length))
                }
            };
            let past = end.min(open.end);
            let open = self.open.insert(open);
            open.add(past - start, value);
            start = past;
        }
        Ok(())
    }

    fn write_block(&mut self, sequence: u32, packed: &mut Vec<u8>) -> io::Result<()> {
        let (Some(first), Some(last)) = (self.full.first(), self.full.last()) else {
            return Ok(());
        };
        let (start, end) = (first.start, last.end);
        self.summaries = self.summaries.saturating_add(self.full.len() as u32);
        let mut bytes = Vec::with_capacity(LARGEST_BLOCK);
        for summary in self.full.drain(..) {
            for number in [sequence, summary.start, summary.end, summary.bases as u32] {
                bytes.extend(number.to_le_bytes());
            }
            let values = [summary.least, summary.most, summary.sum, summary.squares];
            for value in values {
                bytes.extend((value as f32).to_le_bytes());
            }
        }
        pack(&bytes, packed)?;
        self.blocks.push(Block {
            sequence,
            start,
            end,
            offset: self.packed.written,
            size: packed.len() as u64,
        });
        self.packed.write_all(packed)
    }
}

fn pack(bytes: &[u8], packed: &mut Vec<u8>) -> io::Result<()> {
    packed.clear();
    let mut encoder = ZlibEncoder::new(packed, Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish().map(|_| ())
}

/// The tree of names, which stand in order, each with its number and length.
fn write_names<W: Write>(out: &mut Counted<W>, names: &[(&str, u32, u32)]) -> io::Result<()> {
    let key = names.iter().map(|n| n.0.len()).max().unwrap_or(1).max(1);
    let children = names.len().clamp(1, CHILDREN);
    let mut head = Vec::new();
    for number in [NAMES, children as u32, key as u32, 8] {
        head.extend(number.to_le_bytes());
    }
    head.extend((names.len() as u64).to_le_bytes());
    head.extend([0; 8]);
    out.write_all(&head)?;
    let padded = |place: usize| {
        let mut bytes = names[place].0.as_bytes().to_vec();
        bytes.resize(key, 0);
        bytes
    };
    let leaf = |place: usize, item: &mut Vec<u8>| {
        item.extend(padded(place));
        item.extend(names[place].1.to_le_bytes());
        item.extend(names[place].2.to_le_bytes());
    };
    let inner = |first: usize, _last: usize, offset: u64, item: &mut Vec<u8>| {
        item.extend(padded(first));
        item.extend(offset.to_le_bytes());
    };
    write_tree(out, names.len(), children, [key + 8; 2], leaf, inner)
}

/// The tree of blocks, which stand in the order of what they cover.
fn write_index<W: Write>(out: &mut Counted<W>, blocks: &[Block], items: usize) -> io::Result<()> {
    let covered = |first: &Block, last: &Block, to: &mut Vec<u8>| {
        for number in [first.sequence, first.start, last.sequence, last.end] {
            to.extend(number.to_le_bytes());
        }
    };
    let mut head = Vec::new();
    head.extend(INDEX.to_le_bytes());
    head.extend((CHILDREN as u32).to_le_bytes());
    head.extend((blocks.len() as u64).to_le_bytes());
    match (blocks.first(), blocks.last()) {
        (Some(first), Some(last)) => covered(first, last, &mut head),
        _ => head.extend([0; 16]),
    }
    head.extend(out.written.to_le_bytes());
    head.extend((items as u32).to_le_bytes());
    head.extend([0; 4]);
    out.write_all(&head)?;
    let leaf = |place: usize, item: &mut Vec<u8>| {
        let block = &blocks[place];
        covered(block, block, item);
        item.extend(block.offset.to_le_bytes());
        item.extend(block.size.to_le_bytes());
    };
    let inner = |first: usize, last: usize, offset: u64, item: &mut Vec<u8>| {
        covered(&blocks[first], &blocks[last], item);
        item.extend(offset.to_le_bytes());
    };
    write_tree(out, blocks.len(), CHILDREN, [32, 24], leaf, inner)
}

/// A tree over `items` items from its root down: nodes of at most `children` children each, which take so many bytes in leaves and in
/// inner nodes. `leaf` writes an item, `inner` one for a node that covers the items from the first to the last and stands at an offset.
fn write_tree<W: Write>(
    out: &mut Counted<W>,
    items: usize,
    children: usize,
    [of_leaf, of_inner]: [usize; 2],
    leaf: impl Fn(usize, &mut Vec<u8>),
    inner: impl Fn(usize, usize, u64, &mut Vec<u8>),
) -> io::Result<()> {
    // How many items a node of each level covers, from the leaves up.
    let mut covers = vec![children];
    while let Some(last) = covers.last().copied().filter(|last| *last < items) {
        covers.push(last * children);
    }
    for (level, covered) in covers.iter().copied().enumerate().rev() {
        let nodes = items.div_ceil(covered).max(1);
        let below = level.checked_sub(1).map(|below| covers[below]);
        let own = if below.is_some() { of_inner } else { of_leaf };
        let size = |items: usize| match below {
            Some(below) => 4 + own * items.div_ceil(below),
            None => 4 + own * items,
        };
        let level_size: usize = (0..nodes)
            .map(|node| size(covered.min(items - node * covered)))
            .sum();
        // The nodes of the level below stand behind this level, one behind the other.
        let mut offset = out.written + level_size as u64;
        for node in 0..nodes {
            let (first, past) = (node * covered, ((node + 1) * covered).min(items));
            let mut bytes = vec![u8::from(below.is_none()), 0];
            match below {
                None => {
                    bytes.extend(((past - first) as u16).to_le_bytes());
                    (first..past).for_each(|place| leaf(place, &mut bytes));
                }
                Some(below) => {
                    let own = (past - first).div_ceil(below);
                    bytes.extend((own as u16).to_le_bytes());
                    let (of_child, two_below) = match level.checked_sub(2) {
                        Some(two_below) => (of_inner, covers[two_below]),
                        None => (of_leaf, 1),
                    };
                    for from in (first..past).step_by(below) {
                        let to = (from + below).min(past);
                        inner(from, to - 1, offset, &mut bytes);
                        offset += (4 + of_child * (to - from).div_ceil(two_below)) as u64;
                    }
                }
            }
            out.write_all(&bytes)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::bigwig::BigWig;
    use lingo_artifact::ByteSize;

    fn written(
        sequences: &[(String, u64)],
        values: &[(usize, u64, u64, f32)],
    ) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let out = file.reopen().unwrap();
        let mut writer = BigWigWriter::new(file.path(), sequences, 40, out).unwrap();
        for (sequence, start, end, value) in values {
            writer.add(*sequence, *start, *end, *value).unwrap();
        }
        writer.finish().unwrap();
        file
    }

    #[test]
    fn what_is_written_reads_back() {
        // More names and more blocks than a node has children; sequences without values between others.
        let sequences: Vec<(String, u64)> = (0..700)
            .map(|i| (format!("c{}", 700 - i), 100_000 + 7 * i))
            .collect();
        let mut values = Vec::new();
        for sequence in [4, 0, 3, 699] {
            let (mut at, n) = (5, if sequence == 3 { 400_000 } else { 1500 });
            for i in 0..n {
                let span = if n > 1500 { 1 } else { 1 + i % 50 };
                if at + span > sequences[sequence].1 {
                    break;
                }
                values.push((sequence, at, at + span, (i % 97) as f32 / 8.0 - 3.0));
                at += span + u64::from(i % 11 == 0 && n <= 1500);
            }
        }
        let file = written(&sequences, &values);
        let mut read = BigWig::open(file.path(), ByteSize::DEFAULT).unwrap();
        assert_eq!(read.sequences.len(), sequences.len());
        let mut found = Vec::new();
        for (i, (name, length)) in sequences.iter().enumerate() {
            let known = read.sequences.iter().find(|s| s.0 == *name).unwrap();
            let number = known.1;
            assert_eq!(u64::from(known.2), *length);
            read.each(number, 0, known.2, |(start, end, value)| {
                found.push((i, u64::from(start), u64::from(end), value));
            })
            .unwrap();
        }
        values.sort_by_key(|v| (v.0, v.1));
        assert_eq!(found, values);
        assert!(values.len() > 90_000);
    }

    #[test]
    fn a_stretch_before_the_last_or_beyond_the_end_is_refused() {
        let sequences = [("a".to_string(), 100), ("b".to_string(), 100)];
        let file = tempfile::tempfile().unwrap();
        let mut writer = BigWigWriter::new(Path::new("x.bw"), &sequences, 10, file).unwrap();
        writer.add(1, 10, 20, 1.0).unwrap();
        writer.add(0, 10, 20, 1.0).unwrap();
        for (sequence, start, end) in [
            (1, 30, 40),
            (0, 15, 25),
            (0, 30, 101),
            (0, 30, 30),
            (2, 0, 1),
        ] {
            let refused = writer.add(sequence, start, end, 1.0);
            assert!(refused.is_err(), "{sequence}:{start}-{end}");
        }
        writer.add(0, 20, 100, 1.0).unwrap();
        writer.finish().unwrap();
        let empty = tempfile::tempfile().unwrap();
        let writer = BigWigWriter::new(Path::new("x.bw"), &sequences, 10, empty).unwrap();
        assert!(writer.finish().is_err());
    }
}
