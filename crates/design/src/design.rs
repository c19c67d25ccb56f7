//! A method, run: designs in their order.

use crate::error::Error;
use crate::methods::{ascent, bdi, evolution, exhaustive, genetic, random};
use crate::proxy::heads;
use crate::request::{Found, Request};
use crate::sequences::dna;
use crate::sequences::known::Known;
use crate::settings::Method;
use crate::trace::Step;

/// A sequence that was designed.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// Its bases.
    pub bases: Vec<u8>,
    /// The score that the method's proxy predicts, in the unit of the measured ones.
    pub predicted: f64,
    /// The standard deviation between what five heads predict, in that unit.
    pub spread: f64,
    /// The row of the measured sequence that is nearest, on either strand.
    pub nearest: usize,
    /// The bases in which that differs.
    pub distance: usize,
}

/// What came of a method.
#[derive(Clone, Debug, PartialEq)]
pub struct Designed {
    /// Designs, the best first by what the method looks at. Fewer than were asked for where the constraints leave no more.
    pub designs: Vec<Design>,
    /// Step by step, of methods that follow gradients; empty of all others.
    pub trace: Vec<Step>,
}

/// Designs sequences.
///
/// # Errors
/// Settings that do not fit the data; what a language model says; [`Error::Stopped`].
pub fn design(request: &Request) -> Result<Designed, Error> {
    request.method.check()?;
    let without = |found| (found, Vec::new());
    let (found, trace) = match request.method {
        Method::Bib(settings) => ascent::bib(settings, request)?,
        Method::GradientAscent(settings) => ascent::on_heads(settings, request)?,
        Method::Exhaustive(settings) => without(exhaustive::by_loss(settings, request)?),
        Method::Ridge(settings) => without(exhaustive::by_ridge(settings, request)?),
        Method::CmaEs(settings) => without(evolution::evolve(settings, request)?),
        Method::Genetic(settings) => without(genetic::breed(settings, request)?),
        Method::Bdi(settings) => without(bdi::bdi(settings, request)?),
        Method::Random(_) => without(random::draw(request)?),
    };
    let chosen = choose(found, request);
    Ok(Designed {
        designs: judge(chosen, request)?,
        trace,
    })
}

/// What a method cannot do with these sequences.
///
/// # Errors
/// [`Error::Settings`]: too long for a search through all; sequences of several lengths where places are counted.
pub fn check(method: &Method, known: &Known) -> Result<(), Error> {
    method.check()?;
    if let Method::Exhaustive(_) | Method::Ridge(_) = method {
        exhaustive::check(method.name(), known.length)?;
    }
    if known.is_mixed() {
        let what = match method {
            Method::Bdi(_) => Some("`bdi` reads a sequence place by place"),
            _ if method.features().counts_places() => Some("its features count places"),
            _ => None,
        };
        if let Some(what) = what {
            return Err(Error::Settings(format!(
                "{what}: the sequences must have one length, and have {} to {}",
                known.lengths().start(),
                known.lengths().end()
            )));
        }
    }
    method.features().check_length(*known.lengths().start())
}

/// The best that keep to the constraints; equals in the order in which they were found.
fn choose(mut found: Vec<Found>, request: &Request) -> Vec<Found> {
    found.sort_by(|a, b| b.value.total_cmp(&a.value));
    let mut taken: Vec<Vec<u8>> = Vec::new();
    let mut chosen = Vec::new();
    for one in found {
        if chosen.len() == request.count {
            break;
        }
        let allowed = request.constraints.allow(&one.bases);
        if allowed && request.constraints.is_apart(&one.bases, &taken) {
            taken.push(one.bases.clone());
            chosen.push(one);
        }
    }
    chosen
}

fn judge(chosen: Vec<Found>, request: &Request) -> Result<Vec<Design>, Error> {
    let prepared = request.prepared;
    let sequences: Vec<Vec<u8>> = chosen.iter().map(|found| found.bases.clone()).collect();
    let features = prepared.features.of(&sequences)?;
    let deviation = prepared.scores.deviation;
    let rows = chosen.into_iter().zip(features.rows());
    Ok(rows
        .map(|(found, row)| {
            let (nearest, distance) = nearest(&found.bases, &prepared.known.sequences);
            Design {
                predicted: found.predicted,
                spread: heads::spread(prepared.heads(), row).1 * deviation,
                nearest,
                distance,
                bases: found.bases,
            }
        })
        .collect())
}

/// The first of the nearest sequences, and how far it is.
fn nearest(bases: &[u8], known: &[Vec<u8>]) -> (usize, usize) {
    let other = dna::reverse_complement(bases);
    let of = |(row, known): (usize, &Vec<u8>)| {
        let far = dna::distance(bases, known).min(dna::distance(&other, known));
        (far, row)
    };
    let (far, row) = known.iter().enumerate().map(of).min().unwrap_or_default();
    (row, far)
}
