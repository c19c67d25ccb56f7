//! `pretrain`.

use lingo_adapt::PretrainRequest;
use lingo_artifact::atomic;
use lingo_ingest::Genome;
use lingo_ingest::config::DEFAULT_MAX_UNCOMPRESSED_BYTES;
use lingo_workflow::{Error, Kind, Observer as _, settings};

use crate::arguments::Pretrain;
use crate::device::device;
use crate::output::print_json;
use crate::signals::stop_on_signals;
use crate::terminal::Terminal;

/// `pretrain`.
pub fn pretrain(arguments: Pretrain, terminal: &Terminal) -> Result<(), Error> {
    let config = settings::pretrain(&arguments.set)?;
    let device = device(&arguments.device)?;
    atomic::check_writable(&arguments.out)?;
    let genome = Genome::open(&arguments.fasta, DEFAULT_MAX_UNCOMPRESSED_BYTES)?;
    let stop = stop_on_signals()?;
    let progress = terminal.part("pretrain");
    let outcome = lingo_adapt::pretrain(&PretrainRequest {
        source: &genome,
        config: &config,
        seed: arguments.seed,
        device,
        out: &arguments.out,
        checkpoint_every: arguments.checkpoint_every,
        progress: progress.as_ref(),
        stop: &stop,
    });
    let kept = || lingo_adapt::pretrain::last_checkpoint(&arguments.out);
    let outcome = outcome.map_err(|e| Error::from(e).with_checkpoint(kept))?;
    drop(progress);
    if arguments.json {
        let mut value = serde_json::to_value(&outcome)
            .map_err(|e| Error::stage(Kind::Failed, format!("cannot be written as JSON: {e}")))?;
        value["schema"] = "lingo-pipe/pretrain/1".into();
        return print_json(&value);
    }
    terminal.note(&format!(
        "held-out loss {:.4} nats a base; an order-3 Markov model: {:.4}",
        outcome.loss_per_base, outcome.markov3_loss_per_base
    ));
    Ok(())
}
