//! One of several classes.

use crate::metrics::confusion::Confusion;
use crate::metrics::mean::mean;
use crate::metrics::numbers::Classification;
use crate::metrics::ranking::Ranking;
use crate::probability::argmax;

/// Truth and predicted probabilities, sorted once for any number of resamples.
pub struct Classes {
    names: Vec<String>,
    truth: Vec<usize>,
    predicted: Vec<usize>,
    /// `[rows][classes]`.
    probabilities: Vec<Vec<f64>>,
    one_vs_rest: Vec<OneVsRest>,
}

struct OneVsRest {
    positive: Vec<bool>,
    ranking: Ranking,
}

impl Classes {
    /// `truth` holds indices into `names`; `probabilities` is `[rows][classes]`.
    pub fn new(names: &[String], truth: Vec<usize>, probabilities: Vec<Vec<f64>>) -> Self {
        // Of two classes, the second is the positive one, and the only one that is ranked.
        let ranked = if names.len() == 2 {
            1..2
        } else {
            0..names.len()
        };
        let one_vs_rest = ranked
            .map(|class| OneVsRest {
                positive: truth.iter().map(|t| *t == class).collect(),
                ranking: Ranking::new(&probabilities.iter().map(|p| p[class]).collect::<Vec<_>>()),
            })
            .collect();
        Self {
            names: names.to_vec(),
            predicted: probabilities.iter().map(|p| argmax(p)).collect(),
            truth,
            probabilities,
            one_vs_rest,
        }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.truth.is_empty()
    }

    fn confusion(&self, weights: &[u32]) -> Confusion {
        Confusion::new(self.names.len(), &self.truth, &self.predicted, weights)
    }

    fn auroc(&self, weights: &[u32]) -> Option<f64> {
        mean(
            self.one_vs_rest
                .iter()
                .map(|c| c.ranking.auroc(&c.positive, weights)),
        )
    }

    fn auprc(&self, weights: &[u32]) -> Option<f64> {
        mean(
            self.one_vs_rest
                .iter()
                .map(|c| c.ranking.average_precision(&c.positive, weights)),
        )
    }

    /// `sklearn.metrics.brier_score_loss`: over two classes the squared distance of the second one's
    /// probability, over more the sum over all classes.
    fn brier(&self) -> Option<f64> {
        let scale = if self.names.len() == 2 { 0.5 } else { 1.0 };
        mean(self.truth.iter().zip(&self.probabilities).map(|(t, row)| {
            let squares = row.iter().enumerate().map(|(class, p)| {
                let truth = if class == *t { 1.0 } else { 0.0 };
                (p - truth) * (p - truth)
            });
            Some(scale * squares.sum::<f64>())
        }))
    }

    /// Every metric, each row counted once.
    pub fn metrics(&self) -> Classification {
        let weights = vec![1; self.len()];
        let confusion = self.confusion(&weights);
        let [precision, recall, f1_macro] = confusion.macro_averages();
        Classification {
            n: self.len() as u64,
            mcc: confusion.matthews_corrcoef(),
            accuracy: confusion.accuracy(),
            f1_macro,
            precision,
            recall,
            auroc: self.auroc(&weights),
            auprc: self.auprc(&weights),
            brier: self.brier(),
            per_class: confusion.per_class(&self.names),
            confusion_matrix: confusion.counts().to_vec(),
        }
    }

    /// MCC, accuracy, macro F1 and AUROC with row `i` counted `weights[i]` times.
    pub fn headline(&self, weights: &[u32]) -> [Option<f64>; 4] {
        let confusion = self.confusion(weights);
        [
            confusion.matthews_corrcoef(),
            confusion.accuracy(),
            confusion.macro_averages()[2],
            self.auroc(weights),
        ]
    }
}
