//! The commands that make examples and tokens.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use lingo_artifact::ByteSize;
use lingo_ingest::config::GenomeFile;

use crate::arguments::sources::OtherSources;
use crate::arguments::table_format::TableFormat;

/// `ingest`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("on_genome").args(["bed", "vcf", "gff", "intervals", "peaks"])))]
#[command(
    after_help = "Examples: lingo-pipe ingest --help",
    after_long_help = "\
Examples:
  lingo-pipe ingest --fasta g.fa --bed r.bed --label-column 5 --dev-chromosomes XV --test-chromosomes XVI --out e.parquet
  lingo-pipe ingest --fasta g.fa.gz --bed promoters.bed --bed other.bed --width 200 --out e.parquet
  lingo-pipe ingest --train train.csv --dev dev.csv --test test.csv --out e.parquet
  lingo-pipe ingest --fasta g.fa --bed r.bed --label-column 5 --out - --format fa | head
  lingo-pipe ingest --fasta g.fa --bed peaks.bed --negatives genomic --folds 5 --fold 1 --out e.parquet
  lingo-pipe ingest --file all.csv --clusters --on-leak error --out e.parquet
  lingo-pipe ingest --fasta g.fa --vcf clinvar.vcf.gz --info CLNSIG --only Benign,Pathogenic --width 512 --out e.parquet
  lingo-pipe ingest --fasta g.fa --gff genes.gff3.gz --donor 200,200 --acceptor 200,200 --out e.parquet
  lingo-pipe ingest --fasta g.fa --intervals positive.csv.gz --intervals negative.csv.gz --out e.parquet
  lingo-pipe ingest --fasta g.fa --peaks H3K4me3.narrowPeak --peaks H3K27ac.narrowPeak --test-chromosomes chr8 --dev-chromosomes chr7 --out e.parquet
  lingo-pipe ingest --labelled-fasta promoters.fa --out e.parquet
  lingo-pipe ingest --fasta g.fa --bed atac.narrowPeak --summit --width 500 --track atac.bedgraph --log1p --out e.parquet

