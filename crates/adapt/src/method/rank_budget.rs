//! What methods that adapt their rank have in common: a budget of triplets that falls in training.

use serde_json::{Map, Value, json};

use crate::rank::schedule::Schedule;
use crate::rank::selection::Selection;

/// How many triplets live, and by which rule they are chosen.
#[derive(Clone, Debug)]
pub(crate) struct RankBudget {
    pub selection: Selection,
    /// Mean rank of the deltas in the end.
    pub target_rank: u32,
    /// The steps that the schedule is made for; default: those of the run.
    pub total_steps: Option<u32>,
    /// Steps before the first allocation.
    pub warmup_steps: Option<u32>,
    /// Steps before the last allocation in which the budget is met.
    pub exchange_steps: Option<u32>,
    /// Steps after the last allocation.
    pub final_steps: Option<u32>,
    /// Steps between allocations.
    pub every: Option<u32>,
    /// What holds for steps that are not given.
    pub defaults: Defaults,
    /// Decays of the smoothed importance and of its uncertainty.
    pub betas: [f64; 2],
    /// Weight of the penalty that keeps the triplets of a delta orthogonal.
    pub orthogonality: f64,
}

/// The schedule of a rule where nothing is said of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Defaults {
    /// Hundredths of all steps in which the budget is met and triplets are still exchanged.
    exchange: u64,
    /// Hundredths of all steps after the last allocation.
    finish: u64,
    /// The fewest and the most steps between allocations, where the window has room.
    every: (u64, u64),
}

impl Defaults {
    pub const ADALORA: Self = Self {
        exchange: 0,
        finish: 30,
        every: (1, u64::MAX),
    };
    pub const GATED: Self = Self {
        exchange: 15,
        finish: 25,
        every: (25, 50),
    };

    fn every(self, window: u64) -> u64 {
        let (fewest, most) = self.every;
        (window / USUAL_ALLOCATIONS)
            .clamp(fewest, most)
            .min(window / ENOUGH_ALLOCATIONS)
            .max(1)
    }
}

/// The default interval makes about so many, where a rule does not ask for others.
const USUAL_ALLOCATIONS: u64 = 40;
/// However short the run, it makes so many.
const ENOUGH_ALLOCATIONS: u64 = 12;

impl RankBudget {
    /// The schedule of a run of `steps` with so many modules of rank `rank`.
    pub fn schedule(&self, rank: usize, modules: usize, steps: u64) -> Schedule {
        let total = self.total_steps.map_or(steps, u64::from);
        let share = |hundredths: u64| total * hundredths / 100;
        let mut schedule = Schedule {
            initial: (rank * modules) as u64,
            target: (self.target_rank as usize * modules) as u64,
            warmup: self.warmup_steps.map_or(share(10), u64::from),
            exchange: self
                .exchange_steps
                .map_or(share(self.defaults.exchange), u64::from),
            finish: self
                .final_steps
                .map_or(share(self.defaults.finish), u64::from),
            every: 1,
            total,
        };
        let window = schedule.last().saturating_sub(schedule.warmup);
        schedule.every = self.every.map_or(self.defaults.every(window), u64::from);
        schedule
    }

    /// PEFT's `AdaLoraConfig`.
    pub fn peft(&self, rank: usize, run: &PeftRun) -> Value {
        let schedule = self.schedule(rank, 1, run.steps);
        json!({
            "peft_type": "ADALORA",
            // PEFT ignores `r` here, and warns unless it is its default.
            "r": 8,
            "init_r": rank,
            "target_r": self.target_rank,
            "beta1": self.betas[0],
            "beta2": self.betas[1],
            "orth_reg_weight": self.orthogonality,
            "total_step": schedule.total,
            "tinit": schedule.warmup,
            "tfinal": schedule.finish,
            "deltaT": schedule.every,
            "rank_pattern": run.pattern,
        })
    }
}

/// What `adapter_config.json` tells of a run that changed its ranks.
pub(crate) struct PeftRun {
    /// Optimizer steps.
    pub steps: u64,
    /// By the name of a module's lambda: which of the initial triplets are left.
    pub pattern: Map<String, Value>,
}
