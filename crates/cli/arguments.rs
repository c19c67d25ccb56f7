//! The command line, as data: help, man page and completions come from here.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// What every help page ends with.
const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed: a cell failed though the others ran, a loss that is no number, a full disk,
       a read-only folder, a hash that does not verify
  2    bad command line or bad pipeline file, or a folder with another cell's result
  3    bad or missing input data
  75   interrupted, checkpoint written: run the same command again to go on
  130  interrupted without a checkpoint";

const ABOUT: &str = "\
From genomes to fine-tuned genomic adapters, predictions and a report, by one YAML file.

A pipeline file names a language model, tasks (labelled intervals of a genome, or labelled
sequences) and methods. Each (task, method, seed) is a cell: it is trained, scored, kept with
the hashes of all that it was made from, and skipped the next time unless one of them changed.";

const TOP_EXAMPLES: &str = "\
Examples:
  lingo-pipe run                            the built-in demo: a genome, two tasks, a report
  lingo-pipe run pipelines/gue.yaml --only prom_core_tata --seeds 1
  lingo-pipe validate my.yaml               what is wrong with a file, all of it
  lingo-pipe run my.yaml --dry-run          what would be run, and why
";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "lingo-pipe",
    version,
    about = "From genomes to fine-tuned genomic adapters, predictions and a report, by one YAML file",
    long_about = ABOUT,
    after_help = const_format(),
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true
)]
pub struct Cli {
    /// Only errors on stderr: no progress, no notes.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Threads of this process. Results do not depend on it. Default: one for each core.
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<NonZeroU32>,
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

fn const_format() -> String {
    format!("{TOP_EXAMPLES}\n{EXIT_CODES}")
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a pipeline: train and score every cell that is not finished, write the report.
    Run(Run),
    /// Check a pipeline file: every mistake with its place, and every input file that is missing.
    Validate(Validate),
    /// Show the cells of a pipeline: cached or to be run, and why.
    Plan(PlanArguments),
    /// Draw a pipeline.
    Graph(Graph),
    /// Print the JSON Schema of pipeline files, for editors.
    #[command(
        after_help = "Example:\n  lingo-pipe schema > lingo.schema.json\n  then begin a pipeline with: # yaml-language-server: $schema=lingo.schema.json"
    )]
    Schema,
    /// Make labelled examples of a genome and intervals, or of tables of sequences.
    Ingest(Ingest),
    /// Turn sequences into tokens.
    #[command(subcommand)]
    Tokenize(Tokenize),
    /// Train a small BERT from nothing on a FASTA, by masked-language modelling.
    Pretrain(Pretrain),
    /// Adapt a language model to one task: train an adapter, write its predictions.
    Adapt(Adapt),
    /// Score predictions.
    Evaluate(Evaluate),
    /// Predict with an adapter, on sequences of a genome.
    Predict(Predict),
    /// Rebuild the report of a run from what is there; holes are shown as holes.
    #[command(after_help = "Example:\n  lingo-pipe report runs/demo")]
    Report(RunFolder),
    /// Hash all inputs and results of a run again, and compare with its lingo.lock.
    #[command(
        after_help = "Example:\n  lingo-pipe verify runs/demo\nExits 1 when something differs, saying what."
    )]
    Verify(VerifyArguments),
    /// Print shell completions.
    #[command(
        after_help = "Example:\n  lingo-pipe completions bash > /etc/bash_completion.d/lingo-pipe"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page.
    #[command(after_help = "Example:\n  lingo-pipe man | man -l -")]
    Man,
}

/// The pipeline and what part of it.
#[derive(Debug, Args)]
pub struct Selection {
    /// Only these tasks.
    #[arg(long, value_name = "TASK,TASK", value_delimiter = ',')]
    pub only: Option<Vec<String>>,
    /// Only these methods.
    #[arg(long, value_name = "M,M", value_delimiter = ',')]
    pub methods: Option<Vec<String>>,
    /// These seeds, whatever the file says.
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    pub seeds: Option<Vec<u64>>,
    /// Override a key of the file; the value is YAML. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The run's folder. Default: runs/<name> in the working folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// auto, cpu or wgpu; auto takes a real GPU where there is one.
    #[arg(long, default_value = "auto", value_name = "D")]
    pub device: String,
    /// Run finished cells again, and replace results of other cells.
    #[arg(long)]
    pub fresh: bool,
}

