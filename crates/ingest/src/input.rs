//! Opening an input file: plain, gzip or bgzf, told apart by their first bytes; what comes out is bounded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use lingo_artifact::byte_size::amount;
use lingo_artifact::digest::{Digest, Hasher};
use noodles::bgzf;

use crate::error::{Error, Result};

/// The empty block that ends every whole bgzf file (SAM specification, 4.1.2).
const BGZF_END: [u8; 28] = [
    0x1f, 0x8b, 0x08, 0x04, 0, 0, 0, 0, 0, 0xff, 0x06, 0, 0x42, 0x43, 0x02, 0, 0x1b, 0, 0x03, 0, 0,
    0, 0, 0, 0, 0, 0, 0,
];

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Not at all.
    Plain,
    /// One or more gzip members.
    Gzip,
    /// gzip in blocks, as `bgzip` writes it.
    Bgzf,
}

/// An open input file that is read by lines.
pub(crate) struct Input {
    path: PathBuf,
    packing: Packing,
    lacks_end: bool,
    reader: Box<dyn BufRead>,
    buffer: Vec<u8>,
    line: u64,
    /// Within a line, of which a part was read.
    within: bool,
    limit: u64,
}

/// A line, or a part of one.
pub(crate) struct Part<'a> {
    /// Its number, from 1.
    pub(crate) line: u64,
    /// With the terminator, where it ends the line.
    pub(crate) bytes: &'a [u8],
    /// Whether it begins the line.
    pub(crate) begins: bool,
    /// Whether it ends the line. The last line of a file may end with an empty part.
    pub(crate) ends: bool,
}

/// Whole lines of a file; only the last of the file may lack its end.
#[derive(Default)]
pub(crate) struct Block {
    /// The number of the first, from 1.
    pub(crate) first_line: u64,
    /// The lines with their terminators.
    pub(crate) bytes: Vec<u8>,
}

impl Input {
    /// Opens `path`; at most `limit` bytes may come out of a packed file.
    ///
    /// # Errors
    /// A missing file; a packing that is not read (bzip2, xz, zstd, zip); bgzf without its end block.
    pub(crate) fn open(path: &Path, limit: u64) -> Result<Self> {
        let input = Self::open_without_end(path, limit)?;
        match input.lacks_end {
            true => Err(Error::file(path, TRUNCATED)),
            false => Ok(input),
        }
    }

