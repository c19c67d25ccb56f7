//! Bases that are probabilities, and tokens made of them.
//!
//! A token of bases is as probable as the product of theirs. Its straight-through form is the most probable token with
//! the gradient of the probabilities: products of maxima are maxima of products, so such tokens always fit together.

use super::Token;

/// Softmax of each place, `[length, 4]`.
pub fn probabilities(logits: &[f64]) -> Vec<f64> {
    let (places, _) = logits.as_chunks::<4>();
    places
        .iter()
        .flat_map(|place| {
            let most = place.iter().copied().fold(f64::MIN, f64::max);
            let powers = place.map(|z| (z - most).exp());
            let sum: f64 = powers.iter().sum();
            powers.map(|p| p / sum)
        })
        .collect()
}

/// The most probable base of each place; of equals the first.
pub fn hard(logits: &[f64]) -> Vec<u8> {
    let (places, _) = logits.as_chunks::<4>();
    places
        .iter()
        .map(|place| {
            let mut best = 0;
            (1..4).for_each(|b| {
                if place[b] > place[best] {
                    best = b;
                }
            });
            best as u8
        })
        .collect()
}

/// The place of base `i` of a token, and what turns its number around on the other strand.
fn place(token: &Token, i: usize) -> (usize, usize) {
    match token.reverse {
        false => (token.start + i, 0),
        true => (token.start + token.width - 1 - i, 3),
    }
}

/// The probability of every token, one token after another.
pub fn soft_tokens(tokens: &[Token], probabilities: &[f64]) -> Vec<f64> {
    let mut all = Vec::new();
    for token in tokens {
        let mut of_token = vec![1.0];
        for i in 0..token.width {
            let (at, turn) = place(token, i);
            of_token = of_token
                .iter()
                .flat_map(|p| (0..4).map(move |b| p * probabilities[4 * at + (b ^ turn)]))
                .collect();
        }
        all.extend(of_token);
    }
    all
}

/// From gradients with respect to tokens to those with respect to the logits.
pub fn pull_back(tokens: &[Token], probabilities: &[f64], gradients: &[f64]) -> Vec<f64> {
    let mut of_bases = vec![0.0; probabilities.len()];
    let mut rest = gradients;
    for token in tokens {
        let (mine, behind) = rest.split_at(token.kinds());
        rest = behind;
        for i in 0..token.width {
            let (at, turn) = place(token, i);
            let stride = 1 << (2 * (token.width - 1 - i));
            let others: Vec<(usize, usize)> = (0..token.width)
                .filter(|&j| j != i)
                .map(|j| (j, 1 << (2 * (token.width - 1 - j))))
                .collect();
            for (kind, gradient) in mine.iter().enumerate() {
                let base = kind / stride % 4;
                let rest: f64 = others
                    .iter()
                    .map(|&(j, stride)| {
                        let (at, turn) = place(token, j);
                        probabilities[4 * at + ((kind / stride % 4) ^ turn)]
                    })
                    .product();
                of_bases[4 * at + (base ^ turn)] += gradient * rest;
            }
        }
    }
    let (places, _) = of_bases.as_chunks::<4>();
    let (p, _) = probabilities.as_chunks::<4>();
    places
        .iter()
        .zip(p)
        .flat_map(|(g, p)| {
            let mean: f64 = g.iter().zip(p).map(|(g, p)| g * p).sum();
            std::array::from_fn::<f64, 4, _>(|b| p[b] * (g[b] - mean))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use lingo_artifact::random::Stream;

    use super::*;
    use crate::sequences::dna;

    fn tokens() -> Vec<Token> {
        let at = |start, width, reverse| Token {
            start,
            width,
            reverse,
        };
        vec![
            at(0, 3, false),
            at(1, 3, false),
            at(3, 1, false),
            at(1, 3, true),
            at(0, 2, true),
        ]
    }

    #[test]
    fn the_most_probable_tokens_are_those_of_the_most_probable_bases() {
        let mut stream = Stream::new(3, "test");
        for _ in 0..50 {
            let logits: Vec<f64> = (0..16).map(|_| stream.normal()).collect();
            let bases = hard(&logits);
            let soft = soft_tokens(&tokens(), &probabilities(&logits));
            let mut rest = soft.as_slice();
            for token in tokens() {
                let (mine, behind) = rest.split_at(token.kinds());
                rest = behind;
                assert!((mine.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                let best = (0..mine.len()).max_by(|a, b| mine[*a].total_cmp(&mine[*b]));
                let mut own = bases[token.start..token.start + token.width].to_vec();
                if token.reverse {
                    own = dna::reverse_complement(&own);
                }
                assert_eq!(best, Some(dna::code(&own)));
            }
        }
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let mut stream = Stream::new(4, "test");
        let logits: Vec<f64> = (0..16).map(|_| stream.normal()).collect();
        let n: usize = tokens().iter().map(Token::kinds).sum();
        let weights: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let value = |logits: &[f64]| -> f64 {
            let soft = soft_tokens(&tokens(), &probabilities(logits));
            soft.iter().zip(&weights).map(|(s, w)| s * w).sum()
        };
        let found = pull_back(&tokens(), &probabilities(&logits), &weights);
        for i in 0..logits.len() {
            let moved = |by: f64| {
                let mut logits = logits.clone();
                logits[i] += by;
                value(&logits)
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((found[i] - expected).abs() < 1e-8, "{i}");
        }
    }
}
