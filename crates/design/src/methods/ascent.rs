//! Searches that follow gradients through the frozen features to the logits of bases: bidirectional learning (Chen et al.
//! 2023) and ascent on linear heads. Each candidate has its own logits and its own Adam; nothing of one reaches another.

use std::collections::HashSet;

use crate::design::{Found, Request};
use crate::error::Error;
use crate::features::soft;
use crate::methods::exhaustive::weight;
use crate::methods::logits;
use crate::numbers::adam::Adam;
use crate::numbers::matrix::{Matrix, add_scaled, dot};
use crate::prepare::Prepared;
use crate::proxy::closed_form::ClosedForm;
use crate::proxy::heads;
use crate::settings::{AscentSettings, BibSettings, Choose, Direction, Ensemble};

/// Adam's rate for `gamma`.
const GAMMA_RATE: f64 = 0.1;

/// How far the rate goes along the product of both directions, and its bounds.
const RATE_STEP: f64 = 0.01;
const RATES: [f64; 2] = [1e-4, 0.5];

/// What the steps follow.
struct Objective<'a> {
    prepared: &'a Prepared,
    kind: Kind<'a>,
    steps: usize,
    rate: f64,
}

enum Kind<'a> {
    Losses {
        proxy: &'a ClosedForm,
        settings: &'a BibSettings,
        /// The gradient of the auxiliary score with respect to the features, where one is needed.
        auxiliary: Option<Vec<f64>>,
    },
    /// The mean of the heads' weights.
    Heads(Vec<f64>),
}

/// A candidate.
#[derive(Clone, Debug)]
struct Candidate {
    logits: Vec<f64>,
    adam: Adam,
    gamma: f64,
    gamma_adam: Adam,
}

pub(crate) fn bib(settings: &BibSettings, request: &Request) -> Result<Vec<Found>, Error> {
    let prepared = request.prepared;
    let proxy = prepared.closed_form()?;
    let is_adaptive = settings.adaptive_gamma || settings.adaptive_rate;
    let auxiliary = is_adaptive.then(|| {
        let heads = prepared.heads();
        let mut mean = match settings.ensemble {
            Ensemble::Five => mean_of(heads.iter().map(heads::Head::weights)),
            // One module five times, of the checkpoint that was loaded last.
            Ensemble::One => mean_of(heads.last().map(heads::Head::weights).into_iter()),
        };
        mean.iter_mut().for_each(|w| *w *= prepared.scores.deviation);
        mean
    });
    let objective = Objective {
        prepared,
        kind: Kind::Losses {
            proxy,
            settings,
            auxiliary,
        },
        steps: settings.steps.get() as usize,
        rate: settings.learning_rate.get(),
    };
    search(&objective, settings.noise.get(), settings.choose, request)
}

pub(crate) fn on_heads(settings: &AscentSettings, request: &Request) -> Result<Vec<Found>, Error> {
    let prepared = request.prepared;
    let heads = prepared.heads();
    let objective = Objective {
        prepared,
        kind: Kind::Heads(mean_of(heads.iter().map(heads::Head::weights))),
        steps: settings.steps.get() as usize,
        rate: settings.learning_rate.get(),
    };
    search(&objective, settings.noise.get(), settings.choose, request)
}

fn mean_of<'a>(rows: impl ExactSizeIterator<Item = &'a [f64]>) -> Vec<f64> {
    let share = 1.0 / rows.len().max(1) as f64;
    let mut mean = Vec::new();
    for row in rows {
        mean.resize(row.len(), 0.0);
        add_scaled(&mut mean, row, share);
    }
    mean
}

fn search(
    objective: &Objective,
    noise: f64,
    choose: Choose,
    request: &Request,
) -> Result<Vec<Found>, Error> {
    let known = &objective.prepared.known;
    let begin = known.best(request.count).into_iter().map(|row| {
        let mut bases = known.sequences[row].clone();
        request.constraints.fix(&mut bases);
        bases
    });
    let begin: Vec<Vec<u8>> = begin.collect();
    let first = logits::begin(&begin, noise, request.seed);
    let mut candidates = objective.candidates(first);
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    let mut visited = Vec::new();
    for step in 0..objective.steps {
        if request.stop.is_raised() {
            return Err(Error::Stopped);
        }
        if choose == Choose::Visited {
            for candidate in &candidates {
                let bases = soft::hard(&candidate.logits);
                if seen.insert(bases.clone()) {
                    visited.push(bases);
                }
            }
        }
        objective.step(step, &mut candidates, request)?;
        request.progress.advance(step as u64 + 1, "");
    }
    let last = candidates.iter().map(|c| soft::hard(&c.logits));
    match choose {
        Choose::Final => visited.extend(last),
        Choose::Visited => visited.extend(last.filter(|bases| seen.insert(bases.clone()))),
    }
    objective.found(visited)
}

