//! A pipeline as it is planned: every setting of every task stands in it, every path is resolved.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use lingo_adapt::{MaskedDna, Method, PretrainConfig, TrainConfig};
use lingo_evaluate::EvaluateConfig;
use lingo_hub::HubModel;
use lingo_ingest::IngestConfig;
use lingo_tokenize::{Scheme, TokenizeConfig};

use super::tune_section::TuneSection;
use crate::yaml::document::Document;

/// A pipeline, ready to be planned: every setting of every task stands in it, every path is resolved.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name: the run's folder and the report's title.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// The file as it was typed.
    pub file: String,
    /// The language model.
    pub model: ModelPlan,
    /// The tasks, in the order of the file.
    pub tasks: Vec<Task>,
    /// The methods, in the order of the file.
    pub methods: Vec<(String, Method)>,
    /// What is learnt from several tasks together first.
    pub adapt_first: Option<AdaptFirst>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// What `tune` searches.
    pub tune: Option<TuneSection>,
    /// A table of published numbers.
    pub published: Option<PathBuf>,
    /// The file that all of it came from.
    pub document: Document,
}

/// Where the language model comes from.
#[derive(Clone, Debug)]
pub enum ModelPlan {
    /// A model folder.
    Folder(PathBuf),
    /// Fetched from a hub.
    Hub {
        /// Its name and revision.
        model: HubModel,
        /// The commit that the revision is; nothing where it is yet to be found out.
        commit: Option<String>,
    },
    /// Trained first.
    Pretrain {
        /// The genome.
        fasta: PathBuf,
        /// The seed.
        seed: u64,
        /// Everything else.
        config: PretrainConfig,
    },
}

/// What is learnt from several tasks together, before each is adapted alone.
#[derive(Clone, Debug)]
pub struct AdaptFirst {
    /// The tasks, by name; none, where DNA without labels is learnt from.
    pub tasks: Vec<String>,
    /// DNA without labels.
    pub masked: Option<MaskedDna>,
    /// What is trained.
    pub method: Method,
    /// The file's `train` with the section's own laid over it.
    pub train: TrainConfig,
    /// The seed.
    pub seed: u64,
}

/// One task with all its settings.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its name: a folder of the run.
    pub name: String,
    /// Its name in the file: the same, or for a fold of a cross-validation the part before `.fold-1`.
    pub section: String,
    /// What is predicted; may be empty.
    pub description: String,
    /// Paths are resolved.
    pub ingest: IngestConfig,
    /// Paths are resolved.
    pub tokenize: TokenizeConfig,
    /// The file's `train` with the task's own laid over it.
    pub train: TrainConfig,
    /// The same under each method of the file: with the method's own laid over that.
    pub train_of_methods: BTreeMap<String, TrainConfig>,
    /// The file's `evaluate` with the task's own laid over it.
    pub evaluate: EvaluateConfig,
    /// For the language prefix; `task` is among them.
    pub keys: BTreeMap<String, String>,
}

impl Pipeline {
    /// The task of that name.
    pub fn task(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|t| t.name == name)
    }

    /// The same, trained for a share of its epochs, at least one each.
    pub fn shortened(mut self, share: f64) -> Self {
        let shorten = |epochs: NonZeroU32| {
            let fewer = (f64::from(epochs.get()) * share).ceil() as u32;
            NonZeroU32::new(fewer).unwrap_or(NonZeroU32::MIN)
        };
        for task in &mut self.tasks {
            for train in task.train_of_methods.values_mut().chain([&mut task.train]) {
                train.epochs = shorten(train.epochs);
                train.max_steps = train.max_steps.map(shorten);
                if let Some(stem) = &mut train.stem {
                    stem.epochs = stem.epochs.map(shorten);
                }
            }
        }
        if let Some(first) = &mut self.adapt_first {
            first.train.epochs = shorten(first.train.epochs);
            first.train.max_steps = first.train.max_steps.map(shorten);
        }
        for (_, method) in &mut self.methods {
            if let Method::MotifCnn(motifs) = method {
                motifs.epochs = motifs.epochs.map(shorten);
            }
        }
        self
    }

    /// The method of that name.
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods.iter().find(|(n, _)| n == name).map(|(_, m)| m)
    }

    /// The learning rate that a method has of its own, whatever `train` says, and the key that it stands at.
    pub fn own_rate(&self, name: &str) -> Option<(String, f64)> {
        let method = self.method(name)?;
        let key = format!("methods.{name}.{}.learning_rate", method.name());
        self.tasks.iter().find_map(|task| {
            let train = task.train_of(name);
            let rate = method.learning_rate(train);
            (rate != train.learning_rate.get()).then(|| (key.clone(), rate))
        })
    }
}

impl Task {
    /// How the method of that name is trained.
    pub fn train_of(&self, method: &str) -> &TrainConfig {
        self.train_of_methods.get(method).unwrap_or(&self.train)
    }

    /// Whether it is one fold of a cross-validation.
    pub fn is_fold(&self) -> bool {
        self.name != self.section
    }

    /// The files that its examples and tokens are made from, each with its role in the file.
    pub fn inputs(&self) -> Vec<(String, PathBuf)> {
        let mut inputs: Vec<(String, PathBuf)> = lingo_ingest::input_files(&self.ingest)
            .into_iter()
            .enumerate()
            .map(|(i, path)| (format!("ingest[{i}]"), path))
            .collect();
        if let Some(fasta) = self.bpe_fasta() {
            inputs.push(("tokenize.scheme.bpe.fasta".into(), fasta.clone()));
        }
        inputs
    }

    /// The FASTA that byte-pair encoding learns from, where one is named.
    pub fn bpe_fasta(&self) -> Option<&PathBuf> {
        match &self.tokenize.scheme {
            Scheme::Bpe(bpe) => bpe.fasta(),
            _ => None,
        }
    }
}
