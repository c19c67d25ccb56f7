//! A task's examples, tokens and floor.

use lingo_adapt::Lengths;
use lingo_artifact::Split;
use lingo_artifact::digest::Digest;
use lingo_artifact::example::Examples;
use lingo_artifact::run_folder::{RunFolder, TaskFolder};
use lingo_artifact::tokens::Tokens;
use lingo_evaluate::Strands;
use lingo_ingest::Genome;
use lingo_tokenize::{ModelVocabulary, Scheme};
use serde_json::Value;

use super::task_record::TaskRecord;
use crate::failure::{Error, Kind};
use crate::observer::Observer;
use crate::pipeline::resolved::Task;
use crate::plan::planned::{Plan, TaskPlan};
use crate::store::{Attempt, Stored, place_file};

/// What is made of a task's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// The labelled sequences.
    Examples,
    /// The tokens.
    Tokens,
    /// The linear models on counts.
    Floor,
}

impl Made {
    fn stage(self) -> &'static str {
        match self {
            Self::Examples => "examples",
            Self::Tokens => "tokens",
            Self::Floor => "floor",
        }
    }

    /// The id of what is made.
    pub fn id(self, task: &TaskPlan) -> Digest {
        match self {
            Self::Examples => task.examples,
            Self::Tokens => task.tokens,
            Self::Floor => task.floor,
        }
    }
}

/// Makes a task's examples, tokens or floor, if they are not in the store, and lays them at their place. Whether they were
/// made now.
///
/// # Errors
/// What the stages say, with the task's name.
pub fn prepare(
    plan: &Plan,
    task_plan: &TaskPlan,
    made: Made,
    observer: &dyn Observer,
) -> Result<bool, Error> {
    let Some(task) = plan.pipeline.task(&task_plan.name) else {
        return Ok(false);
    };
    of_task(plan, task, task_plan, made, observer)
        .map_err(|e| e.during(&format!("task {}", task.name)))
}

fn of_task(
    plan: &Plan,
    task: &Task,
    task_plan: &TaskPlan,
    made: Made,
    observer: &dyn Observer,
) -> Result<bool, Error> {
    let run = RunFolder::new(&plan.run);
    let id = made.id(task_plan);
    let examples_record = Stored::read(&run, &task_plan.examples);
    if let Some(labels) = examples_record.and_then(|stored| facts(&stored).labels) {
        lingo_evaluate::check_threshold(&task.evaluate, &labels)?;
    }
    let is_there = || Stored::read(&run, &id).is_some();
    let is_new = !is_there();
    if is_new && let Err(e) = make(plan, task, task_plan, made, observer) {
        // Where two were at it at once, the first removes what the other wrote.
        if !is_there() {
            return Err(e);
        }
    }
    place(plan, task_plan)?;
    Ok(is_new)
}

/// Makes one of them, on to its result in the store.
fn make(
    plan: &Plan,
    task: &Task,
    task_plan: &TaskPlan,
    made: Made,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let (run, id) = (RunFolder::new(&plan.run), made.id(task_plan));
    let attempt = Attempt::begin(&run, id)?;
    let folder = TaskFolder::new(attempt.folder());
    let record = match made {
        Made::Examples => examples(plan, task, task_plan, &folder, observer)?,
        Made::Tokens => tokens(plan, task, task_plan, &folder, observer)?,
        Made::Floor => floor(plan, task, task_plan, observer)?,
    };
    let facts = serde_json::to_value(&record).map_err(|e| {
        let message = format!("what was found cannot be written as JSON: {e}");
        Error::stage(Kind::Failed, message)
    })?;
    let stored = Stored::of(
        attempt.folder(),
        (made.stage(), &task.name),
        id,
        (parameters(plan, &task.name, made), inputs(plan, &task.name)),
        facts,
        plan.made_by(),
    )?;
    attempt.commit(&stored)?;
    Ok(())
}

/// What is in the store of a task, at its place; its record says what that is.
///
/// # Errors
/// A file cannot be read or written.
pub fn place(plan: &Plan, task_plan: &TaskPlan) -> Result<(), Error> {
    let run = RunFolder::new(&plan.run);
    let folder = &task_plan.folder;
    let read = |id: &Digest| Stored::read(&run, id);
    let [examples, tokens, floor] =
        [task_plan.examples, task_plan.tokens, task_plan.floor].map(|id| read(&id));
    let [of_examples, of_tokens, of_floor] =
        [&examples, &tokens, &floor].map(|stored| stored.as_ref().map(facts));
    let joined = TaskRecord::joined(of_examples.as_ref(), of_tokens.as_ref(), of_floor.as_ref());
    let before = TaskRecord::read(folder);
    if (before.examples, before.tokens) != (joined.examples, joined.tokens) {
        // The old record must not stand beside the new files, not even when the program is killed here.
        TaskRecord::default().write(folder)?;
    }
    let from = |id: &Digest| TaskFolder::new(run.stored(id));
    if examples.is_some() {
        place_file(&from(&task_plan.examples).examples(), &folder.examples())?;
    }
    if tokens.is_some() {
        place_file(&from(&task_plan.tokens).tokens(), &folder.tokens())?;
    }
    match joined == TaskRecord::read(folder) {
        true => Ok(()),
        false => joined.write(folder),
    }
}

