//! Which triplets live: AdaLoRA's threshold, and Lingo's adaptive rank sampling in two variants.

use lingo_artifact::random::Stream;

use crate::rank::adaptation::{Allocation, RankAdaptation, RankState, Values};
use crate::rank::importance::Importance;
use crate::rank::schedule::Schedule;
use crate::rank::triplets::Triplets;

/// How live triplets are chosen at an allocation with budget `b` of `b0` triplets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// AdaLoRA (Zhang et al. 2023) as in PEFT: lambda of every triplet whose score is not above
    /// the `(b0 - b)`-th smallest becomes 0; it may grow back until the next allocation.
    Adalora,
    /// Adaptive rank sampling as Lingo describes it: a mask multiplies lambda. The `b` best live,
    /// except that `n = round(p min(b, b0 - b))` of them are dropped and `n` of the others
    /// reintroduced. What is masked keeps its values, moments and score.
    AsDescribed {
        /// The `p` above, at the first allocation.
        probability: f64,
        /// `p` falls linearly to 0 at the last allocation.
        anneal: bool,
        /// What a masked triplet's score loses at each allocation, as a fraction.
        score_decay: f64,
    },
    /// Adaptive rank sampling as Lingo's code has it: AdaLoRA's zeroing first; then each triplet
    /// above the threshold is dropped with probability `p`, and each below stays in the pattern
    /// with probability `p`, its lambda zero.
    AsPublishedCode {
        /// The `p` above.
        probability: f64,
        /// The trainer calls the allocator only at multiples of this many steps.
        call_every: u64,
    },
}

impl Rule {
    /// The probability of sampling, where the rule samples.
    pub fn probability(self) -> Option<f64> {
        match self {
            Self::Adalora => None,
            Self::AsDescribed { probability, .. } | Self::AsPublishedCode { probability, .. } => {
                Some(probability)
            }
        }
    }
}

/// The state of rank adaptation.
pub struct Allocator {
    rule: Rule,
    schedule: Schedule,
    betas: [f64; 2],
    modules: Vec<Triplets>,
    importance: Importance,
    /// One for each triplet, in the order of the modules.
    live: Vec<bool>,
    /// One for each value of the parameter vector: belongs to a masked triplet (as-described only).
    frozen: Vec<bool>,
    stream: Stream,
}

impl Allocator {
    /// All triplets of `modules` live; `length` is that of the parameter vector.
    pub fn new(
        rule: Rule,
        schedule: Schedule,
        betas: [f64; 2],
        modules: Vec<Triplets>,
        length: usize,
        seed: u64,
    ) -> Self {
        let triplets = modules.iter().map(|m| m.rank).sum();
        Self {
            rule,
            schedule,
            betas,
            modules,
            importance: Importance::new(length),
            live: vec![true; triplets],
            frozen: vec![false; length],
            stream: Stream::new(seed, "rank-sampling"),
        }
    }

    /// One for each triplet, in the order of the modules: whether it lives.
    pub fn live(&self) -> &[bool] {
        &self.live
    }

    /// The triplets that may live at a step.
    pub fn budget(&self, step: u64) -> u64 {
        self.schedule.budget(step)
    }

    /// Whether masked triplets keep their values (a mask multiplies lambda), instead of losing lambda.
    pub fn masks(&self) -> bool {
        matches!(self.rule, Rule::AsDescribed { .. })
    }

    /// The values that neither gradient nor decay may touch: those of masked triplets.
    pub fn frozen(&self) -> Option<&[bool]> {
        self.masks().then_some(self.frozen.as_slice())
    }

    /// Takes in one optimizer step (they count from 1): `values` after the update, `gradients` as
    /// the optimizer saw them, both whole parameter vectors. An allocation, where the schedule has one.
    pub fn after_step(
        &mut self,
        step: u64,
        values: &mut [f32],
        gradients: &[f32],
    ) -> Option<Allocation> {
        if let Rule::AsPublishedCode { call_every, .. } = self.rule
            && !step.is_multiple_of(call_every.max(1))
        {
            return None;
        }
        let last = self.schedule.last();
        if step > last {
            if !self.masks() {
                self.zero_pruned(values);
            }
            return None;
        }
        if step < last {
            let frozen = self.masks().then_some(self.frozen.as_slice());
            self.importance
                .update(values, gradients, self.betas, frozen);
        }
        self.schedule
            .allocates(step)
            .then(|| self.allocate(step, values))
    }

