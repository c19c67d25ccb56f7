//! `predict`: what is asked for is checked and counted, predicted piece by piece into a file of logits, and written.

mod ensemble;
mod items;
mod logo;
mod mutants;
mod outcomes;
mod request;
mod scores;
mod tables;
mod track;
mod write;

use std::path::Path;
use std::time::Instant;

use lingo_artifact::digest::Digest;
use lingo_artifact::progress::StopFlag;
use lingo_artifact::thresholds::Thresholds;
use lingo_workflow::{Error, Kind, Observer as _};
use serde_json::json;

use crate::arguments::Predict;
use crate::output::to_path_or_stdout;
use crate::signals::stop_on_signals;
use crate::terminal::Terminal;
use ensemble::Ensemble;
use items::Row;
use outcomes::Outcomes;
use request::{Census, Request};
use scores::{Found, Scores, beside};
use write::{Job, write};

/// Rows of a piece, at most.
const ROWS: usize = 1024;
/// Bases of a piece: it is full when it has as many.
const BASES: u64 = 1 << 20;

/// `predict`.
pub fn predict(arguments: &Predict, terminal: &Terminal) -> Result<(), Error> {
    request::check(arguments)?;
    let stop = stop_on_signals()?;
    let ensemble = Ensemble::load(arguments)?;
    let thresholds: Vec<Thresholds> = arguments
        .adapter
        .iter()
        .map(|adapter| Ok(Thresholds::read(adapter)?))
        .collect::<Result<_, Error>>()?;
    let outcomes =
        Outcomes::new(ensemble.labels(), arguments.class.as_deref())?.with_thresholds(&thresholds);
    let request = Request::open(arguments, ensemble.labels())?;
    let census = request.census(arguments)?;
    told(&census, terminal);
    let width = ensemble.len() * outcomes.outputs();
    let first = arguments.out.iter().chain(&arguments.logo);
    let first = first.into_iter().find(|out| *out != Path::new("-"));
    let mut scores = match (first, request.inputs()?) {
        (Some(out), Some(inputs)) => {
            let path = beside(out);
            let identity = identity(arguments, &ensemble, &inputs, &census);
            let (scores, found) = Scores::open(&path, &identity, width)?;
            match found {
                Found::Begun if scores.rows > 0 => terminal.note(&format!(
                    "going on behind {} of {} sequences that are predicted already ({})",
                    scores.rows,
                    census.sequences,
                    path.display()
                )),
                Found::Other => terminal.note(&format!(
                    "{} was of other inputs or settings: begun anew",
                    path.display()
                )),
                Found::Begun | Found::Nothing => {}
            }
            scores
        }
        _ => Scores::temporary(width)?,
    };
    let kept = first.is_some();
    let stopped = |e| match e {
        Error::Interrupted { .. } if kept => Error::Interrupted { checkpoint: true },
        Error::Interrupted { .. } => Error::stage(
            Kind::Interrupted,
            "interrupted; what goes to stdout is not kept",
        ),
        e => e,
    };
    let pieces = Pieces {
        request: &request,
        ensemble: &ensemble,
        census: &census,
        stop: &stop,
    };
    pieces.score(&mut scores, terminal).map_err(stopped)?;
    if scores.truncated > 0 {
        let whole = !arguments.fasta.is_empty() && arguments.width.is_none();
        let advice = if whole { "; give --width" } else { "" };
        terminal.say(&format!(
            "warning: {} of {} sequences are longer than the {} tokens that the adapter reads: only their middle was looked at{advice}",
            scores.truncated,
            census.sequences,
            ensemble.max_length()
        ));
    }
    let job = Job {
        request: &request,
        census: &census,
        outcomes: &outcomes,
        members: ensemble.len(),
        value: arguments.value,
        stop: &stop,
    };
    for out in &arguments.out {
        to_path_or_stdout(out, arguments.format, |path| write(&job, &mut scores, path))
            .map_err(stopped)?;
    }
    if let Some(path) = &arguments.logo {
        let name = arguments.logo_of.as_deref();
        write::write_logo(&job, &mut scores, name, path).map_err(stopped)?;
    }
    scores.remove()
}

