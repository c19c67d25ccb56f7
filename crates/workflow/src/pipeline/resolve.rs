//! From the file to tasks with settings of their own.

use std::num::NonZeroU32;
use std::path::Path as FilePath;

use lingo_adapt::{Method, PretrainConfig, TrainConfig};
use lingo_evaluate::EvaluateConfig;
use lingo_hub::{HubModel, MAIN};
use lingo_ingest::config::{FoldSplit, SplitPlan};
use lingo_tokenize::{Scheme, TokenizeConfig};
use serde::de::DeserializeOwned;

use super::adapt_first_section::AdaptFirstSection;
use super::file::{HubSection, ModelSection, PipelineFile, PretrainSection, TaskSection};
use super::method_section::MethodSection;
use super::resolved::{AdaptFirst, ModelPlan, Pipeline, Task};
use crate::yaml::deserialize::from_node;
use crate::yaml::document::{Document, top};
use crate::yaml::every_fault::every_fault;
use crate::yaml::fault::{Fault, Path, Step, keys};
use crate::yaml::mistakes::Mistakes;
use crate::yaml::node::Node;

/// Parses the file, lays the tasks' settings over the file's, resolves paths.
///
/// # Errors
/// Every mistake that the parser meets.
pub fn resolve(document: Document) -> Result<Pipeline, Mistakes> {
    let parsed = every_fault(&document.node, |node| {
        let file = from_node::<PipelineFile>(node)?;
        // The sections that may be empty come first: nothing in them can be missing, so all their mistakes are met.
        layered::<TrainConfig>("train", &file.train.node, &[])?;
        layered::<EvaluateConfig>("evaluate", &file.evaluate.node, &[])?;
        let mut methods = Vec::with_capacity(file.methods.0.len());
        for (name, section) in &file.methods.0 {
            methods.push((name.clone(), method(name, section, &document)?));
        }
        for (name, section) in &file.tasks.0 {
            train(name, section, None, &file, &document)?;
        }
        let mut tasks = Vec::with_capacity(file.tasks.0.len());
        for (name, section) in &file.tasks.0 {
            tasks.extend(folds(task(name, section, &file, &document)?));
        }
        let first = file.adapt_first.as_ref();
        let first = first.map(|section| adapt_first(section, &file, &tasks, &document));
        let first = first.transpose()?;
        let model = model(&file.model, &document)?;
        Ok((file, methods, model, tasks, first))
    });
    let (file, methods, model, tasks, first) = match parsed {
        Ok(parsed) => parsed,
        Err(faults) => return Err(document.mistakes(faults.into_iter().map(explain).collect())),
    };
    Ok(Pipeline {
        name: file.name.unwrap_or_else(|| stem(&document.name)),
        description: file.description.unwrap_or_default(),
        file: document.name.clone(),
        model,
        tasks,
        methods,
        adapt_first: first,
        seeds: file.seeds,
        tune: file.tune,
        published: file.published.map(|p| document.resolve(&p)),
        document,
    })
}

/// Hints for mistakes that the parser cannot know a hint for.
pub(super) fn explain(fault: Fault) -> Fault {
    if fault.help.is_none() && fault.path.is_empty() && fault.message.contains("`lingo` is missing")
    {
        return fault.help("begin the file with `lingo: 1`, the version of its format");
    }
    fault
}

pub(super) fn stem(name: &str) -> String {
    FilePath::new(name)
        .file_stem()
        .map_or_else(|| "pipeline".into(), |s| s.to_string_lossy().into_owned())
}

pub(super) fn model(section: &ModelSection, document: &Document) -> Result<ModelPlan, Fault> {
    match section {
        ModelSection::Path(path) => Ok(ModelPlan::Folder(document.resolve(path))),
        ModelSection::Hub(section) => hub(section),
        ModelSection::Pretrain(section) => pretrain(section, document).map_err(|fault| {
            fault
                .below(Step::Key("pretrain".into()))
                .below(Step::Key("model".into()))
        }),
    }
}

