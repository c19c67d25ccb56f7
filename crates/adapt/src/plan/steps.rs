//! What a training run will do, known before it starts: steps, parameters, allocations.

use std::collections::BTreeMap;

use lingo_artifact::LabelKind;
use lingo_artifact::vocabulary::NewRows;
use lingo_lm::{Family, Reads, Site};
use serde::Serialize;

use crate::batching::sizes_by_tokens;
use crate::error::Error;
use crate::method::adaptation::LowRankSettings;
use crate::method::methods::Method;
use crate::method::rank_budget::RankBudget;
use crate::plan::bottlenecks::BottleneckPlan;
use crate::plan::model_shape::{ModelShape, POOLER};
use crate::plan::pooling::pooling;
use crate::plan::scales::scaled_sites;
use crate::plan::targets::matching;
use crate::rank::allocator::Rule;
use crate::rank::schedule::Schedule;
use crate::rank::selection::Selection;
use crate::settings::train_config::{Pooling, QuantizationChoice, TrainConfig};

/// A run with fewer allocations is not rank adaptation.
const FEWEST_ALLOCATIONS: usize = 10;

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
    /// What is odd about the schedule, where it is not refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// Plans a run on a model of this shape. `lengths` are the training
/// rows by their number of tokens.
///
/// # Errors
/// [`Error::Config`]: a target that matches nothing, a rank that a layer cannot have, a pooling that the model lacks, a schedule that
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
    if let Some(why) = method.contradiction() {
        return Err(Error::Config(why));
    }
    let (method, train) = &method.settled(train);
    let motifs = train.stem.as_ref().or(method.adaptation().motifs());
    let unfit = train.unfit(labels);
    if let Some(why) = unfit.or_else(|| motifs.and_then(|motifs| motifs.unfit(labels))) {
        return Err(Error::Config(why));
    }
    if train.quantization != QuantizationChoice::None {
        let weights = shape
            .sites
            .iter()
            .map(|site| format!("{}.weight", site.name));
        if let Some(weight) = weights.into_iter().find(|w| method.adaptation().trains(w)) {
            return Err(Error::Config(format!(
                "`{}` trains `{weight}`, and weights that are held in few bits cannot be trained: leave out `quantization`, \
                 or train an adapter, such as `lora`",
                method.name()
            )));
        }
    }
    let (steps_per_epoch, steps) = steps(train, lengths);
    if let Some(motifs) = method.adaptation().motifs() {
        let trained = (motifs.count() * motifs.network().parameters(1, labels.outputs())) as u64;
        return Ok(StepPlan {
            steps_per_epoch,
            steps,
            trainable_parameters: trained,
            total_parameters: trained,
            modules: 0,
            allocations: 0,
            allocation_steps: None,
            exchanged: 0,
            warning: None,
        });
    }
    let pooling = pooling(
        train,
        shape.config.family,
        shape.has_pooler,
        shape.sentence_pooling,
    )?;
    let head = train.head.parameters(
        pooling.width(shape.config.output_size()),
        labels.outputs(),
        head_has_bias(shape.config.family, pooling),
    ) as u64;
    let rows = new_rows.map_or(0, |r| u64::from(r.trained)) * shape.config.embedding_size() as u64;
    let stem = train.stem.as_ref().map_or(0, |motifs| {
        motifs.count() * motifs.network().parameters(1, labels.outputs())
    });
    let mut added = head + rows + stem as u64;
    let mut of_model = 0;
    let mut modules = 0;
    let mut allocations = Vec::new();
    let mut exchanged = 0;
    let mut every = 0;
    let mut warning = None;
    if let Some(settings) = method.low_rank() {
        let chosen = chosen_sites(&shape.sites, shape.config.family, &settings)?;
        modules = chosen.len();
        for site in chosen.iter().map(|&i| &shape.sites[i]) {
            added += settings.parameters(site.input, site.output) as u64;
        }
        if let Some(budget) = &settings.budget {
            let schedule = schedule(budget, settings.rank, modules, steps)?;
            allocations = real_allocations(&schedule, budget.selection, steps);
            exchanged = exchanges(&schedule, budget.selection, &allocations) as u64;
            every = schedule.every;
            warning = warn_of(&schedule, budget.selection, steps);
        }
    }
    for (name, values) in &shape.tensors {
        if trains(method, train.train_norms, name, pooling) {
            of_model += values;
        }
    }
    if let Some(settings) = method.adaptation().scales() {
        let chosen = scaled_sites(&shape.sites, &settings)?;
        modules = chosen.len();
        for (site, side) in chosen {
            let site = &shape.sites[site];
            added += side.width(site) as u64;
        }
    }
    if let Some(settings) = method.adaptation().bottlenecks() {
        let config = &shape.config;
        let plan = BottleneckPlan::of(&settings, config.layers, config.hidden_size)?;
        modules = plan.count();
        added += plan.parameters() as u64;
    }
    added += (method.adaptation().prompt() * shape.config.embedding_size()) as u64;
    added += (method.adaptation().prefix() * shape.config.prefix_width()) as u64;
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
        warning,
    })
}

