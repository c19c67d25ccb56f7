//! The output of frozen blocks, computed once and kept on disk.
//!
//! Where nothing below a block is trained or drops out, its input is the same in every epoch, for
//! every seed and for every method that leaves the blocks below alone. The file begins with a
//! header (magic, the [`key`], bytes of a value, width); then, for each row, the states of its
//! tokens, the rows in the order of their lengths; then the sha256 of those states.
//!
//! It is read row by row rather than mapped: a map would count as memory of the process, and a
//! file that someone shortens would end it.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use burn::tensor::{Device, Tensor, TensorData};
use half::bf16;
use lingo_artifact::atomic;
use lingo_artifact::digest::{Digest, Hasher};
use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::tokens::TokenRow;
use lingo_lm::{Batch, Model, Precision};

use crate::batching::EVALUATION_BATCH;
use crate::batching::{evaluation_batches, pad};
use crate::error::Error;
use crate::network::adapted::KeptStates;
use crate::network::store::download;

const MAGIC: &[u8; 8] = b"LINGOFS1";
const DIGEST: usize = 32;
const HEADER: usize = MAGIC.len() + DIGEST + 2 * size_of::<u32>();

/// How a value is kept: as the kernels take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    F32,
    Bf16,
}

/// States of rows of tokens before one block of a model.
pub(crate) struct FrozenStates {
    file: Mutex<File>,
    layout: Layout,
}

impl KeptStates for FrozenStates {
    fn begin_of(
        &self,
        rows: &[usize],
        batch: &Batch,
        device: &Device,
    ) -> Result<(usize, Tensor<2>), Error> {
        self.of(rows.iter().copied(), batch, device)
    }
}

/// What the states are of, and where they stand in the file.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    block: usize,
    width: usize,
    element: Element,
    key: Digest,
    /// Where each row begins, in values behind the header, and its tokens.
    rows: Vec<(usize, usize)>,
    tokens: usize,
}

impl Layout {
    /// The states of `rows` before block `block` of `model`, whose weights have the digest `weights`.
    pub fn new(model: &Model, weights: &Digest, block: usize, rows: &[&TokenRow]) -> Self {
        let element = match model.packing() {
            Some(packing) if packing.precision == Precision::Bf16 => Element::Bf16,
            _ => Element::F32,
        };
        let width = model.config().hidden_size;
        let mut layout = Self {
            block,
            width,
            element,
            key: key(model, weights, block, element, rows),
            rows: vec![(0, 0); rows.len()],
            tokens: 0,
        };
        for i in batches(rows).into_iter().flatten() {
            let length = rows[i].input_ids.len();
            layout.rows[i] = (layout.tokens * width, length);
            layout.tokens += length;
        }
        layout
    }

    /// The name of its file.
    pub fn name(&self) -> String {
        format!("{}.states", self.key.short())
    }

    /// Bytes of its file.
    pub fn bytes(&self) -> u64 {
        (HEADER + self.element.bytes(self.tokens * self.width) + DIGEST) as u64
    }

    fn header(&self) -> Vec<u8> {
        let mut header = MAGIC.to_vec();
        header.extend(self.key.bytes());
        for number in [self.element.bytes(1), self.width] {
            header.extend((number as u32).to_le_bytes());
        }
        header
    }
}

impl Element {
    /// Bytes of so many values.
    fn bytes(self, values: usize) -> usize {
        values
            * match self {
                Self::F32 => size_of::<f32>(),
                Self::Bf16 => size_of::<bf16>(),
            }
    }

    fn encode(self, values: &[f32], into: &mut Vec<u8>) {
        match self {
            Self::F32 => into.extend(values.iter().flat_map(|v| v.to_le_bytes())),
            Self::Bf16 => into.extend(values.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes())),
        }
    }

    fn decode(self, bytes: &[u8], into: &mut Vec<f32>) {
        match self {
            Self::F32 => into.extend(
                bytes
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|&b| f32::from_le_bytes(b)),
            ),
            Self::Bf16 => into.extend(
                bytes
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|&b| bf16::from_le_bytes(b).to_f32()),
            ),
        }
    }
}

/// A hash of all that the states depend on.
fn key(
    model: &Model,
    weights: &Digest,
    block: usize,
    element: Element,
    rows: &[&TokenRow],
) -> Digest {
    let mut hasher = Hasher::default();
    let text = format!(
        "{} {weights} {:?} {:?} {} {element:?} {block} {}\n",
        env!("CARGO_PKG_VERSION"),
        model.quantization(),
        model.config(),
        model.computed_by(),
        rows.len(),
    );
    hasher.update(text.as_bytes());
    for row in rows {
        let ids = row.input_ids.iter().flat_map(|id| id.to_le_bytes());
        let length = (row.input_ids.len() as u64).to_le_bytes();
        hasher.update(&length.into_iter().chain(ids).collect::<Vec<u8>>());
    }
    hasher.digest()
}