fn hub(section: &HubSection) -> Result<ModelPlan, Fault> {
    let fault =
        |key: &str, e: lingo_hub::Error| Fault::new(keys(&["model", "hub", key]), e.to_string());
    HubModel::new(&section.name, MAIN).map_err(|e| fault("name", e))?;
    let model = HubModel::new(&section.name, &section.revision);
    Ok(ModelPlan::Hub {
        model: model.map_err(|e| fault("revision", e))?,
        commit: None,
    })
}

fn pretrain(section: &PretrainSection, document: &Document) -> Result<ModelPlan, Fault> {
    let at = |key: &str| Step::Key(key.to_string());
    let entries = match &section.node {
        Node::Map(entries) => entries.clone(),
        Node::Null => Vec::new(),
        other => {
            let message = format!("a mapping is needed here, found {}", other.describe());
            return Err(Fault::new(Path::new(), message));
        }
    };
    let node = Node::Map(entries.clone());
    let fasta: String = match node.get("fasta") {
        Some(fasta) => from_node(fasta).map_err(|f| f.below(at("fasta")))?,
        None => {
            return Err(Fault::new(Path::new(), "the key `fasta` is missing")
                .help("name the FASTA to train on: `pretrain: { fasta: genome.fa }`"));
        }
    };
    let seed: u64 = match node.get("seed") {
        Some(seed) => from_node(seed).map_err(|f| f.below(at("seed")))?,
        None => 0,
    };
    let rest = entries
        .into_iter()
        .filter(|(key, _)| key != "fasta" && key != "seed")
        .collect();
    let config: PretrainConfig = from_node(&Node::Map(rest))?;
    Ok(ModelPlan::Pretrain {
        fasta: document.resolve(FilePath::new(&fasta)),
        seed,
        config,
    })
}

/// The task itself; of a cross-validation that does not say which fold, one task for each.
///
/// A fold is a task like any other: it has its own folder, examples, cells and place in the report, which also averages over the folds.
fn folds(task: Task) -> Vec<Task> {
    let Some(SplitPlan::Folds(plan)) = &task.ingest.split else {
        return vec![task];
    };
    if plan.fold.is_some() {
        return vec![task];
    }
    (1..=plan.k.get())
        .filter_map(NonZeroU32::new)
        .map(|fold| {
            let mut of_fold = task.clone();
            of_fold.name = format!("{}.fold-{fold}", task.section);
            of_fold.ingest.split = Some(SplitPlan::Folds(FoldSplit {
                fold: Some(fold),
                ..plan.clone()
            }));
            of_fold
        })
        .collect()
}

fn task(
    name: &str,
    section: &TaskSection,
    file: &PipelineFile,
    document: &Document,
) -> Result<Task, Fault> {
    let mut ingest = section.ingest.clone();
    for path in ingest.paths_mut() {
        *path = document.resolve(path);
    }
    let tokenize_of_task = (keys(&["tasks", name, "tokenize"]), &section.tokenize.node);
    let mut tokenize: TokenizeConfig = layered("tokenize", &file.tokenize.node, &[tokenize_of_task])
        .map_err(|fault| {
            if fault.message == "the key `scheme` is missing" {
                fault.help("say how DNA becomes tokens: `tokenize: { scheme: base }`, or `scheme: { kmer: { k: 3 } }`")
            } else {
                fault
            }
        })?;
    if let Scheme::Bpe(bpe) = tokenize.scheme {
        let fasta = bpe.fasta().map(|p| document.resolve(p));
        tokenize.scheme = Scheme::Bpe(bpe.with_fasta(fasta));
    }
    let mut words = section.keys.clone();
    words
        .entry("task".into())
        .or_insert_with(|| name.to_string());
    Ok(Task {
        name: name.to_string(),
        section: name.to_string(),
        description: section.description.clone(),
        ingest,
        tokenize,
        train: train(name, section, None, file, document)?,
        train_of_methods: (file.methods.0.iter())
            .map(|(method, own)| {
                let train = train(name, section, Some((method, own)), file, document)?;
                Ok((method.clone(), train))
            })
            .collect::<Result<_, Fault>>()?,
        evaluate: {
            let own = (keys(&["tasks", name, "evaluate"]), &section.evaluate.node);
            layered("evaluate", &file.evaluate.node, &[own])?
        },
        keys: words,
    })
}