Without --label-column each BED file is a class, named after the file. Columns count from 1.
Without chromosomes, rows are split at random into 80 % train, 10 % dev and 10 % test."
)]
pub struct Ingest {
    /// The genome: FASTA, plain, gzip or bgzf. Several, each with a name: --fasta hg38=hg38.fa --fasta mm10=mm10.fa; their sequences are
    /// called hg38:chr1, and a file of one of them is given as hg38=FILE (--bed hg38=peaks.bed).
    #[arg(
        help_heading = "Genome",
        long,
        value_name = "FILE|NAME=FILE",
        requires = "on_genome"
    )]
    pub fasta: Vec<GenomeFile>,
    /// Intervals: BED3 to BED12 or narrowPeak. May be given several times.
    #[arg(help_heading = "BED intervals", long, requires = "fasta")]
    pub bed: Vec<GenomeFile>,
    /// The BED column of the label, from 1.
    #[arg(help_heading = "BED intervals", long, value_name = "N")]
    pub label_column: Option<NonZeroU32>,
    /// A signal track, bigWig or bedGraph, whose values over each interval are the target (regression).
    #[arg(
        help_heading = "BED intervals",
        long,
        value_name = "FILE",
        requires = "bed",
        conflicts_with = "label_column"
    )]
    pub track: Option<PathBuf>,
    /// What is taken of the values of a window's bases; a base without one counts as 0.
    #[arg(
        help_heading = "BED intervals",
        long,
        value_enum,
        default_value = "mean"
    )]
    pub statistic: StatisticChoice,
    /// Take the natural logarithm of 1 and that.
    #[arg(help_heading = "BED intervals", long, requires = "track")]
    pub log1p: bool,
    /// Only BED rows whose name begins with this.
    #[arg(help_heading = "BED intervals", long, value_name = "TEXT")]
    pub name_prefix: Option<String>,
    /// Resize each interval to this many bases around its centre.
    #[arg(help_heading = "Genome", long, value_name = "N")]
    pub width: Option<NonZeroU32>,
    /// Read every interval on the forward strand.
    #[arg(help_heading = "Genome", long)]
    pub unstranded: bool,
    /// Lay windows around the summits of narrowPeaks (column 10), not around their middles.
    #[arg(help_heading = "BED intervals", long, requires_all = ["bed", "width"])]
    pub summit: bool,
    /// Write N for what lies beyond a chromosome, instead of leaving such windows out.
    #[arg(help_heading = "Genome", long, requires = "fasta")]
    pub pad: bool,
    /// A file of the names of the genome's sequences, a row for each, tabs between (UCSC's chromAlias.txt, NCBI's assembly report).
    #[arg(help_heading = "Genome", long, value_name = "FILE", requires = "fasta")]
    pub contig_aliases: Option<PathBuf>,
    /// Leave out, and count, rows of sequences that the genome lacks (`unknown`), or of those named.
    #[arg(
        help_heading = "Genome",
        long,
        value_delimiter = ',',
        value_name = "unknown|NAME,NAME",
        requires = "fasta"
    )]
    pub skip_contigs: Vec<String>,
    /// BED files of regions that nothing should come from: rows there are left out and counted, no genomic negative lies there.
    #[arg(help_heading = "Genome", long, value_name = "BED", num_args = 1.., requires = "fasta")]
    pub blacklist: Vec<GenomeFile>,
    /// What the columns of the tables are called, such as sequence=seq,label=y (and sequence2=NAME for pairs).
    #[arg(
        help_heading = "Tables of sequences",
        long,
        value_delimiter = ',',
        value_name = "COLUMN=NAME",
        conflicts_with = "fasta"
    )]
    pub columns: Vec<String>,
    /// What the labels are. Default: classes, and an error where they look like measurements.
    #[arg(long, value_enum)]
    pub label_kind: Option<LabelKindChoice>,
    /// Table of training rows: `sequence,label` or `sequence1,sequence2,label`.
    #[arg(help_heading = "Tables of sequences", long, conflicts_with = "fasta", requires_all = ["dev", "test"])]
    pub train: Option<PathBuf>,
    /// Table of dev rows; chromosomes of a genome are --dev-chromosomes.
    #[arg(
        help_heading = "Tables of sequences",
        long,
        requires = "train",
        conflicts_with = "fasta"
    )]
    pub dev: Option<PathBuf>,
    /// Table of test rows; chromosomes of a genome are --test-chromosomes.
    #[arg(
        help_heading = "Tables of sequences",
        long,
        requires = "train",
        conflicts_with = "fasta"
    )]
    pub test: Option<PathBuf>,
    /// One table of all rows, to be split at random.
    #[arg(help_heading = "Tables of sequences", long, conflicts_with_all = ["fasta", "train"])]
    pub file: Option<PathBuf>,
    /// Sources beside BED and tables.
    #[command(flatten)]
    pub other: OtherSources,
    /// Chromosomes of dev.
    #[arg(
        help_heading = "Split",
        long,
        value_delimiter = ',',
        value_name = "NAME,NAME",
        requires = "fasta"
    )]
    pub dev_chromosomes: Vec<String>,
    /// Chromosomes of test.
    #[arg(
        help_heading = "Split",
        long,
        value_delimiter = ',',
        value_name = "NAME,NAME",
        requires = "fasta"
    )]
    pub test_chromosomes: Vec<String>,
    /// Shares of train, dev and test of a random split, such as 0.8,0.1,0.1.
    #[arg(help_heading = "Split", long, value_delimiter = ',', value_name = "T,D,T", conflicts_with_all = ["dev_chromosomes", "test_chromosomes"])]
    pub ratios: Option<Vec<f64>>,
    /// Train has at most so many rows of each class, taken at random.
    #[arg(help_heading = "Split", long, value_name = "N")]
    pub most_per_class: Option<NonZeroU64>,
    /// Train has at most so many times as many rows of a class as of the class with the fewest, such as 3.
    #[arg(
        help_heading = "Split",
        long,
        value_name = "TIMES",
        conflicts_with = "most_per_class"
    )]
    pub class_ratio: Option<f64>,
    /// Seed of a random split, of negatives, and of the rows that --most-per-class and --class-ratio keep.
    #[arg(help_heading = "Split", long, default_value = "0", value_name = "N")]
    pub split_seed: u64,
    /// Cross-validation: this many parts, of which --fold is test and the next one dev.
    #[arg(help_heading = "Split", long, value_name = "K", requires = "fold", conflicts_with_all = ["dev_chromosomes", "test_chromosomes", "ratios", "train"])]
    pub folds: Option<u32>,
    /// Which fold, from 1.
    #[arg(help_heading = "Split", long, value_name = "I", requires = "folds")]
    pub fold: Option<NonZeroU32>,
    /// Folds of whole chromosomes; otherwise each class is dealt out evenly.
    #[arg(help_heading = "Split", long, requires_all = ["folds", "fasta"])]
    pub by_chromosome: bool,
    /// Split whole clusters of similar sequences, by the shares of --ratios.
    #[arg(help_heading = "Split", long, conflicts_with_all = ["dev_chromosomes", "test_chromosomes", "folds", "train"])]
    pub clusters: bool,
    /// Let a random split, --folds or --clusters part rows that lie over one another in the genome.
    #[arg(help_heading = "Split", long, conflicts_with_all = ["dev_chromosomes", "test_chromosomes", "by_chromosome", "train"])]
    pub part_overlaps: bool,
    /// Sequences whose 15-mers have at least this Jaccard index are similar, too: for --clusters and --leakage near.
    #[arg(help_heading = "Leakage", long, value_name = "SHARE")]
    pub jaccard: Option<f64>,
    /// What is looked for in more than one split; `unexamined` makes no audit, and is the fastest.
    #[arg(help_heading = "Leakage", long, value_enum, default_value = "near")]
    pub leakage: LeakageChoice,
    /// Which share of the bases of a dev or test row must lie in rows of another split before --on-leak acts on it; 0 is any base.
    #[arg(
        help_heading = "Leakage",
        long,
        value_name = "SHARE",
        default_value = "0"
    )]
    pub leak_overlap: f64,
    /// What happens to a sequence that stands in two splits, or to rows that lie over one another: it is reported, its rows are dropped from train (or dev), or it is an error.
    #[arg(help_heading = "Leakage", long, value_enum, default_value = "warn")]
    pub on_leak: OnLeakChoice,
    /// Make negatives: windows of the genome like the positives, or the positives shuffled.
    #[arg(help_heading = "Negatives", long, value_enum, requires = "fasta")]
    pub negatives: Option<NegativesChoice>,
    /// How many negatives for each positive.
    #[arg(
        help_heading = "Negatives",
        long,
        value_name = "N",
        default_value = "1"
    )]
    pub per_positive: NonZeroU32,
    /// By how much the GC of a genomic negative may differ.
    #[arg(
        help_heading = "Negatives",
        long,
        value_name = "SHARE",
        default_value = "0.02"
    )]
    pub gc_tolerance: f64,
    /// By how much its share of repeats (lower case in the FASTA) may differ; 1: at will.
    #[arg(
        help_heading = "Negatives",
        long,
        value_name = "SHARE",
        default_value = "0.1"
    )]
    pub repeat_tolerance: f64,
    /// Bases between a genomic negative and any positive.
    #[arg(
        help_heading = "Negatives",
        long,
        value_name = "N",
        default_value = "0"
    )]
    pub margin: u64,
    /// BED files of places where no genomic negative may lie, such as a blacklist.
    #[arg(help_heading = "Negatives", long, value_name = "BED", num_args = 1.., requires = "negatives")]
    pub exclude: Vec<GenomeFile>,
    /// The most memory to take, such as 500MB or 2GB: a FASTA larger than half of it is read window by window, not mapped.
    #[arg(
        help_heading = "Output",
        long,
        default_value = "4GB",
        value_name = "SIZE"
    )]
    pub max_memory: ByteSize,
    /// Where the examples go: .parquet, .csv, .tsv, .fa, or - for stdout.
    #[arg(help_heading = "Output", long, short)]
    pub out: PathBuf,
    /// The format of stdout.
    #[arg(help_heading = "Output", long, value_enum, default_value = "tsv")]
    pub format: TableFormat,
    /// Print the audit as one JSON object on stdout.
    #[arg(help_heading = "Output", long)]
    pub json: bool,
}

