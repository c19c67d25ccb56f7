//! The training of a cell.

use std::path::PathBuf;
use std::sync::Arc;

use lingo_adapt::{AdaptRequest, AdaptedFirst, TrainConfig};
use lingo_artifact::ByteSize;
use lingo_artifact::progress::Progress;
use lingo_artifact::readings::Readings;
use lingo_artifact::run_folder::{CellFolder, RunFolder, TaskFolder};
use lingo_artifact::sequence_source::SequenceSource;
use lingo_artifact::tokens::Tokens;
use lingo_evaluate::Strands;
use lingo_ingest::Genome;
use lingo_ingest::config::{DEFAULT_MAX_UNCOMPRESSED_BYTES, Genomes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::context::Context;
use super::measured::Measured;
use crate::failure::{Error, Kind};
use crate::pipeline::resolved::Task;
use crate::plan::planned::{CellPlan, FirstPlan, Plan, TaskPlan};
use crate::store::{Attempt, Stored};

/// What a training says of itself in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Parameters that were trained, counted at the initial rank: what training really had to hold.
    pub trained_initially: u64,
    /// Parameters in all.
    pub total_parameters: u64,
}

/// Trains a cell, on to its result in the store. Whether ours was the first.
pub(super) fn train(
    plan: &Plan,
    (task, cell): (&TaskPlan, &CellPlan),
    context: &Context<'_>,
    progress: &dyn Progress,
) -> Result<bool, Error> {
    let run = RunFolder::new(&plan.run);
    let attempt = Attempt::begin(&run, cell.training)?;
    let measured = Measured::begin();
    let facts = adapt(plan, (task, cell), context, progress, &attempt);
    let kept = || lingo_adapt::last_checkpoint(attempt.folder());
    let facts = facts.map_err(|e| e.with_checkpoint(kept))?;
    measured.write(&CellFolder::new(attempt.folder()), &plan.device)?;
    let facts = serde_json::to_value(facts).unwrap_or_default();
    let stored = Stored::of(
        attempt.folder(),
        ("training", &cell.label()),
        cell.training,
        (parameters(cell), cell.inputs.clone()),
        facts,
        plan.made_by(),
    )?;
    attempt.commit(&stored)
}

/// The settings of a cell but those of how it is scored.
fn parameters(cell: &CellPlan) -> Value {
    let mut parameters = cell.parameters.clone();
    if let Some(map) = parameters.as_object_mut() {
        let strands = map
            .get("evaluate")
            .and_then(|of| of.get("strands"))
            .cloned();
        map.insert("evaluate".into(), json!({ "strands": strands }));
    }
    parameters
}

