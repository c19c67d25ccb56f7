//! What cells share: the pretrained model, and each task's examples, tokens and floor. Each is made once and
//! made again only when what it depends on changed.

mod every_task;

use lingo_adapt::Lengths;
use lingo_artifact::digest::Digest;
use lingo_artifact::example::Examples;
use lingo_artifact::progress::StopFlag;
use lingo_artifact::run_folder::{RunFolder, TaskFolder};
use lingo_artifact::tokens::Tokens;
use lingo_artifact::{LabelKind, Split, atomic};
use lingo_evaluate::Floor;
use lingo_ingest::Genome;
use lingo_tokenize::{ModelVocabulary, Scheme};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use every_task::every_task;

use crate::failure::{Error, Kind};
use crate::observer::Observer;
use crate::pipeline::{ModelPlan, Pipeline, Task};
use crate::plan::{Plan, TaskPlan};

/// What is known of a task's shared artifacts: `task.json` in the task's folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskRecord {
    /// The id of `examples.parquet`.
    pub examples: Option<Digest>,
    /// The id of `tokens.parquet`.
    pub tokens: Option<Digest>,
    /// What the labels are.
    pub labels: Option<LabelKind>,
    /// Rows in train, dev and test.
    pub counts: [u64; 3],
    /// What ingest found.
    pub audit: Value,
    /// Sequences that lost DNA at their end, by split.
    pub truncated: [u64; 3],
    /// Unknown tokens, by split.
    pub unknown: [u64; 3],
    /// The longest sequence of tokens.
    pub longest: u32,
    /// Training rows by their number of tokens.
    #[serde(default)]
    pub lengths: Lengths,
    /// New embedding vectors that are trained.
    pub new_vectors: u32,
    /// The linear model on dinucleotide counts.
    pub floor: Option<Floor>,
}

impl TaskRecord {
    /// The record in a task's folder; an empty one where there is none that can be read.
    pub fn read(folder: &TaskFolder) -> Self {
        atomic::read_json(&folder.record()).unwrap_or_default()
    }
}

/// Makes a task's examples, if they are not there.
///
/// # Errors
/// What ingest says, with the task's name.
pub fn prepare_examples(
    plan: &Plan,
    task_plan: &TaskPlan,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let Some(task) = plan.pipeline.task(&task_plan.name) else {
        return Ok(());
    };
    examples(task, task_plan, observer).map_err(|e| e.during(&format!("task {}", task.name)))
}

fn examples(task: &Task, task_plan: &TaskPlan, observer: &dyn Observer) -> Result<(), Error> {
    let folder = &task_plan.folder;
    let file = folder.examples();
    if TaskRecord::read(folder).examples == Some(task_plan.examples) && file.is_file() {
        return Ok(());
    }
    let progress = observer.part(&format!("{}: examples", task.name));
    let data = lingo_ingest::prepare(&task.ingest, progress.as_ref())?;
    // The old record must not stand beside the new file, not even when the program is killed here.
    TaskRecord::default().write(folder)?;
    data.write(&file)?;
    let record = TaskRecord {
        examples: Some(task_plan.examples),
        labels: Some(data.labels().clone()),
        counts: data.counts(),
        audit: data.audit_json()?,
        ..TaskRecord::default()
    };
    record.write(folder)
}

/// Makes a task's tokens and floor from its examples, as far as they are not there.
///
/// # Errors
/// What the stages say, with the task's name.
pub fn prepare_tokens(
    plan: &Plan,
    task_plan: &TaskPlan,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let Some(task) = plan.pipeline.task(&task_plan.name) else {
        return Ok(());
    };
    tokens_and_floor(plan, task, task_plan, observer)
        .map_err(|e| e.during(&format!("task {}", task.name)))
}