/// The batches in which states are computed, and so the order of the file.
fn batches(rows: &[&TokenRow]) -> Vec<Vec<usize>> {
    let lengths: Vec<usize> = rows.iter().map(|r| r.input_ids.len()).collect();
    evaluation_batches(&lengths, EVALUATION_BATCH)
}

impl FrozenStates {
    /// The states that stand in a file; `None` unless it is whole and of this very layout.
    pub fn open(path: &Path, layout: &Layout) -> Option<Self> {
        let file = File::open(path).ok()?;
        if file.metadata().ok()?.len() != layout.bytes() {
            return None;
        }
        let mut reader = BufReader::with_capacity(1 << 20, &file);
        let mut header = [0; HEADER];
        reader.read_exact(&mut header).ok()?;
        if header[..] != layout.header() {
            return None;
        }
        let mut hasher = Hasher::default();
        let mut left = layout.bytes() as usize - HEADER - DIGEST;
        let mut piece = vec![0; 1 << 20];
        while left > 0 {
            let piece = &mut piece[..left.min(1 << 20)];
            reader.read_exact(piece).ok()?;
            hasher.update(piece);
            left -= piece.len();
        }
        let mut expected = [0; DIGEST];
        reader.read_exact(&mut expected).ok()?;
        (hasher.digest().bytes() == &expected).then(|| Self {
            file: Mutex::new(file),
            layout: layout.clone(),
        })
    }

    /// Computes the states of `rows` into a file.
    ///
    /// # Errors
    /// [`Error::Stopped`] once the stop flag is raised; the file cannot be written; the device failed.
    pub fn compute(
        path: &Path,
        layout: &Layout,
        model: &Model,
        rows: &[&TokenRow],
        progress: &dyn Progress,
        stop: &StopFlag,
    ) -> Result<Self, Error> {
        let write = |e| lingo_artifact::Error::io("write", path)(e);
        progress.begin("frozen layers", rows.len() as u64);
        let written = atomic::write(path, |file| {
            file.write_all(&layout.header()).map_err(write)?;
            let (mut hasher, mut bytes, mut done) = (Hasher::default(), Vec::new(), 0);
            for indices in batches(rows) {
                if stop.is_raised() {
                    return Err(Error::Stopped);
                }
                // The id of padding has no influence; 0 is a row of every embedding.
                let batch = pad(indices.iter().map(|&i| rows[i].input_ids.as_slice()), 0);
                batch.check(model.config(), 0)?;
                let values = download(model.states_before(layout.block, &batch))?;
                bytes.clear();
                for (&length, values) in batch
                    .lengths
                    .iter()
                    .zip(values.chunks(batch.length * layout.width))
                {
                    let values = &values[..length as usize * layout.width];
                    layout.element.encode(values, &mut bytes);
                }
                hasher.update(&bytes);
                file.write_all(&bytes).map_err(write)?;
                done += indices.len() as u64;
                progress.advance(done, "");
            }
            file.write_all(hasher.digest().bytes()).map_err(write)?;
            Ok::<(), Error>(())
        });
        progress.end("");
        written?;
        let file = File::open(path).map_err(lingo_artifact::Error::io("read", path))?;
        Ok(Self {
            file: Mutex::new(file),
            layout: layout.clone(),
        })
    }

    /// Whether the states are the same bits as those that would be computed.
    pub fn is_exact(&self) -> bool {
        self.layout.element == Element::F32
    }

    /// Where a pass over these rows begins: the block, and its input `[batch * length, width]`,
    /// zero at padding. `batch` holds the same rows.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(
        &self,
        rows: impl Iterator<Item = usize>,
        batch: &Batch,
        device: &Device,
    ) -> Result<(usize, Tensor<2>), Error> {
        let Layout { width, element, .. } = self.layout;
        let padded = batch.length * width;
        let mut values = Vec::with_capacity(batch.batch * padded);
        let mut bytes = Vec::new();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        for (i, row) in rows.enumerate() {
            let (begin, length) = self.layout.rows[row];
            bytes.resize(element.bytes(length * width), 0);
            file.seek(SeekFrom::Start((HEADER + element.bytes(begin)) as u64))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|e| Error::Data(format!("the states of frozen layers: {e}")))?;
            element.decode(&bytes, &mut values);
            values.resize((i + 1) * padded, 0.0);
        }
        let shape = [batch.batch * batch.length, width];
        let states = Tensor::from_data(TensorData::new(values, shape), device);
        Ok((self.layout.block, states))
    }
}