    /// As [`Input::open`], also where bgzf lacks its end block, which [`Input::lacks_end`] then tells: for what shows by itself whether it is
    /// whole.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub(crate) fn open_without_end(path: &Path, limit: u64) -> Result<Self> {
        let stdin = path == Path::new("-");
        let opened = if stdin { Path::new("/dev/stdin") } else { path };
        let file = File::open(opened).map_err(Error::read(path))?;
        let regular = !stdin && file.metadata().map_err(Error::read(path))?.is_file();
        let file: Box<dyn Read + Send> = match regular {
            true => Box::new(file),
            // It cannot be read a second time for its hash.
            false => Box::new(Piped {
                path: path.to_path_buf(),
                file,
                hasher: Hasher::default(),
                bytes: 0,
            }),
        };
        let mut raw = BufReader::with_capacity(1 << 18, file);
        let packing = packing(path, raw.fill_buf().map_err(Error::read(path))?)?;
        let lacks_end = packing == Packing::Bgzf && regular && !has_bgzf_end(path)?;
        let reader: Box<dyn BufRead> = match packing {
            Packing::Plain => Box::new(raw),
            Packing::Gzip => Box::new(bounded(flate2::bufread::MultiGzDecoder::new(raw), limit)),
            Packing::Bgzf => Box::new(bounded(bgzf::io::Reader::new(raw), limit)),
        };
        Ok(Self {
            path: path.to_path_buf(),
            packing,
            lacks_end,
            reader,
            buffer: Vec::new(),
            line: 0,
            within: false,
            limit,
        })
    }

    /// How the file is packed.
    pub(crate) fn packing(&self) -> Packing {
        self.packing
    }

    /// Whether it is bgzf without the block that ends whole files.
    pub(crate) fn lacks_end(&self) -> bool {
        self.lacks_end
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next line with its number (from 1) and its terminator, nothing at the end.
    ///
    /// # Errors
    /// A failed read; a truncated or broken gzip; more than the limit.
    pub(crate) fn next_line(&mut self) -> Result<Option<(u64, &[u8])>> {
        self.buffer.clear();
        match self.reader.read_until(b'\n', &mut self.buffer) {
            Ok(0) => Ok(None),
            Ok(_) => {
                self.line += 1;
                Ok(Some((self.line, self.buffer.as_slice())))
            }
            Err(e) => Err(self.explain(e)),
        }
    }

    /// The next line, or of one longer than `most` bytes its next part. A part never ends between `\r` and `\n`.
    ///
    /// # Errors
    /// As [`Input::next_line`].
    pub(crate) fn next_part(&mut self, most: usize) -> Result<Option<Part<'_>>> {
        self.buffer.clear();
        let read = (&mut self.reader)
            .take(most as u64)
            .read_until(b'\n', &mut self.buffer)
            .and_then(|n| match self.buffer.last() {
                Some(b'\r') => (&mut self.reader)
                    .take(1)
                    .read_until(b'\n', &mut self.buffer)
                    .map(|more| n + more),
                _ => Ok(n),
            });
        let n = match read {
            Ok(n) => n,
            Err(e) => return Err(self.explain(e)),
        };
        let begins = !self.within;
        if n == 0 && begins {
            return Ok(None);
        }
        self.line += u64::from(begins);
        // Where fewer bytes come than were asked for, the file ends, and with it the line.
        let ends = n < most || self.buffer.last() == Some(&b'\n');
        self.within = !ends;
        Ok(Some(Part {
            line: self.line,
            bytes: &self.buffer,
            begins,
            ends,
        }))
    }

    /// Makes `block` the next lines, whole ones, of about so many bytes; false at the end.
    ///
    /// # Errors
    /// As [`Input::next_line`].
    pub(crate) fn next_block(&mut self, size: usize, block: &mut Block) -> Result<bool> {
        let bytes = &mut block.bytes;
        bytes.clear();
        bytes.reserve(size + size / 8);
        let read = (&mut self.reader)
            .take(size as u64)
            .read_to_end(bytes)
            .and_then(|n| match bytes.last() {
                Some(last) if n == size && *last != b'\n' => self.reader.read_until(b'\n', bytes),
                _ => Ok(0),
            });
        block.first_line = self.line + 1;
        self.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
        if let Err(e) = read {
            return Err(self.explain(e));
        }
        Ok(!bytes.is_empty())
    }

    /// The whole rest of the file, which may be `most` bytes long.
    ///
    /// # Errors
    /// As [`Input::next_line`]; a longer file.
    pub(crate) fn read_all(mut self, most: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = (&mut self.reader)
            .take(most.saturating_add(1))
            .read_to_end(&mut bytes);
        match read {
            Ok(n) if n as u64 > most => Err(Error::file(
                &self.path,
                format!(
                    "a table is read whole, and this one is longer than {}, the half of max_memory; raise it, or split the table",
                    amount(most)
                ),
            )),
            Ok(_) => Ok(bytes),
            Err(e) => Err(self.explain(e)),
        }
    }

    fn explain(&self, e: io::Error) -> Error {
        if self.packing == Packing::Plain {
            return Error::read(&self.path)(e);
        }
        if e.get_ref().is_some_and(|inner| inner.is::<OverLimit>()) {
            return Error::file(
                &self.path,
                format!(
                    "more than {} bytes come out of this gzip file; if it is meant to be that large, raise max_uncompressed_bytes",
                    self.limit
                ),
            );
        }
        match e.kind() {
            io::ErrorKind::UnexpectedEof => Error::file(&self.path, TRUNCATED),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Error::file(
                &self.path,
                format!(
                    "the gzip data is broken ({e}) near line {}; fetch the file again",
                    self.line + 1
                ),
            ),
            _ => Error::read(&self.path)(e),
        }
    }
}

/// What is read from a pipe, and its hash.
struct Piped {
    path: PathBuf,
    file: File,
    hasher: Hasher,
    bytes: u64,
}

/// What was read from pipes, by their names.
static PIPED: Mutex<BTreeMap<PathBuf, (Digest, u64)>> = Mutex::new(BTreeMap::new());

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        self.bytes += n as u64;
        Ok(n)
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let told = (std::mem::take(&mut self.hasher).digest(), self.bytes);
        if let Ok(mut piped) = PIPED.lock() {
            piped.insert(std::mem::take(&mut self.path), told);
        }
    }
}

/// The hash and the size of what was read from a pipe of that name the last time; nothing for a file.
pub(crate) fn piped(path: &Path) -> Option<(Digest, u64)> {
    if path.is_file() {
        return None;
    }
    PIPED.lock().ok()?.get(path).copied()
}

const TRUNCATED: &str = "the gzip data ends too early: the file is truncated; fetch it again";

