//! Splits that no cluster of similar sequences straddles.

use lingo_artifact::Split;
use lingo_artifact::random::Stream;

use crate::config::split::ClusterSplit;
use crate::similarity::sketches::UnionFind;

/// Gives whole clusters to the splits: in a random order, the large ones first, each to the split that lacks most rows.
///
/// The splits of the rows, in their order.
pub(crate) fn split(clusters: &UnionFind, rows: usize, plan: &ClusterSplit) -> Vec<Split> {
    let mut sizes = vec![0u32; rows];
    for row in 0..rows {
        sizes[clusters.root(row)] += 1;
    }
    let mut roots: Vec<u32> = (0..rows as u32)
        .filter(|row| sizes[*row as usize] > 0)
        .collect();
    Stream::new(plan.seed, "clusters").shuffle(&mut roots);
    roots.sort_by_key(|root| std::cmp::Reverse(sizes[*root as usize]));
    let shares = [plan.train, plan.dev, plan.test].map(|share| share.get());
    let mut lacks = shares.map(|share| share * rows as f64);
    let mut of_root = vec![Split::Train; rows];
    for root in roots {
        let size = sizes[root as usize];
        let mut to = Split::Train;
        for split in [Split::Dev, Split::Test] {
            // Of equal lacks the first: a rounding error must not decide.
            if lacks[split as usize] > lacks[to as usize] + 1e-6 {
                to = split;
            }
        }
        lacks[to as usize] -= f64::from(size);
        of_root[root as usize] = to;
    }
    (0..rows).map(|row| of_root[clusters.root(row)]).collect()
}

#[cfg(test)]
mod tests {
    use lingo_artifact::bounded::Probability;
    use proptest::prelude::*;

    use super::*;

    fn plan(train: f64, dev: f64, test: f64, seed: u64) -> ClusterSplit {
        let share = |v| Probability::try_from(v).unwrap();
        ClusterSplit {
            train: share(train),
            dev: share(dev),
            test: share(test),
            jaccard: share(0.5),
            seed,
        }
    }

    proptest! {
        #[test]
        fn clusters_never_straddle(links in proptest::collection::vec((0..60usize, 0..60usize), 0..60), seed: u64) {
            let mut sets = UnionFind::new(60);
            for (a, b) in &links {
                sets.unite(*a, *b);
            }
            sets.flatten(0..60);
            let splits = split(&sets, 60, &plan(0.8, 0.1, 0.1, seed));
            for (a, b) in links {
                prop_assert_eq!(splits[a], splits[b]);
            }
            prop_assert_eq!(&splits, &split(&sets, 60, &plan(0.8, 0.1, 0.1, seed)));
        }

        #[test]
        fn singletons_fill_the_shares(n in 1..300usize, seed: u64) {
            let splits = split(&UnionFind::new(n), n, &plan(0.7, 0.2, 0.1, seed));
            for (wanted, share) in [(Split::Train, 0.7), (Split::Dev, 0.2), (Split::Test, 0.1)] {
                let rows = splits.iter().filter(|s| **s == wanted).count() as f64;
                prop_assert!((rows - share * n as f64).abs() <= 2.0, "{} {} {}", n, wanted, rows);
            }
        }
    }

    #[test]
    fn seeds_give_different_splits() {
        let of = |seed| split(&UnionFind::new(100), 100, &plan(0.8, 0.1, 0.1, seed));
        assert_ne!(of(0), of(1));
    }
}
