//! The commands that train, score and apply models.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use lingo_adapt::CheckpointEvery;
use lingo_hub::HubModel;

use crate::arguments::table_format::TableFormat;

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
    /// How often a training writes a checkpoint: a number of steps (200), or a time (30s, 5m, 2h). Results do not depend
    /// on it.
    #[arg(long, default_value_t, value_name = "N|TIME")]
    pub checkpoint_every: CheckpointEvery,
    /// Print the outcome as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `model`.
#[derive(Debug, Subcommand)]
pub enum Model {
    /// Tell what a model is: family, shape, linear layers, and what LoRA would train of it.
    Inspect(InspectModel),
    /// Fetch a model from a Hugging Face hub into the cache that Python's huggingface_hub keeps.
    Fetch(FetchModel),
    /// Write model.safetensors of pytorch_model.bin.
    Import(ImportModel),
    /// Write the states of every layer for one sequence, to compare them with another program's.
    States(StatesOfModel),
    /// Add an adapter to the weights of its model: a model folder for programs that know no adapters.
    Merge(MergeAdapter),
}

/// `model inspect`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lingo-pipe model inspect models/all-MiniLM-L6-v2
Reads config.json and the headers of the weights; no weight is loaded, and neither a tokenizer nor a head is needed.
The names of the layers are what `targets` of a method takes, as PEFT's target_modules do.")]
pub struct InspectModel {
    /// A model folder, as Hugging Face lays it out.
    pub model: PathBuf,
    /// The rank of the LoRA whose values are counted.
    #[arg(long, value_name = "N", default_value = "8")]
    pub rank: NonZeroU32,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `model fetch`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe model fetch sentence-transformers/all-MiniLM-L6-v2
  lingo-pipe model fetch sentence-transformers/all-MiniLM-L6-v2@main --json
Fetched is what is read: config.json, the tokenizer, the pooling of a sentence model, and the weights: model.safetensors or
its shards; pytorch_model.bin only where there are no others. What is in the cache is not fetched again, what broke off is
gone on with, and nothing is kept whose checksum is not the hub's. A pipeline does the same for
`model: { hub: { name: ORG/NAME, revision: main } }`.
Environment, as in Python:
  HF_ENDPOINT     the hub; https://huggingface.co where it is not set
  HF_HOME         holds hub/, the cache, and token; ~/.cache/huggingface where it is not set
  HF_HUB_CACHE    the cache, if it is elsewhere
  HF_TOKEN        a token for private and gated models; it is sent to the hub's own host only, and never shown
  HF_HUB_OFFLINE  1: take what is in the cache, or fail
  SSL_CERT_FILE   root certificates, where a proxy (HTTPS_PROXY) signs what passes it")]
pub struct FetchModel {
    /// org/name, or org/name@revision: a branch, a tag or a commit.
    #[arg(value_name = "NAME[@REVISION]")]
    pub model: HubModel,
    /// Print one JSON object instead of the folder.
    #[arg(long)]
    pub json: bool,
}

/// `model import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe model import models/DNABERT-2-117M
  lingo-pipe model import models/DNABERT-2-117M --out models/dnabert2
pytorch_model.bin is a pickle: a program, which Python runs when it reads the file. Here nothing of it is run. A pickle that names
anything but tensors is refused, and what it named is told. Files in shards and those of torch before 1.6 are read, too.")]
pub struct ImportModel {
    /// A model folder with pytorch_model.bin, or its shards.
    pub model: PathBuf,
    /// Where model.safetensors goes, and config.json and the tokenizer's files with it. Default: into the same folder.
    #[arg(long, short)]
    pub out: Option<PathBuf>,
}

/// `model states`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe model states MiniLM --ids 2,7,9,3 --out states.parquet
  lingo-pipe model states MiniLM --sequence ACGTTGCA --out states.csv
A row for each layer and place, with the columns layer, position, token and values. Layer 0 is what goes into the first block,
the last is what the model puts out: hidden_states of `transformers`, called with output_hidden_states=True.
On the CPU the packed kernels compute, in f32; with LINGO_KERNELS=off the plain operations do.")]
pub struct StatesOfModel {
    /// A model folder.
    pub model: PathBuf,
    /// Token ids, as they are: no special token is added.
    #[arg(
        long,
        value_name = "ID,...",
        value_delimiter = ',',
        required_unless_present = "sequence",
        conflicts_with = "sequence"
    )]
    pub ids: Vec<u32>,
    /// A sequence for the model's own tokenizer, which adds its special tokens.
    #[arg(long)]
    pub sequence: Option<String>,
    /// Where the states go: .parquet, .csv or .tsv.
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// auto, cpu or wgpu.
    #[arg(long, default_value = "auto", value_name = "D")]
    pub device: String,
}

/// `model merge`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe model merge --adapter out/adapter --model MiniLM --out merged --verify
  lingo-pipe model merge --adapter runs/demo/binding/lora/seed-1/adapter --out merged-demo --verify --sequence ACGTTGCA
Where `transformers` has a class that holds the head (BertForSequenceClassification on `pooling: pooler`), the folder is one for
it, with the labels' names; otherwise it is the bare model, and the head stands in head.safetensors. lingo.json says how
sequences become token ids. --verify reads the folder back and compares its logits with the adapter's: it fails where they
differ by more than rounding. `predict --merge` does the same in memory.")]
pub struct MergeAdapter {
    /// The adapter folder.
    #[arg(long, value_name = "DIR")]
    pub adapter: PathBuf,
    /// The folder of the language model. Default: `model` beside the adapter, or the model of the run in whose folder
    /// the adapter lies.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Names of the classes in the order of the head's outputs, of an adapter that PEFT wrote itself: without lingo.json.
    #[arg(long, value_delimiter = ',', value_name = "NAME,NAME")]
    pub classes: Vec<String>,
    /// The new folder.
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// Compare the logits of the merged model with the adapter's, on 16 random sequences or on those of --sequence.
    #[arg(long)]
    pub verify: bool,
    /// A sequence to compare on. May be given several times.
    #[arg(long, requires = "verify")]
    pub sequence: Vec<String>,
    /// auto, cpu or wgpu.
    #[arg(long, default_value = "auto", value_name = "D")]
    pub device: String,
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
    /// The examples that the tokens were made from: needed by motif_cnn, train.stem, train.augment and --both-strands.
    #[arg(long, value_name = "FILE")]
    pub examples: Option<PathBuf>,
    /// Average the logits of both strands in evaluation and prediction.
    #[arg(long)]
    pub both_strands: bool,
    /// head, lora, adalora, adaptive_rank_sampling (ars), ia3, prompt_tuning, prefix_tuning, bottleneck, bitfit, full, or
    /// motif_cnn (no language model: the floor).
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
    /// How often a training writes a checkpoint: a number of steps (200), or a time (30s, 5m, 2h). Results do not depend
    /// on it.
    #[arg(long, default_value_t, value_name = "N|TIME")]
    pub checkpoint_every: CheckpointEvery,
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
    /// Above which probability the second of two classes, or a label of several, is predicted: half (0.5), or dev, where the
    /// Matthews correlation on the dev rows is highest.
    #[arg(long, value_enum, default_value = "half", value_name = "RULE")]
    pub threshold: ThresholdChoice,
    /// Seed of the bootstrap.
    #[arg(long, default_value = "0", value_name = "N")]
    pub seed: u64,
    /// One JSON object, as metrics.json of a cell.
    #[arg(long)]
    pub json: bool,
}

/// How the threshold of a probability is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ThresholdChoice {
    /// 0.5.
    Half,
    /// Where the Matthews correlation on the dev rows is highest.
    Dev,
}
