//! A synthetic genome with planted sites, for demonstrations and tests: a Markov background, sites
//! drawn from weight matrices on both strands, and decoys that composition cannot tell from them.
//!
//! Two tasks. `binding`: a site of the factor, or a decoy, the same site shuffled so that every
//! dinucleotide occurs as often as before. `grammar`: two half sites in their order, or swapped.
//! More of all four stand in the genome without a label, where pretraining meets them.
//!
//! One seed gives the same bytes.

mod background;
mod landscape;

mod weight_matrix;

use std::io::{self, Write};
use std::path::Path;

use lingo_artifact::atomic;
use lingo_artifact::random::Stream;
use noodles::bgzf;

use crate::error::{Error, Result};
use crate::iupac::reverse_complement;
use crate::negatives::shuffle::farthest_dinucleotide_shuffle;
use background::Background;
use weight_matrix::WeightMatrix;

/// What a synthetic genome looks like. [`SyntheticGenome::demo`] is the one in `data/demo`.
#[derive(Clone, Debug, PartialEq)]
pub struct SyntheticGenome {
    /// The same seed gives the same genome.
    pub seed: u64,
    /// How many chromosomes: `chr1`, `chr2`, ...
    pub chromosomes: usize,
    /// Bases of each chromosome.
    pub length: usize,
    /// Bases before a base that its distribution depends on.
    pub order: usize,
    /// Standard deviation of the logits of the background's transitions: 0 is uniform.
    pub contrast: f64,
    /// Bases of a site of task `binding`.
    pub site: usize,
    /// Bases of each half site of task `grammar`.
    pub half_site: usize,
    /// The fewest and the most background bases between two half sites.
    pub spacer: (usize, usize),
    /// Probability of the consensus base at each position of a weight matrix.
    pub conservation: f64,
    /// The fewest and the most background bases between two planted elements.
    pub gap: (usize, usize),
    /// Bases of a labelled window.
    pub window: usize,
    /// The most bases by which a window's centre misses its element's.
    pub jitter: usize,
    /// Labelled windows of each class of each task on each chromosome; elements beyond carry no label.
    pub labelled: usize,
}

impl SyntheticGenome {
    /// The genome of `data/demo`.
    pub fn demo() -> Self {
        Self {
            seed: 20_260_101,
            chromosomes: 8,
            length: 150_000,
            order: 2,
            contrast: 1.5,
            site: 18,
            half_site: 11,
            spacer: (3, 8),
            conservation: 0.95,
            gap: (60, 120),
            window: 60,
            jitter: 6,
            labelled: 200,
        }
    }

    /// Writes a score for every sequence of six bases: that of a weight matrix of its own, over all places and both strands.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_landscape(&self, writer: &mut impl Write) -> io::Result<()> {
        landscape::write(self.seed, writer)
    }

    /// Makes the genome.
    pub fn generate(&self) -> Synthetic {
        let mut matrices = Stream::new(self.seed, "weight matrices");
        let mut matrix = |length| WeightMatrix::random(length, self.conservation, &mut matrices);
        let factor = matrix(self.site);
        let halves = [matrix(self.half_site), matrix(self.half_site)];
        let background = Background::random(self.order, self.contrast, self.seed);
        let mut synthetic = Synthetic::default();
        for c in 0..self.chromosomes {
            let name = format!("chr{}", c + 1);
            let mut stream = Stream::new(self.seed, &name);
            let mut sequence = background.draw(self.length, &mut stream);
            self.plant(
                &name,
                &mut sequence,
                &factor,
                &halves,
                &mut synthetic,
                &mut stream,
            );
            synthetic.chromosomes.push((name, sequence));
        }
        synthetic
    }

    fn plant(
        &self,
        chromosome: &str,
        sequence: &mut [u8],
        factor: &WeightMatrix,
        halves: &[WeightMatrix; 2],
        synthetic: &mut Synthetic,
        stream: &mut Stream,
    ) {
        let mut labelled = [0usize; 4];
        let between = |range: (usize, usize), stream: &mut Stream| {
            range.0 + stream.below(range.1.saturating_sub(range.0) + 1)
        };
        let mut position = self.window;
        loop {
            position += between(self.gap, stream);
            let class = Class::ALL[stream.below(4)];
            // Bases to plant; None leaves the background as it is.
            let mut element: Vec<Option<u8>> = match class {
                Class::Site => factor.draw(stream).into_iter().map(Some).collect(),
                Class::Decoy => farthest_dinucleotide_shuffle(&factor.draw(stream), 20, stream)
                    .into_iter()
                    .map(Some)
                    .collect(),
                Class::Ordered | Class::Swapped => {
                    let spacer = between(self.spacer, stream);
                    let [mut first, mut second] = halves.each_ref().map(|h| h.draw(stream));
                    if class == Class::Swapped {
                        std::mem::swap(&mut first, &mut second);
                    }
                    let first = first.into_iter().map(Some);
                    first
                        .chain(vec![None; spacer])
                        .chain(second.into_iter().map(Some))
                        .collect()
                }
            };
            let reverse = stream.below(2) == 1;
            if reverse {
                element.reverse();
                for base in element.iter_mut().flatten() {
                    *base = reverse_complement(&[*base])[0];
                }
            }
            if position + element.len() + self.window > sequence.len() {
                return;
            }
            for (there, planted) in sequence[position..].iter_mut().zip(&element) {
                *there = planted.unwrap_or(*there);
            }
            let centre = position + element.len() / 2 + stream.below(2 * self.jitter + 1);
            let start = (centre - self.jitter).saturating_sub(self.window / 2);
            let count = &mut labelled[class as usize];
            if *count < self.labelled {
                *count += 1;
                synthetic.windows.push(LabelledWindow {
                    chromosome: chromosome.to_string(),
                    start,
                    end: start + self.window,
                    reverse,
                    class,
                });
            }
            position += element.len();
        }
    }
}