/// `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe run                                    the built-in demo
  lingo-pipe run pipelines/yeast.yaml --only H3,H4 --jobs 2
  lingo-pipe run my.yaml --set train.epochs=1 --out runs/quick
  lingo-pipe run my.yaml --dry-run                  what would be run, and why

A cell is run again when the content of its inputs changed. A folder with a result of other
settings is refused, with the difference shown: take another --out, or --fresh.
Ctrl-C finishes the step, writes a checkpoint and exits 75; the same command goes on.")]
pub struct Run {
    /// The pipeline file. Without it: the built-in demo.
    pub pipeline: Option<PathBuf>,
    /// What part of it.
    #[command(flatten)]
    pub selection: Selection,
    /// Cells at a time. Results do not depend on it.
    #[arg(long, default_value = "1", value_name = "N")]
    pub jobs: NonZeroU32,
    /// Only show the cells: cached or to be run, and why. Nothing is written.
    #[arg(long)]
    pub dry_run: bool,
    /// Leave out tasks whose input files are missing.
    #[arg(long)]
    pub skip_missing: bool,
}

/// `validate`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lingo-pipe validate my.yaml --set train.epochs=1")]
pub struct Validate {
    /// The pipeline file.
    pub pipeline: PathBuf,
    /// Override a key of the file.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// `plan`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  lingo-pipe plan my.yaml --json | jq '.cells[] | [.task, .method, .seed, .id]'"
)]
pub struct PlanArguments {
    /// The pipeline file.
    pub pipeline: PathBuf,
    /// What part of it.
    #[command(flatten)]
    pub selection: Selection,
    /// One JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// `graph`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lingo-pipe graph my.yaml > pipeline.mmd")]
pub struct Graph {
    /// The pipeline file.
    pub pipeline: PathBuf,
    /// Override a key of the file.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// What is printed.
    #[arg(long, value_enum, default_value = "mermaid")]
    pub format: GraphFormat,
}

/// How a pipeline is drawn.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum GraphFormat {
    /// Mermaid text, which GitHub and most editors draw.
    Mermaid,
}

/// `ingest`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe ingest --fasta g.fa --bed r.bed --label-column 5 --dev-chromosomes XV --test-chromosomes XVI --out e.parquet
  lingo-pipe ingest --fasta g.fa.gz --bed promoters.bed --bed other.bed --width 200 --out e.parquet
  lingo-pipe ingest --train train.csv --dev dev.csv --test test.csv --out e.parquet
  lingo-pipe ingest --fasta g.fa --bed r.bed --label-column 5 --out - --format fa | head

Without --label-column each BED file is a class, named after the file. Columns count from 1.
Without chromosomes, rows are split at random into 80 % train, 10 % dev and 10 % test.")]
pub struct Ingest {
    /// The genome: FASTA, plain, gzip or bgzf.
    #[arg(long, requires = "bed")]
    pub fasta: Option<PathBuf>,
    /// Intervals: BED3 to BED12 or narrowPeak. May be given several times.
    #[arg(long, requires = "fasta")]
    pub bed: Vec<PathBuf>,
    /// The BED column of the label, from 1.
    #[arg(long, value_name = "N")]
    pub label_column: Option<NonZeroU32>,
    /// Only BED rows whose name begins so.
    #[arg(long, value_name = "TEXT")]
    pub name_prefix: Option<String>,
    /// Resize each interval to so many bases around its centre.
    #[arg(long, value_name = "N")]
    pub width: Option<NonZeroU32>,
    /// Read every interval on the forward strand.
    #[arg(long)]
    pub unstranded: bool,
    /// Table of training rows: `sequence,label` or `sequence1,sequence2,label`.
    #[arg(long, conflicts_with = "fasta", requires_all = ["dev", "test"])]
    pub train: Option<PathBuf>,
    /// Table of dev rows.
    #[arg(long, requires = "train")]
    pub dev: Option<PathBuf>,
    /// Table of test rows.
    #[arg(long, requires = "train")]
    pub test: Option<PathBuf>,
    /// One table of all rows, to be split at random.
    #[arg(long, conflicts_with_all = ["fasta", "train"])]
    pub file: Option<PathBuf>,
    /// Chromosomes of dev.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "NAME,NAME",
        requires = "fasta"
    )]
    pub dev_chromosomes: Vec<String>,
    /// Chromosomes of test.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "NAME,NAME",
        requires = "fasta"
    )]
    pub test_chromosomes: Vec<String>,
    /// Shares of train, dev and test of a random split.
    #[arg(long, value_delimiter = ',', num_args = 3, value_name = "T,D,T", conflicts_with_all = ["dev_chromosomes", "test_chromosomes"])]
    pub ratios: Option<Vec<f64>>,
    /// Seed of a random split.
    #[arg(long, default_value = "0", value_name = "N")]
    pub split_seed: u64,
    /// Where the examples go: .parquet, .csv, .tsv, .fa, or - for stdout.
    #[arg(long, short)]
    pub out: PathBuf,
    /// The format of stdout.
    #[arg(long, value_enum, default_value = "tsv")]
    pub format: TableFormat,
    /// Print the audit as one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// What a table looks like on stdin and stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Comma-separated values.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// Apache Parquet.
    Parquet,
    /// FASTA (sequences only).
    Fa,
}

