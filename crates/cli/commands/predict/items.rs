//! What is predicted on, one item after the other: windows, intervals, examples, variants. Nothing is held but the item
//! at hand, and everything can be gone through again.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use lingo_artifact::example::{ExampleReader, Interval};
use lingo_artifact::sequence_source::SequenceSource as _;
use lingo_artifact::{Label, LabelKind, Split, Strand};
use lingo_ingest::config::GenomeFile;
use lingo_ingest::{
    BedOptions, Genome, VariantOptions, VariantWindows, each_place, each_variant, iupac,
};
use lingo_workflow::{Error, Kind};

/// One sequence.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: String,
    /// A sequence, or a pair; without one, what stands in the interval.
    pub text: Option<(String, Option<String>)>,
    pub interval: Option<Interval>,
    /// Only rows of a table of examples have one.
    pub label: Option<Label>,
    pub split: Split,
}

impl Row {
    /// A sequence of its own.
    pub fn of_text(id: String, text: String) -> Self {
        Self {
            id,
            text: Some((text, None)),
            interval: None,
            label: None,
            split: Split::Test,
        }
    }

    fn of_genome(id: String, interval: Interval) -> Self {
        Self {
            id,
            text: None,
            interval: Some(interval),
            label: None,
            split: Split::Test,
        }
    }

    /// The bases of the first sequence.
    pub fn bases<'a>(&'a self, genome: Option<&'a Genome>) -> Result<Cow<'a, [u8]>, Error> {
        match (&self.text, genome, &self.interval) {
            (Some((first, _)), ..) => Ok(lingo_tokenize::nucleotide::letters(first)),
            (None, Some(genome), Some(interval)) => {
                Ok(Cow::Owned(genome.stranded_bases(interval)?))
            }
            (None, ..) => Err(Error::stage(
                Kind::Input,
                format!("`{}` has no sequence", self.id),
            )),
        }
    }
}

/// One sequence, or a variant.
pub enum Item {
    Row(Row),
    Variant(Box<VariantWindows>),
}

/// Where the items come from.
pub struct Items {
    pub genome: Option<Genome>,
    pub from: From,
}

/// Which items there are.
pub enum From {
    /// Whole sequences of the genome, or windows of them.
    Windows(Option<Cut>),
    /// Intervals of BED files.
    Beds {
        files: Vec<GenomeFile>,
        width: Option<NonZeroU32>,
        stranded: bool,
    },
    /// Variants of VCF files.
    Variants {
        files: Vec<GenomeFile>,
        options: VariantOptions,
    },
    /// A table of examples, whose labels are these where it does not say so itself.
    Examples { path: PathBuf, labels: LabelKind },
}

/// How sequences are cut into windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    pub width: u64,
    pub stride: u64,
}

/// Rows of a table that are read at a time.
const ROWS: usize = 1 << 14;

impl Items {
    /// Hands on every item in order; returns what was left out, by the names of [`lingo_artifact::left_out`].
    ///
    /// # Errors
    /// What is wrong with a file; what `take` says.
    pub fn each(
        &self,
        mut take: impl FnMut(Item) -> Result<(), Error>,
    ) -> Result<Vec<(&'static str, u64)>, Error> {
        let genome = self.genome.as_ref();
        let mut left_out = Vec::new();
        match (&self.from, genome) {
            (From::Windows(cut), Some(genome)) => {
                for (name, length) in genome.sequences() {
                    for (start, end) in windows(*length, *cut) {
                        let id = match cut {
                            Some(_) => format!("{name}:{start}-{end}"),
                            None => name.clone(),
                        };
                        take(Item::Row(Row::of_genome(id, forward(name, start, end))))?;
                    }
                }
            }
            (
                From::Beds {
                    files,
                    width,
                    stranded,
                },
                Some(genome),
            ) => {
                let options = BedOptions {
                    stranded: *stranded,
                    ..BedOptions::default()
                };
                for bed in files {
                    let counts = through(|stop| {
                        each_place(genome, bed, &options, *width, |place| {
                            let i = &place.interval;
                            let name = place.name.unwrap_or_else(|| {
                                format!("{}:{}-{}({})", i.chrom, i.start, i.end, i.strand)
                            });
                            stop(take(Item::Row(Row::of_genome(name, place.interval))))
                        })
                    })?;
                    left_out.extend(counts);
                }
            }
            (From::Variants { files, options }, Some(genome)) => {
                for vcf in files {
                    let counts = through(|stop| {
                        each_variant(genome, vcf, options, |variant| {
                            stop(take(Item::Variant(Box::new(variant))))
                        })
                    })?;
                    left_out.extend(counts);
                }
            }
            (From::Examples { path, labels }, _) => {
                let mut reader = ExampleReader::open(path, labels)?;
                let mut number = 0u64;
                loop {
                    let rows = reader.next(ROWS)?;
                    if rows.is_empty() {
                        break;
                    }
                    for row in rows {
                        number += 1;
                        let checked = |text: String| bases_of(path, number, &text);
                        let second = row.sequence2.map(checked).transpose()?;
                        take(Item::Row(Row {
                            id: row.id,
                            text: Some((checked(row.sequence)?, second)),
                            interval: row.interval,
                            label: row.label,
                            split: row.split,
                        }))?;
                    }
                }
            }
            (_, None) => return Err(Error::stage(Kind::Usage, "give --fasta or --input")),
        }
        left_out.retain(|(_, n)| *n > 0);
        Ok(left_out)
    }
}