fn adapt(
    plan: &Plan,
    (task_plan, cell): (&TaskPlan, &CellPlan),
    context: &Context<'_>,
    progress: &dyn Progress,
    attempt: &Attempt,
) -> Result<Facts, Error> {
    let (Some(task), Some(method)) = (
        plan.pipeline.task(&cell.task),
        plan.pipeline.method(&cell.method),
    ) else {
        return Err(Error::stage(Kind::Failed, "the pipeline has no such cell"));
    };
    let run = RunFolder::new(&plan.run);
    let (examples, tokens) = (
        TaskFolder::new(run.stored(&task_plan.examples)),
        TaskFolder::new(run.stored(&task_plan.tokens)),
    );
    let train = task.train_of(&cell.method);
    let both_strands = task.evaluate.strands == Strands::Both;
    let reads_bases = method.reads_bases() || train.stem.is_some() || train.augment.is_on();
    let shared = &context.tokens;
    let readings = match both_strands || reads_bases {
        true => {
            let moves = |train: &TrainConfig| train.augment.shift > 0;
            let genome = || genome_of(task, task.train_of_methods.values().any(moves));
            let files = (&tokens, &examples);
            Some(shared.readings(files, &cell.task, &plan.model.folder, genome)?)
        }
        false => None,
    };
    let mut tokens = shared.get(&tokens, &cell.task)?;
    let mut model = &plan.model.folder;
    let mut trained_before = 0;
    if let Some(first) = plan.first_for(&cell.method) {
        model = &first.folder;
        let facts = Stored::read(&run, &first.id).map(|stored| stored.facts);
        let outcome = facts.and_then(|facts| serde_json::from_value::<AdaptedFirst>(facts).ok());
        trained_before = outcome.map_or(0, |outcome| outcome.trainable_parameters);
        check_alike(&run, first, (&cell.task, &tokens))?;
        if tokens.metadata.encoding.new_rows.is_some() {
            // They are rows of the adapted model.
            let mut on_adapted = Tokens::clone(&tokens);
            on_adapted.metadata.encoding =
                lingo_adapt::adapt_first::encoding_on_adapted(&tokens.metadata.encoding);
            tokens = Arc::new(on_adapted);
        }
    }
    let natural = natural_dna(&method.natural(train))?;
    let outcome = lingo_adapt::adapt(&AdaptRequest {
        model,
        tokens: &tokens,
        readings: readings.as_deref().map(|r| r as &dyn Readings),
        natural: natural.as_ref().map(|genome| genome as &dyn SequenceSource),
        heads: &[],
        masking: None,
        trained_before,
        both_strands,
        method,
        train,
        seed: cell.seed,
        device: plan.choice,
        out: attempt.folder(),
        states: Some(&run.task(&cell.task).states()),
        models: &context.models,
        checkpoint_every: context.checkpoint_every,
        progress,
        stop: context.stop,
    })?;
    Ok(Facts {
        trained_initially: outcome.trained_initially,
        total_parameters: outcome.total_parameters,
    })
}

/// Whether what a task needs is in the model that others were adapted to first.
fn check_alike(
    run: &RunFolder,
    first: &FirstPlan,
    (task, tokens): (&str, &Tokens),
) -> Result<(), Error> {
    if first.tasks.iter().any(|t| t.name == task) {
        return Ok(());
    }
    let Some(learnt) = first.tasks.first() else {
        return Ok(());
    };
    let of_first = Tokens::read(&TaskFolder::new(run.stored(&learnt.tokens)).tokens())?;
    let (ours, theirs) = (&tokens.metadata.encoding, &of_first.metadata.encoding);
    match lingo_adapt::adapt_first::difference(ours, theirs) {
        None => Ok(()),
        Some(what) => {
            let message = format!(
                "the tasks {} and {task} {what}, so that what {task} needs is not in the model that comes of `adapt_first`: give \
                 both the same `tokenize`",
                learnt.name
            );
            Err(Error::stage(Kind::Usage, message))
        }
    }
}

/// The DNA of the files that `natural` names; nothing where none are.
///
/// # Errors
/// A file that cannot be read.
pub fn natural_dna(files: &[PathBuf]) -> Result<Option<Genome>, Error> {
    let genomes = match files {
        [] => return Ok(None),
        [file] => Genomes::One(file.clone()),
        files => {
            let named = (1..).zip(files);
            Genomes::Several(
                named
                    .map(|(i, file)| (i.to_string(), file.clone()))
                    .collect(),
            )
        }
    };
    let limit = DEFAULT_MAX_UNCOMPRESSED_BYTES;
    Ok(Some(Genome::open_within(
        &genomes,
        limit,
        ByteSize::DEFAULT,
    )?))
}

/// The genome around a task's examples, where windows are moved in it.
pub(super) fn genome_of(task: &Task, moves: bool) -> Result<Option<Genome>, Error> {
    match task.ingest.genome() {
        Some(genomes) if moves => {
            let ingest = &task.ingest;
            let (limit, memory) = (ingest.max_uncompressed_bytes, ingest.max_memory);
            Ok(Some(Genome::open_within(genomes, limit, memory)?))
        }
        _ => Ok(None),
    }
}
