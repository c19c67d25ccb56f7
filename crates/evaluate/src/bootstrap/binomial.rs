//! Counts, redrawn: the binomial and the multinomial distribution.

use lingo_artifact::random::Stream;

/// Below this mean the distribution is walked from 0 on; from it on, a draw is proposed and accepted or not.
const WALKED: f64 = 10.0;

/// How many of as many rows as `cells` hold, drawn with replacement, fall in each cell: one draw from the multinomial
/// distribution, cell by cell from the binomial distribution of what is left.
pub fn multinomial(stream: &mut Stream, cells: &[u64]) -> Vec<u64> {
    let mut rows: u64 = cells.iter().sum();
    let mut left = rows;
    cells
        .iter()
        .map(|cell| {
            let hits = match *cell == left {
                true => rows,
                false => binomial(stream, rows, *cell as f64 / left as f64),
            };
            left -= cell;
            rows -= hits;
            hits
        })
        .collect()
}

/// How many of `n` trials succeed, each with probability `p` (0 to 1).
///
/// For a small mean by inversion, otherwise by the transformed rejection of Hörmann (1993), The generation of binomial
/// random variates, Journal of Statistical Computation and Simulation 46 (algorithm BTRS): exact but for the rounding of
/// double precision.
pub fn binomial(stream: &mut Stream, n: u64, p: f64) -> u64 {
    if n == 0 || p <= 0.0 {
        return 0;
    }
    if p > 0.5 {
        return n - binomial(stream, n, 1.0 - p);
    }
    if n as f64 * p < WALKED {
        inverted(stream, n, p)
    } else {
        rejected(stream, n as f64, p)
    }
}

/// Walks from 0 on until the uniform draw is used up; P(k + 1) = P(k) (n - k) / (k + 1) p / (1 - p).
fn inverted(stream: &mut Stream, n: u64, p: f64) -> u64 {
    let odds = p / (1.0 - p);
    let mut left = stream.uniform();
    let mut share = (n as f64 * (-p).ln_1p()).exp();
    let mut k = 0;
    // What rounding leaves over the last term would be walked for ever: past n nothing is left.
    while left > share && k < n {
        left -= share;
        share *= (n - k) as f64 / (k + 1) as f64 * odds;
        k += 1;
    }
    k
}

fn rejected(stream: &mut Stream, n: f64, p: f64) -> u64 {
    let odds = p / (1.0 - p);
    let spread = (n * p * (1.0 - p)).sqrt();
    let b = 1.15 + 2.53 * spread;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let c = n * p + 0.5;
    let squeeze = 0.92 - 4.2 / b;
    let alpha = (2.83 + 5.1 / b) * spread;
    let mode = ((n + 1.0) * p).floor();
    loop {
        let v = stream.uniform();
        let u = stream.uniform() - 0.5;
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + c).floor();
        if !(0.0..=n).contains(&k) {
            continue;
        }
        if us >= 0.07 && v <= squeeze {
            return k as u64;
        }
        let height = (v * alpha / (a / (us * us) + b)).ln();
        let most = (mode + 0.5) * ((mode + 1.0) / (odds * (n - mode + 1.0))).ln()
            + (n + 1.0) * ((n - mode + 1.0) / (n - k + 1.0)).ln()
            + (k + 0.5) * ((odds * (n - k + 1.0)) / (k + 1.0)).ln()
            + stirling(mode)
            + stirling(n - mode)
            - stirling(k)
            - stirling(n - k);
        if height <= most {
            return k as u64;
        }
    }
}

/// ln k! less Stirling's formula for it, (k + 1/2) ln (k + 1) - (k + 1) + ln √(2π).
fn stirling(k: f64) -> f64 {
    const FIRST: [f64; 10] = [
        0.081_061_466_795_327_26,
        0.041_340_695_955_409_29,
        0.027_677_925_684_998_34,
        0.020_790_672_103_765_09,
        0.016_644_691_189_821_19,
        0.013_876_128_823_070_75,
        0.011_896_709_945_891_77,
        0.010_411_265_261_972_09,
        0.009_255_462_182_712_733,
        0.008_330_563_433_362_87,
    ];
    if let Some(first) = FIRST.get(k as usize).filter(|_| k < 10.0) {
        return *first;
    }
    let square = (k + 1.0) * (k + 1.0);
    (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / (k + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probability of every outcome, by the recurrence from the mode on, so that nothing underflows.
    fn probabilities(n: u64, p: f64) -> Vec<f64> {
        let mode = (((n + 1) as f64 * p) as u64).min(n) as usize;
        let mut all = vec![0.0; n as usize + 1];
        all[mode] = 1.0;
        for k in mode..n as usize {
            all[k + 1] = all[k] * (n as usize - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
        }
        for k in (0..mode).rev() {
            all[k] = all[k + 1] * (k + 1) as f64 / (n as usize - k) as f64 * (1.0 - p) / p;
        }
        let sum: f64 = all.iter().sum();
        all.iter().map(|x| x / sum).collect()
    }

    #[test]
    fn draws_are_as_frequent_as_the_distribution_says() {
        const DRAWS: u32 = 200_000;
        // Both ways of drawing, and both sides of a half.
        for (n, p) in [
            (7u64, 0.3),
            (40, 0.2),
            (60, 0.9),
            (200, 0.05),
            (300, 0.5),
            (2000, 0.02),
        ] {
            let expected = probabilities(n, p);
            let mut seen = vec![0u32; expected.len()];
            let mut stream = Stream::new(11, "binomial");
            for _ in 0..DRAWS {
                seen[binomial(&mut stream, n, p) as usize] += 1;
            }
            // Pearson's statistic over the outcomes that are expected five times and more, the rest as one.
            let (mut statistic, mut cells) = (0.0, 0.0);
            let (mut rest, mut rest_seen) = (0.0, 0.0);
            for (share, seen) in expected.iter().zip(&seen) {
                let mean = share * f64::from(DRAWS);
                if mean < 5.0 {
                    rest += mean;
                    rest_seen += f64::from(*seen);
                } else {
                    statistic += (f64::from(*seen) - mean).powi(2) / mean;
                    cells += 1.0;
                }
            }
            if rest >= 5.0 {
                statistic += (rest_seen - rest).powi(2) / rest;
                cells += 1.0;
            }
            // Its mean is cells - 1, its variance twice that: four standard deviations.
            let most = cells - 1.0 + 4.0 * (2.0f64 * (cells - 1.0)).sqrt();
            assert!(statistic < most, "{n} {p}: {statistic} of {cells}");
        }
    }

    #[test]
    fn cells_stay_what_they_are_in_all_and_empty_ones_empty() {
        let mut stream = Stream::new(1, "multinomial");
        let cells = [3u64, 0, 1000, 17, 0];
        let mut sums = [0u64; 5];
        for _ in 0..2000 {
            let drawn = multinomial(&mut stream, &cells);
            assert_eq!(drawn.iter().sum::<u64>(), 1020);
            assert_eq!((drawn[1], drawn[4]), (0, 0));
            sums.iter_mut().zip(drawn).for_each(|(sum, n)| *sum += n);
        }
        // The mean of 2,000 draws of a cell of 17 has the standard deviation 0.09.
        assert!((sums[3] as f64 / 2000.0 - 17.0).abs() < 0.4, "{sums:?}");
        assert_eq!(multinomial(&mut stream, &[0, 0]), [0, 0]);
        assert_eq!(multinomial(&mut stream, &[]), [0u64; 0]);
        assert_eq!(multinomial(&mut stream, &[5]), [5]);
    }
}
