//! Many peak files, one matrix: bins of a genome with a 0 or 1 for each file.
//!
//! As DeepSEA makes its data (Zhou and Troyanskaya 2015): bins of 200 bases, a label where more than half of a bin is covered, and 1,000 bases
//! of sequence around it.

use lingo_artifact::sequence_source::SequenceSource as _;

use crate::config::sources::{BeyondEnd, PeakMatrixSource};
use crate::error::{Error, Result};
use crate::genome::reader::Genome;
use crate::sources::peak_matrix::peaks::Peaks;

/// A bin that becomes an example.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bin {
    /// Which sequence of the genome.
    pub(crate) sequence: u32,
    /// The sequence around it, as far as it lies on the chromosome.
    pub(crate) context: (u64, u64),
    /// How many bases of the sequence lie before the chromosome's first, and behind its last.
    pub(crate) beyond: (u32, u32),
    /// One for each file.
    pub(crate) labels: Vec<bool>,
}

/// What did not become an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOutBins {
    /// Bins that no file covers enough.
    pub(crate) unlabelled: u64,
    /// Bins whose sequence would leave the chromosome.
    pub(crate) outside: u64,
}

/// The peaks of every file.
///
/// # Errors
/// Whatever [`Peaks::read`] says.
pub(crate) fn read_peaks(
    source: &PeakMatrixSource,
    limit: u64,
    genome: &Genome,
    skipped: &mut u64,
) -> Result<Vec<Peaks>> {
    source
        .peaks
        .iter()
        .map(|file| Peaks::read(file, limit, genome, skipped))
        .collect()
}

/// Bytes that the peaks take, and the labels of the longest chromosome.
pub(crate) fn memory(genome: &Genome, peaks: &[Peaks], source: &PeakMatrixSource) -> u64 {
    let lengths = genome.sequences().iter().map(|(_, length)| *length);
    let bins = lengths.max().unwrap_or(0) / u64::from(source.bin.get());
    let bits = bins * peaks.len().div_ceil(64) as u64 * 8;
    bits + peaks.iter().map(Peaks::memory).sum::<u64>()
}

/// Hands on every bin in the order of the genome. Memory: the peaks, and the labels of one chromosome.
///
/// # Errors
/// Whatever `each` says. No bin at all.
pub(crate) fn bins(
    genome: &Genome,
    peaks: &[Peaks],
    source: &PeakMatrixSource,
    mut each: impl FnMut(Bin) -> Result<()>,
) -> Result<LeftOutBins> {
    let size = u64::from(source.bin.get());
    let context = u64::from(source.context.get());
    let needed = source.covered.get() * size as f64;
    let left = (context - size) / 2;
    let mut left_out = LeftOutBins::default();
    let mut kept = 0u64;
    for (sequence, (chrom, length)) in genome.sequences().iter().enumerate() {
        let count = length / size;
        let mut labels = Labels::new(count as usize, peaks.len());
        for (file, peaks) in peaks.iter().enumerate() {
            peaks.covered(chrom, *length, size, |number, bases| {
                if bases as f64 > needed {
                    labels.set(number as usize, file);
                }
            });
        }
        for number in 0..count {
            if !source.keep_unlabelled && !labels.any(number as usize) {
                left_out.unlabelled += 1;
                continue;
            }
            let start = number * size;
            let before = left.saturating_sub(start);
            let to = start + context - left;
            let behind = to.saturating_sub(*length);
            if source.beyond_end == BeyondEnd::Drop && (before > 0 || behind > 0) {
                left_out.outside += 1;
                continue;
            }
            kept += 1;
            each(Bin {
                sequence: sequence as u32,
                context: (start.saturating_sub(left), to.min(*length)),
                // Neither is longer than the context.
                beyond: (before as u32, behind as u32),
                labels: labels.of(number as usize),
            })?;
        }
    }
    if kept == 0 {
        return Err(Error::Data(format!(
            "no bin of {size} bases becomes an example: {} have no label (more than {needed} bases covered), and the sequence around {} would leave its chromosome",
            left_out.unlabelled, left_out.outside
        )));
    }
    Ok(left_out)
}

/// The labels of one chromosome's bins, a bit for each file.
struct Labels {
    files: usize,
    words: usize,
    bits: Vec<u64>,
}

impl Labels {
    fn new(bins: usize, files: usize) -> Self {
        let words = files.div_ceil(64);
        Self {
            files,
            words,
            bits: vec![0; bins * words],
        }
    }

    fn set(&mut self, bin: usize, file: usize) {
        self.bits[bin * self.words + file / 64] |= 1 << (file % 64);
    }

    fn any(&self, bin: usize) -> bool {
        self.row(bin).iter().any(|word| *word != 0)
    }

    fn of(&self, bin: usize) -> Vec<bool> {
        let row = self.row(bin);
        (0..self.files)
            .map(|file| row[file / 64] >> (file % 64) & 1 == 1)
            .collect()
    }

    fn row(&self, bin: usize) -> &[u64] {
        &self.bits[bin * self.words..][..self.words]
    }
}
