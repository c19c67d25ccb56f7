//! Searches that follow gradients through the frozen features to the logits of bases: bidirectional learning (Chen et al.
//! 2023) and ascent on linear heads. Each candidate has its own logits and its own Adam; nothing of one reaches another.

use std::collections::HashSet;

use crate::error::Error;
use crate::features::soft;
use crate::methods::exhaustive::weight;
use crate::methods::logits::{self, Noise};
use crate::methods::pulled::Memo;
use crate::numbers::adam::Adam;
use crate::numbers::matrix::{Matrix, add_scaled, dot};
use crate::prepare::Prepared;
use crate::proxy::closed_form::ClosedForm;
use crate::proxy::heads;
use crate::request::{Found, Request};
use crate::settings::{AscentSettings, BibSettings, Choose, Direction, Ensemble};
use crate::trace::{Span, Step};

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

/// What a search found, and how its steps went.
type Searched = (Vec<Found>, Vec<Step>);

/// What of a sequence stands in the trace.
#[derive(Clone, Copy, Debug)]
struct Seen {
    predicted: f64,
    losses: Option<[f64; 2]>,
}

pub(crate) fn bib(settings: &BibSettings, request: &Request) -> Result<Searched, Error> {
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
        mean.iter_mut()
            .for_each(|w| *w *= prepared.scores.deviation);
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
    let noise = Noise::new(settings.noise, settings.shared_noise);
    search(&objective, noise, settings.choose, request)
}

pub(crate) fn on_heads(settings: &AscentSettings, request: &Request) -> Result<Searched, Error> {
    let prepared = request.prepared;
    let heads = prepared.heads();
    let objective = Objective {
        prepared,
        kind: Kind::Heads(mean_of(heads.iter().map(heads::Head::weights))),
        steps: settings.steps.get() as usize,
        rate: settings.learning_rate.get(),
    };
    let noise = Noise::new(settings.noise, settings.shared_noise);
    search(&objective, noise, settings.choose, request)
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
    noise: Noise,
    choose: Choose,
    request: &Request,
) -> Result<Searched, Error> {
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
    let mut memo = Memo::default();
    let mut trace = Vec::with_capacity(objective.steps);
    for step in 0..objective.steps {
        if request.stop.is_raised() {
            return Err(Error::Stopped);
        }
        if choose != Choose::Final {
            for candidate in &candidates {
                let bases = soft::hard(&candidate.logits);
                if seen.insert(bases.clone()) {
                    visited.push(bases);
                }
            }
        }
        trace.push(objective.step(step, &mut candidates, &mut memo, request)?);
        request.progress.advance(step as u64 + 1, "");
    }
    let last = candidates.iter().map(|c| soft::hard(&c.logits));
    match choose {
        Choose::Final => visited.extend(last),
        Choose::Visited | Choose::Refined => {
            visited.extend(last.filter(|bases| seen.insert(bases.clone())));
        }
    }
    let found = objective.found(visited)?;
    let found = match choose {
        Choose::Refined => refine(objective, found, seen, request)?,
        Choose::Final | Choose::Visited => found,
    };
    Ok((found, trace))
}

/// So many rounds of neighbours at most.
const ROUNDS: usize = 50;

