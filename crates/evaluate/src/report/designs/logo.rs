//! A sequence logo (Schneider and Stephens 1990): at each place the bases, as high as what they tell in bits, the most frequent on
//! top; the small-sample correction is taken off. Letters are drawn as shapes, so that no font changes them.

use std::fmt::Write as _;

use crate::report::figures::figure::open;
use crate::report::figures::letters::outline;
use crate::report::html::fixed;

/// In the order of the shares.
const BASES: [u8; 4] = *b"ACGT";

const TOP: f64 = 10.0;
const BASE: f64 = 150.0;
const LEFT: f64 = 44.0;
const HEIGHT: f64 = 178.0;

/// Frequencies and heights of one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The share of A, C, G, T.
    pub shares: [f64; 4],
    /// The bits of all four together.
    pub bits: f64,
}

/// The places of sequences of one length; anything but A, C, G, T is left out.
pub fn places(sequences: &[&str]) -> Vec<Place> {
    let length = sequences.first().map_or(0, |sequence| sequence.len());
    let of = |at: usize| {
        let mut counts = [0.0; 4];
        for sequence in sequences {
            let base = sequence.as_bytes().get(at);
            if let Some(base) = base.and_then(|b| BASES.iter().position(|c| c == b)) {
                counts[base] += 1.0;
            }
        }
        let n: f64 = counts.iter().sum();
        let shares = counts.map(|count| if n > 0.0 { count / n } else { 0.0 });
        let entropy: f64 = shares
            .iter()
            .filter(|p| **p > 0.0)
            .map(|p| -p * p.log2())
            .sum();
        let correction = 3.0 / (2.0 * std::f64::consts::LN_2 * n.max(1.0));
        Place {
            shares,
            bits: (2.0 - entropy - correction).max(0.0),
        }
    };
    (0..length).map(of).collect()
}

/// The logo as one `<svg>`, and whether it needs the width of the page.
pub fn svg(id: &str, title: &str, places: &[Place]) -> (String, bool) {
    let is_wide = places.len() > 24;
    // A few places are not stretched over the whole width.
    let step: f64 = match places.len() {
        0..=10 => 40.0,
        11..=24 => 17.0,
        _ => 14.0,
    };
    let width = (LEFT + step * places.len() as f64 + 8.0).max(460.0);
    let most: String = places
        .iter()
        .map(|place| {
            let best = (0..4).max_by(|a, b| place.shares[*a].total_cmp(&place.shares[*b]));
            char::from(BASES[best.unwrap_or(0)])
        })
        .collect();
    let description = format!("The most frequent bases are {most}.");
    let mut out = open(id, title, &description, width, HEIGHT);
    for bits in 0..=2 {
        let y = BASE - (BASE - TOP) * f64::from(bits) / 2.0;
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/><text class=\"t e\" x=\"{:.1}\" y=\"{:.1}\">{bits}</text>",
            LEFT + step * places.len() as f64,
            LEFT - 7.0,
            y + 4.5
        );
    }
    let every = if places.len() > 24 { 5 } else { 1 };
    for (i, place) in places.iter().enumerate() {
        let x = LEFT + step * i as f64;
        let mut order = [0, 1, 2, 3];
        order.sort_by(|a, b| place.shares[*a].total_cmp(&place.shares[*b]));
        let mut y = BASE;
        for base in order {
            let height = place.shares[base] * place.bits / 2.0 * (BASE - TOP);
            if height < 0.3 {
                continue;
            }
            let letter = BASES[base];
            let _ = write!(
                out,
                "<path class=\"base b{}\" fill-rule=\"evenodd\" transform=\"translate({:.2} {y:.2}) scale({:.4} {:.4})\" d=\"{}\"/>",
                char::from(letter),
                x + 0.04 * step,
                0.92 * step / 100.0,
                -height / 100.0,
                outline(letter)
            );
            y -= height;
        }
        if i == 0 || (i + 1) % every == 0 {
            let _ = write!(
                out,
                "<text class=\"t mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + step / 2.0,
                BASE + 19.0,
                i + 1
            );
        }
    }
    let _ = write!(
        out,
        "<text class=\"t\" x=\"2\" y=\"{:.1}\">bits</text></svg>",
        BASE + 19.0
    );
    (out, is_wide)
}

/// The numbers of a place, as a row of its table.
pub fn row(at: usize, place: &Place) -> Vec<String> {
    let shares = place.shares.map(|share| fixed(share, 4));
    let mut row = vec![(at + 1).to_string()];
    row.extend(shares);
    row.push(fixed(place.bits, 4));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_tells_two_bits_at_most() {
        let many = vec!["AAC"; 1000];
        let of = places(&many);
        assert_eq!(of[0].shares, [1.0, 0.0, 0.0, 0.0]);
        let correction = 3.0 / (2.0 * std::f64::consts::LN_2 * 1000.0);
        assert!((of[2].bits - (2.0 - correction)).abs() < 1e-12);
        let even = places(&["A", "C", "G", "T"]);
        // Nothing is told, and the correction takes off no more than there is.
        assert_eq!(even[0].bits, 0.0);
        let half = places(&["AN", "CT", "AT", "CT"]);
        assert!((half[0].bits - (1.0 - 3.0 / (8.0 * std::f64::consts::LN_2))).abs() < 1e-12);
        assert_eq!(half[1].shares, [0.0, 0.0, 0.0, 1.0]);
    }
}
