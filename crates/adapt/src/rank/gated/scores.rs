//! What a live triplet is worth, and what a pruned one promises, both from the gradient of `up`.
//!
//! A module adds `scale x sum_i lambda_i u_i (v_i . x)` to its output, with `u_i` a row of `up`. So
//! `lambda_i dL/dlambda_i = u_i . dL/du_i`: to first order what the loss changes by when triplet i is
//! removed. A pruned triplet has `u_i = 0` and changes nothing, but `dL/du_i` says how steeply the loss
//! would fall if it grew (Evci et al. 2020 grow weights by the same).

use crate::rank::triplets::Triplets;

/// `|u . dL/du|`.
pub(crate) fn loss_of_removal(
    values: &[f32],
    gradients: &[f32],
    module: &Triplets,
    i: usize,
) -> f32 {
    let row = module.up_row(i);
    let products = values[row.clone()].iter().zip(&gradients[row]);
    let sum: f64 = products.map(|(u, g)| f64::from(*u) * f64::from(*g)).sum();
    sum.abs() as f32
}

/// `||dL/du||`.
pub(crate) fn promise(gradients: &[f32], module: &Triplets, i: usize) -> f32 {
    let row = gradients[module.up_row(i)].iter();
    row.map(|&g| f64::from(g) * f64::from(g))
        .sum::<f64>()
        .sqrt() as f32
}

/// Moving averages, each over the steps that it has seen: begun at 0, and divided by the weight of
/// what was taken in, so that a young one is not smaller for being young.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MovingAverages {
    decay: f32,
    pub sums: Vec<f32>,
    pub weights: Vec<f32>,
}

impl MovingAverages {
    pub fn new(decay: f64, n: usize) -> Self {
        Self {
            decay: decay as f32,
            sums: vec![0.0; n],
            weights: vec![0.0; n],
        }
    }

    pub fn add(&mut self, i: usize, value: f32) {
        let new = 1.0 - self.decay;
        self.sums[i] = self.decay * self.sums[i] + new * value;
        self.weights[i] = self.decay * self.weights[i] + new;
    }

    /// 0 for what has seen nothing.
    pub fn get(&self, i: usize) -> f64 {
        match self.weights[i] > 0.0 {
            true => f64::from(self.sums[i]) / f64::from(self.weights[i]),
            false => 0.0,
        }
    }

    pub fn forget(&mut self, i: usize) {
        self.sums[i] = 0.0;
        self.weights[i] = 0.0;
    }
}

/// Means over the steps since they were cleared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Means {
    pub sums: Vec<f32>,
    pub counts: Vec<f32>,
}

impl Means {
    pub fn new(n: usize) -> Self {
        Self {
            sums: vec![0.0; n],
            counts: vec![0.0; n],
        }
    }

    pub fn add(&mut self, i: usize, value: f32) {
        self.sums[i] += value;
        self.counts[i] += 1.0;
    }

    pub fn get(&self, i: usize) -> f64 {
        f64::from(self.sums[i]) / f64::from(self.counts[i].max(1.0))
    }

    pub fn clear(&mut self) {
        self.sums.fill(0.0);
        self.counts.fill(0.0);
    }
}
