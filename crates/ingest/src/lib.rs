//! FASTA, BED and CSV to labelled examples, splits and a leakage audit.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`], [`sources`] | the `ingest` section of a task; the sources beside BED and CSV |
//! | `input` | opening a file: plain, gzip or bgzf, bounded |
//! | [`iupac`] | the nucleotide alphabet, reverse complement |
//! | `fasta`, `fai`, `bgzf_blocks`, [`genome`] | one checked pass over a FASTA; its index; the blocks of a bgzf file; reading a genome in part |
//! | [`bed`], [`mod@extract`] | intervals, and their sequences |
//! | `labelled_table`, [`interval_table`], `labelled_fasta` | CSV and TSV in the layout of GUE, and of Genomic Benchmarks; FASTA with labels |
//! | [`vcf`], `variant_pair` | variants, and the pair of sequences of each |
//! | [`gff`], `transcripts`, `feature_windows` | annotations, their transcripts, windows around both |
//! | `peaks`, `peak_matrix` | how much of each bin peaks cover; bins with a label for each file |
//! | [`mod@locate`] | where sequences lie in a genome |
//! | `row`, `labels`, `split_rows` | rows on their way to examples: where a sequence is to be found, label texts to classes, rows to splits |
//! | `negatives`, `shuffle` | negatives where only positives are given; shuffles that keep every dinucleotide |
//! | `folds`, `clusters` | cross-validation; splits that no cluster of similar sequences straddles |
//! | [`dataset`] | the rows of a task in order; sequences fetched and written piece by piece |
//! | `audit` | counts, balance, composition |
//! | `leakage`, `fingerprint`, `similarity` | sequences that stand in two splits: exactly, turned around, nearly |
//! | `preflight` | what the heads of the files show to be wrong, before any work |
//! | [`mod@ingest`], `read_sources`, `read` | the stage; its sources beside BED and CSV; what reading any of them gives |
//! | [`synthetic`] | a genome with planted sites, made from a seed |
//! | [`error`] | what is wrong with the data, with file and line |

mod audit;
pub mod bed;
mod bgzf_blocks;
mod clusters;
pub mod config;
pub mod dataset;
pub mod error;
pub mod extract;
mod fai;
mod fasta;
mod feature_windows;
mod fingerprint;
mod folds;
pub mod genome;
pub mod gff;
pub mod ingest;
mod input;
mod interval_rows;
pub mod interval_table;
pub mod iupac;
mod labelled_fasta;
mod labelled_table;
mod labels;
mod leakage;
pub mod locate;
mod negatives;
mod peak_matrix;
mod peaks;
mod preflight;
mod read;
mod read_sources;
mod row;
mod shuffle;
mod similarity;
pub mod sources;
mod split_rows;
pub mod synthetic;
mod transcripts;
mod variant_pair;
pub mod vcf;

pub use bed::{BedOptions, BedRow, read_bed};
pub use config::{IngestConfig, input_files, missing_files};
pub use dataset::DataSet;
pub use error::{Error, Result};
pub use extract::{Extraction, Places, Window, extract, places};
pub use genome::Genome;
pub use ingest::{ingest, prepare};
pub use labels::class_names;
pub use lingo_artifact::audit::Audit;
pub use preflight::preflight;