/// Steps of an epoch, were it whole, and of the run.
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
    let all = per_epoch * u64::from(train.epochs.get());
    let most = train.max_steps.map_or(all, |most| u64::from(most.get()));
    (per_epoch, all.min(most))
}

/// A head that reads what `transformers`' classifier reads is as that one is; any other has a bias.
pub(crate) fn head_has_bias(family: Family, pooling: Pooling) -> bool {
    family.classifier().bias || Some(pooling) != classifier_pooling(family)
}

/// What the one layer of `transformers`' classifier reads of a model; none where that has more than one.
pub(crate) fn classifier_pooling(family: Family) -> Option<Pooling> {
    match family.classifier().reads {
        Reads::LastToken => Some(Pooling::Last),
        Reads::Pooler => Some(Pooling::Pooler),
        Reads::ThroughMoreLayers => None,
    }
}

/// Whether this tensor of the model is trained, by the method or with its `norms`. A pooler that nothing reads has no
/// gradient; decay alone must not change it.
pub(crate) fn trains(method: &Method, norms: bool, tensor: &str, pooling: Pooling) -> bool {
    let is_read = pooling == Pooling::Pooler || !tensor.starts_with(POOLER);
    is_read && (method.adaptation().trains(tensor) || norms && is_of_norms(tensor))
}

/// Whether a tensor is a bias, or of a norm, by its Hugging Face name.
fn is_of_norms(tensor: &str) -> bool {
    let (layer, own) = tensor.rsplit_once('.').unwrap_or(("", tensor));
    let layer = layer.rsplit('.').next().unwrap_or(layer).to_lowercase();
    own == "bias" || layer.contains("norm") || layer.starts_with("ln_")
}

/// The sites that a low-rank method adapts, as indices.
///
/// # Errors
/// [`Error::Config`]: a target that matches nothing, a rank that a layer cannot have.
pub(crate) fn chosen_sites(
    sites: &[Site],
    family: Family,
    settings: &LowRankSettings,
) -> Result<Vec<usize>, Error> {
    let chosen = match settings.targets {
        Some(targets) => matching(sites, targets, settings.layers),
        None => matching(sites, family.default_targets(), settings.layers),
    }?;
    let most = |site: &Site| site.input.min(site.output);
    let mut adapted = chosen.iter().map(|&i| &sites[i]);
    match adapted.find(|site| settings.rank > most(site)) {
        None => Ok(chosen),
        Some(site) => {
            let key = match settings.budget {
                Some(_) => "initial_rank",
                None => "rank",
            };
            Err(Error::Config(format!(
                "`{key}` is {}, but `{}` is a layer of {} x {}, whose rank is at most {}: lower `{key}`, or leave the layer out of `targets`",
                settings.rank,
                site.name,
                site.output,
                site.input,
                most(site)
            )))
        }
    }
}

