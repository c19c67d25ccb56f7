//! Exact byte-pair encoding without merging: the longest tokens that may stand side by side.
//!
//! In a regular vocabulary a row of tokens is what the merges make of its text exactly when each two neighbours may
//! stand side by side, and there is one such row for each text. So the longest token is tried at each place, then
//! the shorter ones that it begins with; where none fits, the last token gives way to a shorter one. A place that
//! was given up once is never tried again, which bounds the work by the length of the run. (The method of the crate
//! `bpe` by van Antwerpen and Neubeck, with tables for the alphabet of DNA.)

use crate::bpe::longest_match::LongestMatch;
use crate::bpe::neighbours::Neighbours;
use crate::bpe::packed::Packed;
use crate::bpe::vocabulary::{N, Vocabulary};

/// Stands for "there is no shorter token".
const NONE: u32 = u32::MAX;

/// Tables for one vocabulary.
pub struct Encoder {
    longest: LongestMatch,
    neighbours: Neighbours,
    tokens: Vec<Token>,
}

struct Token {
    bases: u32,
    /// The longest other token that this one begins with.
    shorter: u32,
}

/// Storage that is used again from sequence to sequence.
#[derive(Default)]
pub struct Scratch {
    run: Packed,
    /// One bit for each place of the run: set once no sequence of tokens leads from there to the end.
    given_up: Vec<u64>,
}

impl Encoder {
    /// `None` for a vocabulary that is not regular ([`Vocabulary::is_regular`]): its texts have to be merged.
    pub fn new(vocabulary: &Vocabulary) -> Option<Self> {
        if !vocabulary.is_regular() {
            return None;
        }
        let ids: std::collections::HashMap<&str, u32> = (0..)
            .zip(&vocabulary.texts)
            .map(|(i, t)| (t.as_str(), i))
            .collect();
        let shorter = |text: &str| {
            let mut prefixes = (1..text.len()).rev().map(|n| &text[..n]);
            prefixes.find_map(|p| ids.get(p).copied()).unwrap_or(NONE)
        };
        let token = |text: &String| Token {
            bases: text.len() as u32,
            shorter: shorter(text),
        };
        Some(Self {
            longest: LongestMatch::new(vocabulary),
            neighbours: Neighbours::new(vocabulary),
            tokens: vocabulary.texts.iter().map(token).collect(),
        })
    }

    /// Appends the ids of a sequence; every letter that is no base is an N.
    pub fn encode(&self, sequence: &[u8], ids: &mut Vec<u32>, scratch: &mut Scratch) {
        let mut rest = sequence;
        while !rest.is_empty() {
            let run = scratch.run.fill(rest);
            if run == 0 {
                ids.push(N);
                rest = &rest[1..];
            } else {
                self.encode_run(ids, scratch);
                rest = &rest[run..];
            }
        }
    }

    fn encode_run(&self, ids: &mut Vec<u32>, scratch: &mut Scratch) {
        let run = &scratch.run;
        let given_up = &mut scratch.given_up;
        given_up.clear();
        given_up.resize(run.len() / 64 + 1, 0);
        let before = ids.len();
        let mut place = 0;
        while place < run.len() {
            let mut candidate = self.longest.at(run, place);
            loop {
                let last = if ids.len() > before { ids.last() } else { None };
                match self.fitting(candidate, last.copied(), place, run.len(), given_up) {
                    Some(token) => {
                        ids.push(token);
                        place += self.tokens[token as usize].bases as usize;
                        break;
                    }
                    None => {
                        given_up[place / 64] |= 1 << (place % 64);
                        // Every run can be encoded, so there is a token left to take back.
                        let Some(last) = ids.pop() else { return };
                        let last = &self.tokens[last as usize];
                        place -= last.bases as usize;
                        candidate = last.shorter;
                    }
                }
            }
        }
    }

    /// Of `candidate` and the shorter tokens that it begins with, the longest that may follow `last` and does not end at a
    /// place that was given up.
    #[inline]
    fn fitting(
        &self,
        mut candidate: u32,
        last: Option<u32>,
        place: usize,
        len: usize,
        given_up: &[u64],
    ) -> Option<u32> {
        while candidate != NONE {
            let token = &self.tokens[candidate as usize];
            let end = place + token.bases as usize;
            if end <= len
                && given_up[end / 64] >> (end % 64) & 1 == 0
                && last.is_none_or(|last| self.neighbours.allow(last, candidate))
            {
                return Some(candidate);
            }
            candidate = token.shorter;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokenizers::Model as _;

    use super::*;
    use crate::bpe::merging::merging;
    use crate::bpe::vocabulary::tests::regular;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn ids_equal_those_of_merging(
            vocabulary in regular(60),
            plain in "[ACGT]{0,200}",
            repeats in prop::collection::vec(("[ACGT]{1,4}", 1..40usize), 0..6),
        ) {
            let run = plain + &repeats.iter().map(|(text, n)| text.repeat(*n)).collect::<String>();
            let model = merging(&vocabulary).unwrap();
            let expected: Vec<u32> = model.tokenize(&run).unwrap().iter().map(|t| t.id).collect();
            let encoder = Encoder::new(&vocabulary).unwrap();
            let mut ids = vec![9];
            encoder.encode(run.as_bytes(), &mut ids, &mut Scratch::default());
            prop_assert_eq!(ids.remove(0), 9);
            prop_assert_eq!(&ids, &expected, "{:?}", vocabulary.merges);
            // The crate whose method this is.
            let tokens = || vocabulary.texts.iter().map(|text| text.as_bytes().to_vec());
            let factor = bpe::byte_pair_encoding::find_hash_factor_for_dictionary(tokens());
            let peer = bpe::byte_pair_encoding::BytePairEncoding::from_dictionary(tokens(), Some(factor));
            prop_assert_eq!(ids, peer.encode_via_backtracking(run.as_bytes()), "{:?}", vocabulary.merges);
        }
    }
}
