//! One `safetensors` file, its header checked before any tensor is read, its tensors read when they are asked for.
//!
//! The format: eight bytes with the header's length, a JSON header, then the tensors' bytes.
//! The header is read here and not by the `safetensors` crate because its errors do not say
//! which tensor is at fault. The file is read piece by piece rather than mapped: pages of a map count as memory of the
//! process, and a model that is packed block by block is to need no more than its packed form and one block.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use half::{bf16, f16};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use crate::error::Error;

/// A longer header is refused, as the `safetensors` crate does.
const LONGEST_HEADER: u64 = 100_000_000;

/// Bytes of the header's length.
const PREFIX: usize = 8;

/// Bytes that are read at a time: a multiple of every type's size.
const PIECE: usize = 1 << 20;

/// A file whose header has been found consistent.
pub struct SafetensorsFile {
    path: PathBuf,
    file: Mutex<File>,
    /// Where the tensors' bytes start.
    data: usize,
    entries: BTreeMap<String, Entry>,
}

/// The types that weights may have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Float {
    F32,
    F16,
    Bf16,
}

/// One tensor of the header.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl SafetensorsFile {
    /// Opens a file and checks its header: its length, the JSON, and that the tensors' byte
    /// ranges follow from types and shapes and cover the rest of the file without a gap or an
    /// overlap.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Header`], naming the file and, where one is at fault, the tensor.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let fail = |problem| Error::Header {
            path: path.to_owned(),
            problem,
        };
        let mut file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let length = header_length(&mut file, size).map_err(io)?.map_err(fail)?;
        let mut header = vec![0; length];
        file.read_exact(&mut header).map_err(io)?;
        let data = PREFIX + length;
        let available = usize::try_from(size).unwrap_or(usize::MAX) - data;
        let entries = parse_header(&header, available).map_err(fail)?;
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(file),
            data,
            entries,
        })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// One tensor's shape.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// One tensor's values as `f32`, if its shape is `shape`.
    ///
    /// # Errors
    /// [`Error::Tensor`] if it is missing, has another shape, or is none of f32, f16 and bf16; [`Error::Io`].
    pub fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        let (entry, kind) = self.check(name, shape)?;
        let values = match kind {
            Float::F32 => self.converted(entry, f32::from_le_bytes),
            Float::F16 => self.converted(entry, |b| f16::from_le_bytes(b).to_f32()),
            Float::Bf16 => self.converted(entry, |b| bf16::from_le_bytes(b).to_f32()),
        };
        values.map_err(|source| Error::Io {
            path: self.path.clone(),
            source,
        })
    }

    /// One tensor's place and type, if it can be read with this shape.
    ///
    /// # Errors
    /// [`Error::Tensor`] as [`SafetensorsFile::read`].
    pub(crate) fn check(&self, name: &str, shape: &[usize]) -> Result<(&Entry, Float), Error> {
        let fail = |problem: String| Error::Tensor {
            path: self.path.clone(),
            tensor: name.to_owned(),
            problem,
        };
        let entry = self
            .entries
            .get(name)
            .ok_or_else(|| fail("is missing".to_owned()))?;
        if entry.shape != shape {
            return Err(fail(format!(
                "has shape {:?}, but config.json asks for {shape:?}",
                entry.shape
            )));
        }
        let kind = match entry.dtype.as_str() {
            "F32" => Float::F32,
            "F16" => Float::F16,
            "BF16" => Float::Bf16,
            other => {
                return Err(fail(format!(
                    "has type {other}; weights must be F32, F16 or BF16"
                )));
            }
        };
        Ok((entry, kind))
    }

    /// A tensor's elements of `N` bytes, each converted.
    fn converted<const N: usize>(
        &self,
        entry: &Entry,
        convert: impl Fn([u8; N]) -> f32,
    ) -> io::Result<Vec<f32>> {
        let (begin, end) = entry.data_offsets;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start((self.data + begin) as u64))?;
        let mut values = Vec::with_capacity((end - begin) / N);
        let mut piece = vec![0; PIECE.min(end - begin)];
        let mut left = end - begin;
        while left > 0 {
            let piece = &mut piece[..left.min(PIECE)];
            file.read_exact(piece)?;
            values.extend(piece.as_chunks::<N>().0.iter().map(|&b| convert(b)));
            left -= piece.len();
        }
        Ok(values)
    }
}

