//! Gated rank sampling at work.
//!
//! A pruned triplet has `up` zero in the vector of trained values, so it changes no forward pass,
//! whether it is shown or not; the optimizer leaves it alone.

use lingo_artifact::random::Stream;

use crate::rank::adaptation::{Allocation, RankAdaptation, RankState, Restarted, Values};
use crate::rank::gated::direction::orthogonalize;
use crate::rank::gated::exchange::{exchange, gumbel};
use crate::rank::gated::gates::{BudgetIn, Gates, Return, Scores};
use crate::rank::gated::scores::{Means, MovingAverages, loss_of_removal, promise};
use crate::rank::schedule::Schedule;
use crate::rank::triplets::Triplets;

/// So many steps up to an allocation, pruned triplets are in the forward pass, to have gradients.
const PROBE_STEPS: u64 = 4;
/// The learning rate of a triplet that came back rises over so many steps.
const WARM_STEPS: u64 = 10;

/// The state of gated rank sampling.
pub(crate) struct GatedSampler {
    gates: Gates,
    schedule: Schedule,
    modules: Vec<Triplets>,
    /// What each triplet costs of the budget.
    costs: Vec<u64>,
    live: Vec<bool>,
    /// Of the live ones: what their removal would cost.
    worth: MovingAverages,
    /// Of the pruned ones: what they promise.
    promise: Means,
    /// The step after which each triplet came back from zero; 0 for those that never did.
    began: Vec<u64>,
    /// Under [`Return::Value`], `up` of the pruned ones as it was.
    kept: Vec<f32>,
    /// For each value: the optimizer leaves it alone.
    frozen: Vec<bool>,
    /// For each value: the same, or its triplet has a clock of its own.
    apart: Vec<bool>,
    stream: Stream,
}

impl GatedSampler {
    /// All triplets of `modules` live; `length` is that of the vector of trained values.
    pub fn new(
        gates: Gates,
        schedule: Schedule,
        decay: f64,
        modules: Vec<Triplets>,
        length: usize,
        seed: u64,
    ) -> Self {
        let costs: Vec<u64> = modules
            .iter()
            .flat_map(|m| std::iter::repeat_n((m.input + m.output) as u64, m.rank))
            .map(|cost| match gates.budget_in {
                BudgetIn::Triplets => 1,
                BudgetIn::Parameters => cost,
            })
            .collect();
        let n = costs.len();
        let mut sampler = Self {
            gates,
            schedule,
            modules,
            costs,
            live: vec![true; n],
            worth: MovingAverages::new(decay, n),
            promise: Means::new(n),
            began: vec![0; n],
            kept: match gates.returns {
                Return::Zero => Vec::new(),
                Return::Value => vec![0.0; length],
            },
            frozen: vec![false; length],
            apart: vec![false; length],
            stream: Stream::new(seed, "rank-sampling"),
        };
        sampler.sort_values();
        sampler
    }

    /// Each triplet with its module and its number there.
    fn triplets(&self) -> impl Iterator<Item = (Triplets, usize)> {
        let modules = self.modules.iter();
        modules.flat_map(|&m| (0..m.rank).map(move |i| (m, i)))
    }

    /// Whether pruned triplets are in the forward pass of a step: an exchange that asks for their
    /// gradients is near.
    fn probes(&self, step: u64) -> bool {
        self.gates.scores == Scores::Gradient
            && (step..step + PROBE_STEPS).any(|next| {
                self.schedule.allocates(next) && self.gates.swaps(&self.schedule, next) > 0
            })
    }

    /// What triplets are ordered by: log score with noise.
    fn keys(&mut self, step: u64) -> Vec<f64> {
        let temperature = self.gates.temperature(&self.schedule, step);
        (0..self.live.len())
            .map(|i| {
                let noise = gumbel(&mut self.stream);
                let score = match (self.gates.scores, self.live[i]) {
                    (Scores::Random, _) | (Scores::UniformReturn, false) => return noise,
                    (_, true) => self.worth.get(i),
                    (_, false) => self.promise.get(i),
                };
                (score / self.costs[i] as f64).ln() + temperature * noise
            })
            .collect()
    }

    /// The budget in what is counted.
    fn affordable(&self, budget: u64) -> u64 {
        let all: u64 = self.costs.iter().sum();
        (u128::from(all) * u128::from(budget) / u128::from(self.schedule.initial.max(1))) as u64
    }

    fn prune(&mut self, number: usize, (module, i): (Triplets, usize), trained: &mut Values) {
        let up = module.up_row(i);
        match self.gates.returns {
            Return::Value => self.kept[up.clone()].copy_from_slice(&trained.values[up.clone()]),
            Return::Zero => {
                trained.values[module.lambda + i] = self.gates.lambda;
                for place in module.places(i) {
                    trained.first_moments[place] = 0.0;
                    trained.second_moments[place] = 0.0;
                }
                self.worth.forget(number);
            }
        }
        trained.values[up].fill(0.0);
    }

