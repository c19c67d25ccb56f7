use proptest::prelude::*;

use lingo_artifact::random::Stream;

use crate::rank::adaptation::{Allocation, RankAdaptation, RankState, Values};
use crate::rank::gated::direction::orthogonalize;
use crate::rank::gated::exchange::{exchange, gumbel};
use crate::rank::gated::gates::{BudgetIn, Gates, Return, Scores};
use crate::rank::gated::sampler::GatedSampler;
use crate::rank::gated::scores::{MovingAverages, loss_of_removal};
use crate::rank::schedule::Schedule;
use crate::rank::triplets::Triplets;

const GATES: Gates = Gates {
    probability: 0.5,
    temperature: 1.0,
    anneal: true,
    scores: Scores::Gradient,
    returns: Return::Zero,
    budget_in: BudgetIn::Triplets,
    lambda: 1.0,
    trains_lambda: true,
};

const SCHEDULE: Schedule = Schedule {
    initial: 15,
    target: 6,
    warmup: 5,
    exchange: 20,
    finish: 10,
    every: 6,
    total: 90,
};

/// Three modules of rank 5 whose widths differ.
fn modules() -> Vec<Triplets> {
    let mut begin = 0;
    [(7, 4), (8, 12), (6, 3)]
        .into_iter()
        .map(|(input, output)| {
            let (down, lambda) = (begin, begin + 5 * input);
            let up = lambda + 5;
            begin = up + 5 * output;
            Triplets {
                rank: 5,
                input,
                output,
                down,
                lambda,
                up,
            }
        })
        .collect()
}

fn length() -> usize {
    modules().last().map(|m| m.up + m.rank * m.output).unwrap()
}

fn place_of(number: usize) -> (Triplets, usize) {
    (modules()[number / 5], number % 5)
}

/// A run on made-up values and gradients.
struct Run {
    sampler: GatedSampler,
    values: Vec<f32>,
    first_moments: Vec<f32>,
    second_moments: Vec<f32>,
    noise: Stream,
    step: u64,
}

impl Run {
    fn new(gates: Gates, seed: u64) -> Self {
        let mut noise = Stream::new(seed, "test");
        Self {
            values: (0..length()).map(|_| noise.normal() as f32).collect(),
            first_moments: vec![0.0; length()],
            second_moments: vec![0.0; length()],
            sampler: GatedSampler::new(gates, SCHEDULE, 0.95, modules(), length(), seed),
            noise,
            step: 0,
        }
    }

    /// One step of a trainer; what it was taken with, and the allocation.
    fn step(&mut self) -> (Vec<f32>, Option<Allocation>) {
        self.step += 1;
        let shown = self.sampler.shown(self.step);
        let mut gradients: Vec<f32> = (0..length()).map(|_| self.noise.normal() as f32).collect();
        for number in 0..15 {
            if shown.as_ref().is_some_and(|s| !s[number]) {
                let (module, i) = place_of(number);
                module.places(i).for_each(|place| gradients[place] = 0.0);
            }
        }
        self.sampler
            .observe(self.step, &self.values, &gradients, shown.as_deref());
        let frozen = self.sampler.frozen().unwrap();
        for place in 0..length() {
            if !frozen[place] {
                self.values[place] -= 0.01 * gradients[place];
                self.first_moments[place] += gradients[place];
                self.second_moments[place] += 1.0;
            }
        }
        let mut trained = Values {
            values: &mut self.values,
            first_moments: &mut self.first_moments,
            second_moments: &mut self.second_moments,
        };
        let allocation = self.sampler.after_step(self.step, &mut trained, &gradients);
        (gradients, allocation)
    }

    /// What the deltas make of an input: of all triplets, or of those shown.
    fn forward(&self, shown: Option<&[bool]>) -> Vec<f32> {
        let mut out = Vec::new();
        for (m, module) in modules().iter().enumerate() {
            let mut y = vec![0.0f32; module.output];
            for i in 0..5 {
                if shown.is_some_and(|shown| !shown[5 * m + i]) {
                    continue;
                }
                let column = module.down_column(i).enumerate();
                let along: f32 = column
                    .map(|(j, place)| self.values[place] * (j as f32 - 2.5))
                    .sum();
                let factor = along * self.values[module.lambda + i];
                let row = &self.values[module.up_row(i)];
                y.iter_mut().zip(row).for_each(|(y, u)| *y += factor * u);
            }
            out.extend(y);
        }
        out
    }
}