/// The header's length, from a file of `size` bytes; the reader then stands at the header.
fn header_length(file: &mut File, size: u64) -> io::Result<Result<usize, String>> {
    if size < PREFIX as u64 {
        return Ok(Err(format!(
            "the file has {size} bytes, fewer than the 8 of the header's length"
        )));
    }
    let mut prefix = [0; PREFIX];
    file.read_exact(&mut prefix)?;
    let length = u64::from_le_bytes(prefix);
    if length > LONGEST_HEADER {
        return Ok(Err(format!(
            "it claims {length} bytes, more than the {LONGEST_HEADER} allowed"
        )));
    }
    let follow = size - PREFIX as u64;
    Ok(match usize::try_from(length) {
        Ok(length) if length as u64 <= follow => Ok(length),
        _ => Err(format!(
            "it claims {length} bytes, but only {follow} follow (truncated file?)"
        )),
    })
}

/// The tensors of a header by name; `available` bytes follow it.
fn parse_header(header: &[u8], available: usize) -> Result<BTreeMap<String, Entry>, String> {
    let Header(pairs) =
        serde_json::from_slice(header).map_err(|error| format!("not valid JSON: {error}"))?;
    let mut entries = BTreeMap::new();
    for (name, value) in pairs {
        if name == "__metadata__" {
            continue;
        }
        let entry: Entry =
            serde_json::from_value(value).map_err(|error| format!("tensor `{name}`: {error}"))?;
        check_entry(&name, &entry)?;
        if entries.insert(name.clone(), entry).is_some() {
            return Err(format!("tensor `{name}` appears twice"));
        }
    }
    check_cover(&entries, available)?;
    Ok(entries)
}

/// The byte range is as long as type and shape say.
fn check_entry(name: &str, entry: &Entry) -> Result<(), String> {
    let bits = bits_of(&entry.dtype)
        .ok_or_else(|| format!("tensor `{name}` has the unknown type `{}`", entry.dtype))?;
    let size = entry
        .shape
        .iter()
        .try_fold(bits, |size, &n| size.checked_mul(n))
        .ok_or_else(|| format!("tensor `{name}`: shape {:?} overflows", entry.shape))?
        .div_ceil(8);
    let (begin, end) = entry.data_offsets;
    if end.checked_sub(begin) != Some(size) {
        return Err(format!(
            "tensor `{name}`: {} of shape {:?} needs {size} bytes, but its offsets are {begin} to {end}",
            entry.dtype, entry.shape
        ));
    }
    Ok(())
}

/// The byte ranges follow one another from the first byte to the last.
fn check_cover(entries: &BTreeMap<String, Entry>, available: usize) -> Result<(), String> {
    let mut ranges: Vec<(usize, usize, &str)> = entries
        .iter()
        .map(|(name, entry)| (entry.data_offsets.0, entry.data_offsets.1, name.as_str()))
        .collect();
    ranges.sort_unstable();
    let mut reached = 0;
    for (begin, end, name) in ranges {
        if end > available {
            return Err(format!(
                "tensor `{name}` ends at byte {end}, but the file holds {available} bytes of tensors (truncated file?)"
            ));
        }
        if begin != reached {
            let what = if begin < reached {
                "overlaps the tensor before it"
            } else {
                "leaves a gap before it"
            };
            return Err(format!(
                "tensor `{name}` starts at byte {begin}, not {reached}: it {what}"
            ));
        }
        reached = end;
    }
    if reached != available {
        return Err(format!(
            "the tensors end at byte {reached}, but {available} bytes follow the header"
        ));
    }
    Ok(())
}

/// Bits of one element, for every type that the format knows.
fn bits_of(dtype: &str) -> Option<usize> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ"
        | "F8_E5M2FNUZ" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "I64" | "U64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

/// A JSON object as pairs, so that a name given twice is seen.
struct Header(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Header(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
