//! What a training run will do, known before it starts: steps, parameters, allocations.

use std::collections::BTreeMap;

use lingo_artifact::LabelKind;
use lingo_artifact::vocabulary::NewRows;
use lingo_lm::{Family, Site};
use serde::Serialize;

use crate::batching::sizes_by_tokens;
use crate::error::Error;
use crate::method::adaptation::LowRankSettings;
use crate::method::methods::Method;
use crate::method::rank_budget::RankBudget;
use crate::plan::model_shape::ModelShape;
use crate::plan::targets::matching;
use crate::rank::allocator::{Rule, swaps};
use crate::rank::schedule::Schedule;
use crate::settings::train_config::Pooling;
use crate::settings::train_config::TrainConfig;

/// A run with fewer allocations is not rank adaptation.
const FEWEST_ALLOCATIONS: usize = 10;
/// The default interval makes about so many.
const USUAL_ALLOCATIONS: u64 = 40;

/// How many rows have how many tokens.
pub type Lengths = BTreeMap<u32, u64>;

/// The numbers of a run before it starts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepPlan {
    /// Optimizer steps of an epoch.
    pub steps_per_epoch: u64,
    /// Optimizer steps of the run.
    pub steps: u64,
    /// Trained parameters at the initial rank, with head and new embedding rows.
    pub trainable_parameters: u64,
    /// All parameters: the model's and the added ones.
    pub total_parameters: u64,
    /// Adapted modules.
    pub modules: usize,
    /// Allocations of rank adaptation.
    pub allocations: u64,
    /// The first and the last step with an allocation, and the steps between two.
    pub allocation_steps: Option<(u64, u64, u64)>,
    /// Triplets that rank sampling exchanges in all, after its first allocation.
    pub exchanged: u64,
}

/// Plans a run on a model of this shape. `lengths` are the training
/// rows by their number of tokens.
///
/// # Errors
/// [`Error::Config`]: a target that matches nothing, a pooling that the model lacks, a schedule that
/// makes too few allocations or can reintroduce nothing. [`Error::Data`] without examples.
pub fn plan(
    shape: &ModelShape,
    method: &Method,
    train: &TrainConfig,
    labels: &LabelKind,
    new_rows: Option<&NewRows>,
    lengths: &Lengths,
) -> Result<StepPlan, Error> {
    if lengths.is_empty() {
        return Err(Error::Data("there are no training examples".into()));
    }
    let train = &*method.train(train);
    let (steps_per_epoch, steps) = steps(train, lengths);
    if let Some(motifs) = method.adaptation().motifs() {
        let trained = motifs.parameters(1, labels.outputs()) as u64;
        return Ok(StepPlan {
            steps_per_epoch,
            steps,
            trainable_parameters: trained,
            total_parameters: trained,
            modules: 0,
            allocations: 0,
            allocation_steps: None,
            exchanged: 0,
        });
    }
    let pooling = pooling(
        train,
        shape.config.family,
        shape.has_pooler,
        shape.sentence_pooling,
    )?;
    let outputs = labels.outputs() as u64;
    let head = (pooling.width(shape.config.output_size()) as u64
        + u64::from(head_has_bias(shape.config.family, pooling)))
        * outputs;
    let rows = new_rows.map_or(0, |r| u64::from(r.trained)) * shape.config.embedding_size() as u64;
    let mut added = head + rows;
    let mut of_model = 0;
    let mut modules = 0;
    let mut allocations = Vec::new();
    let mut exchanged = 0;
    let mut every = 0;
    if let Some(settings) = method.low_rank() {
        let chosen = chosen_sites(&shape.sites, shape.config.family, &settings)?;
        modules = chosen.len();
        for site in chosen.iter().map(|&i| &shape.sites[i]) {
            added += settings.parameters(site.input, site.output) as u64;
        }
        if let Some(budget) = &settings.budget {
            let schedule = schedule(budget, settings.rank, modules, steps)?;
            allocations = real_allocations(&schedule, budget.rule);
            exchanged = exchanges(&schedule, budget.rule, &allocations) as u64;
            every = schedule.every;
        }
    }
    if method.trains_the_model() {
        of_model = shape.parameters;
        if pooling != Pooling::Pooler {
            of_model -= shape.pooler_parameters;
        }
    }
    Ok(StepPlan {
        steps_per_epoch,
        steps,
        trainable_parameters: added + of_model,
        total_parameters: added + shape.parameters,
        modules,
        allocations: allocations.len() as u64,
        allocation_steps: allocations
            .first()
            .zip(allocations.last())
            .map(|(a, b)| (*a, *b, every)),
        exchanged,
    })
}