/// An exchange as a list of sentences: take the best of the pruned, then drop the worst of the live
/// one by one until there are as many as may live.
fn plain_exchange(live: &[bool], keys: &[f64], budget: usize, swaps: usize) -> Vec<bool> {
    let mut now = live.to_vec();
    let mut returned = Vec::new();
    for _ in 0..swaps {
        let mut best: Option<usize> = None;
        for i in 0..live.len() {
            let free = !live[i] && !returned.contains(&i);
            if free && best.is_none_or(|b| keys[i] > keys[b]) {
                best = Some(i);
            }
        }
        returned.extend(best);
    }
    while now.iter().filter(|&&l| l).count() + returned.len() > budget {
        let mut worst: Option<usize> = None;
        for i in 0..live.len() {
            if now[i] && worst.is_none_or(|w| keys[i] <= keys[w]) {
                worst = Some(i);
            }
        }
        now[worst.unwrap()] = false;
    }
    returned.into_iter().for_each(|i| now[i] = true);
    now
}

proptest! {
    #[test]
    fn an_exchange_is_what_its_sentences_say(
        triplets in prop::collection::vec((any::<bool>(), 0u8..6), 1..40), cut in 0usize..40, swaps in 0usize..40,
    ) {
        let (live, keys): (Vec<bool>, Vec<f64>) =
            triplets.into_iter().map(|(l, k)| (l, f64::from(k))).unzip();
        let alive = live.iter().filter(|&&l| l).count();
        let budget = alive.saturating_sub(cut);
        let swaps = swaps.min(budget).min(live.len() - alive);
        let costs = vec![1; live.len()];
        let found = exchange(&live, &keys, &costs, budget as u64, swaps);
        prop_assert_eq!(&found, &plain_exchange(&live, &keys, budget, swaps));
        prop_assert_eq!(found.iter().filter(|&&l| l).count(), budget);
    }

    #[test]
    fn a_budget_of_parameters_is_kept_to_within_one_triplet(
        triplets in prop::collection::vec((any::<bool>(), 0u8..200, 1u64..9), 1..40), part in 0.0f64..1.0,
    ) {
        let live: Vec<bool> = triplets.iter().map(|t| t.0).collect();
        let keys: Vec<f64> = triplets.iter().map(|t| f64::from(t.1)).collect();
        let costs: Vec<u64> = triplets.iter().map(|t| t.2).collect();
        let cost = |live: &[bool]| -> u64 {
            live.iter().zip(&costs).filter(|(l, _)| **l).map(|(_, c)| c).sum()
        };
        let budget = (cost(&live) as f64 * part) as u64;
        let now = exchange(&live, &keys, &costs, budget, 0);
        prop_assert!(cost(&now) <= budget && cost(&now) + 9 > budget);
    }

    #[test]
    fn as_many_live_as_may_and_the_pruned_change_nothing(
        seed: u64, probability in 0.0f64..=1.0, temperature in 0.0f64..2.0, choice in 0usize..3, value: bool,
    ) {
        let gates = Gates {
            probability,
            temperature,
            scores: [Scores::Gradient, Scores::UniformReturn, Scores::Random][choice],
            returns: if value { Return::Value } else { Return::Zero },
            ..GATES
        };
        let mut run = Run::new(gates, seed);
        let (mut allocations, mut back) = (0, 0);
        while run.step < SCHEDULE.total {
            let before = run.sampler.live().to_vec();
            let values = run.values.clone();
            let (_, allocation) = run.step();
            let live = run.sampler.live().to_vec();
            let alive = live.iter().filter(|&&l| l).count() as u64;
            if let Some(a) = &allocation {
                prop_assert_eq!((a.alive, a.budget), (alive, SCHEDULE.budget(run.step)));
                prop_assert_eq!(alive, SCHEDULE.budget(run.step));
                allocations += 1;
                back += a.reintroduced;
            } else {
                prop_assert_eq!(&live, &before);
            }
            // Shown or not, what is pruned adds nothing.
            prop_assert_eq!(run.forward(None), run.forward(Some(&live)));
            for number in 0..15 {
                let (module, i) = place_of(number);
                if !before[number] && !live[number] {
                    prop_assert!(module.places(i).all(|p| run.values[p] == values[p]));
                }
                if !before[number] && live[number] {
                    // It comes back with nothing, or with what it had.
                    let silent = run.values[module.up_row(i)].iter().all(|&u| u == 0.0);
                    prop_assert_eq!(silent, !value);
                }
            }
        }
        prop_assert_eq!(run.sampler.live().iter().filter(|&&l| l).count() as u64, SCHEDULE.target);
        prop_assert_eq!(allocations, 14);
        prop_assert!(probability < 0.5 || back > 0);
    }

    #[test]
    fn a_state_brings_a_run_back(seed: u64, until in 1u64..80, value: bool) {
        let gates = Gates {
            returns: if value { Return::Value } else { Return::Zero },
            ..GATES
        };
        let mut whole = Run::new(gates, seed);
        while whole.step < until {
            whole.step();
        }
        let mut again = Run::new(gates, seed);
        again.values.clone_from(&whole.values);
        again.first_moments.clone_from(&whole.first_moments);
        again.second_moments.clone_from(&whole.second_moments);
        again.noise.set_position(whole.noise.position());
        again.step = whole.step;
        again.sampler.restore(whole.sampler.state()).unwrap();
        while whole.step < SCHEDULE.total {
            prop_assert_eq!(
                whole.sampler.restarted(whole.step + 1),
                again.sampler.restarted(again.step + 1)
            );
            prop_assert_eq!(whole.step().1, again.step().1);
            prop_assert_eq!(whole.sampler.apart(), again.sampler.apart());
            prop_assert_eq!(&whole.values, &again.values);
        }
    }
}

