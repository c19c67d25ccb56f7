//! The normal distribution and Student's, as far as intervals need them.

use std::f64::consts::{PI, TAU};

/// P(Z <= x) of a standard normal Z, to about 1e-15.
///
/// Φ(x) = 1/2 + φ(x) (x + x³/3 + x⁵/(3·5) + ...): Marsaglia (2004), Evaluating the Normal Distribution, Journal of
/// Statistical Software 11(4).
pub fn normal_cdf(x: f64) -> f64 {
    // Beyond, the tail is less than half the distance between 1 and its neighbour.
    if x.abs() > 8.5 {
        return if x < 0.0 { 0.0 } else { 1.0 };
    }
    let (mut sum, mut term, mut odd) = (x, x, 1.0);
    loop {
        odd += 2.0;
        term *= x * x / odd;
        if sum + term == sum {
            break;
        }
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / TAU.sqrt()
}

/// The x with P(Z <= x) = `p`; infinite outside 0 < p < 1, as `scipy.special.ndtri` at 0 and 1.
pub fn normal_quantile(p: f64) -> f64 {
    if p <= 0.0 {
        f64::NEG_INFINITY
    } else if p >= 1.0 {
        f64::INFINITY
    } else if p < 0.5 {
        // Exactly odd about a half, so that swapping two methods turns an interval round and does nothing else.
        -normal_quantile(1.0 - p)
    } else if p == 0.5 {
        0.0
    } else {
        inverse(normal_cdf, p, 0.0, 8.5)
    }
}

/// P(|T| <= t) of Student's T with `degrees` degrees of freedom, at least 1.
///
/// With θ = atan(t / √ν): for odd ν (2/π) (θ + sin θ (cos θ + (2/3) cos³ θ + ...)), for even ν
/// sin θ (1 + (1/2) cos² θ + (1·3)/(2·4) cos⁴ θ + ...), both up to cos^(ν-2). Abramowitz and Stegun (1964), Handbook
/// of Mathematical Functions, 26.7.3 and 26.7.4.
pub fn student_within(t: f64, degrees: usize) -> f64 {
    let nu = degrees as f64;
    let theta = (t / nu.sqrt()).atan();
    let (sine, cosine) = theta.sin_cos();
    let odd = degrees % 2 == 1;
    // cos^power with its coefficient; the next coefficient is (power + 1) / (power + 2) of this one.
    let (mut power, mut term) = if odd { (1, cosine) } else { (0, 1.0) };
    let mut sum = 0.0;
    while power + 2 <= degrees {
        sum += term;
        term *= cosine * cosine * (power + 1) as f64 / (power + 2) as f64;
        power += 2;
    }
    if odd {
        (theta + sine * sum) * 2.0 / PI
    } else {
        sine * sum
    }
}

/// The t with P(|T| <= t) = `confidence`, which is in 0..1.
pub fn student_quantile(confidence: f64, degrees: usize) -> f64 {
    // With one degree of freedom it is exact, and more make it smaller.
    let most = (confidence * PI / 2.0).tan();
    inverse(|t| student_within(t, degrees), confidence, 0.0, most)
}

/// The x in `low..=high` where the rising `of` reaches `value`, by halving.
fn inverse(of: impl Fn(f64) -> f64, value: f64, mut low: f64, mut high: f64) -> f64 {
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return high;
        }
        if of(middle) < value {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_quantile_is_where_its_share_is_reached(p in 0.0005f64..0.9995, degrees in 1usize..60) {
            prop_assert!((normal_cdf(normal_quantile(p)) - p).abs() < 1e-13);
            prop_assert!((student_within(student_quantile(p, degrees), degrees) - p).abs() < 1e-13);
            prop_assert_eq!(normal_quantile(p), -normal_quantile(1.0 - p));
        }
    }

    #[test]
    fn the_ends_are_infinite_and_the_middle_is_zero() {
        let ends = [normal_quantile(0.0), normal_quantile(1.0)];
        assert_eq!(ends, [f64::NEG_INFINITY, f64::INFINITY]);
        assert_eq!(normal_quantile(0.5), 0.0);
        assert_eq!([normal_cdf(-40.0), normal_cdf(40.0)], [0.0, 1.0]);
    }
}
