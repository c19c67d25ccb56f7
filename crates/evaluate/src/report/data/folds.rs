//! Tasks that are the folds of one cross-validated task.

use crate::report::data::summary::Spread;
use crate::report::data::task::TaskResults;

/// The cross-validated tasks, each with its folds.
pub fn cross_validated<'t, 'a>(
    tasks: &'t [TaskResults<'a>],
) -> Vec<(&'t str, Vec<&'t TaskResults<'a>>)> {
    let mut all: Vec<(&str, Vec<&TaskResults>)> = Vec::new();
    for task in tasks {
        let Some(name) = task.info.fold_of.as_deref() else {
            continue;
        };
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, folds)) => folds.push(task),
            None => all.push((name, vec![task])),
        }
    }
    all
}

/// A method's test metric over the folds; of each fold the mean over its seeds.
pub fn fold_spread(folds: &[&TaskResults], method: usize) -> Option<Spread> {
    Spread::of(folds.iter().map(|fold| {
        let summary = fold.methods.get(method)?;
        Some(summary.test(fold.metric)?.mean)
    }))
}
