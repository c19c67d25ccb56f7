//! The sign-flip test: could the differences as well have had other signs?

use lingo_artifact::random::Stream;

/// Up to so many differences every way to flip their signs is looked at: 2^16 = 65,536 of them.
pub const EXACT_UP_TO: usize = 16;

/// How many ways are drawn where there are more.
pub const DRAWS: u32 = 100_000;

/// The two-sided p of the hypothesis that every difference could as well have the other sign: the share of all 2^n
/// ways to choose the signs whose mean is at least as far from 0 as the one observed. Fisher (1935), The Design of
/// Experiments, section 21.
///
/// Exact for [`EXACT_UP_TO`] differences and fewer, and then the same as `scipy.stats.permutation_test((differences,),
/// numpy.mean, permutation_type="samples")`; for more, (1 + k) / (1 + [`DRAWS`]) with k of [`DRAWS`] ways that `seed`
/// drives (Phipson and Smyth 2010). Never below [`smallest`]; `None` of nothing.
pub fn p_value(differences: &[f64], seed: u64) -> Option<f64> {
    let n = differences.len();
    if n == 0 {
        return None;
    }
    let observed = differences.iter().sum::<f64>().abs();
    // Sums of the same numbers in another order may be off by a rounding, and are as far from 0 all the same.
    let rounding = 1e-12 * differences.iter().map(|d| d.abs()).sum::<f64>();
    let as_far = |signs: &[u64]| {
        let flipped = differences.iter().enumerate().map(|(i, d)| {
            let flip = signs[i / 64] >> (i % 64) & 1 == 1;
            if flip { -d } else { *d }
        });
        flipped.sum::<f64>().abs() >= observed - rounding
    };
    if n <= EXACT_UP_TO {
        // A way and its opposite are as far from 0: the last sign stays, and half of the ways stand for all.
        let ways = 1u64 << (n - 1);
        let hits = (0..ways).filter(|way| as_far(&[*way])).count();
        return Some(hits as f64 / ways as f64);
    }
    let mut stream = Stream::new(seed, "sign flips");
    let mut signs = vec![0; n.div_ceil(64)];
    let mut hits = 0;
    for _ in 0..DRAWS {
        signs.fill_with(|| stream.next_u64());
        hits += u32::from(as_far(&signs));
    }
    let share = f64::from(1 + hits) / f64::from(1 + DRAWS);
    Some(share.max(smallest(n)))
}

/// The smallest p that `n` differences can have, 2 / 2^n: the signs as they are, and all of them flipped.
pub fn smallest(n: usize) -> f64 {
    let halvings = i32::try_from(n).unwrap_or(i32::MAX).max(1) - 1;
    0.5f64.powi(halvings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_differences_are_counted_by_hand() {
        // Of 8 ways, +++ and --- are as far as 6; with 1 - 2 + 3 = 2, all but the two sums of 0 are.
        assert_eq!(p_value(&[1.0, 2.0, 3.0], 0), Some(0.25));
        assert_eq!(p_value(&[1.0, -2.0, 3.0], 0), Some(0.75));
        assert_eq!(p_value(&[0.4], 0), Some(1.0));
        assert_eq!(p_value(&[0.0; 5], 0), Some(1.0));
        assert_eq!(p_value(&[], 0), None);
        assert_eq!([smallest(1), smallest(3)], [1.0, 0.25]);
    }

    #[test]
    fn ties_count_whatever_the_rounding() {
        // 0.1 + 0.2 - 0.3 is not 0 in binary; all eight ways are as far as it.
        assert_eq!(p_value(&[0.1, 0.2, -0.3], 0), Some(1.0));
    }

    #[test]
    fn what_is_drawn_agrees_with_what_is_known() {
        // Equal differences: the sum is binomial. P(|2K - 17| >= 9) with K of 17 flips, in all 2^17 ways.
        let mut differences = vec![1.0; 13];
        differences.extend([-1.0; 4]);
        let choose = |k: u64| (0..k).fold(1u64, |c, i| c * (17 - i) / (i + 1));
        let exact = 2.0 * (0..=4).map(choose).sum::<u64>() as f64 / (1u64 << 17) as f64;
        let p = p_value(&differences, 1).unwrap();
        // Four standard errors of 100,000 draws.
        let error = (exact * (1.0 - exact) / f64::from(DRAWS)).sqrt();
        assert!((p - exact).abs() < 4.0 * error, "{p} {exact}");
        assert_eq!(p_value(&differences, 1), Some(p));
        // 70 signs need two words; that all are the same is once in 2^69.
        let p = p_value(&[1.0; 70], 1).unwrap();
        assert_eq!(p, 1.0 / f64::from(1 + DRAWS));
    }
}
