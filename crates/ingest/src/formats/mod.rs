//! One file for each format that is read: what a line of it says; and one that is written.

pub(crate) mod bed;
pub(crate) mod bedgraph;
pub(crate) mod bigwig;
pub(crate) mod bigwig_writer;
pub mod gff;
pub mod interval_table;
pub(crate) mod labelled_fasta;
pub(crate) mod labelled_table;
pub mod vcf;
