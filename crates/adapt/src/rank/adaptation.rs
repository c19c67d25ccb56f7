//! What a rule of rank adaptation does in training, step by step.

use std::collections::BTreeMap;

use crate::rank::triplets::Triplets;

/// Which triplets live. Triplets are numbered through all modules, in their order.
pub(crate) trait RankAdaptation {
    /// For each triplet, whether it lives: what is exported.
    fn live(&self) -> &[bool];

    /// How many triplets the schedule lets live at a step.
    fn budget(&self, step: u64) -> u64;

    /// The triplets of the forward pass of training step `step`; `None`: all of them.
    fn shown(&self, step: u64) -> Option<Vec<bool>>;

    /// The triplets of an evaluation: those that would be exported, where others have values.
    fn scored(&self) -> Option<&[bool]>;

    /// For each trained value, whether the optimizer leaves it alone.
    fn frozen(&self) -> Option<&[bool]> {
        None
    }

    /// For each trained value, whether it takes no part in the optimizer's common step: what is frozen,
    /// and what belongs to [`Self::restarted`].
    fn apart(&self) -> Option<&[bool]> {
        self.frozen()
    }

    /// Live triplets that the optimizer moves in step `step` by a clock of their own.
    fn restarted(&self, _step: u64) -> Vec<Restarted> {
        Vec::new()
    }

    /// Sees the gradients of training step `step`, before they are clipped, with the values they were
    /// taken at and the triplets that were shown.
    fn observe(
        &mut self,
        _step: u64,
        _values: &[f32],
        _gradients: &[f32],
        _shown: Option<&[bool]>,
    ) {
    }

    /// Comes after training step `step`; `gradients` are those that the optimizer saw.
    fn after_step(
        &mut self,
        step: u64,
        trained: &mut Values,
        gradients: &[f32],
    ) -> Option<Allocation>;

    /// What a checkpoint stores.
    fn state(&self) -> RankState;

    /// Takes a state up.
    ///
    /// # Errors
    /// What the state lacks.
    fn restore(&mut self, state: RankState) -> Result<(), String>;
}

/// The trained values with their moments in the optimizer.
pub(crate) struct Values<'a> {
    pub values: &'a mut [f32],
    pub first_moments: &'a mut [f32],
    pub second_moments: &'a mut [f32],
}

/// A triplet whose moments began anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Restarted {
    pub module: Triplets,
    /// Its number in the module.
    pub triplet: usize,
    /// The optimizer's steps on it, with the one to come.
    pub steps: u64,
    /// What its learning rate is multiplied with.
    pub warm: f64,
}

/// What one allocation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Triplets that may live.
    pub budget: u64,
    /// Triplets that live.
    pub alive: u64,
    /// Triplets that were pruned before and live again.
    pub reintroduced: u64,
    /// Live triplets of each module.
    pub pattern: Vec<u32>,
}

impl Allocation {
    /// What became of `before`.
    pub(crate) fn of(budget: u64, before: &[bool], live: &[bool], modules: &[Triplets]) -> Self {
        let mut rest = live.iter();
        let count = |found: &mut dyn Iterator<Item = &bool>| found.filter(|&&l| l).count();
        Self {
            budget,
            alive: count(&mut live.iter()) as u64,
            reintroduced: live
                .iter()
                .zip(before)
                .filter(|&(&now, &was)| now && !was)
                .count() as u64,
            pattern: modules
                .iter()
                .map(|m| count(&mut rest.by_ref().take(m.rank)) as u32)
                .collect(),
        }
    }
}

/// The state of a rule, by names of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RankState {
    pub vectors: BTreeMap<String, Vec<f32>>,
    /// Of the random stream.
    pub position: u64,
}

impl RankState {
    /// A state that begins with a stream's position.
    pub fn at(position: u64) -> Self {
        Self {
            vectors: BTreeMap::new(),
            position,
        }
    }

    /// An empty vector is not kept.
    pub fn with(mut self, name: &str, values: Vec<f32>) -> Self {
        if !values.is_empty() {
            self.vectors.insert(name.into(), values);
        }
        self
    }

    pub fn with_flags(self, name: &str, flags: &[bool]) -> Self {
        self.with(
            name,
            flags.iter().map(|&f| f32::from(u8::from(f))).collect(),
        )
    }

    /// A vector that must be as long as `length`.
    pub fn take(&mut self, name: &str, length: usize) -> Result<Vec<f32>, String> {
        if length == 0 {
            return Ok(Vec::new());
        }
        let values = self
            .vectors
            .remove(name)
            .ok_or_else(|| format!("it lacks the vector `{name}` of rank adaptation"))?;
        match values.len() == length {
            true => Ok(values),
            false => Err(format!(
                "`{name}` holds {} values, the run has {length}",
                values.len()
            )),
        }
    }

    pub fn take_flags(&mut self, name: &str, length: usize) -> Result<Vec<bool>, String> {
        let values = self.take(name, length)?;
        Ok(values.into_iter().map(|v| v != 0.0).collect())
    }
}
