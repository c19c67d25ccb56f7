//! What designs are worth where the score of every sequence is known.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use crate::design::Design;
use crate::sequences::dna;
use crate::sequences::known::Known;

/// So many designs could be synthesised.
pub const BUDGETS: [usize; 4] = [1, 8, 32, 128];

/// A table in which every design is looked up.
pub struct Landscape {
    scores: HashMap<Vec<u8>, f64>,
    low: f64,
    high: f64,
}

impl Landscape {
    /// Of all that was measured; the scores are scaled to 0 to 1 over it.
    pub fn new(known: &Known) -> Self {
        let pairs = known
            .sequences
            .iter()
            .cloned()
            .zip(known.scores.iter().copied());
        Self {
            scores: pairs.collect(),
            low: known.scores.iter().copied().fold(f64::INFINITY, f64::min),
            high: known
                .scores
                .iter()
                .copied()
                .fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// The scaled score of a sequence, on either strand.
    pub fn score(&self, bases: &[u8]) -> Option<f64> {
        let found = self.scores.get(bases);
        let found = found.or_else(|| self.scores.get(&dna::reverse_complement(bases)))?;
        Some((found - self.low) / (self.high - self.low))
    }
}

/// Largest, median and mean score of the first designs, for each budget; how many there are when a design and its other
/// strand are one; how many designs were found in the table. Without a table only what needs none.
pub fn metrics(designs: &[Design], landscape: Option<&Landscape>) -> Map<String, Value> {
    let mut metrics = Map::new();
    let mut budgets: Vec<usize> = BUDGETS.to_vec();
    budgets.retain(|budget| *budget < designs.len());
    budgets.push(designs.len());
    metrics.insert("designs".into(), json!(designs.len()));
    for budget in budgets.into_iter().rev() {
        let first = &designs[..budget];
        let mut put = |name: &str, value: Value| metrics.insert(format!("{name}_{budget}"), value);
        if let Some(landscape) = landscape {
            let scores = first.iter().filter_map(|d| landscape.score(&d.bases));
            let mut scores: Vec<f64> = scores.collect();
            scores.sort_by(f64::total_cmp);
            if let Some(largest) = scores.last() {
                put("max", json!(largest));
                put("median", json!(median(&scores)));
                put(
                    "mean",
                    json!(scores.iter().sum::<f64>() / scores.len() as f64),
                );
            }
            put("found", json!(scores.len()));
        }
        let unique: HashSet<Vec<u8>> = first.iter().map(|d| dna::canonical(&d.bases)).collect();
        put("unique", json!(unique.len()));
    }
    metrics
}

/// The middle of sorted numbers, the mean of both where there are two.
fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[half]
    } else {
        (sorted[half - 1] + sorted[half]) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn designs_are_looked_up_on_either_strand_and_counted_once() {
        let bases = |text: &str| dna::bases(text).unwrap();
        let known = Known {
            length: 3,
            sequences: vec![bases("AAC"), bases("ACG"), bases("CCC"), bases("GAC")],
            scores: vec![1.0, 2.0, 3.0, 5.0],
        };
        let design = |text: &str| Design {
            bases: bases(text),
            predicted: 0.0,
            spread: 0.0,
            nearest: 0,
            distance: 0,
        };
        // GTT is AAC, GTC is GAC; TTT is not there.
        let designs = ["GTT", "AAC", "GTC", "CCC", "TTT"].map(design);
        let found = metrics(&designs, Some(&Landscape::new(&known)));
        let expected = json!({
            "designs": 5,
            "max_5": 1.0, "median_5": 0.25, "mean_5": 0.375, "found_5": 4, "unique_5": 4,
            "max_1": 0.0, "median_1": 0.0, "mean_1": 0.0, "found_1": 1, "unique_1": 1,
        });
        assert_eq!(Value::Object(found), expected);
        let alone = metrics(&designs, None);
        assert_eq!(alone["unique_5"], 4);
        assert!(!alone.contains_key("max_5"));
    }
}