/// A line without its terminator, `\n` or `\r\n`.
pub(crate) fn without_terminator(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A line without the mark that some editors put before the first character of a UTF-8 file.
pub(crate) fn without_byte_order_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

fn packing(path: &Path, head: &[u8]) -> Result<Packing> {
    let refuse = |format: &str, unpack: &str| {
        Err(Error::file(
            path,
            format!(
                "this is {format}, which is not read here; unpack it (`{unpack}`) or repack it with gzip"
            ),
        ))
    };
    match head {
        [0x1f, 0x8b, rest @ ..] => {
            // FLG.FEXTRA, and the first subfield is BC.
            let blocked = rest.len() >= 12 && rest[1] & 4 != 0 && &rest[10..12] == b"BC";
            Ok(if blocked {
                Packing::Bgzf
            } else {
                Packing::Gzip
            })
        }
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => refuse("bzip2", "bunzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => refuse("xz", "unxz"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => refuse("Zstandard", "unzstd"),
        [b'P', b'K', 3, 4, ..] => refuse("a zip archive", "unzip"),
        _ => Ok(Packing::Plain),
    }
}

/// A file cut between two blocks looks whole to a reader: only the end block tells.
fn has_bgzf_end(path: &Path) -> Result<bool> {
    let mut file = File::open(path).map_err(Error::read(path))?;
    let mut tail = [0u8; BGZF_END.len()];
    let whole = file
        .seek(SeekFrom::End(-(BGZF_END.len() as i64)))
        .and_then(|_| file.read_exact(&mut tail))
        .is_ok();
    Ok(whole && tail == BGZF_END)
}

fn bounded(inner: impl Read, limit: u64) -> BufReader<Bounded<impl Read>> {
    BufReader::with_capacity(1 << 18, Bounded { inner, left: limit })
}

/// Passes at most `left` more bytes; then fails, where `Read::take` would feign the end of the file.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(n as u64)
            .ok_or_else(|| io::Error::other(OverLimit))?;
        Ok(n)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("over the limit")]
struct OverLimit;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bgzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = bgzf::io::Writer::new(Vec::new());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8], limit: u64) -> std::result::Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.gz");
        std::fs::write(&path, bytes).unwrap();
        Input::open(&path, limit)
            .and_then(|input| input.read_all(u64::MAX))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn every_packing_gives_the_same_bytes() {
        let text: Vec<u8> = (0..200_000u32)
            .map(|i| b'a' + (i % 997 * (i % 997) % 23) as u8)
            .collect();
        let two_members = [gzip(&text[..1000]), gzip(&text[1000..])].concat();
        for packed in [text.clone(), gzip(&text), bgzip(&text), two_members] {
            assert_eq!(read(&packed, 1 << 20).unwrap(), text);
        }
    }

    #[test]
    fn every_truncation_is_told() {
        let text: Vec<u8> = (0..200_000u32)
            .map(|i| b'a' + (i % 997 * (i % 997) % 23) as u8)
            .collect();
        for packed in [gzip(&text), bgzip(&text)] {
            for cut in [
                18,
                40,
                packed.len() / 2,
                packed.len() - 29,
                packed.len() - 28,
                packed.len() - 1,
            ] {
                let message = read(&packed[..cut], 1 << 20).unwrap_err();
                assert!(
                    message.contains("f.gz: the gzip data ends too early"),
                    "{cut}: {message}"
                );
            }
        }
    }

    #[test]
    fn broken_data_is_told() {
        for packed in [gzip(&[b'A'; 5000]), bgzip(&[b'A'; 5000])] {
            let mut broken = packed.clone();
            broken[20] ^= 0xff;
            broken[21] ^= 0xff;
            let message = read(&broken, 1 << 20).unwrap_err();
            assert!(message.contains("the gzip data"), "{message}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![b'A'; 10_000_000]);
        assert!(bomb.len() < 20_000);
        for packed in [bomb, bgzip(&vec![b'A'; 10_000_000])] {
            let message = read(&packed, 1_000_000).unwrap_err();
            assert!(
                message.contains("more than 1000000 bytes come out")
                    && message.contains("max_uncompressed_bytes"),
                "{message}"
            );
            assert_eq!(read(&packed, 10_000_000).unwrap().len(), 10_000_000);
        }
    }

    #[test]
    fn other_packings_are_named() {
        fn t(head: &[u8], name: &str) {
            let message = read(head, 100).unwrap_err();
            assert!(message.contains(name), "{message}");
        }
        t(b"BZh91AY&SY", "this is bzip2");
        t(b"\xfd7zXZ\0\0", "this is xz");
        t(b"\x28\xb5\x2f\xfd\x20", "this is Zstandard");
        t(b"PK\x03\x04", "this is a zip archive");
    }
}