impl TableFormat {
    /// The ending of files in this format.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
            Self::Fa => "fa",
        }
    }
}

/// `tokenize`.
#[derive(Debug, Subcommand)]
pub enum Tokenize {
    /// Encode examples.
    Encode(Encode),
    /// Learn a byte-pair encoding from a FASTA, into a tokenizer.json.
    #[command(
        after_help = "Example:\n  lingo-pipe tokenize train-bpe --input g.fa --vocab-size 4096 --out tokenizer.json"
    )]
    TrainBpe(TrainBpe),
    /// What a scheme makes of examples: bases per token, unknown share, lengths.
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
    /// reuse, extend or compose.
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
    /// A word for the prefix. May be given several times.
    #[arg(long = "key", value_name = "NAME=TEXT")]
    pub keys: Vec<String>,
}

/// `tokenize encode`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe tokenize encode --scheme kmer:3:3 --model MiniLM --input e.parquet --out t.parquet
  lingo-pipe tokenize encode --tokenizer tokenizer.json --input e.parquet --out t.parquet
  lingo-pipe tokenize encode --scheme base --input e.csv --out - | head")]
pub struct Encode {
    /// How.
    #[command(flatten)]
    pub scheme: SchemeArguments,
    /// Examples: .parquet, .csv, .tsv, or - for stdin.
    #[arg(long, short)]
    pub input: PathBuf,
    /// Where the tokens go: .parquet, .csv, .tsv, or - for stdout.
    #[arg(long, short)]
    pub out: PathBuf,
    /// The format of stdin and stdout.
    #[arg(long, value_enum, default_value = "tsv")]
    pub format: TableFormat,
}

