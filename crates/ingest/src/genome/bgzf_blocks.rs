//! Reading a bgzf file in part: where its blocks are, and the bytes of some of them.
//!
//! A block is at most 64 KiB unpacked (SAM specification, 4.1). Their places are found by passing from head to head, so that no
//! `.gzi` is needed; each thread keeps the block that it unpacked last, which makes sorted intervals cheap.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::genome::fai::read_at;

/// A bgzf file with the places of its blocks.
#[derive(Debug)]
pub(crate) struct Blocks {
    file: File,
    /// Of each block, where it begins packed and unpacked.
    starts: Vec<(u64, u64)>,
    /// Bytes of the whole, packed and unpacked.
    end: (u64, u64),
    /// Tells apart what threads keep.
    id: u64,
}

/// A block that was unpacked: of which file, which one, its bytes.
type Kept = (u64, usize, Vec<u8>);

thread_local! {
    static LAST: RefCell<Kept> = const { RefCell::new((0, 0, Vec::new())) };
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Where blocks begin, packed and unpacked, as `bgzip --index` wrote it; nothing without an index, and without one that can be read.
fn indexed(path: &Path) -> Vec<(u64, u64)> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".gzi");
    let Ok(index) = noodles::bgzf::gzi::fs::read(Path::new(&beside)) else {
        return Vec::new();
    };
    // The first block is not told.
    let mut starts = vec![(0, 0)];
    starts.extend_from_slice(index.as_ref());
    let rising = |two: &[(u64, u64)]| two[0].0 < two[1].0 && two[0].1 <= two[1].1;
    match starts.windows(2).all(rising) {
        true => starts,
        false => Vec::new(),
    }
}

/// Fixed part of a head, then the extra fields.
const HEAD: usize = 12;

impl Blocks {
    /// Passes over the heads of all blocks, or of those behind the last that an index (`.gzi`) beside the file names.
    ///
    /// # Errors
    /// A head that is none of bgzf.
    pub(crate) fn of_file(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::read(path))?;
        let size = file.metadata().map_err(Error::read(path))?.len();
        let mut starts = indexed(path);
        let (mut packed, mut unpacked) = starts.pop().unwrap_or_default();
        while packed < size {
            let (length, bytes) =
                head(&file, packed)
                    .map_err(Error::read(path))?
                    .ok_or_else(|| {
                        Error::file(
                            path,
                            format!(
                                "there is no bgzf block at byte {packed}; fetch the file again"
                            ),
                        )
                    })?;
            if bytes > 0 {
                starts.push((packed, unpacked));
            }
            packed += length;
            unpacked += bytes;
        }
        Ok(Self {
            file,
            starts,
            end: (packed, unpacked),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// What `bgzip --index` writes.
    #[cfg(test)]
    pub(crate) fn starts_behind_the_first(&self) -> &[(u64, u64)] {
        &self.starts[1..]
    }

    /// Bytes that come out of the whole file.
    pub(crate) fn unpacked(&self) -> u64 {
        self.end.1
    }

    /// Bytes that the places take.
    pub(crate) fn memory(&self) -> u64 {
        (self.starts.len() * size_of::<(u64, u64)>()) as u64
    }

    /// Appends the unpacked bytes `from..to`, fewer at the end of the file.
    pub(crate) fn read(&self, from: u64, to: u64, out: &mut Vec<u8>) -> io::Result<()> {
        let to = to.min(self.end.1);
        let mut at = from;
        while at < to {
            let block = self.starts.partition_point(|(_, start)| *start <= at) - 1;
            LAST.with_borrow_mut(|kept| {
                if (kept.0, kept.1) != (self.id, block) {
                    // Should unpacking fail, nobody may take the bytes for a block's.
                    kept.0 = 0;
                    self.unpack(block, &mut kept.2)?;
                    (kept.0, kept.1) = (self.id, block);
                }
                let start = self.starts[block].1;
                let piece = &kept.2[(at - start) as usize..];
                let piece = &piece[..piece.len().min((to - at) as usize)];
                out.extend_from_slice(piece);
                at += piece.len() as u64;
                Ok::<(), io::Error>(())
            })?;
        }
        Ok(())
    }

    fn unpack(&self, block: usize, out: &mut Vec<u8>) -> io::Result<()> {
        let (from, start) = self.starts[block];
        let (to, end) = self.starts.get(block + 1).copied().unwrap_or(self.end);
        let mut packed = vec![0; (to - from) as usize];
        let n = read_at(&self.file, &mut packed, from)?;
        packed.truncate(n);
        out.clear();
        // The checksum of each member is looked at too.
        flate2::bufread::MultiGzDecoder::new(&packed[..])
            .take(end - start + 1)
            .read_to_end(out)?;
        if out.len() as u64 == end - start {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a bgzf block holds not what its end says",
            ))
        }
    }
}