/// What was found while a result was made.
fn facts(stored: &Stored) -> TaskRecord {
    serde_json::from_value(stored.facts.clone()).unwrap_or_default()
}

/// The settings of a stage, as its cells record them.
fn parameters(plan: &Plan, task: &str, made: Made) -> Value {
    let keys: &[&str] = match made {
        Made::Examples => &["ingest"],
        Made::Tokens => &["ingest", "tokenize", "keys", "model"],
        Made::Floor => &["ingest", "evaluate"],
    };
    let cell = plan.cells.iter().find(|cell| cell.task == task);
    let of = |key: &str| cell.and_then(|cell| cell.parameters.get(key)).cloned();
    let all = keys
        .iter()
        .map(|&key| (key.to_owned(), of(key).unwrap_or_default()));
    Value::Object(all.collect())
}

fn inputs(plan: &Plan, task: &str) -> std::collections::BTreeMap<String, Digest> {
    let cell = plan.cells.iter().find(|cell| cell.task == task);
    cell.map(|cell| cell.inputs.clone()).unwrap_or_default()
}

fn examples(
    plan: &Plan,
    task: &Task,
    task_plan: &TaskPlan,
    folder: &TaskFolder,
    observer: &dyn Observer,
) -> Result<TaskRecord, Error> {
    let progress = observer.part(&format!("{}: examples", task.name));
    let data = lingo_ingest::prepare(&task.ingest, progress.as_ref())?;
    lingo_evaluate::check_threshold(&task.evaluate, data.labels())?;
    as_planned(plan, task)?;
    data.write(&folder.examples())?;
    Ok(TaskRecord {
        examples: Some(task_plan.examples),
        labels: Some(data.labels().clone()),
        counts: data.counts(),
        audit: data.audit_json()?,
        ..TaskRecord::default()
    })
}

/// The files that were read are those that were hashed for the plan.
fn as_planned(plan: &Plan, task: &Task) -> Result<(), Error> {
    for (_, path) in task.inputs() {
        let planned = plan.inputs.get(&path);
        let now = plan.hashes.of_file(&path)?;
        if planned.is_some_and(|planned| *planned != now) {
            let message = format!(
                "{} has changed while it was read: run the same command again, once nothing writes to it",
                path.display()
            );
            return Err(Error::stage(Kind::Input, message));
        }
    }
    Ok(())
}

fn tokens(
    plan: &Plan,
    task: &Task,
    task_plan: &TaskPlan,
    folder: &TaskFolder,
    observer: &dyn Observer,
) -> Result<TaskRecord, Error> {
    let examples = stored_examples(plan, task_plan)?;
    let tokens = tokenize(plan, task, &examples, observer)?;
    tokens.write(&folder.tokens())?;
    let metadata = &tokens.metadata;
    let mut record = TaskRecord {
        tokens: Some(task_plan.tokens),
        truncated: metadata.truncated,
        unknown: metadata.unknown,
        new_vectors: (metadata.encoding.new_rows.as_ref()).map_or(0, |r| r.trained),
        lengths: Lengths::new(),
        ..TaskRecord::default()
    };
    for row in &tokens.rows {
        let length = row.input_ids.len() as u32;
        record.longest = record.longest.max(length);
        if row.split == Split::Train {
            *record.lengths.entry(length).or_default() += 1;
        }
    }
    Ok(record)
}

fn floor(
    plan: &Plan,
    task: &Task,
    task_plan: &TaskPlan,
    observer: &dyn Observer,
) -> Result<TaskRecord, Error> {
    if !task.evaluate.floor {
        return Ok(TaskRecord {
            floor: Some(task_plan.floor),
            ..TaskRecord::default()
        });
    }
    let examples = stored_examples(plan, task_plan)?;
    let both = task.evaluate.strands == Strands::Both;
    let threshold = task.evaluate.threshold;
    let progress = observer.part(&format!("{}: floor", task.name));
    progress.begin("linear models on counts of dinucleotides and 6-mers", 0);
    let mut floors = vec![lingo_evaluate::dinucleotide_floor(&examples, threshold)?];
    floors.extend(lingo_evaluate::kmer_floor(&examples, both, threshold)?);
    progress.end("");
    Ok(TaskRecord {
        floor: Some(task_plan.floor),
        floors,
        floors_of_both: both,
        floors_threshold: threshold,
        ..TaskRecord::default()
    })
}

fn stored_examples(plan: &Plan, task_plan: &TaskPlan) -> Result<Examples, Error> {
    let folder = RunFolder::new(&plan.run).stored(&task_plan.examples);
    Ok(Examples::read(&TaskFolder::new(folder).examples())?)
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
