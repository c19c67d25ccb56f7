//! Every sequence there is.

use crate::error::Error;
use crate::proxy::ridge::Ridge;
use crate::request::{Found, Request};
use crate::sequences::dna;
use crate::settings::{Direction, ExhaustiveSettings, RidgeSettings};

/// Bases of the longest sequences: 4^10 are a million.
const LONGEST: usize = 10;

/// Sequences whose features are computed at a time.
const TOGETHER: usize = 4096;

/// Ranks all by the loss of both directions.
pub(crate) fn by_loss(
    settings: &ExhaustiveSettings,
    request: &Request,
) -> Result<Vec<Found>, Error> {
    let proxy = request.prepared.closed_form()?;
    let target = settings.target.get();
    let gamma = weight(settings.direction, settings.gamma.get());
    rank(request, "exhaustive", |features| {
        let mut loss = 0.0;
        if gamma > 0.0 {
            loss += gamma * proxy.forward(features, target).value;
        }
        if gamma < 1.0 {
            loss += (1.0 - gamma) * proxy.backward(features, target).value;
        }
        let predicted = request.prepared.scores.measured(proxy.predict(features));
        (-loss, predicted)
    })
}

/// Ranks all by ridge regression on the measured scores.
pub(crate) fn by_ridge(settings: &RidgeSettings, request: &Request) -> Result<Vec<Found>, Error> {
    let prepared = request.prepared;
    let ridge = Ridge::new(
        &prepared.matrix,
        &prepared.known.scores,
        settings.lambda.get(),
    )?;
    rank(request, "ridge", |features| {
        let predicted = ridge.predict(features);
        (predicted, predicted)
    })
}

/// The weight of the forward loss.
pub(crate) fn weight(direction: Direction, gamma: f64) -> f64 {
    match direction {
        Direction::Forward => 1.0,
        Direction::Backward => 0.0,
        Direction::Both => gamma,
    }
}

/// Whether all sequences of a length can be looked at.
pub(crate) fn check(method: &str, length: usize) -> Result<(), Error> {
    if length > LONGEST {
        return Err(Error::Settings(format!(
            "`{method}` looks at every sequence, and of {length} bases there are 4^{length}; it takes up to {LONGEST} bases \
             (`bib`, `genetic` and `cma_es` take any number)"
        )));
    }
    Ok(())
}

/// All sequences in the order of the alphabet, with what `of` makes of their features.
fn rank(
    request: &Request,
    method: &str,
    of: impl Fn(&[f64]) -> (f64, f64),
) -> Result<Vec<Found>, Error> {
    let length = request.prepared.known.length;
    check(method, length)?;
    let mut found = Vec::with_capacity(1 << (2 * length));
    request.prepared.every(TOGETHER, &mut |first, features| {
        if request.stop.is_raised() {
            return Err(Error::Stopped);
        }
        for (code, row) in (first..).zip(features.rows()) {
            let (value, predicted) = of(row);
            found.push(Found {
                bases: dna::of_code(code, length),
                value,
                predicted,
            });
        }
        Ok(())
    })?;
    Ok(found)
}