/// `tokenize train-bpe`.
#[derive(Debug, Args)]
pub struct TrainBpe {
    /// The FASTA to learn from.
    #[arg(long, short)]
    pub input: PathBuf,
    /// Tokens in the vocabulary.
    #[arg(long, value_name = "N")]
    pub vocab_size: NonZeroU32,
    /// Where the tokenizer.json goes.
    #[arg(long, short)]
    pub out: PathBuf,
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
    /// Examples: .parquet, .csv, .tsv, or - for stdin.
    #[arg(long, short)]
    pub input: PathBuf,
    /// The format of stdin.
    #[arg(long, value_enum, default_value = "tsv")]
    pub format: TableFormat,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `pretrain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe pretrain --fasta g.fa --out model
  lingo-pipe pretrain --fasta g.fa --out model --set hidden=64 --set scheme=base --seed 1
The keys of --set are those of `model.pretrain` in a pipeline file: see lingo-pipe schema.")]
pub struct Pretrain {
    /// The FASTA to train on.
    #[arg(long)]
    pub fasta: PathBuf,
    /// Where the model folder goes.
    #[arg(long, short)]
    pub out: PathBuf,
    /// A setting. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The seed.
    #[arg(long, default_value = "0", value_name = "N")]
    pub seed: u64,
    /// auto, cpu or wgpu.
    #[arg(long, default_value = "auto", value_name = "D")]
    pub device: String,
    /// Print the outcome as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `adapt`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe adapt --model MiniLM --input t.parquet --method lora --out out
  lingo-pipe adapt --model MiniLM --input t.parquet --method ars --set train.epochs=3 --set method.initial_rank=10 --out out
The keys of --set are those of `train` and of the method in a pipeline file: see lingo-pipe schema.")]
pub struct Adapt {
    /// The folder of the language model.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Tokens: .parquet, made by `tokenize encode --model`.
    #[arg(long, short)]
    pub input: PathBuf,
    /// head, lora, adalora, adaptive_rank_sampling (ars) or full.
    #[arg(long, default_value = "lora", value_name = "M")]
    pub method: String,
    /// A setting: train.KEY=VALUE or method.KEY=VALUE. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The seed.
    #[arg(long, default_value = "1", value_name = "N")]
    pub seed: u64,
    /// The folder that adapter/, predictions.parquet and train.jsonl go to.
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// auto, cpu or wgpu.
    #[arg(long, default_value = "auto", value_name = "D")]
    pub device: String,
    /// Print the outcome as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `evaluate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe evaluate --predictions out/predictions.parquet
  lingo-pipe evaluate --predictions out/predictions.parquet --json | jq .test.mcc")]
pub struct Evaluate {
    /// Predictions: .parquet, .csv, .tsv, or - for stdin.
    #[arg(long, short)]
    pub predictions: PathBuf,
    /// The format of stdin.
    #[arg(long, value_enum, default_value = "tsv")]
    pub format: TableFormat,
    /// Bootstrap resamples of the confidence intervals; 0 leaves them out.
    #[arg(long, value_name = "N")]
    pub resamples: Option<u32>,
    /// Seed of the bootstrap.
    #[arg(long, default_value = "0", value_name = "N")]
    pub seed: u64,
    /// One JSON object, as metrics.json of a cell.
    #[arg(long)]
    pub json: bool,
}

/// `predict`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe predict --adapter out/adapter --model MiniLM --fasta g.fa --bed r.bed --out p.bed
  lingo-pipe predict --adapter out/adapter --fasta windows.fa --out - --format csv
  lingo-pipe predict --adapter out/adapter --input e.parquet --out p.parquet
Without --bed each sequence of the FASTA is one row; with --width it is cut into windows.")]
pub struct Predict {
    /// The adapter folder.
    #[arg(long, value_name = "DIR")]
    pub adapter: PathBuf,
    /// The folder of the language model. Default: where the adapter says it is.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// The genome: FASTA, plain, gzip or bgzf.
    #[arg(long, required_unless_present = "input")]
    pub fasta: Option<PathBuf>,
    /// Intervals of it. May be given several times.
    #[arg(long, requires = "fasta")]
    pub bed: Vec<PathBuf>,
    /// Labelled examples instead: .parquet, .csv, .tsv, or - for stdin.
    #[arg(long, conflicts_with = "fasta")]
    pub input: Option<PathBuf>,
    /// Resize each interval to so many bases around its centre; without --bed: cut into windows.
    #[arg(long, value_name = "N", requires = "fasta")]
    pub width: Option<NonZeroU32>,
    /// Read every interval on the forward strand.
    #[arg(long)]
    pub unstranded: bool,
    /// Where the predictions go: .parquet, .csv, .tsv, .bed, or - for stdout.
    #[arg(long, short, default_value = "-")]
    pub out: PathBuf,
    /// The format of stdin and stdout.
    #[arg(long, value_enum, default_value = "tsv")]
    pub format: TableFormat,
    /// auto, cpu or wgpu.
    #[arg(long, default_value = "auto", value_name = "D")]
    pub device: String,
}

/// The folder of a run.
#[derive(Debug, Args)]
pub struct RunFolder {
    /// The folder of a run, such as runs/demo.
    pub run: PathBuf,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The folder of a run, such as runs/demo.
    pub run: PathBuf,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}
