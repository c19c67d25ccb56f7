//! `predict`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lingo_ingest::config::GenomeFile;

use crate::arguments::table_format::TableFormat;

/// `predict`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe predict --adapter out/adapter --model MiniLM --fasta g.fa --bed r.bed --out p.bed
  lingo-pipe predict --adapter out/adapter --model MiniLM --input e.parquet --out p.parquet
  lingo-pipe predict --adapter runs/demo/binding/lora/seed-1/adapter --fasta windows.fa --out - --format csv
  lingo-pipe predict --adapter out/adapter --model MiniLM --fasta g.fa --width 2000 --stride 1000 --out p.bw --out p.parquet
  lingo-pipe predict --adapter out/adapter --model MiniLM --fasta g.fa --vcf clinvar.vcf.gz --width 60 --out v.tsv
  lingo-pipe predict --adapter out/adapter --model MiniLM --fasta g.fa --bed sites.bed --mutagenesis --out m.parquet --logo m.svg
Without --bed each sequence of the FASTA is one row; with --width it is cut into windows.

Rows are read, predicted and written piece by piece: memory does not grow with the genome. What is predicted is kept in
a hidden file beside the first --out (.p.bw.part) until all of it is there. A prediction that was stopped or killed goes on
when the same command is run again, and makes the same bytes. With --out - nothing is kept.

Tracks (.bedgraph, .bg, .bw, .bigwig): each window gives its value to the --stride bases at its centre, so that no two
windows speak for one base, and half of --width minus --stride at both ends of a sequence has no value. With
--overlaps mean a window gives it to all its bases, and a base gets the mean of the windows over it: what intervals of
--bed do, too. bedGraph and bigWig hold the same numbers.

Several adapters of one task (--adapter a --adapter b): the mean of their probabilities, and the standard deviation
(sd_...). A base model that they share is loaded once. In tables of labelled examples the logits are those of the mean.")]
pub struct Predict {
    /// The adapter folder. May be given several times: adapters of one task are averaged.
    #[arg(long, value_name = "DIR", required = true)]
    pub adapter: Vec<PathBuf>,
    /// The folder of the language model. Default: `model` beside the adapter, or the model of the run in whose folder
    /// the adapter lies.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Names of the classes in the order of the head's outputs, of an adapter that PEFT wrote itself: without lingo.json.
    #[arg(long, value_delimiter = ',', value_name = "NAME,NAME")]
    pub classes: Vec<String>,
    /// The genome: FASTA, plain, gzip or bgzf; or several with a name each, hg38=hg38.fa.
    #[arg(long, value_name = "FILE|NAME=FILE", required_unless_present = "input")]
    pub fasta: Vec<GenomeFile>,
    /// Intervals of it, or of one of several genomes (hg38=peaks.bed). May be given several times.
    #[arg(long, requires = "fasta")]
    pub bed: Vec<GenomeFile>,
    /// A file of other names of the genome's sequences, a row for each, tabs between (UCSC's chromAlias.txt, NCBI's assembly
    /// report), for intervals and variants that call them so.
    #[arg(long, value_name = "FILE", requires = "fasta")]
    pub contig_aliases: Option<PathBuf>,
    /// Sequences whose intervals and variants are left out: `unknown`, those that the genome lacks, or names.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "unknown|NAME,NAME",
        requires = "fasta"
    )]
    pub skip_contigs: Vec<String>,
    /// Examples instead, with labels or without: .parquet, .csv, .tsv, or - for stdin.
    #[arg(long, conflicts_with = "fasta")]
    pub input: Option<PathBuf>,
    /// Resize each interval to this many bases around its centre; without --bed: cut into windows.
    #[arg(long, value_name = "N", requires = "fasta")]
    pub width: Option<NonZeroU32>,
    /// Bases from one window to the next. Default: --width. The last window of a sequence may be shorter.
    #[arg(long, value_name = "N", requires = "width", conflicts_with_all = ["bed", "vcf"])]
    pub stride: Option<NonZeroU32>,
    /// Read every interval on the forward strand.
    #[arg(long)]
    pub unstranded: bool,
    /// Where the predictions go: .parquet, .csv, .tsv, .bed, .bedgraph, .bw, or - for stdout. May be given several times.
    #[arg(long, short, default_value = "-")]
    pub out: Vec<PathBuf>,
    /// The format of stdin and stdout.
    #[arg(long, value_enum, default_value = "tsv")]
    pub format: TableFormat,
    /// Add the adapter to the model's weights first: faster on many sequences. The logits then differ from those
    /// of the run by rounding.
    #[arg(long)]
    pub merge: bool,
    /// auto, cpu or wgpu.
    #[arg(long, default_value = "auto", value_name = "D")]
    pub device: String,
    /// What a track shows of a class: its probability, or its logit (the logarithm of its odds against all other
    /// classes; of two classes the difference of their logits). A predicted number is shown as it is.
    #[arg(
        help_heading = "Tracks",
        long,
        value_enum,
        default_value = "probability"
    )]
    pub value: ValueChoice,
    /// Which class tracks, variants and mutagenesis are about. Default: the last, of two the positive one.
    #[arg(help_heading = "Tracks", long, value_name = "NAME")]
    pub class: Option<String>,
    /// Which bases of a track a window speaks for. Default: centre, with --bed mean.
    #[arg(help_heading = "Tracks", long, value_enum)]
    pub overlaps: Option<Overlaps>,
    /// Variants: VCF, plain, gzip or bgzf. Each is predicted twice, in a window of --width bases as REF and as ALT have it.
    #[arg(
        help_heading = "Variants",
        long,
        requires_all = ["fasta", "width"],
        conflicts_with_all = ["bed", "mutagenesis", "unstranded"]
    )]
    pub vcf: Vec<GenomeFile>,
    /// Leave out variants whose REF is not what the genome has.
    #[arg(help_heading = "Variants", long, requires = "vcf")]
    pub skip_ref_mismatch: bool,
    /// Leave out alleles that are no variant (ALT is REF) or have a base other than A, C, G, T and N.
    #[arg(help_heading = "Variants", long, requires = "vcf")]
    pub skip_odd_alleles: bool,
    /// Take insertions and deletions as they are written, not moved to the left as `bcftools norm` does.
    #[arg(help_heading = "Variants", long, requires = "vcf")]
    pub as_written: bool,
    /// Predict every change of one base of every window: a table of differences of the logit, or a track of their mean
    /// absolute value at each base.
    #[arg(help_heading = "Mutagenesis", long)]
    pub mutagenesis: bool,
    /// Draw the first window, each base as high as what its changes take from the logit on the average: .svg.
    #[arg(
        help_heading = "Mutagenesis",
        long,
        value_name = "FILE",
        requires = "mutagenesis"
    )]
    pub logo: Option<PathBuf>,
    /// Draw the window of this name instead.
    #[arg(
        help_heading = "Mutagenesis",
        long,
        value_name = "NAME",
        requires = "logo"
    )]
    pub logo_of: Option<String>,
}

/// What a track shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ValueChoice {
    /// The probability of the class.
    Probability,
    /// The logarithm of its odds.
    Logit,
}

/// Which bases a window speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Overlaps {
    /// Those at its centre, as many as the stride.
    Centre,
    /// All; a base gets the mean of the windows over it.
    Mean,
}
