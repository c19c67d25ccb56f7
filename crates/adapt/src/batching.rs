//! Batches of like length.

use lingo_artifact::random::Stream;
use lingo_lm::Batch;

/// Sequences of an evaluation batch, at least.
pub(crate) const EVALUATION_BATCH: usize = 64;

/// Batches that are sorted by length together: long enough to save padding, short enough to stay random.
const POOL: usize = 50;

/// The batches of one epoch, as indices: shuffled, then sorted by length within pools of
/// `POOL` batches, then the batches shuffled. Only the last batch may be short, as in a plain loader.
pub(crate) fn epoch_batches(
    lengths: &[usize],
    batch: usize,
    seed: u64,
    epoch: u64,
) -> Vec<Vec<usize>> {
    let mut stream = Stream::new(seed, &format!("shuffle of epoch {epoch}"));
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    stream.shuffle(&mut order);
    // What does not fill a batch is set aside first, so that sorting cannot make it a special length.
    let rest = order.split_off(order.len() - order.len() % batch);
    let mut batches = Vec::with_capacity(order.len() / batch + 1);
    for pool in order.chunks_mut(batch * POOL) {
        // Stable: rows of one length keep their random order.
        pool.sort_by_key(|&i| lengths[i]);
        batches.extend(pool.chunks(batch).map(<[usize]>::to_vec));
    }
    stream.shuffle(&mut batches);
    if !rest.is_empty() {
        batches.push(rest);
    }
    batches
}

/// How many sequences each batch of an epoch has when a batch may hold `budget` tokens (one
/// sequence at least): the lengths in ascending order, cut where the budget is full. It depends on
/// the lengths alone, so that every epoch has as many steps.
pub(crate) fn sizes_by_tokens(lengths: impl IntoIterator<Item = usize>, budget: u64) -> Vec<usize> {
    let mut sizes = Vec::new();
    let (mut size, mut tokens) = (0, 0u64);
    for length in lengths {
        if size > 0 && tokens + length as u64 > budget {
            sizes.push(size);
            (size, tokens) = (0, 0);
        }
        size += 1;
        tokens += length as u64;
    }
    sizes.extend((size > 0).then_some(size));
    sizes
}

/// The batches of one epoch under a token budget. Sequences are sorted by their length, blurred by
/// a twentieth so that each epoch has other neighbours; a batch may exceed its budget by as much.
pub(crate) fn epoch_batches_by_tokens(
    lengths: &[usize],
    budget: u64,
    seed: u64,
    epoch: u64,
) -> Vec<Vec<usize>> {
    let mut stream = Stream::new(seed, &format!("shuffle of epoch {epoch}"));
    let mut ascending = lengths.to_vec();
    ascending.sort_unstable();
    let mut order: Vec<(f64, usize)> = lengths
        .iter()
        .enumerate()
        .map(|(i, &length)| (length as f64 * (0.95 + 0.1 * stream.uniform()), i))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut order = order.into_iter().map(|(_, i)| i);
    let mut batches: Vec<Vec<usize>> = sizes_by_tokens(ascending, budget)
        .into_iter()
        .map(|size| order.by_ref().take(size).collect())
        .collect();
    stream.shuffle(&mut batches);
    batches
}

/// Batches for evaluation: sorted by length.
pub(crate) fn evaluation_batches(lengths: &[usize], batch: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| lengths[i]);
    order.chunks(batch).map(<[usize]>::to_vec).collect()
}

/// Rows of ids, padded to the longest of them.
pub(crate) fn pad<'a>(rows: impl Iterator<Item = &'a [u32]> + Clone, pad: u32) -> Batch {
    let length = rows.clone().map(<[u32]>::len).max().unwrap_or(0);
    let mut ids = Vec::new();
    let mut lengths = Vec::new();
    for row in rows {
        ids.extend_from_slice(row);
        ids.extend(std::iter::repeat_n(pad, length - row.len()));
        lengths.push(row.len() as u32);
    }
    Batch {
        batch: lengths.len(),
        ids,
        lengths,
        length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_epoch_has_every_row_once(
            lengths in proptest::collection::vec(1usize..40, 1..300), batch in 1usize..17, seed: u64,
        ) {
            let batches = epoch_batches(&lengths, batch, seed, 3);
            prop_assert_eq!(batches.len(), lengths.len().div_ceil(batch));
            let full = batches.len() - 1;
            prop_assert!(batches[..full].iter().all(|b| b.len() == batch));
            let mut all: Vec<usize> = batches.into_iter().flatten().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
        }
    }

    proptest! {
        #[test]
        fn a_token_budget_is_kept_and_every_epoch_has_as_many_batches(
            lengths in proptest::collection::vec(1usize..200, 1..300), budget in 1u64..2000, seed: u64,
        ) {
            let mut ascending = lengths.clone();
            ascending.sort_unstable();
            let sizes = sizes_by_tokens(ascending.iter().copied(), budget);
            let mut rest = ascending.as_slice();
            for (i, &size) in sizes.iter().enumerate() {
                let (batch, behind) = rest.split_at(size);
                let tokens = batch.iter().sum::<usize>() as u64;
                prop_assert!(tokens <= budget || size == 1);
                // No batch could have taken the next sequence as well.
                let next = behind.first().map_or(u64::MAX, |&n| n as u64);
                prop_assert!(i + 1 == sizes.len() || tokens.saturating_add(next) > budget);
                rest = behind;
            }
            for epoch in 0..3 {
                let batches = epoch_batches_by_tokens(&lengths, budget, seed, epoch);
                prop_assert_eq!(batches.len(), sizes.len());
                let mut all: Vec<usize> = batches.into_iter().flatten().collect();
                all.sort_unstable();
                prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn sorting_saves_padding_and_epochs_differ() {
        let mut stream = Stream::new(1, "test");
        let lengths: Vec<usize> = (0..2000).map(|_| 10 + stream.below(100)).collect();
        let padded = |batches: &[Vec<usize>]| -> usize {
            batches
                .iter()
                .map(|b| b.len() * b.iter().map(|&i| lengths[i]).max().unwrap())
                .sum()
        };
        let batches = epoch_batches(&lengths, 16, 1, 0);
        assert!(padded(&batches) < lengths.iter().sum::<usize>() * 11 / 10);
        assert_ne!(batches, epoch_batches(&lengths, 16, 1, 1));
        assert_eq!(batches, epoch_batches(&lengths, 16, 1, 0));
    }

    #[test]
    fn short_rows_are_padded_on_the_right() {
        let rows: [&[u32]; 2] = [&[7, 8, 9], &[7]];
        let batch = pad(rows.into_iter(), 1);
        assert_eq!(batch.ids, [7, 8, 9, 7, 1, 1]);
        assert_eq!(
            (batch.lengths, batch.batch, batch.length),
            (vec![3, 1], 2, 3)
        );
    }
}
