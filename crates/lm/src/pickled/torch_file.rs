//! One file that `torch.save` wrote: a zip archive since version 1.6, before that several pickles one behind the other and the storages
//! behind them.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::error::Error;
use crate::pickled::pickle::{self, Element, Tensor, Value};

/// What a zip archive begins with.
const ZIP: &[u8] = b"PK\x03\x04";

/// A mapped file, and where its tensors lie.
pub(super) struct TorchFile {
    path: PathBuf,
    map: Mmap,
    tensors: Vec<(String, Tensor)>,
    storages: HashMap<String, Range<usize>>,
}

impl TorchFile {
    /// Maps a file and finds its tensors; all of them lie inside it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        // SAFETY: the map is only read; another program that shortens the file meanwhile could make a read fail, as with any mapped file.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        let fault = |problem| Error::Pickle {
            path: path.to_owned(),
            problem,
        };
        let found = match map.starts_with(ZIP) {
            true => of_zip(&map),
            false => of_pickles(&map),
        };
        let (tensors, storages) = found.map_err(fault)?;
        let file = Self {
            path: path.to_owned(),
            map,
            tensors,
            storages,
        };
        for (name, tensor) in &file.tensors {
            file.check(tensor).map_err(|problem| Error::Tensor {
                path: path.to_owned(),
                tensor: name.clone(),
                problem,
            })?;
        }
        Ok(file)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its tensors by name, in the order of the file.
    pub fn tensors(&self) -> &[(String, Tensor)] {
        &self.tensors
    }

    /// A tensor's values as bytes, row by row, if they lie so in the file.
    pub fn in_order(&self, tensor: &Tensor) -> Option<&[u8]> {
        if tensor.shape.contains(&0) {
            return Some(&[]);
        }
        let mut stride = 1;
        for (&size, &own) in tensor.shape.iter().zip(&tensor.strides).rev() {
            if size != 1 && own != stride {
                return None;
            }
            stride *= size;
        }
        let bytes = tensor.storage.kind.bytes();
        let from = tensor.offset * bytes;
        self.storage(tensor)?.get(from..from + stride * bytes)
    }

    /// A tensor's values as bytes, row by row.
    pub fn values(&self, tensor: &Tensor) -> Vec<u8> {
        let count: usize = tensor.shape.iter().product();
        let bytes = tensor.storage.kind.bytes();
        let mut values = Vec::with_capacity(count * bytes);
        let storage = self.storage(tensor).unwrap_or_default();
        for number in 0..count {
            let (mut rest, mut place) = (number, tensor.offset);
            for (&size, &stride) in tensor.shape.iter().zip(&tensor.strides).rev() {
                place += rest % size * stride;
                rest /= size;
            }
            values.extend_from_slice(&storage[place * bytes..(place + 1) * bytes]);
        }
        values
    }

    fn storage(&self, tensor: &Tensor) -> Option<&[u8]> {
        let range = self.storages.get(&*tensor.storage.key)?;
        self.map.get(range.clone())
    }

    /// No value lies outside the storage, and the storage is as long as it says.
    fn check(&self, tensor: &Tensor) -> Result<(), String> {
        let key = &tensor.storage.key;
        let Some(storage) = self.storage(tensor) else {
            return Err(format!(
                "has its values in storage `{key}`, which is not there"
            ));
        };
        let bytes = tensor.storage.kind.bytes();
        let values = storage.len() / bytes;
        // As many as can be in a file that is smaller than the address space, copied for every dimension of stride 0.
        let count = tensor
            .shape
            .iter()
            .try_fold(1usize, |n, &size| n.checked_mul(size));
        let last = tensor
            .shape
            .iter()
            .zip(&tensor.strides)
            .try_fold(tensor.offset, |last, (&size, &stride)| {
                last.checked_add(size.saturating_sub(1).checked_mul(stride)?)
            });
        match (count, last) {
            (Some(0), _) => Ok(()),
            (Some(count), Some(last)) if last < values && count <= values => Ok(()),
            _ => Err(format!(
                "has shape {:?} and strides {:?} from value {} on, but storage `{key}` has {values} values",
                tensor.shape, tensor.strides, tensor.offset
            )),
        }
    }
}

