//! An evolution strategy that adapts its covariance, on logits of bases: the matrix form of CMA-ES without its covariance
//! (MA-ES; Beyer and Sendhoff 2017), with Hansen's constants. A run that meets no new sequence any more is over, and the
//! next begins at the next best measured sequence, until the evaluations are used up.

use std::collections::HashSet;

use lingo_artifact::random::Stream;

use crate::error::Error;
use crate::features::soft;
use crate::numbers::matrix::{add_scaled, dot};
use crate::proxy::heads;
use crate::request::{Found, Request};
use crate::settings::EvolutionSettings;

/// Generations without a new sequence that end a run.
const STALE: usize = 20;

pub(crate) fn evolve(settings: &EvolutionSettings, request: &Request) -> Result<Vec<Found>, Error> {
    let known = &request.prepared.known;
    let constants = Constants::of(4 * known.length);
    let mut pool = Pool {
        request,
        seen: HashSet::new(),
        all: Vec::new(),
        asked: 0,
        most: settings.evaluations.get() as usize,
    };
    let mut stream = Stream::new(request.seed, "design: evolution strategy");
    for row in known.best(known.len()) {
        if pool.asked >= pool.most {
            break;
        }
        // The bases of the sequence stand one above the others.
        let mut mean = vec![0.0; constants.n];
        for (place, &base) in known.sequences[row].iter().enumerate() {
            mean[4 * place + usize::from(base)] = 1.0;
        }
        let deviation = settings.deviation.get();
        one_run(mean, deviation, &constants, &mut stream, &mut pool)?;
    }
    Ok(pool.all)
}

/// Hansen's constants for `n` dimensions.
struct Constants {
    n: usize,
    population: usize,
    /// Of the better half, the best first.
    weights: Vec<f64>,
    /// The effective number of parents.
    mass: f64,
    c_sigma: f64,
    damping: f64,
    c_one: f64,
    c_mu: f64,
    /// The expected length of `n` normal draws.
    chi: f64,
}

impl Constants {
    fn of(n: usize) -> Self {
        let dimensions = n as f64;
        let population = 4 + (3.0 * dimensions.ln()) as usize;
        let weights: Vec<f64> = (1..=population / 2)
            .map(|i| ((population as f64 + 1.0) / 2.0).ln() - (i as f64).ln())
            .collect();
        let sum: f64 = weights.iter().sum();
        let weights: Vec<f64> = weights.iter().map(|w| w / sum).collect();
        let mass = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
        let c_sigma = (mass + 2.0) / (dimensions + mass + 5.0);
        let wide = ((mass - 1.0) / (dimensions + 1.0)).sqrt() - 1.0;
        let c_one = 2.0 / ((dimensions + 1.3).powi(2) + mass);
        let c_mu = 2.0 * (mass - 2.0 + 1.0 / mass) / ((dimensions + 2.0).powi(2) + mass);
        Self {
            n,
            population,
            weights,
            mass,
            c_sigma,
            damping: 1.0 + 2.0 * wide.max(0.0) + c_sigma,
            c_one,
            c_mu: c_mu.min(1.0 - c_one),
            chi: dimensions.sqrt() * (1.0 - 0.25 / dimensions + 1.0 / (21.0 * dimensions.powi(2))),
        }
    }
}

/// What was asked about.
struct Pool<'a, 'b> {
    request: &'a Request<'b>,
    seen: HashSet<Vec<u8>>,
    all: Vec<Found>,
    asked: usize,
    most: usize,
}

impl Pool<'_, '_> {
    /// What the heads predict, and whether a sequence was new.
    fn ask(&mut self, sequences: &[Vec<u8>]) -> Result<(Vec<f64>, bool), Error> {
        let prepared = self.request.prepared;
        let features = prepared.features.of(sequences)?;
        let values: Vec<f64> = (features.rows())
            .map(|row| heads::spread(prepared.heads(), row).0)
            .collect();
        let before = self.all.len();
        for (bases, &value) in sequences.iter().zip(&values) {
            if self.seen.insert(bases.clone()) {
                self.all.push(Found {
                    bases: bases.clone(),
                    value,
                    predicted: prepared.scores.measured(value),
                });
            }
        }
        self.asked += sequences.len();
        let done = self.asked.min(self.most);
        self.request.progress.advance(done as u64, "");
        Ok((values, self.all.len() > before))
    }
}

fn one_run(
    mut mean: Vec<f64>,
    mut sigma: f64,
    constants: &Constants,
    stream: &mut Stream,
    pool: &mut Pool,
) -> Result<(), Error> {
    let &Constants {
        n,
        population,
        ref weights,
        mass,
        c_sigma,
        damping,
        c_one,
        c_mu,
        chi,
    } = constants;
    let constraints = pool.request.constraints;
    let mut matrix: Vec<Vec<f64>> = (0..n)
        .map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect())
        .collect();
    let mut path = vec![0.0; n];
    let mut stale = 0;
    while pool.asked < pool.most && stale < STALE {
        if pool.request.stop.is_raised() {
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
                constraints.fix(&mut bases);
                bases
            })
            .collect();
        let (values, is_new) = pool.ask(&sequences)?;
        stale = if is_new { 0 } else { stale + 1 };
        let allowed = |i: usize| constraints.allow(&sequences[i]);
        let mut order: Vec<usize> = (0..population).collect();
        order.sort_by(|&a, &b| {
            let by_value = values[b].total_cmp(&values[a]);
            allowed(b).cmp(&allowed(a)).then(by_value)
        });
        let (mut z_mean, mut step_mean) = (vec![0.0; n], vec![0.0; n]);
        for (&i, &weight) in order.iter().zip(weights) {
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
            for (&i, &weight) in order.iter().zip(weights) {
                let z = &draws[i];
                add_scaled(row, z, c_mu / 2.0 * weight * dot(&old, z));
            }
        }
        sigma *= (c_sigma / damping * (dot(&path, &path).sqrt() / chi - 1.0)).exp();
        // Only the order of the logits counts: without a bound they may grow without end.
        sigma = sigma.clamp(1e-6, 1e6);
    }
    Ok(())
}
