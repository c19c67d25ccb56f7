//! The settings of gated rank sampling, and how they change in training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rank::schedule::Schedule;

/// What is left of `probability` and `temperature` falls along a cosine from all to nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gates {
    /// The share that is exchanged at the first allocation.
    pub probability: f64,
    /// What Gumbel noise is multiplied with there.
    pub temperature: f64,
    /// Whether both fall to 0 at the last allocation.
    pub anneal: bool,
    /// What decides who lives.
    pub scores: Scores,
    /// How a pruned triplet comes back.
    pub returns: Return,
    /// What the budget counts.
    pub budget_in: BudgetIn,
    /// Lambda of a triplet that comes back from zero.
    pub lambda: f32,
    /// Whether lambda is trained.
    pub trains_lambda: bool,
}

/// What decides which triplets live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scores {
    /// Of the live ones, what their removal would cost the loss; of the pruned ones, the gradient they would grow with.
    #[default]
    Gradient,
    /// The same for the live ones; pruned ones come back uniformly at random.
    UniformReturn,
    /// Nothing: both at random. A control.
    Random,
}

/// How a pruned triplet comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Return {
    /// With an output side of zero, its direction made orthogonal to the live ones of its module, and its moments zero.
    #[default]
    Zero,
    /// With the values and the moments it had.
    Value,
}

/// What the budget counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BudgetIn {
    /// Triplets.
    #[default]
    Triplets,
    /// Their values: a triplet of a wide layer costs more.
    Parameters,
}

impl Gates {
    /// How many triplets are exchanged at `step`.
    pub fn swaps(&self, schedule: &Schedule, step: u64) -> u64 {
        schedule.swaps(self.probability * self.left(schedule, step), step)
    }

    /// What Gumbel noise is multiplied with at `step`.
    pub fn temperature(&self, schedule: &Schedule, step: u64) -> f64 {
        self.temperature * self.left(schedule, step)
    }

    fn left(&self, schedule: &Schedule, step: u64) -> f64 {
        match self.anneal {
            true => 0.5 * (1.0 + (std::f64::consts::PI * schedule.fraction(step)).cos()),
            false => 1.0,
        }
    }
}