#[test]
fn a_triplet_comes_back_orthogonal_and_with_a_clock_of_its_own() {
    let mut run = Run::new(GATES, 3);
    let mut back = 0;
    while run.step < SCHEDULE.total {
        let before = run.sampler.live().to_vec();
        let values = run.values.clone();
        run.step();
        let live = run.sampler.live().to_vec();
        let column = |values: &[f32], (module, i): (Triplets, usize)| -> Vec<f64> {
            let places = module.down_column(i);
            places.map(|p| f64::from(values[p])).collect()
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for number in (0..15).filter(|&i| !before[i] && live[i]) {
            back += 1;
            let (module, i) = place_of(number);
            let v = column(&run.values, (module, i));
            let norm = dot(&v, &v).sqrt();
            let old = column(&values, (module, i));
            assert!((norm - dot(&old, &old).sqrt()).abs() < 1e-5);
            for other in (0..5).filter(|&o| o != i && live[number - i + o]) {
                let w = column(&run.values, (module, other));
                assert!(dot(&v, &w).abs() < 1e-5 * norm * dot(&w, &w).sqrt());
            }
            assert_eq!(run.values[module.lambda + i], 1.0);
            assert!(module.places(i).all(|p| run.second_moments[p] == 0.0));
            let next = |step| {
                let restarted = run.sampler.restarted(step);
                *restarted
                    .iter()
                    .find(|r| r.module == module && r.triplet == i)
                    .unwrap()
            };
            assert_eq!(
                (next(run.step + 1).steps, next(run.step + 1).warm),
                (1, 0.1)
            );
            assert_eq!(
                (next(run.step + 30).steps, next(run.step + 30).warm),
                (30, 1.0)
            );
            let apart = run.sampler.apart().unwrap();
            assert!(module.places(i).all(|p| apart[p]));
        }
    }
    assert!(back > 5, "{back}");
}

#[test]
fn without_noise_the_worst_go_and_the_most_promising_come_back() {
    let gates = Gates {
        temperature: 0.0,
        ..GATES
    };
    let mut run = Run::new(gates, 8);
    let mut worth = MovingAverages::new(0.95, 15);
    let (mut promises, mut probes) = (vec![0.0f64; 15], 0);
    let mut back = 0;
    while run.step < SCHEDULE.total {
        let live = run.sampler.live().to_vec();
        let probed = run.sampler.shown(run.step + 1).is_none() && live.contains(&false);
        let values = run.values.clone();
        let (gradients, allocation) = run.step();
        probes += u32::from(probed);
        for number in 0..15 {
            let (module, i) = place_of(number);
            let row = module.up_row(i);
            if live[number] {
                // A lambda's gradient is that of its row, along the row.
                let sum: f32 = row.map(|p| values[p] * gradients[p]).sum();
                assert!(
                    (sum.abs() - loss_of_removal(&values, &gradients, &module, i)).abs() < 1e-4
                );
                worth.add(number, sum.abs());
            } else if probed {
                let square: f32 = row.map(|p| gradients[p] * gradients[p]).sum();
                promises[number] += f64::from(square.sqrt());
            }
        }
        let Some(allocation) = allocation else {
            continue;
        };
        let now = run.sampler.live().to_vec();
        let all = || 0..15usize;
        let worst_kept = all()
            .filter(|&i| live[i] && now[i])
            .map(|i| worth.get(i))
            .fold(f64::MAX, f64::min);
        for i in all().filter(|&i| live[i] && !now[i]) {
            assert!(worth.get(i) <= worst_kept * 1.001);
            worth.forget(i);
        }
        let best_left = all()
            .filter(|&i| !live[i] && !now[i])
            .map(|i| promises[i])
            .fold(0.0, f64::max);
        for i in all().filter(|&i| !live[i] && now[i]) {
            assert!(promises[i] >= best_left * 0.999);
        }
        back += allocation.reintroduced;
        promises.fill(0.0);
    }
    assert!(back > 5 && probes > 10, "{back} {probes}");
}

#[test]
fn gumbel_noise_draws_in_proportion_to_the_scores() {
    let mut stream = Stream::new(1, "test");
    let scores = [1.0f64, 2.0, 5.0];
    let mut won = [0u32; 3];
    for _ in 0..80_000 {
        let keys = scores.map(|s| s.ln() + gumbel(&mut stream));
        let best = (0..3).max_by(|&a, &b| keys[a].total_cmp(&keys[b])).unwrap();
        won[best] += 1;
    }
    // 10,000, 20,000 and 50,000 expected; five standard deviations.
    for (won, expected) in won.into_iter().zip([10_000u32, 20_000, 50_000]) {
        assert!(won.abs_diff(expected) < 690, "{won} {expected}");
    }
}

#[test]
fn a_direction_without_a_part_of_its_own_stays() {
    let module = modules()[2];
    let mut values = vec![0.0f32; length()];
    // Triplets 0 and 1 span what triplet 2 lies in; triplet 3 is a direction of its own.
    for (i, entries) in [
        (0, [1.0, 0.0, 0.0]),
        (1, [1.0, 1.0, 0.0]),
        (2, [0.0, 2.0, 0.0]),
        (3, [3.0, 0.0, 4.0]),
    ] {
        for (place, v) in module.down_column(i).zip(entries) {
            values[place] = v;
        }
    }
    let column = |values: &[f32], i| module.down_column(i).map(|p| values[p]).collect::<Vec<_>>();
    orthogonalize(&mut values, &module, 2, &[0, 1]);
    assert_eq!(column(&values, 2), [0.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
    orthogonalize(&mut values, &module, 3, &[0, 1, 2]);
    assert_eq!(column(&values, 3), [0.0, 0.0, 5.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_fixed_lambda_is_frozen_in_the_live_too() {
    let gates = Gates {
        trains_lambda: false,
        ..GATES
    };
    let run = Run::new(gates, 1);
    let frozen = run.sampler.frozen().unwrap();
    for module in modules() {
        for i in 0..5 {
            let mut places = module.places(i);
            assert!(frozen[places.next().unwrap()]);
            assert!(places.all(|place| !frozen[place]));
        }
    }
}

#[test]
fn a_state_that_lacks_something_is_refused() {
    let mut run = Run::new(GATES, 1);
    assert!(
        run.sampler
            .restore(RankState::at(0))
            .unwrap_err()
            .contains("`live`")
    );
    let mut state = run.sampler.state();
    state.vectors.insert("worth".into(), vec![1.0]);
    let error = run.sampler.restore(state).unwrap_err();
    assert!(
        error.contains("`worth` holds 1 values, the run has 15"),
        "{error}"
    );
}
