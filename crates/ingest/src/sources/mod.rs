//! What each source makes rows of, one file or folder for each.

pub(crate) mod bed;
pub(crate) mod csv;
pub(crate) mod gff;
pub(crate) mod interval_csv;
pub(crate) mod labelled_fasta;
pub(crate) mod peak_matrix;
pub(crate) mod read;
pub(crate) mod track;
pub(crate) mod vcf;