impl Objective<'_> {
    fn candidates(&self, logits: Vec<Vec<f64>>) -> Vec<Candidate> {
        let gamma = match &self.kind {
            Kind::Losses { settings, .. } => weight(settings.direction, settings.gamma.get()),
            Kind::Heads(_) => 0.0,
        };
        let of = |logits: Vec<f64>| Candidate {
            adam: Adam::new(logits.len()),
            logits,
            gamma,
            gamma_adam: Adam::new(1),
        };
        logits.into_iter().map(of).collect()
    }

    /// The gradients with respect to the features that a step needs: of the loss alone, or of the forward loss, the
    /// backward loss and the auxiliary score.
    fn ask(&self, features: &Matrix, candidates: &[Candidate]) -> Vec<Matrix> {
        let width = features.width;
        let rows = || features.rows().zip(candidates);
        let of = |values: Vec<f64>| Matrix { width, values };
        match &self.kind {
            Kind::Heads(mean) => {
                let downhill = mean.iter().map(|w| -w);
                let row: Vec<f64> = downhill.collect();
                vec![of(row.repeat(features.len()))]
            }
            Kind::Losses {
                proxy,
                settings,
                auxiliary: Some(auxiliary),
            } => {
                let target = settings.target.get();
                let forward = rows().flat_map(|(row, _)| proxy.forward(row, target).gradient);
                let backward = rows().flat_map(|(row, _)| proxy.backward(row, target).gradient);
                vec![
                    of(forward.collect()),
                    of(backward.collect()),
                    of(auxiliary.repeat(features.len())),
                ]
            }
            Kind::Losses {
                proxy, settings, ..
            } => {
                let target = settings.target.get();
                let sum = rows().flat_map(|(row, candidate)| {
                    let mut sum = vec![0.0; width];
                    if candidate.gamma > 0.0 {
                        let forward = proxy.forward(row, target).gradient;
                        add_scaled(&mut sum, &forward, candidate.gamma);
                    }
                    if candidate.gamma < 1.0 {
                        let backward = proxy.backward(row, target).gradient;
                        add_scaled(&mut sum, &backward, 1.0 - candidate.gamma);
                    }
                    sum
                });
                vec![of(sum.collect())]
            }
        }
    }

    /// One step of all candidates.
    fn step(
        &self,
        step: usize,
        candidates: &mut [Candidate],
        request: &Request,
    ) -> Result<(), Error> {
        let features = &self.prepared.features;
        let sequences: Vec<Vec<u8>> = candidates.iter().map(|c| soft::hard(&c.logits)).collect();
        let tokens = features.tokens(self.prepared.known.length());
        let found = features.pull_back(&sequences, &mut |features| self.ask(features, candidates))?;
        for (i, candidate) in candidates.iter_mut().enumerate() {
            let soft = soft::probabilities(&candidate.logits);
            let mut gradients: Vec<Vec<f64>> = found
                .iter()
                .map(|of_tokens| soft::pull_back(&tokens, &soft, &of_tokens[i]))
                .collect();
            gradients
                .iter_mut()
                .for_each(|gradient| logits::hold(gradient, request.constraints));
            self.move_on(step, candidate, &gradients);
        }
        Ok(())
    }

    fn move_on(&self, step: usize, candidate: &mut Candidate, gradients: &[Vec<f64>]) {
        let (
            Kind::Losses {
                settings,
                auxiliary: Some(_),
                ..
            },
            [forward, backward, auxiliary],
        ) = (&self.kind, gradients)
        else {
            let direction = candidate.adam.direction(&gradients[0]);
            add_scaled(&mut candidate.logits, &direction, -self.rate);
            return;
        };
        if settings.adaptive_gamma {
            // The auxiliary score behind a step, differentiated by gamma: -rate <auxiliary, forward - backward>.
            let slope = self.rate * (dot(auxiliary, forward) - dot(auxiliary, backward));
            let direction = candidate.gamma_adam.direction(&[slope])[0];
            candidate.gamma = (candidate.gamma - GAMMA_RATE * direction).clamp(0.0, 1.0);
        }
        let gamma = candidate.gamma;
        let both = forward.iter().zip(backward);
        let gradient: Vec<f64> = both.map(|(f, b)| gamma * f + (1.0 - gamma) * b).collect();
        let direction = candidate.adam.direction(&gradient);
        let rate = match settings.adaptive_rate && step > 0 {
            true => {
                let slope = dot(auxiliary, &direction);
                (self.rate - RATE_STEP * slope).clamp(RATES[0], RATES[1])
            }
            false => self.rate,
        };
        add_scaled(&mut candidate.logits, &direction, -rate);
    }

    /// Sequences with their value: minus the loss at the first `gamma`, or the mean of the heads.
    fn found(&self, sequences: Vec<Vec<u8>>) -> Result<Vec<Found>, Error> {
        let features = self.prepared.features.of(&sequences)?;
        let scores = &self.prepared.scores;
        let value = |row: &[f64]| match &self.kind {
            Kind::Losses {
                proxy, settings, ..
            } => {
                let target = settings.target.get();
                let gamma = weight(settings.direction, settings.gamma.get());
                let forward = || proxy.forward(row, target).value;
                let backward = || proxy.backward(row, target).value;
                let loss = match settings.direction {
                    Direction::Forward => forward(),
                    Direction::Backward => backward(),
                    Direction::Both => gamma * forward() + (1.0 - gamma) * backward(),
                };
                (-loss, scores.measured(proxy.predict(row)))
            }
            Kind::Heads(_) => {
                let mean = heads::spread(self.prepared.heads(), row).0;
                (mean, scores.measured(mean))
            }
        };
        let rows = sequences.into_iter().zip(features.rows());
        Ok(rows
            .map(|(bases, row)| {
                let (value, predicted) = value(row);
                Found {
                    bases,
                    value,
                    predicted,
                }
            })
            .collect())
    }
}
