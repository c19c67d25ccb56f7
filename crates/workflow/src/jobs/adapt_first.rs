//! The model that is adapted to several tasks together, or to DNA without labels, before it is adapted to each task alone.

use lingo_adapt::{AdaptFirstRequest, FirstTask, OtherTask, UnlabelledDna};
use lingo_artifact::Split;
use lingo_artifact::digest::Digest;
use lingo_artifact::example::Examples;
use lingo_artifact::run_folder::{RunFolder, TaskFolder};
use lingo_artifact::tokens::Tokens;
use lingo_tokenize::{EncodedRows, Encoder, ModelVocabulary};

use super::context::Context;
use super::training::{genome_of, natural_dna};
use crate::failure::kept as failed;
use crate::failure::{Error, Kind};
use crate::pipeline::resolved::AdaptFirst;
use crate::plan::planned::{FirstPlan, Plan, TaskPlan};
use crate::prepare::model::place;
use crate::store::{Attempt, Stored};

/// Trains it, unless it is in the store, and lays it at its place. Whether it was trained here.
pub(super) fn adapt_first(plan: &Plan, context: &Context<'_>) -> Result<bool, Error> {
    let (Some(first), Some(settings)) = (&plan.first, &plan.pipeline.adapt_first) else {
        return Err(Error::stage(Kind::Failed, "the plan adapts nothing first"));
    };
    let run = RunFolder::new(&plan.run);
    let is_there = || Stored::read(&run, &first.id).is_some();
    let was_there = is_there();
    if !was_there && let Err(e) = train(plan, (first, settings), context) {
        // Where two were at it at once, the first removes what the other wrote.
        if !is_there() {
            return Err(e.during(RunFolder::ADAPT_FIRST));
        }
    }
    place_first(plan)?;
    Ok(!was_there)
}

/// Lays the model at its place, where it is in the store.
pub(crate) fn place_first(plan: &Plan) -> Result<(), Error> {
    let run = RunFolder::new(&plan.run);
    let stored = (plan.first.as_ref()).and_then(|first| Stored::read(&run, &first.id));
    match stored {
        Some(stored) => place(
            &run,
            &stored,
            RunFolder::ADAPT_FIRST,
            &run.adapt_first_record(),
        ),
        None => Ok(()),
    }
}

/// Trains, on to the result in the store.
fn train(
    plan: &Plan,
    (first, settings): (&FirstPlan, &AdaptFirst),
    context: &Context<'_>,
) -> Result<(), Error> {
    let run = RunFolder::new(&plan.run);
    let mut held = Vec::new();
    for task in &first.tasks {
        made(&run, task, ("tokens", task.tokens))?;
        let tokens = Tokens::read(&TaskFolder::new(run.stored(&task.tokens)).tokens())?;
        let examples = TaskFolder::new(run.stored(&task.examples)).examples();
        let mut encoder = Encoder::from_encoding(&tokens.metadata.encoding, &plan.model.folder)?;
        if settings.masked.is_some() {
            // Windows may be as long as the rows of any task; one that is too long is to be seen.
            encoder = encoder.with_max_length(most_tokens(plan)?.saturating_add(1));
        }
        let readings = EncodedRows::new(Examples::read(&examples)?.rows, encoder);
        let genome = match (plan.pipeline.task(&task.name), settings.train.augment.shift) {
            (Some(task), shift) if shift > 0 => genome_of(task, true)?,
            _ => None,
        };
        let readings = match genome {
            Some(genome) => readings.in_genome(Box::new(genome)),
            None => readings,
        };
        held.push((task.name.as_str(), tokens, readings));
    }
    let mut away = Vec::new();
    for task in &first.others {
        made(&run, task, ("examples", task.examples))?;
        let examples = TaskFolder::new(run.stored(&task.examples)).examples();
        // Nothing of it is encoded.
        let Some((_, tokens, _)) = held.first() else {
            continue;
        };
        let encoder = Encoder::from_encoding(&tokens.metadata.encoding, &plan.model.folder)?;
        let rows = Examples::read(&examples)?.rows;
        let splits: Vec<Split> = rows.iter().map(|row| row.split).collect();
        away.push((task.name.as_str(), splits, EncodedRows::new(rows, encoder)));
    }
    let others: Vec<OtherTask> = away
        .iter()
        .map(|(name, splits, readings)| OtherTask {
            name,
            splits,
            readings,
        })
        .collect();
    let tasks: Vec<FirstTask> = held
        .iter()
        .map(|(name, tokens, readings)| FirstTask {
            name,
            tokens,
            readings,
        })
        .collect();
    let genome = match &settings.masked {
        Some(masked) => natural_dna(&masked.fasta)?,
        None => None,
    };
    let dna = match (&settings.masked, &genome) {
        (Some(masked), Some(genome)) => Some(UnlabelledDna {
            source: genome,
            settings: masked,
            most_tokens: most_tokens(plan)?,
            mask: ModelVocabulary::load(&plan.model.folder)?.mask,
            reads_left_only: lingo_adapt::ModelShape::read(&plan.model.folder)?.reads_left_only(),
        }),
        _ => None,
    };
    let attempt = Attempt::begin(&run, first.id)?;
    let progress = context.observer.part(RunFolder::ADAPT_FIRST);
    let outcome = lingo_adapt::adapt_first(&AdaptFirstRequest {
        model: &plan.model.folder,
        tasks: &tasks,
        others: &others,
        dna,
        method: &settings.method,
        train: &settings.train,
        seed: settings.seed,
        device: plan.choice,
        out: attempt.folder(),
        models: &context.models,
        checkpoint_every: context.checkpoint_every,
        progress: progress.as_ref(),
        stop: context.stop,
    });
    let kept = || lingo_adapt::last_checkpoint(attempt.folder());
    let outcome = outcome.map_err(|e| Error::from(e).with_checkpoint(kept))?;
    let mut inputs = plan.model.hashes.clone();
    inputs.extend(first.inputs.clone());
    let outcome = serde_json::to_value(&outcome)
        .map_err(|e| Error::stage(Kind::Failed, format!("adapt_first: {e}")))?;
    let stored = Stored::of(
        attempt.folder(),
        (RunFolder::ADAPT_FIRST, RunFolder::ADAPT_FIRST),
        first.id,
        (first.parameters.clone(), inputs),
        outcome,
        plan.made_by(),
    )?;
    attempt.commit(&stored)?;
    Ok(())
}

/// Tokens that the model can read.
fn most_tokens(plan: &Plan) -> Result<u32, Error> {
    let model = ModelVocabulary::load(&plan.model.folder)?;
    Ok(model.positions.unwrap_or(u32::MAX))
}

/// What is made of a task is there.
pub(super) fn made(
    run: &RunFolder,
    task: &TaskPlan,
    (what, id): (&str, Digest),
) -> Result<(), Error> {
    if Stored::read(run, &id).is_some() {
        return Ok(());
    }
    let why = failed::read(&task.folder.failure());
    let why = why.map_or_else(String::new, |failure| format!(": {}", failure.error));
    let message = format!("the {what} of {} are not there{why}", task.name);
    Err(Error::stage(Kind::Input, message))
}
