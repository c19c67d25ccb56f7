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
/// [`Error::Settings`]: too long for a search through all; sequences of several lengths where places are counted; too many
/// features.
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
    let width = method.features().width(known.length);
    if width > WIDEST {
        return Err(Error::Settings(format!(
            "its features are {width} numbers a sequence, and the closed forms hold a matrix of {width} x {width}; {WIDEST} are \
             taken: count shorter k-mers, or leave out `pairs` or `by_place`"
        )));
    }
    method.features().check_length(*known.lengths().start())
}

/// Features of a sequence at most: a matrix of so many squared takes 2 GiB.
const WIDEST: usize = 1 << 14;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_method_cannot_do_is_told_before_it_is_run() {
        let of = |length: usize, more: usize| Known {
            sequences: (0..12).map(|i| vec![0; length + more * (i % 2)]).collect(),
            scores: (0..12u8).map(f64::from).collect(),
            length,
        };
        let t = |method: &str, known: &Known, expected: &str| {
            let method: Method = serde_json::from_str(method).unwrap();
            let told = check(&method, known).map_or_else(|e| e.to_string(), |()| String::new());
            assert!(
                told.contains(expected) && told.is_empty() == expected.is_empty(),
                "{told}"
            );
        };
        let of_features = |features: &str| format!(r#"{{"bib": {{"features": {features}}}}}"#);
        let pairs = of_features(r#"{"one_hot": {"pairs": true}}"#);
        t(&pairs, &of(40, 0), "");
        t(&pairs, &of(100, 0), "79600 numbers a sequence");
        t(&pairs, &of(8, 1), "have 8 to 9");
        let place = of_features(r#"{"kmers": {"k": 8, "by_place": true}}"#);
        t(&place, &of(8, 0), "65536 numbers");
        t(
            &of_features(r#"{"kmers": {"k": 5}}"#),
            &of(4, 3),
            "5 bases do not fit",
        );
        t(r#"{"ridge": {}}"#, &of(11, 0), "4^11");
        t(r#"{"bdi": {}}"#, &of(6, 1), "place by place");
        t(r#"{"genetic": {}}"#, &of(200, 7), "");
    }
}