/// The sequence of a row in upper case, U as T.
fn bases_of(path: &Path, row: u64, text: &str) -> Result<String, Error> {
    let mut bases = String::with_capacity(text.len());
    for (i, letter) in text.trim().chars().enumerate() {
        let base = u8::try_from(letter).ok().and_then(iupac::normal);
        let base = base.ok_or_else(|| {
            let message = format!(
                "{}: row {row}, character {}: `{letter}` is no IUPAC nucleotide code; DNA or RNA is needed in the column `sequence` (ACGTU, RYSWKMBDHV, N)",
                path.display(),
                i + 1
            );
            Error::stage(Kind::Input, message)
        })?;
        bases.push(char::from(base));
    }
    Ok(bases)
}

/// Lets `take`'s error, which is not one of `ingest`, through a reader that knows only its own.
fn through<T>(
    read: impl FnOnce(
        &mut dyn FnMut(Result<(), Error>) -> lingo_ingest::Result<()>,
    ) -> lingo_ingest::Result<T>,
) -> Result<T, Error> {
    let mut stopped = None;
    let outcome = read(&mut |taken| {
        taken.map_err(|e| {
            stopped = Some(e);
            lingo_ingest::Error::Data("stopped".into())
        })
    });
    match stopped {
        Some(e) => Err(e),
        None => Ok(outcome?),
    }
}

fn forward(name: &str, start: u64, end: u64) -> Interval {
    Interval {
        chrom: name.to_string(),
        start,
        end,
        strand: Strand::Forward,
    }
}

/// The windows of a sequence: one begins at every stride until one reaches its end; the last may be shorter.
pub fn windows(length: u64, cut: Option<Cut>) -> impl Iterator<Item = (u64, u64)> {
    let Cut { width, stride } = cut.unwrap_or(Cut {
        width: length.max(1),
        stride: length.max(1),
    });
    let count = length.saturating_sub(width).div_ceil(stride) + u64::from(length > 0);
    (0..count).map(move |i| {
        let start = i * stride;
        (start, (start + width).min(length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_reach_the_end_and_no_two_of_them_do() {
        fn t(length: u64, cut: Option<(u64, u64)>, expected: &[(u64, u64)]) {
            let cut = cut.map(|(width, stride)| Cut { width, stride });
            let found: Vec<_> = windows(length, cut).collect();
            assert_eq!(found, expected, "{length} {cut:?}");
        }
        t(10, None, &[(0, 10)]);
        t(10, Some((4, 4)), &[(0, 4), (4, 8), (8, 10)]);
        t(8, Some((4, 4)), &[(0, 4), (4, 8)]);
        t(10, Some((4, 2)), &[(0, 4), (2, 6), (4, 8), (6, 10)]);
        t(9, Some((4, 2)), &[(0, 4), (2, 6), (4, 8), (6, 9)]);
        t(3, Some((4, 2)), &[(0, 3)]);
        t(0, Some((4, 2)), &[]);
    }
}
