//! `adapt`.

use lingo_adapt::{AdaptRequest, Models};
use lingo_artifact::example::Examples;
use lingo_artifact::readings::Readings;
use lingo_artifact::run_folder::CellFolder;
use lingo_artifact::sequence_source::SequenceSource;
use lingo_artifact::tokens::Tokens;
use lingo_tokenize::{EncodedRows, Encoder};
use lingo_workflow::{Error, Kind, Observer as _, settings};

use crate::arguments::Adapt;
use crate::device::device;
use crate::output::print_json;
use crate::signals::stop_on_signals;
use crate::terminal::Terminal;

/// `adapt`.
pub fn adapt(arguments: Adapt, terminal: &Terminal) -> Result<(), Error> {
    let (method, train) = settings::adapt(&arguments.method, &arguments.set)?;
    let device = device(&arguments.device)?;
    let tokens = Tokens::read(&arguments.input)?;
    let readings = match &arguments.examples {
        None => None,
        Some(path) => {
            let examples = Examples::read(path)?;
            if examples.rows.len() != tokens.rows.len() {
                let message = format!(
                    "--examples {}: it has {} rows, the tokens have {}: they were made from others",
                    path.display(),
                    examples.rows.len(),
                    tokens.rows.len()
                );
                return Err(Error::stage(Kind::Usage, message));
            }
            let mut ids = examples.rows.iter().zip(&tokens.rows);
            if let Some((example, row)) = ids.find(|(example, row)| example.id != row.id) {
                let message = format!(
                    "--examples {}: it has `{}` where the tokens have `{}`: they were made from others",
                    path.display(),
                    example.id,
                    row.id
                );
                return Err(Error::stage(Kind::Usage, message));
            }
            let encoder = Encoder::from_encoding(&tokens.metadata.encoding, &arguments.model)?;
            Some(EncodedRows::new(examples.rows, encoder))
        }
    };
    let stop = stop_on_signals()?;
    let progress = terminal.part("adapt");
    let models = Models::default();
    let states = CellFolder::new(&arguments.out).own_states();
    let natural = lingo_workflow::jobs::natural_dna(&method.natural(&train))?;
    let outcome = lingo_adapt::adapt(&AdaptRequest {
        model: &arguments.model,
        tokens: &tokens,
        readings: readings.as_ref().map(|r| r as &dyn Readings),
        natural: natural.as_ref().map(|genome| genome as &dyn SequenceSource),
        heads: &[],
        masking: None,
        trained_before: 0,
        both_strands: arguments.both_strands,
        method: &method,
        train: &train,
        seed: arguments.seed,
        device,
        out: &arguments.out,
        states: Some(&states),
        models: &models,
        checkpoint_every: arguments.checkpoint_every,
        progress: progress.as_ref(),
        stop: &stop,
    });
    drop(progress);
    let kept = || lingo_adapt::last_checkpoint(&arguments.out);
    let outcome = outcome.map_err(|e| Error::from(e).with_checkpoint(kept))?;
    lingo_adapt::forget_checkpoints(&arguments.out)?;
    models.remove_states(&states)?;
    if arguments.json {
        let mut value = serde_json::to_value(&outcome)
            .map_err(|e| Error::stage(Kind::Failed, format!("cannot be written as JSON: {e}")))?;
        value["schema"] = "lingo-pipe/adapt/1".into();
        return print_json(&value);
    }
    let share = 100.0 * outcome.trainable_parameters as f64 / outcome.total_parameters as f64;
    terminal.note(&format!(
        "{} steps; {} of {} parameters trained ({share:.2} %)",
        outcome.steps, outcome.trainable_parameters, outcome.total_parameters
    ));
    Ok(())
}
