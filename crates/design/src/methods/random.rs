//! Sequences drawn evenly, each once.

use std::collections::HashSet;

use lingo_artifact::random::Stream;

use crate::error::Error;
use crate::proxy::heads;
use crate::request::{Found, Request};

/// So many draws for each design that is asked for: constraints may leave few.
const TRIES: usize = 10_000;

pub(crate) fn draw(request: &Request) -> Result<Vec<Found>, Error> {
    let prepared = request.prepared;
    let length = prepared.known.length;
    let mut stream = Stream::new(request.seed, "design: random sequences");
    let mut seen = HashSet::new();
    let mut sequences = Vec::new();
    for _ in 0..TRIES * request.count {
        if sequences.len() == request.count {
            break;
        }
        let mut bases: Vec<u8> = (0..length).map(|_| stream.below(4) as u8).collect();
        request.constraints.fix(&mut bases);
        if request.constraints.allow(&bases) && seen.insert(bases.clone()) {
            sequences.push(bases);
        }
    }
    let features = prepared.features.of(&sequences)?;
    let predicted = features
        .rows()
        .map(|row| heads::spread(prepared.heads(), row).0);
    let found = sequences.into_iter().zip(predicted);
    Ok(found
        .map(|(bases, predicted)| Found {
            bases,
            // They stay in the order in which they were drawn.
            value: 0.0,
            predicted: prepared.scores.measured(predicted),
        })
        .collect())
}