/// Packed and unpacked length of the block at `at`, nothing when none is there.
fn head(file: &File, at: u64) -> io::Result<Option<(u64, u64)>> {
    let mut head = [0; HEAD + 6];
    if read_at(file, &mut head, at)? < head.len() || head[..4] != [0x1f, 0x8b, 8, 4] {
        return Ok(None);
    }
    let extra = u64::from(u16::from_le_bytes([head[10], head[11]]));
    // bgzip and htslib write the subfield BC first and alone; that others come before it is allowed.
    let mut fields = vec![0; extra as usize];
    if read_at(file, &mut fields, at + HEAD as u64)? < fields.len() {
        return Ok(None);
    }
    let mut rest = &fields[..];
    let length = loop {
        let [a, b, low, high, tail @ ..] = rest else {
            return Ok(None);
        };
        let size = usize::from(u16::from_le_bytes([*low, *high]));
        match (a, b, tail) {
            (b'B', b'C', [low, high, ..]) if size == 2 => {
                break u64::from(u16::from_le_bytes([*low, *high])) + 1;
            }
            _ => rest = tail.get(size..).unwrap_or_default(),
        }
    };
    if length < HEAD as u64 + extra + 8 {
        return Ok(None);
    }
    let mut bytes = [0; 4];
    if read_at(file, &mut bytes, at + length - 4)? < bytes.len() {
        return Ok(None);
    }
    let bytes = u64::from(u32::from_le_bytes(bytes));
    Ok((bytes <= 1 << 16).then_some((length, bytes)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use noodles::bgzf;

    use super::*;

    #[test]
    fn a_part_is_what_the_whole_has_there() {
        let text: Vec<u8> = (0..300_000u32)
            .map(|i| b'a' + (i % 997 * (i % 991) % 23) as u8)
            .collect();
        let mut writer = bgzf::io::Writer::new(Vec::new());
        writer.write_all(&text).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.gz");
        let packed = writer.finish().unwrap();
        std::fs::write(&path, &packed).unwrap();
        let blocks = Blocks::of_file(&path).unwrap();
        assert!(blocks.starts.len() > 3, "{:?}", blocks.starts);
        assert_eq!(blocks.unpacked(), 300_000);
        for (from, to) in [
            (0, 1),
            (0, 300_000),
            (65_279, 65_281),
            (65_280, 65_281),
            (299_999, 300_000),
            (299_999, 400_000),
            (70_000, 70_000),
        ] {
            let mut part = Vec::new();
            blocks.read(from, to, &mut part).unwrap();
            assert_eq!(part, text[from as usize..text.len().min(to as usize)]);
        }
        // Broken in a block, and cut in one.
        let mut broken = packed.clone();
        broken[100] ^= 0xff;
        std::fs::write(&path, &broken).unwrap();
        let read = Blocks::of_file(&path).unwrap().read(0, 10, &mut Vec::new());
        assert!(read.is_err());
        std::fs::write(&path, &packed[..packed.len() - 40]).unwrap();
        let message = Blocks::of_file(&path).unwrap_err().to_string();
        assert!(
            message.contains("there is no bgzf block at byte"),
            "{message}"
        );
    }
}
