//! What a design must keep to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dna;
use crate::error::Error;

/// What a design must keep to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConstraintSettings {
    /// A letter for each place: A, C, G or T where the base is fixed, N where it is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// The lowest and the highest share of G and C, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gc: Option<[f64; 2]>,
    /// Stretches that stand on neither strand, such as the sites of restriction enzymes; the letters of IUPAC.
    pub forbidden: Vec<String>,
    /// At most so many changed bases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edits: Option<Edits>,
    /// The longest run of one base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homopolymer: Option<u32>,
    /// At least so many bases differ between any two designs, on the nearer strand. Default: 0, any two that the search
    /// puts out.
    pub apart: u32,
}

/// At most so many changed bases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edits {
    /// The sequence that is changed.
    pub of: String,
    /// How many bases.
    pub most: u32,
}

/// Constraints, checked against a length.
#[derive(Clone, Debug, Default)]
pub struct Constraints {
    /// The base of each fixed place.
    pub fixed: Vec<Option<u8>>,
    gc: Option<[f64; 2]>,
    /// The bases that each place of a motif may be, both strands.
    forbidden: Vec<Vec<u8>>,
    edits: Option<(Vec<u8>, usize)>,
    homopolymer: Option<usize>,
    /// As in the settings.
    pub apart: usize,
}

impl ConstraintSettings {
    /// For sequences of a length.
    ///
    /// # Errors
    /// [`Error::Settings`] with the key and the value.
    pub fn check(&self, length: usize) -> Result<Constraints, Error> {
        let bad =
            |key: &str, problem: String| Error::Settings(format!("constraints.{key}: {problem}"));
        let fits = |key: &str, text: &str| {
            if text.chars().count() == length {
                return Ok(());
            }
            let problem = format!(
                "`{text}` has {} letters, the sequences have {length}",
                text.len()
            );
            Err(bad(key, problem))
        };
        let mut fixed = vec![None; length];
        if let Some(text) = &self.fixed {
            fits("fixed", text)?;
            for (place, letter) in fixed.iter_mut().zip(text.chars()) {
                *place = match letter {
                    'N' | 'n' => None,
                    letter => Some(
                        dna::bases(&letter.to_string()).map_err(|letter| {
                            bad("fixed", format!("`{letter}` is none of A, C, G, T, N"))
                        })?[0],
                    ),
                };
            }
        }
        if let Some([low, high]) = self.gc
            && !(0.0..=1.0).contains(&low) | !(low..=1.0).contains(&high)
        {
            let problem = format!("[{low}, {high}] is no range within 0 to 1");
            return Err(bad("gc", problem));
        }
        let mut forbidden = Vec::new();
        for motif in &self.forbidden {
            let mask: Option<Vec<u8>> = motif.chars().map(iupac).collect();
            let mask = mask.filter(|mask| !mask.is_empty());
            let mask = mask.ok_or_else(|| {
                bad(
                    "forbidden",
                    format!("`{motif}` is no sequence of the letters of IUPAC"),
                )
            })?;
            // The complement of a set of bases: bit b goes to bit 3 - b.
            let other = mask.iter().rev().map(|m| m.reverse_bits() >> 4).collect();
            forbidden.extend([mask, other]);
        }
        let edits = match &self.edits {
            Some(edits) => {
                fits("edits.of", &edits.of)?;
                let of = dna::bases(&edits.of).map_err(|letter| {
                    bad("edits.of", format!("`{letter}` is none of A, C, G, T"))
                })?;
                Some((of, edits.most as usize))
            }
            None => None,
        };
        if self.homopolymer == Some(0) {
            return Err(bad("homopolymer", "0 leaves no sequence".into()));
        }
        Ok(Constraints {
            fixed,
            gc: self.gc,
            forbidden,
            edits,
            homopolymer: self.homopolymer.map(|n| n as usize),
            apart: self.apart as usize,
        })
    }
}

impl Constraints {
    /// Whether a sequence keeps to all of them, [`Constraints::apart`] aside.
    pub fn allow(&self, bases: &[u8]) -> bool {
        let fixed = self.fixed.iter().zip(bases);
        if fixed
            .clone()
            .any(|(fixed, b)| fixed.is_some_and(|fixed| fixed != *b))
        {
            return false;
        }
        if let Some([low, high]) = self.gc {
            let gc = bases.iter().filter(|b| matches!(b, 1 | 2)).count() as f64;
            let share = gc / bases.len().max(1) as f64;
            if share < low || share > high {
                return false;
            }
        }
        if let Some((of, most)) = &self.edits
            && dna::distance(of, bases) > *most
        {
            return false;
        }
        let longest = bases.chunk_by(|a, b| a == b).map(<[u8]>::len).max();
        if self.homopolymer.is_some_and(|most| longest > Some(most)) {
            return false;
        }
        let stands = |motif: &[u8], at: &[u8]| motif.iter().zip(at).all(|(m, b)| m >> b & 1 == 1);
        let found = |motif: &Vec<u8>| bases.windows(motif.len()).any(|at| stands(motif, at));
        !self.forbidden.iter().any(found)
    }

