//! FASTA, BED and CSV to labelled examples, splits and a leakage audit.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | the `ingest` section of a task |
//! | `input` | opening a file: plain, gzip or bgzf, bounded |
//! | [`iupac`] | the nucleotide alphabet, reverse complement |
//! | `genome` | one checked pass over a FASTA; its index; the blocks of a bgzf file; reading a genome in part |
//! | `formats` | one file for each format: what a line of it says |
//! | `rows` | rows on their way to examples: where a sequence is to be found; label texts to classes; the rows of a task in order, their sequences fetched and written piece by piece |
//! | [`mod@extract`] | intervals, and their sequences |
//! | `sources` | what each source makes rows of |
//! | `negatives` | negatives where only positives are given; shuffles that keep every dinucleotide |
//! | `split` | rows to train, dev and test; cross-validation; splits that no cluster of similar sequences straddles |
//! | `similarity` | which sequences are the same, turned around, or nearly |
//! | `audit` | counts, balance, composition; sequences that stand in two splits |
//! | `preflight` | what the heads of the files show to be wrong, before any work |
//! | [`mod@ingest`] | the stage: all of these in order |
//! | [`locate`] | where sequences lie in a genome |
//! | [`synthetic`] | a genome with planted sites, made from a seed |
//! | [`error`] | what is wrong with the data, with file and line |

mod audit;
pub mod config;
pub mod error;
pub mod extract;
mod formats;
mod genome;
pub mod ingest;
mod input;
pub mod iupac;
pub mod locate;
mod negatives;
mod preflight;
mod rows;
mod similarity;
mod sources;
mod split;
pub mod synthetic;

pub use config::{IngestConfig, input_files, missing_files};
pub use error::{Error, Result};
pub use extract::{Extraction, Place, Places, Window, each_place, extract, places};
pub use formats::bed::blocks::read_bed;
pub use formats::bed::row::{BedOptions, BedRow};
pub use formats::bigwig_writer::BigWigWriter;
pub use formats::{gff, interval_table, vcf};
pub use genome::reader::Genome;
pub use ingest::{ingest, prepare};
pub use lingo_artifact::audit::Audit;
pub use preflight::preflight;
pub use rows::dataset::DataSet;
pub use rows::labels::class_names;
pub use sources::vcf::windows::{VariantOptions, VariantWindows, each_variant};
