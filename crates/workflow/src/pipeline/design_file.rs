//! What a design file may say, and reading it: the same strict reader as a pipeline's.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::{Path as FilePath, PathBuf};

use lingo_artifact::bounded::Positive;
use lingo_artifact::run_folder::{RunFolder, TaskFolder};
use lingo_design::sequences::constraints::ConstraintSettings;
use lingo_design::settings::Method;
use lingo_tokenize::Scheme;
use schemars::JsonSchema;
use serde::Deserialize;

use super::file::{FormatVersion, ModelSection};
use super::name::bad_name;
use super::named::Named;
use super::resolve;
use super::resolved::ModelPlan;
use crate::yaml::deserialize::from_node;
use crate::yaml::document::{Document, top};
use crate::yaml::every_fault::every_fault;
use crate::yaml::fault::{Fault, keys};
use crate::yaml::mistakes::Mistakes;
use crate::yaml::node::Node;

/// A design file of lingo-pipe: tasks x methods x seeds, each a cell of sequences that are designed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DesignFile {
    /// Version of this format: 1.
    pub lingo: FormatVersion,
    /// The name of the run's folder. Default: the file's name without its ending.
    #[serde(default)]
    pub name: Option<String>,
    /// What the file is for, in a sentence.
    #[serde(default)]
    pub description: Option<String>,
    /// The language model whose states are the features, for methods that read one.
    #[serde(default)]
    pub model: Option<ModelSection>,
    /// The model's tokens: `base`, or `kmer: { k: 3, stride: 1 }`. Default: those of its own vocabulary.
    #[serde(default)]
    pub tokens: Option<Scheme>,
    /// Measured sequences, by name.
    pub tasks: Named<DesignTask>,
    /// How sequences are designed, by name.
    pub methods: Named<Method>,
    /// One cell is made for each seed. Default: 1.
    #[serde(default = "one_seed")]
    pub seeds: Vec<u64>,
}

fn one_seed() -> Vec<u64> {
    vec![1]
}

/// Measured sequences, and what is to be designed from them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DesignTask {
    /// What is measured, in a sentence.
    #[serde(default)]
    pub description: String,
    /// A table with a header, .tsv or .csv: a sequence of DNA and a score, more of which is better.
    pub data: PathBuf,
    /// The column of the sequences. Default: sequence.
    #[serde(default = "sequence")]
    pub sequence: String,
    /// The column of the scores. Default: score.
    #[serde(default = "score")]
    pub score: String,
    /// Bases of a design. Default: those of the sequences, which must then all have as many. Where it is said, sequences of
    /// other lengths are learnt from, too.
    #[serde(default)]
    pub length: Option<NonZeroU32>,
    /// Which rows methods may see; designs are then looked up among all. Default: all.
    #[serde(default)]
    pub offline: Offline,
    /// How many sequences are designed. Default: 128.
    #[serde(default = "designs")]
    pub designs: NonZeroU32,
    /// What they keep to.
    #[serde(default)]
    pub constraints: ConstraintSettings,
}

fn sequence() -> String {
    "sequence".into()
}

fn score() -> String {
    "score".into()
}

fn designs() -> NonZeroU32 {
    NonZeroU32::new(128).unwrap_or(NonZeroU32::MIN)
}

/// Which rows of a table methods may see.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Offline {
    /// All of them.
    #[default]
    All,
    /// So many with the lowest scores.
    Lowest(NonZeroU32),
    /// This share of them, with the lowest scores.
    LowestShare(Positive),
}

/// A design file that was read and checked.
#[derive(Clone, Debug)]
pub struct DesignPlan {
    /// The name of the run's folder.
    pub name: String,
    /// What the file is for.
    pub description: String,
    /// The file as it was typed.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The model, where there is one.
    pub model: Option<ModelPlan>,
    /// Its tokens, where the file says them.
    pub tokens: Option<Scheme>,
    /// The tasks, their paths resolved.
    pub tasks: Vec<(String, DesignTask)>,
    /// The methods.
    pub methods: Vec<(String, Method)>,
    /// The seeds.
    pub seeds: Vec<u64>,
}

impl DesignPlan {
    /// Whether a file is one of designs rather than a pipeline: tasks that name a table have `data`, those of a pipeline
    /// have `ingest`. No, where it cannot be read: the reader of a pipeline says why.
    pub fn is_one(path: &FilePath) -> bool {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        Node::parse(&text).is_ok_and(|node| is_design(&node))
    }

    /// Reads and checks a design file; `sets` are the arguments of `--set`.
    ///
    /// # Errors
    /// [`Mistakes`], each with its place in the file.
    pub fn read(path: &FilePath, sets: &[String]) -> Result<Self, Mistakes> {
        Self::of_document(&Document::read(path, sets)?)
    }