/// Steps of an epoch and of the run.
pub(crate) fn steps(train: &TrainConfig, lengths: &Lengths) -> (u64, u64) {
    let batches = match train.batch_tokens {
        None => {
            let examples: u64 = lengths.values().sum();
            examples.div_ceil(u64::from(train.batch.get()))
        }
        Some(budget) => {
            let ascending = lengths
                .iter()
                .flat_map(|(&length, &n)| std::iter::repeat_n(length as usize, n as usize));
            sizes_by_tokens(ascending, u64::from(budget.get())).len() as u64
        }
    };
    let per_epoch = batches.div_ceil(u64::from(train.accumulate.get()));
    (per_epoch, per_epoch * u64::from(train.epochs.get()))
}

/// The pooling that is used: the one asked for, else the one that a sentence model was trained with, else the family's.
pub(crate) fn pooling(
    train: &TrainConfig,
    family: Family,
    has_pooler: bool,
    sentence: Option<Pooling>,
) -> Result<Pooling, Error> {
    match (train.pooling, family.is_decoder()) {
        (Some(Pooling::Pooler), _) if !has_pooler => Err(Error::Config(
            "pooling: the model has no pooler; use cls, mean or last".into(),
        )),
        (Some(Pooling::Cls), true) => Err(Error::Config(
            "pooling: the first token of a decoder sees nothing of the sequence; use last or mean"
                .into(),
        )),
        (Some(pooling), _) => Ok(pooling),
        (None, _) if sentence.is_some_and(|p| p != Pooling::Cls || !family.is_decoder()) => {
            Ok(sentence.unwrap_or(Pooling::Mean))
        }
        (None, true) => Ok(Pooling::Last),
        (None, false) if has_pooler => Ok(Pooling::Pooler),
        (None, false) => Ok(Pooling::Mean),
    }
}

/// A head that reads what `transformers`' classifier reads is as that one is; any other has a bias.
pub(crate) fn head_has_bias(family: Family, pooling: Pooling) -> bool {
    family.classifier().bias || pooling != classifier_pooling(family)
}

/// What `transformers`' classifier reads of a model.
pub(crate) fn classifier_pooling(family: Family) -> Pooling {
    match family.is_decoder() {
        true => Pooling::Last,
        false => Pooling::Pooler,
    }
}

/// The sites that a low-rank method adapts, as indices.
pub(crate) fn chosen_sites(
    sites: &[Site],
    family: Family,
    settings: &LowRankSettings,
) -> Result<Vec<usize>, Error> {
    match settings.targets {
        Some(targets) => matching(sites, targets, settings.layers),
        None => matching(sites, family.linear_layers(), settings.layers),
    }
}

/// The schedule of rank adaptation from the real step count.
///
/// # Errors
/// [`Error::Config`] for a schedule that makes fewer than ten allocations, or, with rank sampling,
/// that can reintroduce nothing.
pub(crate) fn schedule(
    budget: &RankBudget,
    rank: usize,
    modules: usize,
    steps: u64,
) -> Result<Schedule, Error> {
    let (rule, target) = (budget.rule, budget.target_rank as usize);
    if target >= rank {
        return Err(Error::Config(format!(
            "target_rank {target} must be below initial_rank {rank}: there would be nothing to prune"
        )));
    }
    let (warmup, finish) = (budget.warmup(steps), budget.finish(steps));
    let window = steps.saturating_sub(warmup + finish);
    let every = budget
        .every
        .map_or((window / USUAL_ALLOCATIONS).max(1), u64::from);
    let schedule = Schedule {
        initial: (rank * modules) as u64,
        target: (target * modules) as u64,
        warmup,
        finish,
        every,
        total: steps,
    };
    let allocations = if window == 0 {
        Vec::new()
    } else {
        real_allocations(&schedule, rule)
    };
    if allocations.len() < FEWEST_ALLOCATIONS {
        return Err(Error::Config(format!(
            "{steps} optimizer steps with warmup_steps {warmup}, final_steps {finish} and every {every}{} make {} allocations, \
             but rank adaptation needs at least {FEWEST_ALLOCATIONS}: lower `every` (now {every}), `warmup_steps` or `final_steps`, \
             or train longer (`epochs`, or a smaller `batch`)",
            match rule {
                Rule::AsPublishedCode { call_every, .. } =>
                    format!(", called every {call_every} steps,"),
                _ => String::new(),
            },
            allocations.len(),
        )));
    }
    if let Some(probability) = rule.probability()
        && exchanges(&schedule, rule, &allocations) < 1.0
    {
        let dead = schedule.initial - schedule.target;
        return Err(Error::Config(format!(
            "rank sampling would reintroduce nothing: with {} triplets, of which {} live in the end, and probability {probability}, \
             no allocation after the first exchanges a whole triplet (probability x {} is below one half); \
             raise `probability`, the ranks, or the number of `targets`",
            schedule.initial,
            schedule.target,
            dead.min(schedule.target),
        )));
    }
    Ok(schedule)
}