/// The schedule of rank adaptation from the real step count.
///
/// # Errors
/// [`Error::Config`] for a schedule that makes fewer than ten allocations, or, with rank sampling,
/// that can reintroduce nothing. The published code is run as it was run.
pub(crate) fn schedule(
    budget: &RankBudget,
    rank: usize,
    modules: usize,
    steps: u64,
) -> Result<Schedule, Error> {
    let schedule = budget.schedule(rank, modules, steps);
    let selection = budget.selection;
    if schedule.target == schedule.initial {
        return Ok(schedule);
    }
    let allocations = real_allocations(&schedule, selection, steps);
    let has_window = schedule.met() > schedule.warmup;
    let enough = allocations.len() >= FEWEST_ALLOCATIONS || is_as_published(selection);
    if !has_window || !enough {
        return Err(Error::Config(format!(
            "{}, but rank adaptation needs at least {FEWEST_ALLOCATIONS}: lower `every` (now {}), `warmup_steps` or `final_steps`, \
             or train longer (`epochs`, or a smaller `batch`)",
            in_words(&schedule, selection, steps),
            schedule.every,
        )));
    }
    if let Some(probability) = selection.probability()
        && probability > 0.0
        && !is_as_published(selection)
        && exchanges(&schedule, selection, &allocations) < 1.0
    {
        let dead = schedule.initial - schedule.target;
        return Err(Error::Config(format!(
            "rank sampling would reintroduce nothing: with {} triplets, of which {} live in the end, and probability {probability}, \
             no allocation after the first exchanges a whole triplet (probability x {} is below one half); \
             raise `probability`, the ranks, or the number of `targets`; with `probability: 0` triplets are pruned only",
            schedule.initial,
            schedule.target,
            dead.min(schedule.target),
        )));
    }
    Ok(schedule)
}

/// What is said of a schedule of the published code that makes few allocations, as its authors' did.
fn warn_of(schedule: &Schedule, selection: Selection, steps: u64) -> Option<String> {
    let allocations = real_allocations(schedule, selection, steps);
    let few = is_as_published(selection) && allocations.len() < FEWEST_ALLOCATIONS;
    few.then(|| {
        format!(
            "{}: ranks hardly adapt, as in what the authors ran",
            in_words(schedule, selection, steps)
        )
    })
}

/// How many allocations a schedule makes, and why.
fn in_words(schedule: &Schedule, selection: Selection, steps: u64) -> String {
    let allocations = match schedule.met() > schedule.warmup {
        true => real_allocations(schedule, selection, steps).len(),
        false => 0,
    };
    let of_steps = match schedule.total == steps {
        true => String::new(),
        false => format!(", total_steps {}", schedule.total),
    };
    let exchange = match schedule.exchange {
        0 => String::new(),
        exchange => format!(", exchange_steps {exchange}"),
    };
    let called = match selection {
        Selection::Importance(Rule::AsPublishedCode { call_every, .. }) => {
            format!(", called every {call_every} steps,")
        }
        _ => String::new(),
    };
    format!(
        "{steps} optimizer steps with warmup_steps {}{exchange}, final_steps {}{of_steps} and every {}{called} make {allocations} allocations",
        schedule.warmup, schedule.finish, schedule.every,
    )
}

fn is_as_published(selection: Selection) -> bool {
    matches!(
        selection,
        Selection::Importance(Rule::AsPublishedCode { .. })
    )
}

/// The steps at which the rule really prunes.
fn real_allocations(schedule: &Schedule, selection: Selection, steps: u64) -> Vec<u64> {
    let mut allocations = schedule.allocations();
    allocations.retain(|&step| step <= steps && selection.is_called(step));
    allocations
}

