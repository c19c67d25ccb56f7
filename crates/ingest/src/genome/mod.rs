//! A genome, read in part: FASTA, its index, the blocks of a bgzf file.

pub(crate) mod aliases;
pub(crate) mod bgzf_blocks;
pub(crate) mod fai;
pub(crate) mod fasta;
pub(crate) mod fasta_file;
pub(crate) mod masked;
pub(crate) mod reader;