    /// Puts the fixed bases where they belong.
    pub fn fix(&self, bases: &mut [u8]) {
        for (base, fixed) in bases.iter_mut().zip(&self.fixed) {
            *base = fixed.unwrap_or(*base);
        }
    }

    /// Whether a sequence is far enough from those that were taken.
    pub fn is_apart(&self, bases: &[u8], taken: &[Vec<u8>]) -> bool {
        if self.apart == 0 {
            return true;
        }
        let other = dna::reverse_complement(bases);
        let near = |taken: &Vec<u8>| {
            let distance = dna::distance(bases, taken).min(dna::distance(&other, taken));
            distance < self.apart
        };
        !taken.iter().any(near)
    }
}

/// The bases that a letter of IUPAC stands for: bit 0 is A, then C, G, T.
fn iupac(letter: char) -> Option<u8> {
    let bits = match letter.to_ascii_uppercase() {
        'A' => 0b0001,
        'C' => 0b0010,
        'G' => 0b0100,
        'T' | 'U' => 0b1000,
        'R' => 0b0101,
        'Y' => 0b1010,
        'S' => 0b0110,
        'W' => 0b1001,
        'K' => 0b1100,
        'M' => 0b0011,
        'B' => 0b1110,
        'D' => 0b1101,
        'H' => 0b1011,
        'V' => 0b0111,
        'N' => 0b1111,
        _ => return None,
    };
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> ConstraintSettings {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn constraints_hold_what_they_say() {
        let t = |json: &str, allowed: &[&str], refused: &[&str]| {
            let constraints = settings(json).check(6).unwrap();
            let allow = |text: &&&str| constraints.allow(&dna::bases(text).unwrap());
            assert!(allowed.iter().all(|text| allow(&text)), "{json}");
            assert!(!refused.iter().any(|text| allow(&text)), "{json}");
        };
        t("{}", &["AAAAAA", "ACGTAC"], &[]);
        t(r#"{"fixed": "NACNNN"}"#, &["TACTTT"], &["AAAAAA", "CCCCCC"]);
        t(r#"{"gc": [0.5, 0.5]}"#, &["ACGTAC"], &["ACGTAA", "CCCCCC"]);
        // GAATTC is its own other strand; GGTCTC is not.
        t(r#"{"forbidden": ["GAATTC"]}"#, &["GAATTA"], &["GAATTC"]);
        t(
            r#"{"forbidden": ["GGTC"]}"#,
            &["AGGTTC"],
            &["AGGTCA", "TGACCA"],
        );
        // G[AG]C, and on the other strand G[CT]C.
        t(
            r#"{"forbidden": ["GRC"]}"#,
            &["GTTAGA"],
            &["AGACAA", "AGTCAA"],
        );
        t(
            r#"{"edits": {"of": "AAAAAA", "most": 2}}"#,
            &["AATAAC"],
            &["AATACC"],
        );
        t(r#"{"homopolymer": 2}"#, &["AACCAA"], &["AAACCC"]);
    }

    #[test]
    fn constraints_that_fit_no_sequence_are_told() {
        let t = |json: &str, expected: &str| {
            let found = settings(json).check(6).unwrap_err().to_string();
            assert_eq!(found, expected);
        };
        t(
            r#"{"fixed": "ACG"}"#,
            "constraints.fixed: `ACG` has 3 letters, the sequences have 6",
        );
        t(
            r#"{"fixed": "ACGNNX"}"#,
            "constraints.fixed: `X` is none of A, C, G, T, N",
        );
        t(
            r#"{"gc": [0.6, 0.4]}"#,
            "constraints.gc: [0.6, 0.4] is no range within 0 to 1",
        );
        t(
            r#"{"forbidden": ["GA!"]}"#,
            "constraints.forbidden: `GA!` is no sequence of the letters of IUPAC",
        );
        t(
            r#"{"homopolymer": 0}"#,
            "constraints.homopolymer: 0 leaves no sequence",
        );
    }

    #[test]
    fn designs_stand_apart_on_either_strand() {
        let constraints = settings(r#"{"apart": 2}"#).check(4).unwrap();
        let of = |text: &str| dna::bases(text).unwrap();
        let taken = [of("AACC")];
        assert!(!constraints.is_apart(&of("AACG"), &taken));
        assert!(
            !constraints.is_apart(&of("GGTT"), &taken),
            "the other strand"
        );
        assert!(constraints.is_apart(&of("TTCC"), &taken));
    }
}