    fn bring_back(
        &mut self,
        number: usize,
        (module, i): (Triplets, usize),
        others: &[usize],
        step: u64,
        trained: &mut Values,
    ) {
        match self.gates.returns {
            Return::Value => {
                let up = module.up_row(i);
                trained.values[up.clone()].copy_from_slice(&self.kept[up.clone()]);
                self.kept[up].fill(0.0);
            }
            Return::Zero => {
                orthogonalize(trained.values, &module, i, others);
                self.began[number] = step;
            }
        }
    }

    /// Marks the values that the optimizer leaves alone, or steps by a clock of their own.
    fn sort_values(&mut self) {
        let triplets: Vec<(Triplets, usize)> = self.triplets().collect();
        for (number, (module, i)) in triplets.into_iter().enumerate() {
            let (dead, restarted) = (!self.live[number], self.began[number] > 0);
            for place in module.places(i) {
                self.frozen[place] = dead;
                self.apart[place] = dead || restarted;
            }
            if !self.gates.trains_lambda {
                self.frozen[module.lambda + i] = true;
                self.apart[module.lambda + i] = true;
            }
        }
    }
}

impl RankAdaptation for GatedSampler {
    fn live(&self) -> &[bool] {
        &self.live
    }

    fn budget(&self, step: u64) -> u64 {
        self.schedule.budget(step)
    }

    fn shown(&self, step: u64) -> Option<Vec<bool>> {
        (!self.probes(step)).then(|| self.live.clone())
    }

    fn scored(&self) -> Option<&[bool]> {
        Some(&self.live)
    }

    fn frozen(&self) -> Option<&[bool]> {
        Some(&self.frozen)
    }

    fn apart(&self) -> Option<&[bool]> {
        Some(&self.apart)
    }

    fn restarted(&self, step: u64) -> Vec<Restarted> {
        let began = self.began.iter().zip(&self.live);
        self.triplets()
            .zip(began)
            .filter(|(_, (began, live))| **began > 0 && **live)
            .map(|((module, triplet), (began, _))| {
                let steps = step.saturating_sub(*began).max(1);
                Restarted {
                    module,
                    triplet,
                    steps,
                    warm: (steps as f64 / WARM_STEPS as f64).min(1.0),
                }
            })
            .collect()
    }

    fn observe(&mut self, _: u64, values: &[f32], gradients: &[f32], shown: Option<&[bool]>) {
        let triplets: Vec<(Triplets, usize)> = self.triplets().collect();
        for (number, (module, i)) in triplets.into_iter().enumerate() {
            if shown.is_some_and(|shown| !shown[number]) {
                continue;
            }
            if self.live[number] {
                let worth = loss_of_removal(values, gradients, &module, i);
                self.worth.add(number, worth);
            } else {
                self.promise.add(number, promise(gradients, &module, i));
            }
        }
    }

    fn after_step(&mut self, step: u64, trained: &mut Values, _: &[f32]) -> Option<Allocation> {
        if self.schedule.target == self.schedule.initial || !self.schedule.allocates(step) {
            return None;
        }
        let budget = self.schedule.budget(step);
        let swaps = self.gates.swaps(&self.schedule, step) as usize;
        let keys = self.keys(step);
        let affordable = self.affordable(budget);
        let now = exchange(&self.live, &keys, &self.costs, affordable, swaps);
        let before = std::mem::replace(&mut self.live, now);
        let mut first = 0;
        for module in self.modules.clone() {
            // The ones that stay; each that comes back joins them.
            let mut others = Vec::new();
            for i in 0..module.rank {
                match (before[first + i], self.live[first + i]) {
                    (true, true) => others.push(i),
                    (true, false) => self.prune(first + i, (module, i), trained),
                    _ => (),
                }
            }
            for i in 0..module.rank {
                if !before[first + i] && self.live[first + i] {
                    self.bring_back(first + i, (module, i), &others, step, trained);
                    others.push(i);
                }
            }
            first += module.rank;
        }
        self.promise.clear();
        self.sort_values();
        Some(Allocation::of(budget, &before, &self.live, &self.modules))
    }

    fn state(&self) -> RankState {
        let began = self.began.iter().map(|&step| step as f32).collect();
        RankState::at(self.stream.position())
            .with_flags("live", &self.live)
            .with("worth", self.worth.sums.clone())
            .with("worth_weights", self.worth.weights.clone())
            .with("promise", self.promise.sums.clone())
            .with("promise_counts", self.promise.counts.clone())
            .with("began", began)
            .with("kept", self.kept.clone())
    }

    fn restore(&mut self, mut state: RankState) -> Result<(), String> {
        let n = self.live.len();
        self.live = state.take_flags("live", n)?;
        self.worth.sums = state.take("worth", n)?;
        self.worth.weights = state.take("worth_weights", n)?;
        self.promise.sums = state.take("promise", n)?;
        self.promise.counts = state.take("promise_counts", n)?;
        let began = state.take("began", n)?;
        self.began = began.into_iter().map(|step| step as u64).collect();
        self.kept = state.take("kept", self.kept.len())?;
        self.stream.set_position(state.position);
        self.sort_values();
        Ok(())
    }
}