/// The method of a section.
fn method(name: &str, section: &MethodSection, document: &Document) -> Result<Method, Fault> {
    let place = |fault: Fault| {
        let fault = fault.below(Step::Key(name.to_owned()));
        fault.below(Step::Key("methods".into()))
    };
    let mut method = section.method().map_err(place)?;
    let paths = method.natural_mut();
    paths
        .iter_mut()
        .for_each(|path| *path = document.resolve(path));
    Ok(method)
}

/// What is learnt first; without names all tasks are.
fn adapt_first(
    section: &AdaptFirstSection,
    file: &PipelineFile,
    tasks: &[Task],
    document: &Document,
) -> Result<AdaptFirst, Fault> {
    let place = keys(&["adapt_first", "method"]);
    let below = |mut fault: Fault| {
        fault.path = place.iter().cloned().chain(fault.path).collect();
        fault
    };
    let method = section.method.method().map_err(below)?;
    let own = section.method.train();
    let of_section = (keys(&["adapt_first", "method", "train"]), &own);
    if !matches!(own, Node::Map(_)) {
        let message = format!("a mapping is needed here, found {}", own.describe());
        return Err(Fault::new(of_section.0, message));
    }
    let train: TrainConfig = layered("train", &file.train.node, &[of_section])?;
    let masked = section.masked.clone().map(|mut masked| {
        for path in &mut masked.fasta {
            *path = document.resolve(path);
        }
        masked
    });
    if masked.is_some() && section.tasks.is_some() {
        let what =
            "`tasks` are learnt from by their labels, and `masked` learns from DNA without labels";
        let fault = Fault::new(keys(&["adapt_first", "tasks"]), what);
        return Err(fault.help("leave one of the two out"));
    }
    let all = || match masked {
        Some(_) => Vec::new(),
        None => tasks.iter().map(|task| task.name.clone()).collect(),
    };
    Ok(AdaptFirst {
        tasks: section.tasks.clone().unwrap_or_else(all),
        masked: masked.clone(),
        method,
        train: TrainConfig {
            // A stem is each task's own; DNA without labels has no classes that could weigh.
            stem: None,
            class_weights: match masked {
                Some(_) => Default::default(),
                None => train.class_weights.clone(),
            },
            ..train
        },
        seed: section.seed,
    })
}

/// The file's `train` with the task's own laid over it, and the method's own over that.
fn train(
    name: &str,
    section: &TaskSection,
    method: Option<(&str, &MethodSection)>,
    file: &PipelineFile,
    document: &Document,
) -> Result<TrainConfig, Fault> {
    let resolved = |mut train: TrainConfig| {
        let paths = train.natural_mut();
        paths
            .iter_mut()
            .for_each(|path| *path = document.resolve(path));
        train
    };
    let of_task = (keys(&["tasks", name, "train"]), &section.train.node);
    let Some((method, own)) = method else {
        return layered("train", &file.train.node, &[of_task]).map(resolved);
    };
    let of_method = (keys(&["methods", method, "train"]), &own.train());
    let place = &of_method.0;
    if !matches!(of_method.1, Node::Map(_)) {
        let message = format!("a mapping is needed here, found {}", of_method.1.describe());
        return Err(Fault::new(place.clone(), message));
    }
    layered("train", &file.train.node, &[of_task, of_method]).map(resolved)
}

/// Reads `T` from the file's section with the keys of each of `over` laid over it in turn; a fault points to where the
/// key stands.
fn layered<T: DeserializeOwned>(
    section: &str,
    base: &Node,
    over: &[(Path, &Node)],
) -> Result<T, Fault> {
    let mut merged = base.clone();
    for (_, node) in over {
        if let Node::Map(entries) = node {
            for (key, value) in entries {
                merged.set(key, value.clone());
            }
        }
    }
    from_node(&merged).map_err(|mut fault| {
        let stands = |key: &str| over.iter().rev().find(|(_, node)| node.get(key).is_some());
        let place = match fault.path.first() {
            Some(Step::Key(key)) => stands(key).map(|(place, _)| place.clone()),
            _ => None,
        };
        let place = place.unwrap_or_else(|| top(section));
        fault.path = place.into_iter().chain(fault.path).collect();
        fault
    })
}