/// The steps at which the rule really prunes.
fn real_allocations(schedule: &Schedule, rule: Rule) -> Vec<u64> {
    let mut steps = schedule.allocations();
    if let Rule::AsPublishedCode { call_every, .. } = rule {
        steps.retain(|s| s.is_multiple_of(call_every.max(1)));
    }
    steps
}

/// How many triplets come back, in all allocations but the first: exactly as many as are exchanged
/// (as described), or their expected number (as published).
fn exchanges(schedule: &Schedule, rule: Rule, allocations: &[u64]) -> f64 {
    allocations
        .iter()
        .skip(1)
        .map(|&step| {
            let budget = schedule.budget(step);
            match rule {
                Rule::Adalora => 0.0,
                Rule::AsDescribed {
                    probability,
                    anneal,
                    ..
                } => {
                    let left = if anneal {
                        1.0 - schedule.fraction(step)
                    } else {
                        1.0
                    };
                    swaps(probability * left, budget, schedule.initial) as f64
                }
                Rule::AsPublishedCode { probability, .. } => {
                    probability * (1.0 - probability) * (schedule.initial - budget) as f64
                }
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(method: &str) -> RankBudget {
        let method = method.parse::<Method>().unwrap();
        method.low_rank().unwrap().budget.unwrap()
    }

    #[test]
    fn defaults_follow_the_step_count() {
        for steps in [30u64, 100, 617, 1232, 29_600] {
            let s = schedule(&budget("adalora"), 10, 36, steps).unwrap();
            assert_eq!((s.warmup, s.finish), (steps / 10, steps * 3 / 10));
            let n = s.allocations().len();
            assert!((10..=60).contains(&n), "{steps} steps: {n}");
            if steps >= 100 {
                assert!(n >= 30, "{steps} steps: {n}");
            }
        }
    }

    #[test]
    fn a_pooling_must_see_the_sequence() {
        let asked = |pooling| TrainConfig {
            pooling,
            ..TrainConfig::default()
        };
        let t = |asked_for, family, has_pooler, expected| {
            let found = pooling(&asked(asked_for), family, has_pooler, None);
            assert_eq!(found.ok(), expected, "{asked_for:?} {family:?}");
        };
        use Pooling::{Cls, Last, Mean, Pooler};
        t(None, Family::Bert, true, Some(Pooler));
        t(None, Family::Bert, false, Some(Mean));
        t(None, Family::Opt, false, Some(Last));
        t(Some(Cls), Family::Bert, true, Some(Cls));
        t(Some(Cls), Family::Opt, false, None);
        t(Some(Pooler), Family::Bert, false, None);
        t(Some(Mean), Family::Opt, false, Some(Mean));
        let sentence = |asked_for| {
            let asked = asked(asked_for);
            pooling(&asked, Family::Bert, true, Some(Mean)).unwrap()
        };
        assert_eq!((sentence(None), sentence(Some(Pooler))), (Mean, Pooler));
    }

    #[test]
    fn an_impossible_schedule_names_its_numbers() {
        fn t(change: impl Fn(&mut RankBudget), method: &str, steps: u64, parts: &[&str]) {
            let mut budget = budget(method);
            change(&mut budget);
            let error = schedule(&budget, 10, 6, steps).unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Config);
            let message = error.to_string();
            for part in parts {
                assert!(message.contains(part), "{message}");
            }
        }
        t(
            |_| (),
            "adalora",
            12,
            &["12 optimizer steps", "make 8 allocations", "`epochs`"],
        );
        t(
            |a| a.every = Some(5000),
            "adalora",
            7485,
            &["every 5000", "make 2 allocations"],
        );
        t(
            |a| a.warmup_steps = Some(90),
            "adalora",
            100,
            &["warmup_steps 90", "make 0 allocations"],
        );
        t(
            |a| a.target_rank = 10,
            "adalora",
            100,
            &["target_rank 10", "initial_rank 10"],
        );
        t(
            |a| {
                a.rule = Rule::AsDescribed {
                    probability: 0.01,
                    anneal: true,
                    score_decay: 0.0,
                }
            },
            "ars",
            100,
            &["reintroduce nothing", "60 triplets", "0.01"],
        );
        t(
            |a| {
                a.rule = Rule::AsPublishedCode {
                    probability: 0.1,
                    call_every: 50,
                }
            },
            "ars",
            200,
            &["called every 50 steps"],
        );
    }
}
