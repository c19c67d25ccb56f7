//! Where a FASTA is soft-masked: lower case, as RepeatMasker and the genome browsers mark repeats.

use std::path::Path;

use crate::error::Result;
use crate::input::{Input, without_byte_order_mark, without_terminator};

/// Bytes of a line that are looked at a time: a chromosome may stand on one line.
const MOST: usize = 1 << 20;

/// Runs of lower-case bases of each sequence.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Masked {
    of: Vec<Runs>,
}

#[derive(Debug, Default, PartialEq)]
struct Runs {
    /// Start and end, sorted, not touching.
    runs: Vec<(u64, u64)>,
    /// Masked bases before each run.
    before: Vec<u64>,
}

impl Runs {
    fn push(&mut self, start: u64, end: u64) {
        if let Some(last) = self.runs.last_mut()
            && last.1 == start
        {
            last.1 = end;
            return;
        }
        self.before.push(self.up_to(start));
        self.runs.push((start, end));
    }

    /// Masked bases before a place.
    fn up_to(&self, place: u64) -> u64 {
        match self.runs.partition_point(|(start, _)| *start < place) {
            0 => 0,
            behind => {
                let (start, end) = self.runs[behind - 1];
                self.before[behind - 1] + place.min(end) - start
            }
        }
    }
}

impl Masked {
    /// Reads the whole file once more; 24 bytes of memory a run. `place` is a sequence's number: an index may have them in
    /// another order than the file.
    ///
    /// # Errors
    /// Whatever reading it says; what is wrong with it was told when the genome was opened.
    pub(crate) fn read(
        &mut self,
        path: &Path,
        limit: u64,
        place: impl Fn(&str) -> Option<usize>,
    ) -> Result<()> {
        let mut input = Input::open_without_end(path, limit)?;
        let mut of = None;
        let mut at = 0u64;
        while let Some(part) = input.next_part(MOST)? {
            let bases = match part.ends {
                true => without_terminator(part.bytes),
                false => part.bytes,
            };
            if part.begins
                && let Some(header) = without_byte_order_mark(bases).strip_prefix(b">")
            {
                let name = header.split(u8::is_ascii_whitespace).next();
                of = name.and_then(|name| place(std::str::from_utf8(name).ok()?));
                at = 0;
                continue;
            }
            let Some(of) = of else { continue };
            if self.of.len() <= of {
                self.of.resize_with(of + 1, Runs::default);
            }
            let runs = &mut self.of[of];
            for stretch in bases.chunk_by(|a, b| a.is_ascii_lowercase() == b.is_ascii_lowercase()) {
                let end = at + stretch.len() as u64;
                if stretch[0].is_ascii_lowercase() {
                    runs.push(at, end);
                }
                at = end;
            }
        }
        Ok(())
    }

    /// Whether anything is masked, and something is not: a file in lower case throughout says nothing of repeats.
    pub(crate) fn tells(&self, lengths: impl Iterator<Item = u64>) -> bool {
        let masked: u64 = self.of.iter().map(|runs| runs.up_to(u64::MAX)).sum();
        masked > 0 && masked < lengths.sum()
    }

    /// The share of a window's bases that is masked.
    pub(crate) fn share(&self, sequence: u32, start: u64, end: u64) -> f64 {
        let Some(runs) = self.of.get(sequence as usize) else {
            return 0.0;
        };
        (runs.up_to(end) - runs.up_to(start)) as f64 / (end - start).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_without_lower_case_or_without_upper_case_tells_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.fa");
        for (text, tells) in [
            (">a\nACGT\n>b\nAC\n", false),
            (">a\nacgt\n>b\nac\n", false),
            (">a\nacgt\n>b\nAC\n", true),
        ] {
            std::fs::write(&path, text).unwrap();
            let place = |name: &str| "ab".find(name);
            let mut masked = Masked::default();
            masked.read(&path, 1 << 20, place).unwrap();
            assert_eq!(masked.tells([4, 2].into_iter()), tells, "{text}");
        }
    }

    proptest! {
        #[test]
        fn shares_are_those_that_counting_gives(
            sequences in proptest::collection::vec("[ACGTNacgtn]{1,60}", 1..4), width in 1..20usize, crlf: bool,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("g.fa");
            let end = if crlf { "\r\n" } else { "\n" };
            let mut text = String::new();
            for (i, sequence) in sequences.iter().enumerate() {
                text.push_str(&format!(">{i} is its name{end}"));
                for line in sequence.as_bytes().chunks(width) {
                    text.push_str(std::str::from_utf8(line).unwrap());
                    text.push_str(end);
                }
            }
            std::fs::write(&path, text).unwrap();
            let number = |name: &str| name.parse().ok();
            let mut masked = Masked::default();
            masked.read(&path, 1 << 20, number).unwrap();
            for (i, sequence) in sequences.iter().enumerate() {
                for start in 0..sequence.len() {
                    for end in start + 1..=sequence.len() {
                        let lower = sequence[start..end].bytes().filter(u8::is_ascii_lowercase).count();
                        let share = masked.share(i as u32, start as u64, end as u64);
                        prop_assert_eq!(share, lower as f64 / (end - start) as f64);
                    }
                }
            }
        }
    }
}
