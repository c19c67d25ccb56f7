//! L-BFGS (Nocedal and Wright 2006, algorithm 7.5) for smooth convex objectives of many weights.

use std::collections::VecDeque;

/// Pairs of steps and changes of the gradient that are kept.
const MEMORY: usize = 10;

/// Minimises a smooth convex objective from `point`, until no entry of the gradient is above `tolerance`, the objective no
/// longer falls, or so many `steps` are done. `objective` writes the gradient and gives the value.
pub fn minimise(
    mut point: Vec<f64>,
    (tolerance, steps): (f64, usize),
    mut objective: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let n = point.len();
    let mut gradient = vec![0.0; n];
    let mut value = objective(&point, &mut gradient);
    let mut history: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::with_capacity(MEMORY);
    let (mut next, mut there) = (vec![0.0; n], vec![0.0; n]);
    for _ in 0..steps {
        if largest(&gradient) <= tolerance {
            break;
        }
        let direction = direction(&gradient, &history);
        let slope = dot(&direction, &gradient);
        // The first step has no curvature to go by.
        let mut length = match history.is_empty() {
            true => 1.0 / dot(&gradient, &gradient).sqrt(),
            false => 1.0,
        };
        let found = loop {
            for ((to, from), d) in next.iter_mut().zip(&point).zip(&direction) {
                *to = from + length * d;
            }
            let reached = objective(&next, &mut there);
            if reached <= value + 1e-4 * length * slope {
                break Some(reached);
            }
            length *= 0.5;
            if length < 1e-12 {
                break None;
            }
        };
        // So close to the optimum that rounding hides the gain.
        let Some(reached) = found else { break };
        let step: Vec<f64> = next.iter().zip(&point).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = there.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&step, &change);
        if curvature > 1e-12 * dot(&change, &change) {
            if history.len() == MEMORY {
                history.pop_front();
            }
            history.push_back((step, change, 1.0 / curvature));
        }
        let stands = value - reached <= 1e-15 * (1.0 + value.abs());
        std::mem::swap(&mut point, &mut next);
        std::mem::swap(&mut gradient, &mut there);
        value = reached;
        if stands {
            break;
        }
    }
    point
}

/// Minus the gradient times the inverse Hessian that the history tells of.
fn direction(gradient: &[f64], history: &VecDeque<(Vec<f64>, Vec<f64>, f64)>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(history.len());
    for (step, change, inverse) in history.iter().rev() {
        let share = inverse * dot(step, &direction);
        add(&mut direction, -share, change);
        shares.push(share);
    }
    if let Some((_, change, inverse)) = history.back() {
        let scale = 1.0 / (inverse * dot(change, change));
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for ((step, change, inverse), share) in history.iter().zip(shares.iter().rev()) {
        let other = inverse * dot(change, &direction);
        add(&mut direction, share - other, step);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], times: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(t, w)| *t += times * w);
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |a: f64, b| a.max(b.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretched_bowl_is_gone_down_to_its_bottom() {
        let (bottom, stretch) = ([3.0, -1.0, 0.5], [1.0, 100.0, 1e4]);
        let found = minimise(vec![0.0; 3], (1e-6, 500), |x, gradient| {
            let mut value = 0.0;
            for i in 0..3 {
                gradient[i] = stretch[i] * (x[i] - bottom[i]);
                value += 0.5 * stretch[i] * (x[i] - bottom[i]).powi(2);
            }
            value
        });
        for (x, b) in found.iter().zip(bottom) {
            assert!((x - b).abs() < 1e-2, "{found:?}");
        }
    }
}