/// How many triplets come back, in all allocations but the first.
fn exchanges(schedule: &Schedule, selection: Selection, allocations: &[u64]) -> f64 {
    let rest = allocations.iter().skip(1);
    rest.map(|&step| selection.exchanged(schedule, step)).sum()
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
    fn the_most_steps_end_a_run_within_an_epoch_and_never_prolong_it() {
        let lengths = Lengths::from([(10, 90), (12, 10)]);
        for (most, expected) in [("null", 40), ("7", 7), ("25", 25), ("41", 40)] {
            let text = format!(r#"{{"epochs": 4, "batch": 10, "max_steps": {most}}}"#);
            let train = serde_json::from_str(&text).unwrap();
            assert_eq!(steps(&train, &lengths), (10, expected), "{most}");
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
    fn norms_are_known_by_their_names() {
        let method = "lora".parse::<Method>().unwrap();
        let t = |tensor: &str, norms: bool| trains(&method, norms, tensor, Pooling::Mean);
        for tensor in [
            "embeddings.LayerNorm.weight",
            "encoder.layer.0.output.dense.bias",
            "h.0.ln_1.weight",
            "ln_f.weight",
            "layers.1.input_layernorm.weight",
            "layers.1.self_attn.q_norm.weight",
            "norm.weight",
        ] {
            assert!(t(tensor, true) && !t(tensor, false), "{tensor}");
        }
        for tensor in [
            "embeddings.word_embeddings.weight",
            "encoder.layer.0.output.dense.weight",
            "layers.1.self_attn.q_proj.weight",
            "pooler.dense.bias",
        ] {
            assert!(!t(tensor, true), "{tensor}");
        }
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
            |a| {
                a.selection = Selection::Importance(Rule::AsDescribed {
                    probability: 0.01,
                    anneal: true,
                    score_decay: 0.0,
                })
            },
            "ars",
            100,
            &["reintroduce nothing", "60 triplets", "0.01"],
        );
    }

    fn ars(settings: &str) -> RankBudget {
        let text = format!(r#"{{"adaptive_rank_sampling": {settings}}}"#);
        let method: Method = serde_json::from_str(&text).unwrap();
        method.low_rank().unwrap().budget.unwrap()
    }

    #[test]
    fn what_the_authors_ran_is_run_and_said() {
        // OPT-125m on H3: 60 modules, five epochs of 1,497 steps, one pruning.
        let budget = ars(
            r#"{"variant": "as-published-code", "call_every": 50, "initial_rank": 8, "target_rank": 4,
                "warmup_steps": 200, "final_steps": 200, "every": 5000, "total_steps": 7485}"#,
        );
        for (steps, parts) in [
            (7485, ["make 1 allocations", "called every 50 steps"]),
            // A data set with fewer steps is never pruned.
            (900, ["make 0 allocations", "total_steps 7485"]),
        ] {
            let schedule = schedule(&budget, 8, 60, steps).unwrap();
            assert_eq!((schedule.budget(200), schedule.budget(5000)), (480, 248));
            let warning = warn_of(&schedule, budget.selection, steps).unwrap();
            for part in parts {
                assert!(warning.contains(part), "{warning}");
            }
        }
        let usual = ars(r#"{"variant": "as-published-code"}"#);
        let schedule = schedule(&usual, 10, 36, 600).unwrap();
        assert_eq!(warn_of(&schedule, usual.selection, 600), None);
    }

    #[test]
    fn gates_allocate_every_25_to_50_steps_and_exchange_behind_the_cubic_part() {
        let budget = ars(r#"{"variant": "gated"}"#);
        for (steps, every) in [(40, 2), (400, 21), (1232, 25), (2464, 40), (29_600, 50)] {
            let s = schedule(&budget, 10, 36, steps).unwrap();
            assert_eq!(s.every, every, "{steps}");
            assert_eq!(s.warmup, steps / 10);
            assert_eq!(s.last(), steps - steps / 4);
            assert_eq!(s.met(), s.last() - steps * 15 / 100);
            assert_eq!(s.budget(s.met()), s.target);
        }
    }

    #[test]
    fn nothing_need_be_sampled_and_gates_need_not_prune() {
        assert!(schedule(&ars(r#"{"probability": 0}"#), 10, 6, 100).is_ok());
        let whole = ars(r#"{"variant": "gated", "target_rank": 10}"#);
        let s = schedule(&whole, 10, 6, 5).unwrap();
        assert!(real_allocations(&s, whole.selection, 5).is_empty());
    }
}