/// `locate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe locate --fasta genome.fa --input train.csv --input dev.csv --input test.csv --out found.bed
  lingo-pipe ingest --fasta genome.fa --bed found.bed --label-column 5 --dev-chromosomes XV --test-chromosomes XVI --out e.parquet

Only exact matches count, on both strands; an N matches an N. The BED has the label in column 5, the strand in column 6, and in
column 7 in how many places the sequence lies. A sequence in more than --max-hits places is counted and left out: which of
them it came from is not known, and its chromosome would be a guess.")]
pub struct Locate {
    /// The genome: FASTA, plain, gzip or bgzf.
    #[arg(long)]
    pub fasta: PathBuf,
    /// Sequences to look for: a table with the columns `sequence,label`, or FASTA (`>id` or `>id|label`). May be given several times.
    #[arg(long, short, required = true)]
    pub input: Vec<PathBuf>,
    /// Where the places go, as BED, or - for stdout.
    #[arg(long, short)]
    pub out: PathBuf,
    /// Write the places of sequences that lie in at most this many.
    #[arg(long, value_name = "N", default_value = "1")]
    pub max_hits: NonZeroU32,
    /// Print the counts as one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `--statistic`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StatisticChoice {
    /// Their mean.
    Mean,
    /// The highest.
    Max,
    /// Their sum.
    Sum,
}

