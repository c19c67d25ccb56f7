//! bigWig (Kent et al. 2010, supplement): values of stretches of sequences, read in part.
//!
//! The list of blocks is held in memory (32 bytes each); a block is unpacked when a window lies in it, and the last one is kept, so that
//! windows in the order of the genome unpack each block once.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use lingo_artifact::ByteSize;

use crate::error::{Error, Result};
use crate::genome::fai::read_at;

/// An open file.
pub(crate) struct BigWig {
    path: PathBuf,
    file: File,
    size: u64,
    big_endian: bool,
    /// How long a block may be when it is unpacked; 0 where blocks are not packed.
    unpacked: u32,
    /// Name, number and length of each sequence.
    pub(crate) sequences: Vec<(String, u32, u32)>,
    /// In the order of the sequences' numbers and of the places.
    blocks: Vec<Block>,
    /// The block that was unpacked last, and its stretches.
    last: (usize, Vec<(u32, u32, f32)>),
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

/// What is wrong with a file.
type Broken<T> = std::result::Result<T, String>;

const MAGIC: u32 = 0x888F_FC26;
const NAMES: u32 = 0x78CA_8C91;
const INDEX: u32 = 0x2468_ACE0;
/// No program writes larger nodes or longer names than this, and no larger blocks.
const MOST_ITEMS: u64 = 1 << 16;
const LONGEST_NAME: u32 = 1 << 12;
const LARGEST_BLOCK: u64 = 1 << 28;

/// Numbers of either order, taken off one after the other.
struct Numbers<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> Numbers<'a> {
    fn take(&mut self, n: usize) -> Broken<&'a [u8]> {
        let (head, rest) = self
            .bytes
            .split_at_checked(n)
            .ok_or("a part of it ends too early")?;
        self.bytes = rest;
        Ok(head)
    }

    fn number<const N: usize>(&mut self) -> Broken<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        if self.big_endian {
            bytes.reverse();
        }
        Ok(bytes)
    }

    fn u8(&mut self) -> Broken<u8> {
        Ok(self.number::<1>()?[0])
    }

    fn u16(&mut self) -> Broken<u16> {
        self.number().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Broken<u32> {
        self.number().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Broken<u64> {
        self.number().map(u64::from_le_bytes)
    }

    fn f32(&mut self) -> Broken<f32> {
        self.number().map(f32::from_le_bytes)
    }
}

/// The order of the bytes of a file that begins so: whether it is the big one; nothing for what is no bigWig.
pub(crate) fn is_big_endian(head: &[u8]) -> Option<bool> {
    match head.first_chunk::<4>() {
        Some(head) if u32::from_le_bytes(*head) == MAGIC => Some(false),
        Some(head) if u32::from_be_bytes(*head) == MAGIC => Some(true),
        _ => None,
    }
}

impl BigWig {
    /// Opens a file; the list of its blocks may take a quarter of `memory`.
    ///
    /// # Errors
    /// No bigWig, or a broken one.
    pub(crate) fn open(path: &Path, memory: ByteSize) -> Result<Self> {
        let file = File::open(path).map_err(Error::read(path))?;
        let size = file.metadata().map_err(Error::read(path))?.len();
        let mut head = [0; 64];
        let n = read_at(&file, &mut head, 0).map_err(Error::read(path))?;
        let big_endian =
            is_big_endian(&head[..n]).ok_or_else(|| Error::file(path, "this is no bigWig file"))?;
        let mut opened = Self {
            path: path.to_path_buf(),
            file,
            size,
            big_endian,
            unpacked: 0,
            sequences: Vec::new(),
            blocks: Vec::new(),
            last: (usize::MAX, Vec::new()),
        };
        opened
            .read_lists(&head[..n], memory.get() / 4)
            .map_err(|problem| opened.broken(&problem))?;
        Ok(opened)
    }

    fn broken(&self, problem: &str) -> Error {
        let problem = format!("this bigWig cannot be read ({problem}); fetch it again");
        Error::file(&self.path, problem)
    }

    fn numbers<'a>(&self, bytes: &'a [u8]) -> Numbers<'a> {
        Numbers {
            bytes,
            big_endian: self.big_endian,
        }
    }

    fn bytes(&self, offset: u64, length: u64) -> Broken<Vec<u8>> {
        if offset.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(format!(
                "it points behind its {} bytes: it is truncated",
                self.size
            ));
        }
        let mut bytes = vec![0; length as usize];
        let n = read_at(&self.file, &mut bytes, offset).map_err(|e| e.to_string())?;
        bytes.truncate(n);
        Ok(bytes)
    }

    fn read_lists(&mut self, head: &[u8], most: u64) -> Broken<()> {
        let mut head = self.numbers(head);
        head.take(8)?;
        let (names, _data, index) = (head.u64()?, head.u64()?, head.u64()?);
        head.take(2 + 2 + 8 + 8)?;
        self.unpacked = head.u32()?;
        let tree = self.bytes(names, 32)?;
        let mut tree = self.numbers(&tree);
        if tree.u32()? != NAMES {
            return Err("the list of its sequences is missing".into());
        }
        tree.u32()?;
        let (key, value) = (tree.u32()?, tree.u32()?);
        if value != 8 || key > LONGEST_NAME {
            return Err("the list of its sequences has another form".into());
        }
        self.read_names(names + 32, u64::from(key))?;
        let tree = self.bytes(index, 48)?;
        if self.numbers(&tree).u32()? != INDEX {
            return Err("its index is missing".into());
        }
        self.read_blocks(index + 48, most)?;
        self.blocks.sort_by_key(|b| (b.sequence, b.start));
        Ok(())
    }

    /// A node of a tree: whether it is a leaf, and its items of so many bytes.
    fn node(&self, offset: u64, leaf: u64, inner: u64) -> Broken<(bool, u64, Vec<u8>)> {
        let head = self.bytes(offset, 4)?;
        let mut head = self.numbers(&head);
        let is_leaf = head.u8()? != 0;
        head.u8()?;
        let count = u64::from(head.u16()?);
        let item = if is_leaf { leaf } else { inner };
        Ok((is_leaf, count, self.bytes(offset + 4, count * item)?))
    }

    fn read_names(&mut self, root: u64, key: u64) -> Broken<()> {
        let mut waiting = vec![root];
        let mut seen = 0;
        while let Some(offset) = waiting.pop() {
            seen += 1;
            let (leaf, count, items) = self.node(offset, key + 8, key + 8)?;
            let mut items = self.numbers(&items);
            for _ in 0..count {
                let name = items.take(key as usize)?;
                if !leaf {
                    waiting.push(items.u64()?);
                    continue;
                }
                let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
                let name = String::from_utf8_lossy(&name[..end]).into_owned();
                let sequence = (name, items.u32()?, items.u32()?);
                self.sequences.push(sequence);
            }
            // A broken file may lead around in a circle.
            let names = self.sequences.len() as u64 * (key + 8);
            if waiting.len() as u64 > MOST_ITEMS || seen > self.size / 4 || names > self.size {
                return Err("the list of its sequences has no end".into());
            }
        }
        Ok(())
    }

    fn read_blocks(&mut self, root: u64, most: u64) -> Broken<()> {
        let mut waiting = vec![root];
        let mut seen = 0;
        while let Some(offset) = waiting.pop() {
            seen += 1;
            let (leaf, count, items) = self.node(offset, 32, 24)?;
            let mut items = self.numbers(&items);
            for _ in 0..count {
                let (sequence, start) = (items.u32()?, items.u32()?);
                let (_, end, offset) = (items.u32()?, items.u32()?, items.u64()?);
                match leaf {
                    true => self.blocks.push(Block {
                        sequence,
                        start,
                        end,
                        offset,
                        size: items.u64()?,
                    }),
                    false => waiting.push(offset),
                }
            }
            let taken = (self.blocks.len() * size_of::<Block>()) as u64;
            if taken > most {
                return Err(
                    "the list of its blocks takes more than a quarter of max_memory".into(),
                );
            }
            if waiting.len() as u64 > MOST_ITEMS * 32 || seen > self.size / 4 {
                return Err("its index has no end".into());
            }
        }
        Ok(())
    }

    /// Hands on the stretches that have bases in `start..end` of a sequence, in order.
    ///
    /// # Errors
    /// A broken file.
    pub(crate) fn each(
        &mut self,
        sequence: u32,
        start: u32,
        end: u32,
        mut take: impl FnMut((u32, u32, f32)),
    ) -> Result<()> {
        let before = |b: &Block| (b.sequence, b.end) <= (sequence, start);
        let first = self.blocks.partition_point(before);
        for number in first..self.blocks.len() {
            let block = self.blocks[number];
            if block.sequence != sequence || block.start >= end {
                break;
            }
            if self.last.0 != number {
                // Should it fail, nobody may take the stretches for a block's.
                let mut stretches = std::mem::take(&mut self.last.1);
                self.last.0 = usize::MAX;
                stretches.clear();
                self.unpack(block, &mut stretches)
                    .map_err(|problem| self.broken(&problem))?;
                self.last = (number, stretches);
            }
            let within = |s: &&(u32, u32, f32)| s.0 < end && s.1 > start;
            self.last.1.iter().filter(within).for_each(|s| take(*s));
        }
        Ok(())
    }

    fn unpack(&self, block: Block, to: &mut Vec<(u32, u32, f32)>) -> Broken<()> {
        if block.size > LARGEST_BLOCK {
            return Err("a block is larger than any program writes it".into());
        }
        let mut bytes = self.bytes(block.offset, block.size)?;
        if self.unpacked > 0 {
            let mut unpacked = Vec::new();
            let most = u64::from(self.unpacked).min(LARGEST_BLOCK);
            flate2::read::ZlibDecoder::new(&bytes[..])
                .take(most + 1)
                .read_to_end(&mut unpacked)
                .map_err(|e: io::Error| e.to_string())?;
            if unpacked.len() as u64 > most {
                return Err("a block is longer than the head says".into());
            }
            bytes = unpacked;
        }
        let mut items = self.numbers(&bytes);
        let sequence = items.u32()?;
        let (start, _end, step, span) = (items.u32()?, items.u32()?, items.u32()?, items.u32()?);
        let kind = items.u8()?;
        items.u8()?;
        let count = u32::from(items.u16()?);
        if sequence != block.sequence {
            return Err("a block is of another sequence than the index says".into());
        }
        for i in 0..count {
            let (from, past) = match kind {
                1 => (items.u32()?, items.u32()?),
                2 => {
                    let from = items.u32()?;
                    (from, from.saturating_add(span))
                }
                3 => {
                    let from = start.saturating_add(i.saturating_mul(step));
                    (from, from.saturating_add(span))
                }
                _ => return Err(format!("a block is of the unknown kind {kind}")),
            };
            to.push((from, past, items.f32()?));
        }
        Ok(())
    }
}
