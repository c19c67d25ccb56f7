//! What `ingest` reads beside BED files and tables of sequences.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use lingo_ingest::config::GenomeFile;

/// Other sources on a genome, and FASTA with labels. What has no option here (transcript types, attribute filters, thresholds)
/// stands in the `ingest` section of a pipeline file: `lingo-pipe schema`.
#[derive(Debug, Args)]
pub struct OtherSources {
    /// Variants, each a pair of sequences (--width bases, REF at the middle). May be given several times, one class a file unless --info.
    #[arg(help_heading = "Variants (VCF)", long, requires_all = ["fasta", "width"])]
    pub vcf: Vec<GenomeFile>,
    /// The INFO key that is the label of a variant.
    #[arg(
        help_heading = "Variants (VCF)",
        long,
        value_name = "KEY",
        requires = "vcf"
    )]
    pub info: Option<String>,
    /// Take only variants with one of these labels.
    #[arg(
        help_heading = "Variants (VCF)",
        long,
        value_delimiter = ',',
        value_name = "LABEL,LABEL",
        requires = "vcf"
    )]
    pub only: Vec<String>,
    /// Leave out variants whose REF is not what the genome has.
    #[arg(help_heading = "Variants (VCF)", long, requires = "vcf")]
    pub skip_ref_mismatch: bool,
    /// Leave out alleles that are no variant (ALT is REF) or have a base other than A, C, G, T and N.
    #[arg(help_heading = "Variants (VCF)", long, requires = "vcf")]
    pub skip_odd_alleles: bool,
    /// Take insertions and deletions as they are written, not moved to the left as `bcftools norm` does.
    #[arg(help_heading = "Variants (VCF)", long, requires = "vcf")]
    pub as_written: bool,
    /// Annotation, GFF3 or GTF. May be given several times.
    #[arg(help_heading = "Annotation (GFF3, GTF)", long, requires = "fasta")]
    pub gff: Vec<GenomeFile>,
    /// Windows around transcription start sites: bases before, and behind (249,50 makes 300).
    #[arg(
        help_heading = "Annotation (GFF3, GTF)",
        long,
        value_name = "UP,DOWN",
        requires = "gff"
    )]
    pub promoter: Option<UpDown>,
    /// Windows around the 5' ends of introns: bases of the exon, and of the intron.
    #[arg(
        help_heading = "Annotation (GFF3, GTF)",
        long,
        value_name = "UP,DOWN",
        requires = "gff"
    )]
    pub donor: Option<UpDown>,
    /// Windows around the 3' ends of introns: bases of the intron, and of the exon.
    #[arg(
        help_heading = "Annotation (GFF3, GTF)",
        long,
        value_name = "UP,DOWN",
        requires = "gff"
    )]
    pub acceptor: Option<UpDown>,
    /// Features of this type, such as exon; with --width resized. May be given several times.
    #[arg(
        help_heading = "Annotation (GFF3, GTF)",
        long,
        value_name = "TYPE",
        requires = "gff"
    )]
    pub feature: Vec<String>,
    /// The attribute that is the label, instead of the kind of window.
    #[arg(
        help_heading = "Annotation (GFF3, GTF)",
        long,
        value_name = "NAME",
        requires = "gff"
    )]
    pub attribute: Option<String>,
    /// Table of intervals as Genomic Benchmarks has it (id,region,start,end,strand). May be given several times, one class a file.
    #[arg(help_heading = "Tables of intervals", long, requires = "fasta")]
    pub intervals: Vec<GenomeFile>,
    /// Peak file. May be given several times: bins of the genome get a label for each file (DeepSEA).
    #[arg(
        help_heading = "Peaks, a label for each file",
        long,
        requires = "fasta"
    )]
    pub peaks: Vec<GenomeFile>,
    /// Bases of a bin.
    #[arg(
        help_heading = "Peaks, a label for each file",
        long,
        value_name = "N",
        requires = "peaks"
    )]
    pub bin: Option<NonZeroU32>,
    /// Bases of the sequence around a bin.
    #[arg(
        help_heading = "Peaks, a label for each file",
        long,
        value_name = "N",
        requires = "peaks"
    )]
    pub context: Option<NonZeroU32>,
    /// Keep bins without any label.
    #[arg(
        help_heading = "Peaks, a label for each file",
        long,
        requires = "peaks"
    )]
    pub keep_unlabelled: bool,
    /// FASTA whose headers carry the label: `>id|label`.
    #[arg(help_heading = "FASTA with labels", long, value_name = "FILE", conflicts_with_all = ["fasta", "train", "file"])]
    pub labelled_fasta: Option<PathBuf>,
    /// What stands between the fields of such a header.
    #[arg(
        help_heading = "FASTA with labels",
        long,
        value_name = "TEXT",
        default_value = "|"
    )]
    pub separator: String,
    /// Which field of such a header is the label, from 1. Default: the last.
    #[arg(
        help_heading = "FASTA with labels",
        long,
        value_name = "N",
        requires = "labelled_fasta"
    )]
    pub label_field: Option<NonZeroU32>,
}

/// `249,50`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpDown {
    /// Bases upstream.
    pub up: u32,
    /// Bases downstream.
    pub down: u32,
}

impl FromStr for UpDown {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once(',')
            .map(|(up, down)| (up.trim().parse(), down.trim().parse()));
        match numbers {
            Some((Ok(up), Ok(down))) => Ok(Self { up, down }),
            _ => Err(
                "two whole numbers are needed, bases upstream and downstream, such as 249,50"
                    .into(),
            ),
        }
    }
}
