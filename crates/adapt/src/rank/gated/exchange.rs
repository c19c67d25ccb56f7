//! Who goes and who comes back at an allocation.

use lingo_artifact::random::Stream;

/// Who lives after an allocation: the `swaps` pruned triplets with the highest keys come back, and of
/// the live ones those with the lowest keys go until what lives costs no more than `budget`. Of two
/// equal keys the earlier triplet is preferred.
///
/// With costs of 1, as many as the budget live, if as many lived before.
pub(crate) fn exchange(
    live: &[bool],
    keys: &[f64],
    costs: &[u64],
    budget: u64,
    swaps: usize,
) -> Vec<bool> {
    let mut order: Vec<usize> = (0..live.len()).collect();
    order.sort_by(|&a, &b| keys[b].total_cmp(&keys[a]).then(a.cmp(&b)));
    let pruned = order.iter().copied().filter(|&i| !live[i]);
    let back: Vec<usize> = pruned.take(swaps).collect();
    let cost = |which: &mut dyn Iterator<Item = usize>| which.map(|i| costs[i]).sum::<u64>();
    let mut spent =
        cost(&mut back.iter().copied()) + cost(&mut (0..live.len()).filter(|&i| live[i]));
    let mut now = live.to_vec();
    for &i in order.iter().rev().filter(|&&i| live[i]) {
        if spent <= budget {
            break;
        }
        now[i] = false;
        spent -= costs[i];
    }
    back.into_iter().for_each(|i| now[i] = true);
    now
}

/// Standard Gumbel noise. The highest of `log s_i + g_i` is `i` with probability `s_i / sum s`, and
/// the n highest are a draw without replacement (Kool et al. 2019).
pub(crate) fn gumbel(stream: &mut Stream) -> f64 {
    let u = stream.uniform().max(f64::MIN_POSITIVE);
    -(-u.ln()).ln()
}