/// What a labelled window holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A site of the factor (task `binding`).
    Site,
    /// A site with its dinucleotides shuffled (task `binding`).
    Decoy,
    /// The two half sites, first before second (task `grammar`).
    Ordered,
    /// The two half sites, second before first (task `grammar`).
    Swapped,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 4] = [Self::Site, Self::Decoy, Self::Ordered, Self::Swapped];

    /// The label in the BED file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Decoy => "decoy",
            Self::Ordered => "ordered",
            Self::Swapped => "swapped",
        }
    }

    /// The task that the class belongs to: `binding` or `grammar`.
    pub fn task(self) -> &'static str {
        match self {
            Self::Site | Self::Decoy => "binding",
            Self::Ordered | Self::Swapped => "grammar",
        }
    }
}

/// A window around a planted element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledWindow {
    /// Its chromosome.
    pub chromosome: String,
    /// The first base, from 0.
    pub start: usize,
    /// Behind the last base.
    pub end: usize,
    /// Whether the element was planted on the minus strand.
    pub reverse: bool,
    /// What was planted.
    pub class: Class,
}

/// A generated genome with its labelled windows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synthetic {
    /// Names and bases (ACGT).
    pub chromosomes: Vec<(String, Vec<u8>)>,
    /// In the order of the genome.
    pub windows: Vec<LabelledWindow>,
}

/// Bases in a line of the FASTA file.
const LINE: usize = 80;

impl Synthetic {
    /// The genome as FASTA.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_fasta(&self, writer: &mut impl Write) -> io::Result<()> {
        for (name, bases) in &self.chromosomes {
            writeln!(writer, ">{name}")?;
            for line in bases.chunks(LINE) {
                writer.write_all(line)?;
                writer.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    /// The windows of one task as BED6 with the label in a seventh column.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_bed(&self, task: &str, writer: &mut impl Write) -> io::Result<()> {
        let windows = self.windows.iter().filter(|w| w.class.task() == task);
        for (i, w) in windows.enumerate() {
            let strand = if w.reverse { '-' } else { '+' };
            let label = w.class.name();
            writeln!(
                writer,
                "{}\t{}\t{}\t{task}:{}\t0\t{strand}\t{label}",
                w.chromosome,
                w.start,
                w.end,
                i + 1
            )?;
        }
        Ok(())
    }

    /// Writes `genome.fa.gz` (bgzf), `binding.bed` and `grammar.bed` into `folder`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join("genome.fa.gz");
        atomic::write::<Error>(&path, |w| {
            let mut packed = bgzf::io::Writer::new(w);
            let written = self.write_fasta(&mut packed).and_then(|()| packed.finish());
            written.map(|_| ()).map_err(|e| failed(&path, e))
        })?;
        for task in ["binding", "grammar"] {
            let path = folder.join(format!("{task}.bed"));
            atomic::write::<Error>(&path, |w| {
                self.write_bed(task, w).map_err(|e| failed(&path, e))
            })?;
        }
        Ok(())
    }
}

fn failed(path: &Path, error: io::Error) -> Error {
    lingo_artifact::Error::io("write", path)(error).into()
}

#[cfg(test)]
mod tests;