type Found = (Vec<(String, Tensor)>, HashMap<String, Range<usize>>);

/// `NAME/data.pkl`, and the storages as `NAME/data/KEY`, none of them compressed.
fn of_zip(map: &[u8]) -> Result<Found, String> {
    let broken = |e: rawzip::Error| format!("is no whole zip archive: {e}");
    let archive = rawzip::ZipArchive::from_slice(map).map_err(broken)?;
    let mut pickle = None;
    let mut entries = HashMap::new();
    let mut all = archive.entries();
    while let Some(entry) = all.next_entry().map_err(broken)? {
        let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
        if entry.is_dir() {
            continue;
        }
        if entry.compression_method() != rawzip::CompressionMethod::STORE {
            return Err(format!("`{name}` in it is compressed, as torch never does"));
        }
        let opened = archive.get_entry(entry.wayfinder()).map_err(broken)?;
        let (start, end) = opened.compressed_data_range();
        let range = start as usize..end as usize;
        if map.get(range.clone()).is_none() {
            return Err(format!("`{name}` in it lies outside of the file"));
        }
        if let Some(folder) = name.strip_suffix("data.pkl") {
            pickle = Some((folder.to_owned(), range.clone()));
        }
        entries.insert(name, range);
    }
    let Some((folder, range)) = pickle else {
        return Err("has no data.pkl: it is no file of torch.save".into());
    };
    if let Some(order) = entries.get(&format!("{folder}byteorder"))
        && map[order.clone()].trim_ascii() != b"little"
    {
        return Err("was written on a big-endian machine".into());
    }
    let value = pickle::read(&map[range], &mut 0)?;
    let begin = format!("{folder}data/");
    let storages = entries.into_iter().filter_map(|(name, range)| {
        let key = name.strip_prefix(&begin)?;
        Some((key.to_owned(), range))
    });
    Ok((tensors(&value)?, storages.collect()))
}

/// A magic number, a version, what kind of machine wrote it, the tensors, the keys of the storages; then each storage behind the number of
/// its values.
fn of_pickles(map: &[u8]) -> Result<Found, String> {
    let mut at = 0;
    if map.first() != Some(&0x80) {
        return Err(
            "is neither a zip archive nor a pickle: is it a pointer of Git LFS, or cut short?"
                .into(),
        );
    }
    for _ in 0..3 {
        pickle::read(map, &mut at)?;
    }
    let tensors = tensors(&pickle::read(map, &mut at)?)?;
    let Value::List(keys) = pickle::read(map, &mut at)? else {
        return Err("has no list of storages".into());
    };
    let kinds: HashMap<&str, Element> = tensors
        .iter()
        .map(|(_, tensor)| (&*tensor.storage.key, tensor.storage.kind))
        .collect();
    let mut storages = HashMap::new();
    for key in keys.borrow().iter() {
        let kind = kinds.get(&**key);
        let kind = kind.ok_or_else(|| format!("storage `{key}` is of no tensor"))?;
        let behind = at.checked_add(8).and_then(|end| map.get(at..end));
        let count = behind.and_then(|bytes| bytes.try_into().ok());
        let count = count.map(u64::from_le_bytes).ok_or(SHORT)?;
        let start = at + 8;
        let bytes = usize::try_from(count)
            .ok()
            .and_then(|n| n.checked_mul(kind.bytes()));
        let end = bytes.and_then(|n| start.checked_add(n));
        let end = end.filter(|end| *end <= map.len()).ok_or(SHORT)?;
        storages.insert(key.as_ref().to_owned(), start..end);
        at = end;
    }
    Ok((tensors, storages))
}

const SHORT: &str = "ends in the middle of a storage";

fn tensors(value: &Value) -> Result<Vec<(String, Tensor)>, String> {
    let Value::Dict(dict) = value else {
        return Err("holds no dictionary of tensors".into());
    };
    let dict = dict.borrow();
    if dict.is_empty() {
        return Err("holds a dictionary without tensors: is it a training checkpoint, with the weights one level below?".into());
    }
    let named = dict
        .iter()
        .map(|(name, tensor)| (name.as_ref().to_owned(), tensor.clone()));
    Ok(named.collect())
}