/// `--label-kind`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LabelKindChoice {
    /// One of several classes; any text is a class name.
    Classes,
    /// A number.
    Regression,
    /// One 0 or 1 for each class, separated by spaces, commas or semicolons.
    Multilabel,
}

/// `--leakage`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LeakageChoice {
    /// Nothing.
    Unexamined,
    /// The same sequences, on either strand.
    Exact,
    /// Those, and sequences that are nearly the same.
    Near,
}

/// `--on-leak`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OnLeakChoice {
    /// Report it.
    Warn,
    /// Take the rows out of train, or out of dev.
    Drop,
    /// Refuse the data.
    Error,
}

/// `--negatives`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum NegativesChoice {
    /// Random windows matched for length and GC.
    Genomic,
    /// Dinucleotide-preserving shuffles.
    Shuffle,
}

/// `tokenize`.
#[derive(Debug, Subcommand)]
pub enum Tokenize {
    /// Encode examples.
    Encode(Encode),
    /// Learn a byte-pair encoding from a FASTA or from the training rows of a data set, into a tokenizer.json.
    #[command(
        after_help = "Examples:\n  lingo-pipe tokenize train-bpe --input g.fa --vocab-size 4096 --out tokenizer.json\n  lingo-pipe tokenize train-bpe --input examples.parquet --vocab-size 512 --out tokenizer.json"
    )]
    TrainBpe(TrainBpe),
    /// Turn tokens back into sequences.
    Decode(Decode),
    /// What a scheme makes of examples: bases per token, which tokens are used, unknown share, lengths.
    Inspect(Inspect),
}

/// How sequences become tokens.
#[derive(Debug, Args)]
pub struct SchemeArguments {
    /// base, kmer:K:STRIDE, bpe:VOCAB_SIZE (learned from the training rows) or model.
    #[arg(
        long,
        required_unless_present = "tokenizer",
        conflicts_with = "tokenizer"
    )]
    pub scheme: Option<String>,
    /// A tokenizer.json that `tokenize train-bpe` wrote.
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// The folder of the language model whose embedding the tokens index. Default: a vocabulary of the scheme's own.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Which rows of the model's embedding the tokens get: reuse (rows that it has), extend (new ones), or compose (sums of new ones).
    #[arg(long, default_value = "reuse", value_name = "MAP")]
    pub vocabulary: String,
    /// A text around the DNA, with {sequence} in it.
    #[arg(long, value_name = "TEXT")]
    pub prefix: Option<String>,
    /// The most tokens of a sequence.
    #[arg(long, value_name = "N")]
    pub max_length: Option<NonZeroU32>,
    /// Cut the DNA of what is too long; otherwise it is an error.
    #[arg(long)]
    pub truncate: bool,
    /// What stands for `{NAME}` in the prefix. May be given several times.
    #[arg(long = "key", value_name = "NAME=TEXT")]
    pub keys: Vec<String>,
}

