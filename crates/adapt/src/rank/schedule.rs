//! The cubic budget schedule (Zhang et al. 2023, equation 12), as PEFT has it.

/// How many triplets may live at each optimizer step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// All triplets there are: initial rank x modules.
    pub initial: u64,
    /// Triplets that live in the end: target rank x modules.
    pub target: u64,
    /// Steps before the first allocation (PEFT's `tinit`).
    pub warmup: u64,
    /// Steps between the one at which the budget is met and the last allocation: triplets are still
    /// exchanged there. PEFT has none.
    pub exchange: u64,
    /// Steps after the last allocation (PEFT's `tfinal`).
    pub finish: u64,
    /// Steps between allocations (PEFT's `deltaT`).
    pub every: u64,
    /// All optimizer steps.
    pub total: u64,
}

impl Schedule {
    /// The step of the last allocation.
    pub fn last(&self) -> u64 {
        self.total.saturating_sub(self.finish)
    }

    /// The step from which on the budget is the target.
    pub fn met(&self) -> u64 {
        self.last().saturating_sub(self.exchange)
    }

    /// How much of the window between warm-up and the last allocation is over at `step`, 0 to 1.
    pub fn fraction(&self, step: u64) -> f64 {
        if step <= self.warmup {
            0.0
        } else if step >= self.last() {
            1.0
        } else {
            (step - self.warmup) as f64 / (self.last() - self.warmup) as f64
        }
    }

    /// The triplets that may live at `step` (steps count from 1).
    pub fn budget(&self, step: u64) -> u64 {
        if step <= self.warmup {
            return self.initial;
        }
        if step > self.met() {
            return self.target;
        }
        // `powf` and the order of operations are Python's, so that the truncation agrees with PEFT's.
        let left = 1.0 - (step - self.warmup) as f64 / (self.met() - self.warmup) as f64;
        ((self.initial as f64 - self.target as f64) * left.powf(3.0) + self.target as f64) as u64
    }

    /// How many live triplets change places with pruned ones at `step`: `probability` times the fewer
    /// of the two, rounded.
    pub(crate) fn swaps(&self, probability: f64, step: u64) -> u64 {
        let budget = self.budget(step);
        (probability * budget.min(self.initial - budget) as f64).round() as u64
    }

    /// Whether triplets are chosen anew at `step`: every `every` steps inside the window, and at its end.
    pub fn allocates(&self, step: u64) -> bool {
        step > self.warmup
            && (step == self.last()
                || (step < self.last() && step.is_multiple_of(self.every.max(1))))
    }

    /// The steps at which triplets are chosen and at least one must go.
    pub fn allocations(&self) -> Vec<u64> {
        (self.warmup + 1..=self.last())
            .filter(|&step| self.allocates(step) && self.budget(step) < self.initial)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_budget_never_grows_and_ends_at_the_target(
            initial in 1u64..2000, part in 0.0f64..=1.0, warmup in 0u64..50,
            window in 1u64..500, exchange in 0u64..50, finish in 0u64..50, every in 1u64..40,
        ) {
            let target = (initial as f64 * part) as u64;
            let total = warmup + window + exchange + finish;
            let schedule = Schedule { initial, target, warmup, exchange, finish, every, total };
            let budgets: Vec<u64> = (1..=schedule.total).map(|s| schedule.budget(s)).collect();
            prop_assert!(budgets.windows(2).all(|w| w[0] >= w[1]));
            prop_assert!(budgets.iter().all(|b| (target..=initial).contains(b)));
            prop_assert_eq!(schedule.budget(schedule.met()), target);
            prop_assert_eq!(schedule.budget(schedule.last()), target);
            prop_assert!(schedule.allocations().iter().all(|&s| s > warmup && s <= schedule.last()));
            if target < initial {
                prop_assert_eq!(schedule.allocations().last().copied(), Some(schedule.last()));
            }
        }
    }
}
