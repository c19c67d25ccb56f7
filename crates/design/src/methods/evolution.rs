//! An evolution strategy that adapts its covariance, on logits of bases: the matrix form of CMA-ES without its covariance
//! (MA-ES; Beyer and Sendhoff 2017), with Hansen's constants.

use std::collections::HashSet;

use lingo_artifact::random::Stream;

use crate::error::Error;
use crate::features::soft;
use crate::numbers::matrix::{add_scaled, dot};
use crate::proxy::heads;
use crate::request::{Found, Request};
use crate::settings::EvolutionSettings;

pub(crate) fn evolve(settings: &EvolutionSettings, request: &Request) -> Result<Vec<Found>, Error> {
    let prepared = request.prepared;
    let known = &prepared.known;
    let n = 4 * known.length();
    let dimensions = n as f64;
    let population = 4 + (3.0 * dimensions.ln()) as usize;
    let parents = population / 2;
    let weights: Vec<f64> = (1..=parents)
        .map(|i| ((population as f64 + 1.0) / 2.0).ln() - (i as f64).ln())
        .collect();
    let sum: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.iter().map(|w| w / sum).collect();
    let mass = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
    let c_sigma = (mass + 2.0) / (dimensions + mass + 5.0);
    let damping = 1.0 + 2.0 * (((mass - 1.0) / (dimensions + 1.0)).sqrt() - 1.0).max(0.0) + c_sigma;
    let c_one = 2.0 / ((dimensions + 1.3).powi(2) + mass);
    let c_mu =
        (1.0 - c_one).min(2.0 * (mass - 2.0 + 1.0 / mass) / ((dimensions + 2.0).powi(2) + mass));
    let chi = dimensions.sqrt() * (1.0 - 0.25 / dimensions + 1.0 / (21.0 * dimensions.powi(2)));

    let mut stream = Stream::new(request.seed, "design: evolution strategy");
    // The best measured sequence, its bases one above the others.
    let mut mean = vec![0.0; n];
    for row in known.best(1) {
        for (place, &base) in known.sequences[row].iter().enumerate() {
            mean[4 * place + usize::from(base)] = 1.0;
        }
    }
    let mut matrix: Vec<Vec<f64>> = (0..n)
        .map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect())
        .collect();
    let mut path = vec![0.0; n];
    let mut sigma = settings.deviation.get();
    let mut all: Vec<Found> = Vec::new();
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    let generations = (settings.evaluations.get() as usize).div_ceil(population);
    for generation in 0..generations {
        if request.stop.is_raised() {
            return Err(Error::Stopped);
        }
        let draws: Vec<Vec<f64>> = (0..population)
            .map(|_| (0..n).map(|_| stream.normal()).collect())
            .collect();
        let steps: Vec<Vec<f64>> = draws
            .iter()
            .map(|z| matrix.iter().map(|row| dot(row, z)).collect())
            .collect();
        let sequences: Vec<Vec<u8>> = steps
            .iter()
            .map(|step| {
                let mut logits = mean.clone();
                add_scaled(&mut logits, step, sigma);
                let mut bases = soft::hard(&logits);
                request.constraints.fix(&mut bases);
                bases
            })
            .collect();
        let features = prepared.features.of(&sequences)?;
        let values: Vec<f64> = features
            .rows()
            .map(|row| heads::spread(prepared.heads(), row).0)
            .collect();
        for (bases, &value) in sequences.iter().zip(&values) {
            if seen.insert(bases.clone()) {
                all.push(Found {
                    bases: bases.clone(),
                    value,
                    predicted: prepared.scores.measured(value),
                });
            }
        }
        let allowed = |i: usize| request.constraints.allow(&sequences[i]);
        let mut order: Vec<usize> = (0..population).collect();
        order.sort_by(|&a, &b| {
            let by_value = values[b].total_cmp(&values[a]);
            allowed(b).cmp(&allowed(a)).then(by_value)
        });
        let (mut z_mean, mut step_mean) = (vec![0.0; n], vec![0.0; n]);
        for (&i, &weight) in order.iter().zip(&weights) {
            add_scaled(&mut z_mean, &draws[i], weight);
            add_scaled(&mut step_mean, &steps[i], weight);
        }
        add_scaled(&mut mean, &step_mean, sigma);
        let gain = (mass * c_sigma * (2.0 - c_sigma)).sqrt();
        for (p, z) in path.iter_mut().zip(&z_mean) {
            *p = (1.0 - c_sigma) * *p + gain * z;
        }
        // M <- M (I + c1/2 (p p' - I) + cmu/2 (sum w z z' - I)), row by row.
        for row in &mut matrix {
            let old = row.clone();
            row.iter_mut()
                .for_each(|m| *m *= 1.0 - c_one / 2.0 - c_mu / 2.0);
            add_scaled(row, &path, c_one / 2.0 * dot(&old, &path));
            for (&i, &weight) in order.iter().zip(&weights) {
                let z = &draws[i];
                add_scaled(row, z, c_mu / 2.0 * weight * dot(&old, z));
            }
        }
        sigma *= (c_sigma / damping * (dot(&path, &path).sqrt() / chi - 1.0)).exp();
        // Only the order of the logits counts: without a bound they may grow without end.
        sigma = sigma.clamp(1e-6, 1e6);
        request.progress.advance(generation as u64 + 1, "");
    }
    Ok(all)
}
