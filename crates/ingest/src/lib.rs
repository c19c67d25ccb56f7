//! FASTA, BED and CSV to labelled examples, splits and a leakage audit.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | the `ingest` section of a task |
//! | `input` | opening a file: plain, gzip or bgzf, bounded |
//! | [`iupac`] | the nucleotide alphabet, reverse complement |
//! | `fasta`, `fai`, `bgzf_blocks`, [`genome`] | one checked pass over a FASTA; its index; the blocks of a bgzf file; reading a genome in part |
//! | [`bed`], [`mod@extract`] | intervals, and their sequences |
//! | `labelled_table` | CSV and TSV in the layout of GUE |
//! | `row`, `labels`, `split_rows` | rows on their way to examples: where a sequence is to be found, label texts to classes, rows to splits |
//! | `negatives`, `shuffle` | negatives where only positives are given; shuffles that keep every dinucleotide |
//! | `folds`, `clusters` | cross-validation; splits that no cluster of similar sequences straddles |
//! | [`dataset`] | the rows of a task in order; sequences fetched and written piece by piece |
//! | [`mod@audit`] | counts, balance, composition |
//! | `leakage`, `fingerprint`, `similarity` | sequences that stand in two splits: exactly, turned around, nearly |
//! | [`mod@ingest`] | the stage |
//! | [`synthetic`] | a genome with planted sites, made from a seed |
//! | [`error`] | what is wrong with the data, with file and line |

pub mod audit;
pub mod bed;
mod bgzf_blocks;
mod clusters;
pub mod config;
pub mod dataset;
pub mod error;
pub mod extract;
mod fai;
mod fasta;
mod fingerprint;
mod folds;
pub mod genome;
pub mod ingest;
mod input;
pub mod iupac;
mod labelled_table;
mod labels;
mod leakage;
mod negatives;
mod row;
mod shuffle;
mod similarity;
mod split_rows;
pub mod synthetic;

pub use audit::Audit;
pub use bed::{BedOptions, BedRow, read_bed};
pub use config::{IngestConfig, input_files, missing_files};
pub use dataset::DataSet;
pub use error::{Error, Result};
pub use extract::{Extraction, Window, extract};
pub use genome::Genome;
pub use ingest::{ingest, prepare};