/// What was left out, and what else a user may like to know.
fn told(census: &Census, terminal: &Terminal) {
    for (key, n) in &census.left_out {
        match *key {
            "outside" => terminal.note(&format!(
                "{n} windows would leave their chromosome and are left out"
            )),
            key => terminal.note(&format!(
                "left out: {n} {}",
                lingo_artifact::left_out::words(key, *n)
            )),
        }
    }
}

/// All that the logits depend on.
fn identity(
    arguments: &Predict,
    ensemble: &Ensemble,
    inputs: &[Digest],
    census: &Census,
) -> String {
    json!({
        "lingo-pipe": env!("CARGO_PKG_VERSION"),
        "adapters": ensemble.identity(),
        "inputs": inputs,
        "sequences": census.sequences,
        "width": arguments.width,
        "stride": arguments.stride,
        "unstranded": arguments.unstranded,
        "mutagenesis": arguments.mutagenesis,
        "as_written": arguments.as_written,
        "skip_ref_mismatch": arguments.skip_ref_mismatch,
        "skip_odd_alleles": arguments.skip_odd_alleles,
        "skip_contigs": arguments.skip_contigs,
        "genomes": arguments.fasta.iter().map(|f| f.genome()).collect::<Vec<_>>(),
        "places": arguments.bed.iter().chain(&arguments.vcf).map(|f| f.genome()).collect::<Vec<_>>(),
        "piece": [ROWS as u64, BASES],
    })
    .to_string()
}

/// Predicts what is not predicted yet.
struct Pieces<'a> {
    request: &'a Request,
    ensemble: &'a Ensemble,
    census: &'a Census,
    stop: &'a StopFlag,
}

impl Pieces<'_> {
    /// Fills the file of logits. Pieces are cut from the first row on, whatever is done already, so that their rows, and
    /// with them the bits of their logits, do not depend on where the work was stopped.
    fn score(&self, scores: &mut Scores, terminal: &Terminal) -> Result<(), Error> {
        let done = scores.rows;
        if done == self.census.sequences {
            return Ok(());
        }
        let progress = terminal.part("predict");
        progress.begin("predict", self.census.sequences);
        progress.advance(done, "");
        let (begin, mut tokens) = (Instant::now(), 0);
        let mut piece: Vec<Row> = Vec::new();
        let (mut bases, mut seen) = (0, 0);
        let mut predict = |piece: &mut Vec<Row>| -> Result<(), Error> {
            let genome = self.request.items.genome.as_ref();
            let said = self.ensemble.logits(piece, genome, self.stop)?;
            scores.append(&said.logits, said.truncated)?;
            piece.clear();
            tokens += said.tokens;
            let seconds = begin.elapsed().as_secs_f64().max(1e-9);
            let rate = (scores.rows - done) as f64 / seconds;
            let note = match tokens {
                0 => format!("{rate:.0} sequences/s"),
                _ => format!(
                    "{rate:.0} sequences/s, {:.0} tokens/s",
                    tokens as f64 / seconds
                ),
            };
            progress.advance(scores.rows, &note);
            Ok(())
        };
        self.request.each_sequence(|row, length| {
            if self.stop.is_raised() {
                return Err(Error::Interrupted { checkpoint: true });
            }
            seen += 1;
            if seen <= done {
                return Ok(());
            }
            bases += length;
            piece.push(row);
            if piece.len() == ROWS || bases >= BASES {
                bases = 0;
                predict(&mut piece)?;
            }
            Ok(())
        })?;
        if !piece.is_empty() {
            predict(&mut piece)?;
        }
        let seconds = begin.elapsed().as_secs_f64().max(1e-9);
        progress.end(&format!(
            "{:.0} sequences/s, {:.0} tokens/s",
            (self.census.sequences - done) as f64 / seconds,
            tokens as f64 / seconds
        ));
        Ok(())
    }
}