    /// As [`DesignPlan::read`], for text that is already in memory.
    ///
    /// # Errors
    /// As there.
    pub fn parse(
        name: &str,
        folder: &FilePath,
        text: String,
        sets: &[String],
    ) -> Result<Self, Mistakes> {
        let variable = |name: &str| std::env::var(name).ok();
        Self::of_document(&Document::parse(name, folder, text, sets, &variable)?)
    }

    fn of_document(document: &Document) -> Result<Self, Mistakes> {
        let parsed = every_fault(&document.node, |node| {
            let file = from_node::<DesignFile>(node)?;
            let model = file.model.as_ref();
            let model = model.map(|model| resolve::model(model, document));
            Ok((model.transpose()?, file))
        });
        let (model, file) = match parsed {
            Ok(parsed) => parsed,
            Err(faults) => {
                let faults = faults.into_iter().map(resolve::explain);
                return Err(document.mistakes(faults.collect()));
            }
        };
        let tasks = file.tasks.0.into_iter().map(|(name, mut task)| {
            task.data = document.resolve(&task.data);
            (name, task)
        });
        let plan = Self {
            name: file.name.unwrap_or_else(|| resolve::stem(&document.name)),
            description: file.description.unwrap_or_default(),
            file: document.name.clone(),
            text: document.text.clone(),
            model,
            tokens: file.tokens,
            tasks: tasks.collect(),
            methods: file.methods.0,
            seeds: file.seeds,
        };
        let faults = plan.faults();
        match faults.is_empty() {
            true => Ok(plan),
            false => Err(document.mistakes(faults)),
        }
    }

    /// What the parser cannot see.
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(why) = bad_name(&self.name) {
            faults.push(Fault::new(
                top("name"),
                format!("the name `{}` {why}", self.name),
            ));
        }
        let tasks = self.tasks.iter().map(|(name, _)| ("tasks", name));
        let methods = self.methods.iter().map(|(name, _)| ("methods", name));
        for (section, name) in tasks.chain(methods) {
            if let Some(why) = bad_name(name) {
                let message = format!("the name `{name}` {why}");
                faults.push(Fault::new(keys(&[section, name]), message).key());
            }
            let (taken, whose): (&[&str], _) = match section {
                "tasks" => (
                    &RunFolder::TAKEN,
                    "the run keeps a file of its own under it",
                ),
                _ => (
                    &TaskFolder::FILES,
                    "each task keeps a file of its own under it",
                ),
            };
            if taken.contains(&name.as_str()) {
                let message = format!("the name `{name}` is taken: {whose}");
                let fault = Fault::new(keys(&[section, name]), message).key();
                faults.push(fault.help("give it another name"));
            }
        }
        let counts = [
            ("tasks", self.tasks.len()),
            ("methods", self.methods.len()),
            ("seeds", self.seeds.len()),
        ];
        for (section, count) in counts {
            if count == 0 {
                faults.push(Fault::new(top(section), "nothing is here"));
            }
        }
        let mut seen = BTreeSet::new();
        for seed in &self.seeds {
            if !seen.insert(seed) {
                let message = format!("the seed {seed} is here twice");
                faults.push(Fault::new(top("seeds"), message));
            }
        }
        for (name, method) in &self.methods {
            if let Err(why) = method.check() {
                faults.push(Fault::new(keys(&["methods", name]), why.to_string()));
            }
            if method.features().needs_model() && self.model.is_none() {
                let message = "it reads a language model, and the file names none";
                faults.push(Fault::new(keys(&["methods", name]), message).help(
                    "name one (`model: { path: FOLDER }`), or take `features: { kmers: {} }`",
                ));
            }
        }
        if let Some(Scheme::Bpe(_)) = &self.tokens {
            let message = "merged tokens (BPE) depend on all letters around them, so a soft base has no soft token";
            faults.push(
                Fault::new(top("tokens"), message)
                    .help("take a model of k-mers or of single bases: `tokens: base`"),
            );
        }
        for (name, task) in &self.tasks {
            if let Offline::LowestShare(share) = task.offline
                && share.get() > 1.0
            {
                let path = keys(&["tasks", name, "offline", "lowest_share"]);
                faults.push(Fault::new(path, format!("{share} is more than all rows")));
            }
        }
        faults
    }
}

/// Whether tasks name tables, and no sources.
pub(super) fn is_design(node: &Node) -> bool {
    let is_table = |task: &Node| task.get("data").is_some() && task.get("ingest").is_none();
    match node.get("tasks") {
        Some(Node::Map(tasks)) => tasks.iter().any(|(_, task)| is_table(task)),
        _ => false,
    }
}
