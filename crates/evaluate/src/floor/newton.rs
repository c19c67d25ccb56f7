//! Newton's method with step halving on a convex objective, and the linear algebra that it needs.

/// Rows with a 1 behind the features: `[rows][width]`, the intercept last.
pub struct Design {
    rows: Vec<Vec<f64>>,
    width: usize,
}

impl Design {
    /// Of rows of features.
    pub fn new(features: &[Vec<f64>]) -> Self {
        let rows: Vec<Vec<f64>> = features
            .iter()
            .map(|x| x.iter().copied().chain([1.0]).collect())
            .collect();
        Self {
            width: features.first().map_or(0, Vec::len) + 1,
            rows,
        }
    }

    /// Features and the intercept.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows.
    pub fn rows(&self) -> &[Vec<f64>] {
        &self.rows
    }
}

/// The weights times the features, plus the intercept, which is the last weight.
pub fn linear(weights: &[f64], features: &[f64]) -> f64 {
    let (intercept, weights) = weights.split_last().unwrap_or((&0.0, &[]));
    weights
        .iter()
        .zip(features)
        .map(|(w, x)| w * x)
        .sum::<f64>()
        + intercept
}

/// Value, gradient and Hessian (full, row by row) of an objective at a point.
pub struct Local {
    /// The objective.
    pub value: f64,
    /// Its gradient.
    pub gradient: Vec<f64>,
    /// Its Hessian, `[width * width]`.
    pub hessian: Vec<f64>,
}

/// Minimises a strictly convex objective from zero, until a step can gain nothing more.
///
/// `value` is the objective alone, for the step halving.
pub fn minimise(
    width: usize,
    local: impl Fn(&[f64]) -> Local,
    value: impl Fn(&[f64]) -> f64,
) -> Vec<f64> {
    let mut point = vec![0.0; width];
    for _ in 0..100 {
        let here = local(&point);
        let Some(step) = solve(here.hessian, here.gradient.clone()) else {
            break;
        };
        // The gain that the quadratic model promises; below rounding there is nothing left to do.
        let gain: f64 = here.gradient.iter().zip(&step).map(|(g, s)| g * s).sum();
        if gain <= 1e-18 * (1.0 + here.value.abs()) {
            break;
        }
        let mut length = 1.0;
        let next = loop {
            let next: Vec<f64> = point
                .iter()
                .zip(&step)
                .map(|(x, s)| x - length * s)
                .collect();
            if value(&next) <= here.value - 1e-4 * length * gain {
                break Some(next);
            }
            length *= 0.5;
            if length < 1e-10 {
                break None;
            }
        };
        match next {
            Some(next) => point = next,
            None => {
                // So close to the optimum that rounding hides the gain: take the last full step.
                point.iter_mut().zip(&step).for_each(|(x, s)| *x -= s);
                break;
            }
        }
    }
    point
}

/// Ridge regression with a free intercept: weights of the features, then the intercept.
pub fn ridge(design: &Design, values: &[f64], alpha: f64) -> Vec<f64> {
    let width = design.width();
    let mut normal = vec![0.0; width * width];
    let mut right = vec![0.0; width];
    for (row, value) in design.rows().iter().zip(values) {
        for i in 0..width {
            right[i] += row[i] * value;
            for j in 0..width {
                normal[i * width + j] += row[i] * row[j];
            }
        }
    }
    for i in 0..width - 1 {
        normal[i * width + i] += alpha;
    }
    solve(normal, right).unwrap_or_else(|| vec![0.0; width])
}

/// Solves `a x = b` for symmetric positive definite `a` by Cholesky's decomposition; `None` when it is not.
pub fn solve(mut a: Vec<f64>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for j in 0..n {
        for i in j..n {
            let dot: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - dot;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                a[j * n + j] = rest.sqrt();
            } else {
                a[i * n + j] = rest / a[j * n + j];
            }
        }
    }
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| a[i * n + k] * b[k]).sum();
        b[i] = (b[i] - dot) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k]).sum();
        b[i] = (b[i] - dot) / a[i * n + i];
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved_or_refused() {
        let x = solve(vec![4.0, 2.0, 2.0, 3.0], vec![2.0, 5.0]).unwrap();
        assert!(
            (x[0] + 0.5).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12,
            "{x:?}"
        );
        assert_eq!(solve(vec![1.0, 2.0, 2.0, 1.0], vec![1.0, 1.0]), None);
    }
}
