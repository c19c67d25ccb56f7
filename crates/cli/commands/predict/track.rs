//! Values along a genome: bedGraph and bigWig.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use lingo_artifact::sequence_source::SequenceSource as _;
use lingo_ingest::{BigWigWriter, Genome};
use lingo_workflow::{Error, Kind};

/// A file of values.
enum To<'a> {
    BedGraph(&'a mut BufWriter<File>),
    BigWig(Box<BigWigWriter<&'a mut BufWriter<File>>>),
}

/// A track that is being written. Stretches come in order of their starts, the sequences one after the other in any
/// order; where several lie over a base, it gets their mean.
pub struct Track<'a> {
    to: To<'a>,
    path: &'a Path,
    genome: &'a Genome,
    sequence: usize,
    /// All before it is written, or in `open`.
    at: u64,
    /// Where the last stretch began.
    last: u64,
    /// Stretches that reach beyond `at`: their end and value.
    over: Vec<(u64, f64)>,
    /// A stretch of one value that may become longer.
    open: Option<(u64, u64, f32)>,
    /// What was given values so far.
    done: Vec<bool>,
}

impl<'a> Track<'a> {
    /// Begins bedGraph, or bigWig; `typical` is how long a stretch is.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(
        path: &'a Path,
        genome: &'a Genome,
        typical: u64,
        out: &'a mut BufWriter<File>,
    ) -> Result<Self, Error> {
        let to = if is_bigwig(path) {
            let reduction = u32::try_from(10 * typical).unwrap_or(u32::MAX).max(10);
            let writer = BigWigWriter::new(path, genome.sequences(), reduction, out)?;
            To::BigWig(Box::new(writer))
        } else {
            To::BedGraph(out)
        };
        Ok(Self {
            to,
            path,
            genome,
            sequence: usize::MAX,
            at: 0,
            last: 0,
            over: Vec::new(),
            open: None,
            done: vec![false; genome.sequences().len()],
        })
    }

    /// Gives the bases `start..end` of a sequence a value.
    ///
    /// # Errors
    /// One that stands before the last; what the writer says.
    pub fn add(&mut self, chrom: &str, start: u64, end: u64, value: f64) -> Result<(), Error> {
        if start >= end {
            return Ok(());
        }
        let sequence = self.genome.index(chrom).unwrap_or(usize::MAX);
        if sequence != self.sequence {
            self.close_sequence()?;
            let done = self.done.get_mut(sequence);
            if done.is_none_or(|done| std::mem::replace(done, true)) {
                return Err(out_of_order(chrom, start));
            }
            (self.sequence, self.at, self.last) = (sequence, 0, 0);
        }
        if start < self.last {
            return Err(out_of_order(chrom, start));
        }
        self.last = start;
        self.write_until(start)?;
        self.at = self.at.max(start);
        self.over.push((end, value));
        Ok(())
    }

    /// Writes what lies before a base: the mean of what lies over it, stretch by stretch.
    fn write_until(&mut self, past: u64) -> Result<(), Error> {
        while self.at < past && !self.over.is_empty() {
            let nearest = self.over.iter().map(|o| o.0).min().unwrap_or(past);
            let end = nearest.min(past);
            if end > self.at {
                let sum: f64 = self.over.iter().map(|o| o.1).sum();
                let mean = sum / self.over.len() as f64;
                self.put(self.at, end, mean as f32)?;
            }
            self.at = end;
            self.over.retain(|o| o.0 > end);
        }
        Ok(())
    }

    /// Neighbours of one value become one stretch.
    fn put(&mut self, start: u64, end: u64, value: f32) -> Result<(), Error> {
        match &mut self.open {
            Some(open) if open.1 == start && open.2.to_bits() == value.to_bits() => open.1 = end,
            _ => {
                self.write_open()?;
                self.open = Some((start, end, value));
            }
        }
        Ok(())
    }

    fn write_open(&mut self) -> Result<(), Error> {
        let Some((start, end, value)) = self.open.take() else {
            return Ok(());
        };
        match &mut self.to {
            To::BigWig(writer) => Ok(writer.add(self.sequence, start, end, value)?),
            To::BedGraph(out) => {
                let name = &self.genome.sequences()[self.sequence].0;
                let written = writeln!(out, "{name}\t{start}\t{end}\t{value}");
                Ok(written.map_err(lingo_artifact::Error::io("write", self.path))?)
            }
        }
    }

    fn close_sequence(&mut self) -> Result<(), Error> {
        self.write_until(u64::MAX)?;
        self.write_open()
    }

    /// Writes the rest.
    ///
    /// # Errors
    /// No value at all in a bigWig; what the writer says.
    pub fn finish(mut self) -> Result<(), Error> {
        self.close_sequence()?;
        match self.to {
            To::BigWig(writer) => Ok(writer.finish()?),
            To::BedGraph(_) => Ok(()),
        }
    }
}

/// Whether a path names bigWig.
pub fn is_bigwig(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "bw" || e == "bigwig")
}

/// Whether a path names bigWig or bedGraph.
pub fn is_track(path: &Path) -> bool {
    let is_text = path
        .extension()
        .is_some_and(|e| e == "bedgraph" || e == "bg");
    is_text || is_bigwig(path)
}

/// What is wrong with an interval that stands before the one above it.
pub fn out_of_order(chrom: &str, start: u64) -> Error {
    let message = format!(
        "{chrom}:{start}: a track needs intervals in order, and this one stands before the one above it; sort them (sort -k1,1 -k2,2n), or write a table"
    );
    Error::stage(Kind::Input, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(stretches: &[(&str, u64, u64, f64)]) -> Result<String, Error> {
        let folder = tempfile::tempdir().unwrap();
        let fasta = folder.path().join("g.fa");
        let bases = "A".repeat(50);
        std::fs::write(&fasta, format!(">a\n{bases}\n>b\n{bases}\n")).unwrap();
        let genome = Genome::open(&fasta, 1 << 20).unwrap();
        let path = folder.path().join("x.bedgraph");
        let mut out = BufWriter::new(File::create(&path).unwrap());
        let mut track = Track::new(&path, &genome, 10, &mut out)?;
        for (chrom, start, end, value) in stretches {
            track.add(chrom, *start, *end, *value)?;
        }
        track.finish()?;
        out.flush().unwrap();
        Ok(std::fs::read_to_string(&path).unwrap())
    }

    #[test]
    fn a_base_gets_the_mean_of_what_lies_over_it() {
        let found = written(&[
            ("b", 0, 10, 1.0),
            ("b", 5, 15, 2.0),
            ("b", 5, 8, 6.0),
            ("b", 20, 30, 4.0),
            ("b", 30, 31, 4.0),
            ("a", 0, 50, 0.5),
        ]);
        let expected =
            "b\t0\t5\t1\nb\t5\t8\t3\nb\t8\t10\t1.5\nb\t10\t15\t2\nb\t20\t31\t4\na\t0\t50\t0.5\n";
        assert_eq!(found.unwrap(), expected);
    }

    #[test]
    fn what_stands_before_the_last_is_refused() {
        for wrong in [
            &[("a", 5, 10, 1.0), ("a", 4, 10, 1.0)][..],
            &[("a", 5, 10, 1.0), ("b", 4, 10, 1.0), ("a", 20, 30, 1.0)],
        ] {
            let message = written(wrong).unwrap_err().to_string();
            assert!(message.contains("sort -k1,1"), "{message}");
        }
    }
}
