//! Every change of one base.

use lingo_artifact::example::Interval;
use lingo_artifact::{Strand, bases};

/// A change of one base, at a place of the sequence as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub place: usize,
    pub from: u8,
    pub to: u8,
}

/// Every change of one base of A, C, G and T to another, in the order of the places; N and the like stay as they are.
pub fn changes(sequence: &[u8]) -> impl Iterator<Item = Change> {
    let places = sequence.iter().copied().enumerate();
    let known = places.filter(|(_, from)| b"ACGT".contains(from));
    known.flat_map(|(place, from)| {
        let others = b"ACGT".iter().copied().filter(move |to| *to != from);
        others.map(move |to| Change { place, from, to })
    })
}

/// A sequence with one base changed.
pub fn changed(sequence: &[u8], change: Change) -> String {
    let mut text = sequence.to_vec();
    if let Some(base) = text.get_mut(change.place) {
        *base = change.to;
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Where a change of a sequence that lies in an interval stands, and what it is, on the forward strand.
pub fn on_forward_strand(change: Change, interval: &Interval) -> (u64, u8, u8) {
    let complement = |base: u8| bases::reverse_complement(&[base]).first().copied();
    match interval.strand {
        Strand::Reverse => (
            interval.end - 1 - change.place as u64,
            complement(change.from).unwrap_or(b'N'),
            complement(change.to).unwrap_or(b'N'),
        ),
        Strand::Forward | Strand::Unknown => {
            (interval.start + change.place as u64, change.from, change.to)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_has_three_others() {
        let all: Vec<String> = changes(b"ANG").map(|c| changed(b"ANG", c)).collect();
        assert_eq!(all, ["CNG", "GNG", "TNG", "ANA", "ANC", "ANT"]);
    }

    #[test]
    fn places_are_those_of_the_forward_strand() {
        let change = Change {
            place: 1,
            from: b'A',
            to: b'C',
        };
        let of = |strand| Interval {
            chrom: "a".into(),
            start: 10,
            end: 15,
            strand,
        };
        assert_eq!(
            on_forward_strand(change, &of(Strand::Forward)),
            (11, b'A', b'C')
        );
        assert_eq!(
            on_forward_strand(change, &of(Strand::Reverse)),
            (13, b'T', b'G')
        );
    }
}
