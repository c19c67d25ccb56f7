//! The tokens of a byte-pair encoding: which merge made each, and whether the fast encoder may be used.

use std::collections::HashMap;

use crate::error::Error;

/// The letters in the order in which the trainer sorts them: ids 0 to 4.
pub const ALPHABET: [&str; 5] = ["A", "C", "G", "N", "T"];

/// The id of N.
pub const N: u32 = 3;

/// Tokens by id: the letters, then what each merge makes, in the order in which it was learned.
#[derive(Debug)]
pub struct Vocabulary {
    /// The text of each id.
    pub texts: Vec<String>,
    /// What is merged, first learned first.
    pub merges: Vec<(String, String)>,
    /// For each merge: the ids it joins, and the id it makes.
    pub steps: Vec<Step>,
}

/// A merge, by ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The left token.
    pub left: u32,
    /// The right token.
    pub right: u32,
    /// What both become.
    pub made: u32,
}

impl Vocabulary {
    /// From merges in the order in which they were learned.
    ///
    /// # Errors
    /// [`Error::Encoding`] when a merge joins what no earlier merge made.
    pub fn new(merges: Vec<(String, String)>) -> Result<Self, Error> {
        let mut texts: Vec<String> = ALPHABET.map(String::from).into();
        let mut ids: HashMap<String, u32> =
            (0..).zip(&texts).map(|(i, t)| (t.clone(), i)).collect();
        let mut steps = Vec::with_capacity(merges.len());
        for (left, right) in &merges {
            let id = |part: &String| {
                ids.get(part).copied().ok_or_else(|| {
                    Error::Encoding(format!(
                        "the merge `{left} {right}` joins `{part}`, which is not a token"
                    ))
                })
            };
            let (left_id, right_id) = (id(left)?, id(right)?);
            // Two merges can make the same token: AA + A and A + AA.
            let text = format!("{left}{right}");
            let made = *ids.entry(text).or_insert_with_key(|text| {
                texts.push(text.clone());
                texts.len() as u32 - 1
            });
            steps.push(Step {
                left: left_id,
                right: right_id,
                made,
            });
        }
        Ok(Self {
            texts,
            merges,
            steps,
        })
    }

    /// Whether the fast encoder may be used. It relies on three things: every token but the letters is made by exactly
    /// one merge, no token holds an N, and encoding the text of a token gives that token. This is true of every
    /// vocabulary that a trainer learned.
    pub fn is_regular(&self) -> bool {
        let first = ALPHABET.len() as u32;
        let ordered = (first..).zip(&self.steps);
        let once = ordered
            .clone()
            .all(|(id, step)| step.made == id && step.left != N && step.right != N);
        let pairs = self.pairs();
        let arises = |id: u32| merge(&self.texts[id as usize], &pairs) == [id];
        once && ordered.into_iter().all(|(id, _)| arises(id))
    }

    /// Each pair of tokens that is merged.
    pub fn pairs(&self) -> HashMap<(u32, u32), Step> {
        let steps = self.steps.iter().map(|s| ((s.left, s.right), *s));
        steps.collect()
    }
}

/// Encodes a text of bases by merging, for vocabularies in which one merge makes each token: then the merges' order is
/// that of the ids they make.
pub fn merge(text: &str, pairs: &HashMap<(u32, u32), Step>) -> Vec<u32> {
    let letters = text.bytes();
    let mut symbols: Vec<u32> = letters
        .filter_map(|b| ALPHABET.iter().position(|a| a.as_bytes() == [b]))
        .map(|i| i as u32)
        .collect();
    loop {
        let ranked = symbols.windows(2).filter_map(|w| pairs.get(&(w[0], w[1])));
        match ranked.min_by_key(|step| step.made) {
            Some(step) => symbols = merged(&symbols, step),
            None => return symbols,
        }
    }
}

/// A pair replaced wherever it stands, from the left.
fn merged(symbols: &[u32], step: &Step) -> Vec<u32> {
    let mut out = Vec::with_capacity(symbols.len());
    let mut rest = symbols;
    while let Some((first, behind)) = rest.split_first() {
        if *first == step.left && behind.first() == Some(&step.right) {
            out.push(step.made);
            rest = &behind[1..];
        } else {
            out.push(*first);
            rest = behind;
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Regular vocabularies: random pairs, those left out that would make them irregular.
    pub fn regular(most: usize) -> impl Strategy<Value = Vocabulary> {
        let picks = prop::collection::vec(
            (
                any::<prop::sample::Index>(),
                any::<prop::sample::Index>(),
                0..3,
            ),
            0..most,
        );
        picks.prop_map(|picks| {
            let mut kept = Vocabulary::new(Vec::new()).unwrap();
            for (left, right, kind) in picks {
                let texts = &kept.texts;
                let left = left.get(texts).clone();
                // Repeats are where ties and overlaps are.
                let right = if kind == 0 {
                    left.clone()
                } else {
                    right.get(texts).clone()
                };
                let mut merges = kept.merges.clone();
                merges.push((left, right));
                let more = Vocabulary::new(merges).unwrap();
                let short = more.texts.iter().all(|text| text.len() <= 48);
                if short && more.is_regular() {
                    kept = more;
                }
            }
            kept
        })
    }

    fn vocabulary(merges: &[(&str, &str)]) -> Result<Vocabulary, Error> {
        let merges = merges.iter().map(|(l, r)| (l.to_string(), r.to_string()));
        Vocabulary::new(merges.collect())
    }

    #[test]
    fn what_is_regular() {
        fn t(merges: &[(&str, &str)], regular: bool) {
            assert_eq!(
                vocabulary(merges).unwrap().is_regular(),
                regular,
                "{merges:?}"
            );
        }
        t(&[("A", "C"), ("AC", "G"), ("A", "A"), ("AA", "AA")], true);
        // Made twice.
        t(&[("A", "A"), ("AA", "A"), ("A", "AA")], false);
        // ACG becomes AC G: the token ACG never arises.
        t(&[("A", "C"), ("C", "G"), ("A", "CG")], false);
        // N is a token of its own.
        t(&[("A", "N")], false);
        t(&[], true);
    }

    #[test]
    fn a_merge_joins_tokens() {
        let message = vocabulary(&[("AA", "A")]).unwrap_err().to_string();
        assert!(message.contains("`AA`, which is not a token"), "{message}");
    }
}
