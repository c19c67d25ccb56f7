//! Several things at a time, results in order, a panic of one no panic of all.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use crate::failure::{Error, Kind};

/// A panic in one cell is that cell's failure.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let why = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no reason given");
        Err(Error::stage(
            Kind::Failed,
            format!("internal error: {why}; this is a bug of lingo-pipe, please report it"),
        ))
    })
}

/// Does `work` for each item, `jobs` at a time; results come in the order of the items.
pub(crate) fn in_parallel<I: Sync, T: Send>(
    items: &[I],
    jobs: usize,
    work: impl Fn(&I) -> T + Sync,
) -> Vec<T> {
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..items.len()).collect());
    let results: Mutex<BTreeMap<usize, T>> = Mutex::new(BTreeMap::new());
    let next = || {
        queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    };
    let worker = || {
        while let Some(i) = next() {
            let result = work(&items[i]);
            results
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(i, result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.clamp(1, items.len().max(1)) {
            scope.spawn(worker);
        }
        worker();
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_number_of_jobs() {
        let items: Vec<usize> = (0..50).collect();
        for jobs in [0, 1, 2, 7, 100] {
            assert_eq!(in_parallel(&items, jobs, |i| i * i)[49], 49 * 49);
            assert_eq!(in_parallel(&items, jobs, |i| *i), items);
        }
        assert!(in_parallel(&[] as &[u8], 3, |i| *i).is_empty());
    }

    #[test]
    fn a_panic_is_a_failure() {
        let error = guarded::<()>(|| panic!("the sky fell")).unwrap_err();
        assert!(error.to_string().contains("the sky fell"), "{error}");
        assert_eq!(error.kind(), Kind::Failed);
    }
}
