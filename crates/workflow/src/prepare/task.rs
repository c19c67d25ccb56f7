//! A task's examples, tokens and floor.

use lingo_adapt::Lengths;
use lingo_artifact::Split;
use lingo_artifact::example::Examples;
use lingo_artifact::tokens::Tokens;
use lingo_evaluate::Strands;
use lingo_ingest::Genome;
use lingo_tokenize::{ModelVocabulary, Scheme};

use super::task_record::TaskRecord;
use crate::failure::Error;
use crate::observer::Observer;
use crate::pipeline::resolved::Task;
use crate::plan::planned::{Plan, TaskPlan};

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
    lingo_evaluate::check_threshold(&task.evaluate, data.labels())?;
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

/// What is made of a task's examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// The tokens.
    Tokens,
    /// The linear models on counts.
    Floor,
}

/// Makes a task's tokens or floor from its examples, or both, as far as they are not there.
///
/// # Errors
/// What the stages say, with the task's name.
pub fn prepare_of_examples(
    plan: &Plan,
    task_plan: &TaskPlan,
    made: &[Made],
    observer: &dyn Observer,
) -> Result<(), Error> {
    let Some(task) = plan.pipeline.task(&task_plan.name) else {
        return Ok(());
    };
    of_examples(plan, task, task_plan, made, observer)
        .map_err(|e| e.during(&format!("task {}", task.name)))
}

fn of_examples(
    plan: &Plan,
    task: &Task,
    task_plan: &TaskPlan,
    made: &[Made],
    observer: &dyn Observer,
) -> Result<(), Error> {
    let folder = &task_plan.folder;
    let file = folder.tokens();
    let mut record = TaskRecord::read(folder);
    let tokens_there = !made.contains(&Made::Tokens)
        || record.tokens == Some(task_plan.tokens) && file.is_file() && !record.lengths.is_empty();
    let both = task.evaluate.strands == Strands::Both;
    if let Some(labels) = &record.labels {
        lingo_evaluate::check_threshold(&task.evaluate, labels)?;
    }
    let threshold = task.evaluate.threshold;
    let as_asked = record.floors_of_both == both && record.floors_threshold == threshold;
    let fitted = !record.floors.is_empty() && as_asked;
    let floor_there =
        !made.contains(&Made::Floor) || fitted || !task.evaluate.floor || plan.hide_test;
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
        progress.begin("linear models on counts of dinucleotides and 6-mers", 0);
        record.floors = vec![lingo_evaluate::dinucleotide_floor(&examples, threshold)?];
        record
            .floors
            .extend(lingo_evaluate::kmer_floor(&examples, both, threshold)?);
        record.floors_of_both = both;
        record.floors_threshold = threshold;
        progress.end("");
        record.write(folder)?;
    }
    Ok(())
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
