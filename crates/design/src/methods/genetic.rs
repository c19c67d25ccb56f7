//! A genetic algorithm in the way of AdaLead (Sinai et al. 2020): parents are all that score near the best, pairs of them
//! recombine, and each child is changed on and on while it does not get worse.

use std::collections::HashMap;

use lingo_artifact::random::Stream;

use crate::error::Error;
use crate::proxy::heads;
use crate::request::{Found, Request};
use crate::settings::GeneticSettings;

/// Children that are changed at the same time.
const CHILDREN: usize = 128;

pub(crate) fn breed(settings: &GeneticSettings, request: &Request) -> Result<Vec<Found>, Error> {
    let prepared = request.prepared;
    let known = &prepared.known;
    let mut stream = Stream::new(request.seed, "design: genetic algorithm");
    let mut pool = Pool {
        request,
        values: HashMap::new(),
        order: Vec::new(),
        asked: 0,
    };
    let begin = known.best(request.count).into_iter().map(|row| {
        let mut bases = known.sequences[row].clone();
        request.constraints.fix(&mut bases);
        bases
    });
    pool.ask(&begin.collect::<Vec<_>>())?;
    let limit = settings.evaluations.get() as usize;
    let change = settings.mutations.get() / known.length as f64;
    while pool.asked < limit {
        if request.stop.is_raised() {
            return Err(Error::Stopped);
        }
        let asked = pool.asked;
        let parents = pool.parents(settings.threshold.get(), request.count);
        let mut children: Vec<Vec<u8>> = (0..CHILDREN)
            .map(|_| {
                let [a, b] = [0, 0].map(|_| &parents[stream.below(parents.len())]);
                let pairs = a.iter().zip(b);
                pairs
                    .map(
                        |(a, b)| match stream.uniform() < settings.recombination.get() {
                            true => *b,
                            false => *a,
                        },
                    )
                    .collect()
            })
            .collect();
        let mut before = pool.ask(&children)?;
        // Rollouts: a child that got worse is given up.
        while !children.is_empty() && pool.asked < limit {
            for child in &mut children {
                for base in child.iter_mut() {
                    if stream.uniform() < change {
                        *base = (*base + 1 + stream.below(3) as u8) % 4;
                    }
                }
                request.constraints.fix(child);
            }
            let values = pool.ask(&children)?;
            let kept: Vec<bool> = values.iter().zip(&before).map(|(v, b)| v >= b).collect();
            let mut keep = kept.iter();
            children.retain(|_| keep.next().copied().unwrap_or(false));
            let pairs = values.into_iter().zip(&kept);
            before = pairs.filter(|(_, kept)| **kept).map(|(v, _)| v).collect();
        }
        request.progress.advance(pool.asked.min(limit) as u64, "");
        if pool.asked == asked {
            break;
        }
    }
    let Pool { values, order, .. } = pool;
    Ok(order
        .into_iter()
        .map(|bases| {
            let value = values[&bases];
            Found {
                predicted: prepared.scores.measured(value),
                bases,
                value,
            }
        })
        .collect())
}

/// What was asked about.
struct Pool<'a, 'b> {
    request: &'a Request<'b>,
    values: HashMap<Vec<u8>, f64>,
    order: Vec<Vec<u8>>,
    asked: usize,
}

impl Pool<'_, '_> {
    /// What the heads predict; what breaks a constraint is worth less than all else.
    fn ask(&mut self, sequences: &[Vec<u8>]) -> Result<Vec<f64>, Error> {
        let prepared = self.request.prepared;
        self.asked += sequences.len();
        let features = prepared.features.of(sequences)?;
        let mut values = Vec::with_capacity(sequences.len());
        for (bases, row) in sequences.iter().zip(features.rows()) {
            let value = heads::spread(prepared.heads(), row).0;
            let allowed = self.request.constraints.allow(bases);
            if allowed && self.values.insert(bases.clone(), value).is_none() {
                self.order.push(bases.clone());
            }
            values.push(if allowed { value } else { f64::NEG_INFINITY });
        }
        Ok(values)
    }

    /// All that are within a share of the range below the best, at least two, at most so many; what was measured best
    /// where nothing keeps to the constraints yet.
    fn parents(&self, share: f64, most: usize) -> Vec<Vec<u8>> {
        let known = &self.request.prepared.known;
        let mut order: Vec<&Vec<u8>> = self.order.iter().collect();
        order.sort_by(|a, b| self.values[*b].total_cmp(&self.values[*a]));
        let (Some(first), Some(last)) = (order.first(), order.last()) else {
            let best = known.best(most).into_iter();
            return best.map(|row| known.sequences[row].clone()).collect();
        };
        let (high, low) = (self.values[*first], self.values[*last]);
        let bound = high - share * (high - low);
        let near = order.iter().filter(|bases| self.values[**bases] >= bound);
        let near = near.count().max(2).min(most.max(2));
        order.into_iter().take(near).cloned().collect()
    }
}