    fn allocate(&mut self, step: u64, values: &mut [f32]) -> Allocation {
        let scores = self.importance.scores(&self.modules);
        let budget = self.schedule.budget(step);
        let dead = (self.schedule.initial - budget) as usize;
        let before = self.live.clone();
        match self.rule {
            Rule::Adalora => {
                self.live = above_threshold(&scores, dead);
                self.zero_pruned(values);
            }
            Rule::AsDescribed {
                probability,
                anneal,
                score_decay,
            } => {
                let left = if anneal {
                    1.0 - self.schedule.fraction(step)
                } else {
                    1.0
                };
                let swaps = self.schedule.swaps(probability * left, step);
                self.live = sample(&scores, budget as usize, swaps as usize, &mut self.stream);
                self.freeze_masked(score_decay);
            }
            Rule::AsPublishedCode { probability, .. } => {
                self.live = above_threshold(&scores, dead);
                self.zero_pruned(values);
                let kept = self.live.clone();
                // Two rounds of draws, as in the code: who below stays, then who above goes.
                let stays: Vec<bool> = kept
                    .iter()
                    .map(|_| self.stream.uniform() < probability)
                    .collect();
                let goes: Vec<bool> = kept
                    .iter()
                    .map(|_| self.stream.uniform() < probability)
                    .collect();
                for (i, live) in self.live.iter_mut().enumerate() {
                    *live = if kept[i] { !goes[i] } else { stays[i] };
                }
                self.zero_pruned(values);
            }
        }
        Allocation::of(budget, &before, &self.live, &self.modules)
    }

    /// Lambda of every pruned triplet becomes 0.
    fn zero_pruned(&self, values: &mut [f32]) {
        for (place, live) in self.lambdas().zip(&self.live) {
            if !live {
                values[place] = 0.0;
            }
        }
    }

    /// The places of all lambdas, in the order of the triplets.
    fn lambdas(&self) -> impl Iterator<Item = usize> {
        self.modules
            .iter()
            .flat_map(|m| m.lambda..m.lambda + m.rank)
    }

    fn freeze_masked(&mut self, score_decay: f64) {
        // The score is a product of both averages: one of them carries the decay.
        let keep = (1.0 - score_decay) as f32;
        let mut triplet = 0;
        for m in &self.modules {
            for i in 0..m.rank {
                for place in m.places(i) {
                    self.frozen[place] = !self.live[triplet];
                    if self.frozen[place] && keep < 1.0 {
                        self.importance.sensitivity[place] *= keep;
                    }
                }
                triplet += 1;
            }
        }
    }
}

impl RankAdaptation for Allocator {
    fn live(&self) -> &[bool] {
        &self.live
    }

    fn budget(&self, step: u64) -> u64 {
        self.schedule.budget(step)
    }

    fn shown(&self, _: u64) -> Option<Vec<bool>> {
        self.masks().then(|| self.live.clone())
    }

    /// As in the published code lambdas grow back between the calls, but are not exported.
    fn scored(&self) -> Option<&[bool]> {
        (self.rule != Rule::Adalora).then_some(self.live.as_slice())
    }

    fn frozen(&self) -> Option<&[bool]> {
        self.frozen()
    }

    fn after_step(
        &mut self,
        step: u64,
        trained: &mut Values,
        gradients: &[f32],
    ) -> Option<Allocation> {
        self.after_step(step, trained.values, gradients)
    }

    fn state(&self) -> RankState {
        RankState::at(self.stream.position())
            .with("sensitivity", self.importance.sensitivity.clone())
            .with("uncertainty", self.importance.uncertainty.clone())
            .with_flags("live", &self.live)
    }

    fn restore(&mut self, mut state: RankState) -> Result<(), String> {
        let (values, triplets) = (self.frozen.len(), self.live.len());
        self.importance.sensitivity = state.take("sensitivity", values)?;
        self.importance.uncertainty = state.take("uncertainty", values)?;
        self.live = state.take_flags("live", triplets)?;
        self.stream.set_position(state.position);
        if self.masks() {
            self.freeze_masked(0.0);
        }
        Ok(())
    }
}

/// Whether each score is above the `dead`-th smallest; all are for 0.
fn above_threshold(scores: &[f32], dead: usize) -> Vec<bool> {
    if dead == 0 {
        return vec![true; scores.len()];
    }
    let mut sorted = scores.to_vec();
    sorted.sort_by(f32::total_cmp);
    let threshold = sorted[dead.min(sorted.len()) - 1];
    scores.iter().map(|&s| s > threshold).collect()
}

/// The `budget` best (the earlier of two equals), `swaps` of them exchanged for others.
fn sample(scores: &[f32], budget: usize, swaps: usize, stream: &mut Stream) -> Vec<bool> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let (best, others) = order.split_at(budget.min(order.len()));
    let mut live = vec![false; scores.len()];
    best.iter().for_each(|&i| live[i] = true);
    stream
        .choose(best, swaps)
        .into_iter()
        .for_each(|i| live[i] = false);
    stream
        .choose(others, swaps)
        .into_iter()
        .for_each(|i| live[i] = true);
    live
}

#[cfg(test)]
mod tests;