/// Looks at every sequence one base away from the best, until the best are among themselves.
fn refine(
    objective: &Objective,
    mut found: Vec<Found>,
    mut seen: HashSet<Vec<u8>>,
    request: &Request,
) -> Result<Vec<Found>, Error> {
    for _ in 0..ROUNDS {
        if request.stop.is_raised() {
            return Err(Error::Stopped);
        }
        found.sort_by(|a, b| b.value.total_cmp(&a.value));
        let allowed = found.iter().filter(|f| request.constraints.allow(&f.bases));
        let mut near = Vec::new();
        for one in allowed.take(request.count) {
            for place in 0..one.bases.len() {
                for change in 1..4 {
                    let mut bases = one.bases.clone();
                    bases[place] = (bases[place] + change) % 4;
                    if request.constraints.allow(&bases) && seen.insert(bases.clone()) {
                        near.push(bases);
                    }
                }
            }
        }
        if near.is_empty() {
            break;
        }
        found.extend(objective.found(near)?);
    }
    Ok(found)
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
    /// backward loss and the auxiliary score. They depend on nothing but the features.
    fn ask(&self, features: &Matrix) -> Vec<Matrix> {
        let width = features.width;
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
                let rows = || features.rows();
                let forward = rows().flat_map(|row| proxy.forward(row, target).gradient);
                let backward = rows().flat_map(|row| proxy.backward(row, target).gradient);
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
                let gamma = weight(settings.direction, settings.gamma.get());
                let sum = features.rows().flat_map(|row| {
                    let mut sum = vec![0.0; width];
                    if gamma > 0.0 {
                        let forward = proxy.forward(row, target).gradient;
                        add_scaled(&mut sum, &forward, gamma);
                    }
                    if gamma < 1.0 {
                        let backward = proxy.backward(row, target).gradient;
                        add_scaled(&mut sum, &backward, 1.0 - gamma);
                    }
                    sum
                });
                vec![of(sum.collect())]
            }
        }
    }

    /// What the trace tells of a sequence with these features.
    fn seen(&self, features: &[f64]) -> Seen {
        let scores = &self.prepared.scores;
        match &self.kind {
            Kind::Heads(mean) => Seen {
                predicted: scores.measured(dot(mean, features)),
                losses: None,
            },
            Kind::Losses {
                proxy, settings, ..
            } => {
                let target = settings.target.get();
                Seen {
                    predicted: scores.measured(proxy.predict(features)),
                    losses: Some([
                        proxy.forward(features, target).value,
                        proxy.backward(features, target).value,
                    ]),
                }
            }
        }
    }

    /// One step of all candidates.
    fn step(
        &self,
        step: usize,
        candidates: &mut [Candidate],
        memo: &mut Memo<Seen>,
        request: &Request,
    ) -> Result<Step, Error> {
        let features = &self.prepared.features;
        let sequences: Vec<Vec<u8>> = candidates.iter().map(|c| soft::hard(&c.logits)).collect();
        let tokens = features.tokens(self.prepared.known.length);
        let mut ask = |features: &Matrix| self.ask(features);
        let pulled = memo.of(features.as_ref(), &sequences, &mut ask, &|row| {
            self.seen(row)
        })?;
        let mut rates = Vec::with_capacity(candidates.len());
        for (candidate, pulled) in candidates.iter_mut().zip(&pulled) {
            let soft = soft::probabilities(&candidate.logits);
            let mut gradients: Vec<Vec<f64>> = (pulled.gradients.iter())
                .map(|of_tokens| soft::pull_back(&tokens, &soft, of_tokens))
                .collect();
            gradients
                .iter_mut()
                .for_each(|gradient| logits::hold(gradient, request.constraints));
            rates.push(self.move_on(step, candidate, &gradients));
        }
        let distinct: HashSet<&Vec<u8>> = sequences.iter().collect();
        let mean = |of: &dyn Fn(&Seen) -> Option<f64>| {
            let values: Option<Vec<f64>> = pulled.iter().map(|pulled| of(&pulled.seen)).collect();
            values.map(|values| values.iter().sum::<f64>() / values.len().max(1) as f64)
        };
        let has_gamma = matches!(self.kind, Kind::Losses { .. });
        let gammas = candidates.iter().map(|candidate| candidate.gamma);
        Ok(Step {
            step: step as u32 + 1,
            distinct: distinct.len(),
            predicted: mean(&|seen| Some(seen.predicted)).unwrap_or_default(),
            forward: mean(&|seen| seen.losses.map(|[forward, _]| forward)),
            backward: mean(&|seen| seen.losses.map(|[_, backward]| backward)),
            gamma: has_gamma.then(|| Span::of(gammas)),
            rate: Span::of(rates.into_iter()),
        })
    }

    /// Moves a candidate, and tells how far its rate went.
    fn move_on(&self, step: usize, candidate: &mut Candidate, gradients: &[Vec<f64>]) -> f64 {
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
            return self.rate;
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
        rate
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use lingo_artifact::progress::{Silent, StopFlag};
    use lingo_lm::{DeviceChoice, Model, Packing, Precision, open_device};
    use serde_json::Value;

    use super::*;
    use crate::features::Features;
    use crate::features::language_model::{LanguageModel, TokenRows};
    use crate::sequences::constraints::Constraints;
    use crate::sequences::known::Known;
    use crate::settings::Method;

    /// The tiny model of tests/oracles/design.py: overlapping 3-mers behind five special tokens.
    fn features(both_strands: bool) -> LanguageModel {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dnabert_tiny");
        let device = open_device(DeviceChoice::Cpu).unwrap().autodiff();
        let packing = Packing {
            precision: Precision::F32,
            quantization: None,
            gradients: true,
        };
        let model = Model::load_packed(&folder, &device, packing).unwrap();
        let tokens = TokenRows {
            k: 3,
            stride: 1,
            kmers: (5..69).collect(),
            singles: None,
            before: vec![2],
            after: vec![3],
        };
        LanguageModel::new(model, tokens, both_strands, 4..=6).unwrap()
    }

    fn golden() -> (Value, Prepared) {
        let golden: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/bib.json")).unwrap();
        let known = Known {
            length: 6,
            sequences: serde_json::from_value(golden["sequences"].clone()).unwrap(),
            scores: serde_json::from_value(golden["scores"].clone()).unwrap(),
        };
        let prepared = Prepared::new(Arc::new(features(false)), Arc::new(known)).unwrap();
        (golden, prepared)
    }

    fn numbers(value: &Value) -> Vec<Vec<f64>> {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
        assert_eq!(found.len(), expected.len(), "{what}");
        let size = expected.iter().fold(1.0f64, |size, x| size.max(x.abs()));
        for (found, expected) in found.iter().zip(expected) {
            let error = (found - expected).abs() / size;
            assert!(error < tolerance, "{what}: {found} {expected}");
        }
    }

    fn request<'a>(method: &'a Method, prepared: &'a Prepared, stop: &'a StopFlag) -> Request<'a> {
        static FREE: std::sync::OnceLock<Constraints> = std::sync::OnceLock::new();
        Request {
            method,
            prepared,
            constraints: FREE.get_or_init(Constraints::default),
            count: 4,
            seed: 1,
            progress: &Silent,
            stop,
        }
    }

    fn objective<'a>(
        prepared: &'a Prepared,
        settings: &'a BibSettings,
        auxiliary: Option<Vec<f64>>,
    ) -> Objective<'a> {
        Objective {
            prepared,
            kind: Kind::Losses {
                proxy: prepared.closed_form().unwrap(),
                settings,
                auxiliary,
            },
            steps: 5,
            rate: 0.1,
        }
    }

    #[test]
    fn five_steps_are_those_of_pytorch() {
        let (golden, prepared) = golden();
        for (row, expected) in numbers(&golden["features"]).iter().enumerate() {
            close(prepared.matrix.row(row), expected, 1e-5, "features");
        }
        let auxiliary: Vec<f64> = serde_json::from_value(golden["auxiliary"].clone()).unwrap();
        let method = Method::Bib(BibSettings::default());
        let stop = StopFlag::default();
        let request = request(&method, &prepared, &stop);
        for (name, gamma, rate) in [
            ("fixed", false, false),
            ("adaptive_gamma", true, false),
            ("adaptive_rate", true, true),
        ] {
            let settings = BibSettings {
                adaptive_gamma: gamma,
                adaptive_rate: rate,
                ..BibSettings::default()
            };
            let objective = objective(&prepared, &settings, gamma.then(|| auxiliary.clone()));
            let mut candidates = objective.candidates(numbers(&golden["first"]));
            let mut memo = Memo::default();
            for (step, expected) in golden[name].as_array().unwrap().iter().enumerate() {
                let told = objective
                    .step(step, &mut candidates, &mut memo, &request)
                    .unwrap();
                assert!(told.rate.least <= told.rate.mean && told.rate.mean <= told.rate.most);
                let gammas: Vec<f64> = candidates.iter().map(|c| c.gamma).collect();
                let expected_gammas: Vec<f64> =
                    serde_json::from_value(expected["gamma"].clone()).unwrap();
                close(&gammas, &expected_gammas, 1e-4, name);
                for (candidate, expected) in candidates.iter().zip(numbers(&expected["logits"])) {
                    close(&candidate.logits, &expected, 1e-4, name);
                }
            }
        }
    }

    #[test]
    fn gradients_of_both_losses_and_the_auxiliary_score_are_those_of_pytorch() {
        let (golden, prepared) = golden();
        let auxiliary: Vec<f64> = serde_json::from_value(golden["auxiliary"].clone()).unwrap();
        let settings = BibSettings::default();
        let objective = objective(&prepared, &settings, Some(auxiliary));
        let candidates = objective.candidates(numbers(&golden["first"]));
        let sequences: Vec<Vec<u8>> = candidates.iter().map(|c| soft::hard(&c.logits)).collect();
        let features = prepared.features.of(&sequences).unwrap();
        let proxy = prepared.closed_form().unwrap();
        for (name, of) in [
            ("forward", ClosedForm::forward as fn(&_, &_, _) -> _),
            ("backward", ClosedForm::backward),
        ] {
            let values: Vec<f64> = features
                .rows()
                .map(|row| of(proxy, row, 10.0).value)
                .collect();
            let expected: Vec<f64> = serde_json::from_value(golden[name].clone()).unwrap();
            close(&values, &expected, 1e-4, name);
        }
        let mut ask = |features: &Matrix| objective.ask(features);
        let found = prepared.features.pull_back(&sequences, &mut ask).unwrap();
        let tokens = prepared.features.tokens(6);
        for (of_tokens, expected) in found.iter().zip(golden["gradients"].as_array().unwrap()) {
            for (i, expected) in numbers(expected).iter().enumerate() {
                let soft = soft::probabilities(&candidates[i].logits);
                let found = soft::pull_back(&tokens, &soft, &of_tokens[i]);
                close(&found, expected, 1e-4, "gradient");
            }
        }
    }

    /// The auxiliary score behind a step, differentiated by `gamma`, against differences of the linearised score.
    #[test]
    fn gamma_moves_along_the_slope_of_the_score_behind_the_step() {
        let forward = [0.3, -1.0, 0.2];
        let backward = [-0.5, 0.1, 0.9];
        let auxiliary = [1.0, 0.4, -0.7];
        let rate = 0.1;
        let score = |gamma: f64| {
            let step = forward.iter().zip(&backward);
            let step = step.map(|(f, b)| -rate * (gamma * f + (1.0 - gamma) * b));
            step.zip(&auxiliary).map(|(s, a)| s * a).sum::<f64>()
        };
        let slope = -rate * (dot(&auxiliary, &forward) - dot(&auxiliary, &backward));
        assert!(((score(0.5 + 1e-4) - score(0.5 - 1e-4)) / 2e-4 - slope).abs() < 1e-9);
    }

    #[test]
    fn candidates_alone_are_the_same_bits_as_among_others() {
        let (golden, _) = golden();
        let sequences: Vec<Vec<u8>> = serde_json::from_value(golden["sequences"].clone()).unwrap();
        for both_strands in [false, true] {
            let features = features(both_strands);
            let mut ask = |of: &Matrix| vec![of.clone(), of.clone()];
            let together = features.pull_back(&sequences, &mut ask).unwrap();
            let all = features.of(&sequences).unwrap();
            // Among others of another length, too.
            let mixed = [sequences[1].clone(), vec![0, 1, 2, 3], sequences[2].clone()];
            let found = features.of(&mixed).unwrap();
            assert_eq!((found.row(0), found.row(2)), (all.row(1), all.row(2)));
            assert_eq!(found.row(1), features.of(&mixed[1..2]).unwrap().row(0));
            for (i, sequence) in sequences.iter().enumerate().step_by(7) {
                let alone = [sequence.clone()];
                assert_eq!(features.of(&alone).unwrap().row(0), all.row(i));
                let found = features.pull_back(&alone, &mut ask).unwrap();
                assert_eq!(found[0][0], together[0][i]);
                assert_eq!(found[1][0], together[1][i]);
            }
        }
    }

    #[test]
    fn both_strands_have_the_same_features_and_gradients() {
        use crate::sequences::dna::reverse_complement;
        let features = features(true);
        let bases = vec![0, 0, 1, 3, 2, 1];
        let pair = [bases.clone(), reverse_complement(&bases)];
        let of = features.of(&pair).unwrap();
        close(of.row(0), of.row(1), 1e-6, "features");
        let mut ask = |of: &Matrix| vec![of.clone()];
        let found = features.pull_back(&pair, &mut ask).unwrap();
        let tokens = features.tokens(6);
        let noise = Noise {
            deviation: 0.5,
            shared: true,
        };
        let logits = logits::begin(&pair, noise, 3);
        let soft: Vec<f64> = soft::probabilities(&logits[0]);
        // The other strand's probabilities: places and bases turned around.
        let turned: Vec<f64> = soft.iter().rev().copied().collect();
        let one = soft::pull_back(&tokens, &soft, &found[0][0]);
        let mut other = soft::pull_back(&tokens, &turned, &found[0][1]);
        other.reverse();
        close(&one, &other, 1e-5, "gradients");
    }
}