/// `tokenize encode`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe tokenize encode --scheme kmer:3:3 --model MiniLM --input e.parquet --out t.parquet
  lingo-pipe tokenize encode --tokenizer tokenizer.json --input e.parquet --out t.parquet
  lingo-pipe tokenize encode --tokenizer tokenizer.json --input reads.fa --out t.parquet
  lingo-pipe tokenize encode --tokenizer tokenizer.json --fasta g.fa --bed r.bed --out t.parquet
  lingo-pipe tokenize encode --scheme base --input e.csv --out - | head

Without --scheme model the DNA never goes through a text tokenizer: lower case is taken as upper case, U as T, and
every letter that is no base as N. Tokenizers of others make unknowns of lower case; here it is upper-cased first.")]
pub struct Encode {
    /// How.
    #[command(flatten)]
    pub scheme: SchemeArguments,
    /// Examples: .parquet, .csv, .tsv, FASTA (.fa, .fasta, .fna, .gz of these), or - for stdin.
    #[arg(long, short, required_unless_present = "fasta")]
    pub input: Option<PathBuf>,
    /// A genome whose intervals are encoded straight from the file, without splits.
    #[arg(long, requires = "bed", conflicts_with = "input")]
    pub fasta: Option<PathBuf>,
    /// The intervals: BED3 to BED12 or narrowPeak; the strand is taken from column 6.
    #[arg(long, requires = "fasta")]
    pub bed: Option<PathBuf>,
    /// The column of the BED that holds the class, from 1.
    #[arg(long, value_name = "N", requires = "bed")]
    pub label_column: Option<NonZeroU32>,
    /// Where the tokens go: .parquet, .csv, .tsv, or - for stdout.
    #[arg(long, short)]
    pub out: PathBuf,
    /// The format of stdin and stdout; with fa, stdin is FASTA and stdout TSV.
    #[arg(long, value_enum, default_value = "tsv")]
    pub format: TableFormat,
}

/// `tokenize train-bpe`.
#[derive(Debug, Args)]
pub struct TrainBpe {
    /// What to learn from: a FASTA (.fa, .fasta, .fna, also .gz), or a table of examples, of which dev and test are left alone.
    #[arg(long, short)]
    pub input: PathBuf,
    /// Tokens in the vocabulary.
    #[arg(long, value_name = "N")]
    pub vocab_size: NonZeroU32,
    /// Where the tokenizer.json goes.
    #[arg(long, short)]
    pub out: PathBuf,
}

/// `tokenize decode`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe tokenize decode --input t.parquet --out e.fa
  lingo-pipe tokenize decode --input t.parquet --out - --format fa | head

The Parquet file says how it was encoded; special tokens and the prefix are left out. What was cut off at
--max-length is lost, and so are windows with an N under overlapping k-mers.")]
pub struct Decode {
    /// Tokens, as `tokenize encode` writes them to .parquet.
    #[arg(long, short)]
    pub input: PathBuf,
    /// The model whose own tokenizer made them, under --scheme model.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Where the sequences go: .parquet, .csv, .tsv, .fa, or - for stdout.
    #[arg(long, short)]
    pub out: PathBuf,
    /// The format of stdout.
    #[arg(long, value_enum, default_value = "tsv")]
    pub format: TableFormat,
}

/// `tokenize inspect`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  lingo-pipe tokenize inspect --scheme kmer:3:3 --input e.parquet --json"
)]
pub struct Inspect {
    /// How.
    #[command(flatten)]
    pub scheme: SchemeArguments,
    /// Examples: .parquet, .csv, .tsv, FASTA (.fa, .fasta, .fna, .gz of these), or - for stdin.
    #[arg(long, short)]
    pub input: PathBuf,
    /// The format of stdin.
    #[arg(long, value_enum, default_value = "tsv")]
    pub format: TableFormat,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}