fn tokens_and_floor(
    plan: &Plan,
    task: &Task,
    task_plan: &TaskPlan,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let folder = &task_plan.folder;
    let file = folder.tokens();
    let mut record = TaskRecord::read(folder);
    let tokens_there =
        record.tokens == Some(task_plan.tokens) && file.is_file() && !record.lengths.is_empty();
    let floor_there = record.floor.is_some() || !plan.pipeline.evaluate.floor;
    if tokens_there && floor_there {
        return Ok(());
    }
    let examples = Examples::read(&folder.examples())?;
    if !tokens_there {
        let tokens = tokenize(plan, task, &examples, observer)?;
        record.tokens = None;
        record.write(folder)?;
        tokens.write(&file)?;
        record.tokens = Some(task_plan.tokens);
        record.truncated = tokens.metadata.truncated;
        record.unknown = tokens.metadata.unknown;
        record.new_vectors = tokens
            .metadata
            .encoding
            .new_rows
            .as_ref()
            .map_or(0, |r| r.trained);
        record.longest = tokens
            .rows
            .iter()
            .map(|r| r.input_ids.len() as u32)
            .max()
            .unwrap_or(0);
        record.lengths = Lengths::new();
        for row in tokens.rows.iter().filter(|r| r.split == Split::Train) {
            let length = row.input_ids.len() as u32;
            *record.lengths.entry(length).or_default() += 1;
        }
        record.write(folder)?;
    }
    if !floor_there {
        let progress = observer.part(&format!("{}: floor", task.name));
        progress.begin("logistic regression on dinucleotides", 0);
        record.floor = Some(lingo_evaluate::dinucleotide_floor(&examples)?);
        progress.end("");
        record.write(folder)?;
    }
    Ok(())
}

impl TaskRecord {
    fn write(&self, folder: &TaskFolder) -> Result<(), Error> {
        Ok(atomic::write_json(&folder.record(), self)?)
    }
}

fn tokenize(
    plan: &Plan,
    task: &Task,
    examples: &Examples,
    observer: &dyn Observer,
) -> Result<Tokens, Error> {
    let progress = observer.part(&format!("{}: tokens", task.name));
    let model = ModelVocabulary::load(&plan.model.folder)?;
    let learned = match (&task.tokenize.scheme, task.bpe_fasta()) {
        (Scheme::Bpe(bpe), Some(fasta)) => {
            let genome = Genome::open(fasta, task.ingest.max_uncompressed_bytes)?;
            Some(lingo_tokenize::train_bpe_from(
                &genome,
                bpe.vocab_size(),
                progress.as_ref(),
            )?)
        }
        _ => None,
    };
    let (config, keys) = (&task.tokenize, &task.keys);
    Ok(match learned {
        Some(dna) => lingo_tokenize::encode_with(
            examples,
            &model,
            config,
            keys,
            Some(dna),
            progress.as_ref(),
        )?,
        None => lingo_tokenize::encode(examples, &model, config, keys, progress.as_ref())?,
    })
}

/// The record of a pretrained model: `model.json` beside its folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelRecord {
    /// The id of the pretraining.
    pub id: Option<Digest>,
    /// Its outcome.
    pub outcome: Value,
}

/// Pretrains the model of a run, if it is to be pretrained and is not there.
///
/// # Errors
/// What pretraining says.
pub fn prepare_model(
    plan: &Plan,
    pipeline: &Pipeline,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<(), Error> {
    let (
        Some(id),
        ModelPlan::Pretrain {
            fasta,
            seed,
            config,
        },
    ) = (plan.model.pretrain, &pipeline.model)
    else {
        return Ok(());
    };
    let record_path = RunFolder::new(&plan.run).model_record();
    let found: ModelRecord = atomic::read_json(&record_path).unwrap_or_default();
    if found.id == Some(id) && plan.model.folder.join("config.json").is_file() {
        return Ok(());
    }
    let genome = Genome::open(fasta, lingo_ingest::config::DEFAULT_MAX_UNCOMPRESSED_BYTES)?;
    // As above: no record of another model beside this one.
    atomic::write_json(&record_path, &ModelRecord::default())?;
    let progress = observer.part("model");
    let outcome = lingo_adapt::pretrain(
        &genome,
        config,
        *seed,
        plan.choice,
        &plan.model.folder,
        progress.as_ref(),
        stop,
    )?;
    let outcome = serde_json::to_value(&outcome)
        .map_err(|e| Error::stage(Kind::Failed, format!("pretraining: {e}")))?;
    let record = ModelRecord {
        id: Some(id),
        outcome,
    };
    Ok(atomic::write_json(&record_path, &record)?)
}
