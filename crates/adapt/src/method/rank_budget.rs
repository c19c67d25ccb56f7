//! What methods that adapt their rank have in common: a budget of triplets that falls in training.

use serde_json::{Map, Value, json};

use crate::rank::allocator::Rule;

/// How many triplets live, and by which rule they are chosen.
#[derive(Clone, Debug)]
pub(crate) struct RankBudget {
    pub rule: Rule,
    /// Mean rank of the deltas in the end.
    pub target_rank: u32,
    /// Steps before the first allocation; default: a tenth of all steps.
    pub warmup_steps: Option<u32>,
    /// Steps after the last allocation; default: three tenths of all steps.
    pub final_steps: Option<u32>,
    /// Steps between allocations; default: so that there are about 40.
    pub every: Option<u32>,
    /// Decays of the smoothed importance and of its uncertainty.
    pub betas: [f64; 2],
    /// Weight of the penalty that keeps the triplets of a delta orthogonal.
    pub orthogonality: f64,
}

impl RankBudget {
    /// Steps before the first allocation of a run of `steps`.
    pub fn warmup(&self, steps: u64) -> u64 {
        self.warmup_steps.map_or(steps / 10, u64::from)
    }

    /// Steps after the last allocation of a run of `steps`.
    pub fn finish(&self, steps: u64) -> u64 {
        self.final_steps.map_or(steps * 3 / 10, u64::from)
    }

    /// PEFT's `AdaLoraConfig`.
    pub fn peft(&self, rank: usize, run: &PeftRun) -> Value {
        json!({
            "peft_type": "ADALORA",
            // PEFT ignores `r` here, and warns unless it is its default.
            "r": 8,
            "init_r": rank,
            "target_r": self.target_rank,
            "beta1": self.betas[0],
            "beta2": self.betas[1],
            "orth_reg_weight": self.orthogonality,
            "total_step": run.steps,
            "tinit": self.warmup(run.steps),
            "tfinal": self.finish(run.steps),
            "deltaT": run.every,
            "rank_pattern": run.pattern,
        })
    }
}

/// What `adapter_config.json` tells of a run that changed its ranks.
pub(crate) struct PeftRun {
    /// Optimizer steps.
    pub steps: u64,
    /// Steps between two allocations.
    pub every: u64,
    /// By the name of a module's lambda: which of the initial triplets are left.
    pub pattern: Map<String, Value>,
}
