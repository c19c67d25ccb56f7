use proptest::prelude::*;
use safetensors::SafeTensors;

use crate::rank::allocator::*;
use crate::rank::orthogonality;

const FIXTURE: &[u8] = include_bytes!("../../../tests/fixtures/adalora.safetensors");

fn rows(name: &str) -> Vec<Vec<f32>> {
    let file = SafeTensors::deserialize(FIXTURE).unwrap();
    let tensor = file.tensor(name).unwrap();
    let values: Vec<f32> = tensor
        .data()
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&b| f32::from_le_bytes(b))
        .collect();
    let width = tensor.shape().last().copied().unwrap();
    values.chunks(width).map(<[f32]>::to_vec).collect()
}

/// The modules of tests/oracles/adapt_adalora.py.
fn peft_modules() -> Vec<Triplets> {
    modules(&[(4, 8, 6), (4, 6, 5), (4, 5, 4)])
}

fn modules(sizes: &[(usize, usize, usize)]) -> Vec<Triplets> {
    let mut begin = 0;
    sizes
        .iter()
        .map(|&(rank, input, output)| {
            let down = begin;
            let lambda = down + input * rank;
            let up = lambda + rank;
            begin = up + rank * output;
            Triplets {
                rank,
                input,
                output,
                down,
                lambda,
                up,
            }
        })
        .collect()
}

#[test]
fn adalora_equals_peft_at_every_step_of_a_schedule() {
    let schedule = Schedule {
        initial: 12,
        target: 6,
        warmup: 4,
        exchange: 0,
        finish: 15,
        every: 2,
        total: 60,
    };
    let (values, gradients, after) = (rows("values"), rows("gradients"), rows("after"));
    let (patterns, budgets) = (rows("patterns"), rows("budgets").remove(0));
    let length = values[0].len();
    let mut allocator = Allocator::new(
        Rule::Adalora,
        schedule,
        [0.85, 0.85],
        peft_modules(),
        length,
        0,
    );
    let mut allocations = 0;
    for step in 1..=60u64 {
        let t = step as usize - 1;
        let mut now = values[t].clone();
        let allocation = allocator.after_step(step, &mut now, &gradients[t]);
        assert_eq!(
            schedule.budget(step),
            budgets[t] as u64,
            "budget at step {step}"
        );
        assert_eq!(now, after[t], "values after step {step}");
        let expected = (patterns[t][0] >= 0.0)
            .then(|| patterns[t].iter().map(|&v| v == 1.0).collect::<Vec<_>>());
        assert_eq!(
            allocation.is_some(),
            expected.is_some(),
            "allocation at step {step}"
        );
        if let Some(expected) = expected {
            assert_eq!(allocator.live(), expected, "pattern at step {step}");
            allocations += 1;
        }
    }
    assert_eq!(allocations, 21);
}

#[test]
fn the_orthogonality_term_and_its_gradient_equal_pefts() {
    let values = rows("after").pop().unwrap();
    let expected = rows("orthogonality_gradient").remove(0);
    let mut gradient = vec![0.0; values.len()];
    let penalty = orthogonality::penalize(&values, &mut gradient, &peft_modules(), 0.5);
    let reference = f64::from(rows("orthogonality")[0][0]);
    assert!((penalty - reference).abs() < 1e-6, "{penalty} {reference}");
    for (i, (ours, theirs)) in gradient.iter().zip(&expected).enumerate() {
        assert!((ours - theirs).abs() < 1e-6, "{i}: {ours} {theirs}");
    }
}

/// Runs a whole schedule on made-up values and gradients; what every step left.
fn run(
    rule: Rule,
    schedule: Schedule,
    seed: u64,
    mut each: impl FnMut(u64, &Allocator, &[f32], Option<&Allocation>),
) {
    let modules = modules(&[(5, 3, 4), (5, 4, 2), (5, 2, 2)]);
    let length = modules.last().map(|m| m.up + m.rank * m.output).unwrap();
    let mut noise = Stream::new(seed, "test");
    let mut values: Vec<f32> = (0..length).map(|_| noise.normal() as f32).collect();
    let mut allocator = Allocator::new(rule, schedule, [0.85, 0.85], modules, length, seed);
    for step in 1..=schedule.total {
        let gradients: Vec<f32> = (0..length).map(|_| noise.normal() as f32).collect();
        for i in 0..length {
            if !allocator.frozen().is_some_and(|f| f[i]) {
                values[i] -= 0.01 * gradients[i];
            }
        }
        let allocation = allocator.after_step(step, &mut values, &gradients);
        each(step, &allocator, &values, allocation.as_ref());
    }
}

const SCHEDULE: Schedule = Schedule {
    initial: 15,
    target: 6,
    warmup: 5,
    exchange: 0,
    finish: 10,
    every: 3,
    total: 60,
};

proptest! {
    #[test]
    fn as_described_never_exceeds_the_budget_and_keeps_what_it_masks(
        seed: u64, probability in 0.0f64..=1.0, anneal: bool,
    ) {
        let rule = Rule::AsDescribed { probability, anneal, score_decay: 0.0 };
        let mut before: Option<(Vec<bool>, Vec<f32>, Vec<f32>)> = None;
        let mut last_alive = 0;
        run(rule, SCHEDULE, seed, |step, allocator, values, allocation| {
            let alive = allocator.live().iter().filter(|&&l| l).count() as u64;
            assert!(allocation.is_none_or(|a| a.alive == a.budget && a.alive == alive));
            assert!(alive <= SCHEDULE.budget(step / 3 * 3), "step {step}");
            let scores = allocator.importance.scores(&allocator.modules);
            if let Some((live, old_values, old_scores)) = &before {
                let mut triplet = 0;
                for m in &allocator.modules {
                    for i in 0..m.rank {
                        if !live[triplet] {
                            // Masked during this step: nothing of it moved, whether it lives again or not.
                            assert!(m.places(i).all(|p| values[p] == old_values[p]));
                            assert_eq!(scores[triplet], old_scores[triplet]);
                            assert!(values[m.lambda + i] != 0.0);
                        }
                        triplet += 1;
                    }
                }
            }
            last_alive = alive;
            before = Some((allocator.live().to_vec(), values.to_vec(), scores));
        });
        prop_assert_eq!(last_alive, SCHEDULE.target);
    }

    #[test]
    fn the_same_seed_gives_the_same_patterns(seed: u64) {
        for rule in [
            Rule::AsDescribed { probability: 0.4, anneal: true, score_decay: 0.1 },
            Rule::AsPublishedCode { probability: 0.4, call_every: 1 },
        ] {
            let patterns = |seed| {
                let mut all = Vec::new();
                run(rule, SCHEDULE, seed, |_, a, _, _| all.push(a.live().to_vec()));
                all
            };
            prop_assert_eq!(patterns(seed), patterns(seed));
        }
    }
}

#[test]
fn rank_sampling_reintroduces_and_annealing_ends_with_the_best() {
    let rule = Rule::AsDescribed {
        probability: 0.5,
        anneal: true,
        score_decay: 0.0,
    };
    let mut reintroduced = 0;
    run(rule, SCHEDULE, 1, |step, allocator, _, allocation| {
        reintroduced += allocation.map_or(0, |a| a.reintroduced);
        if step == SCHEDULE.last() {
            let scores = allocator.importance.scores(&allocator.modules);
            let worst_live = (0..15).filter(|&i| allocator.live()[i]).map(|i| scores[i]);
            let best_dead = (0..15).filter(|&i| !allocator.live()[i]).map(|i| scores[i]);
            assert!(worst_live.fold(f32::MAX, f32::min) >= best_dead.fold(f32::MIN, f32::max));
        }
    });
    assert!(reintroduced > 0);
}

#[test]
fn the_published_code_zeroes_first_and_acts_only_when_called() {
    let rule = Rule::AsPublishedCode {
        probability: 0.5,
        call_every: 6,
    };
    let mut stayed_at_zero = 0;
    run(rule, SCHEDULE, 2, |step, allocator, values, allocation| {
        // 50 is the last step of the window, but no multiple of 6: that call never comes.
        assert_eq!(
            allocation.is_some(),
            step % 6 == 0 && step > 5 && step < 50,
            "step {step}"
        );
        if let Some(allocation) = allocation {
            let zeros: Vec<bool> = allocator.lambdas().map(|p| values[p] == 0.0).collect();
            assert!(
                allocator
                    .live()
                    .iter()
                    .zip(&zeros)
                    .all(|(&live, &zero)| live || zero)
            );
            stayed_at_zero += allocator
                .live()
                .iter()
                .zip(&zeros)
                .filter(|&(&l, &z)| l && z)
                .count();
            assert_eq!(
                allocation.alive,
                allocator.live().iter().filter(|&&l| l).count() as u64
            );
        }
    });
    assert!(stayed_at_zero > 0);
}
