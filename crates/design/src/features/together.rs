//! Several features side by side, on one scale: from each its mean over the measured sequences is taken off, and it is divided by
//! the root of its mean variance over them, so that none outweighs another by its unit.

use std::sync::Arc;

use super::{Features, Token, TokenGradients};
use crate::error::Error;
use crate::numbers::matrix::Matrix;

/// Features side by side.
pub struct Together {
    parts: Vec<Part>,
}

struct Part {
    features: Arc<dyn Features>,
    means: Vec<f64>,
    scale: f64,
}

impl Together {
    /// Of these, on the scale of the measured sequences.
    ///
    /// # Errors
    /// What a part says; a part that is the same for all sequences.
    pub fn new(parts: Vec<Arc<dyn Features>>, known: &[Vec<u8>]) -> Result<Self, Error> {
        let parts = parts.into_iter().map(|features| {
            let matrix = features.of(known)?;
            let count = known.len().max(1) as f64;
            let mut means = vec![0.0; matrix.width];
            for row in matrix.rows() {
                means
                    .iter_mut()
                    .zip(row)
                    .for_each(|(mean, x)| *mean += x / count);
            }
            let squares: f64 = matrix
                .rows()
                .flat_map(|row| row.iter().zip(&means).map(|(x, mean)| (x - mean).powi(2)))
                .sum();
            let variance = squares / (count * matrix.width.max(1) as f64);
            let mean_square =
                means.iter().map(|mean| mean * mean).sum::<f64>() / matrix.width.max(1) as f64;
            // Means are rounded: what is the same everywhere has a variance of that size.
            if variance <= 1e-20 * mean_square || variance <= 0.0 {
                return Err(Error::Settings(
                    "`together` has features that are the same for all sequences".into(),
                ));
            }
            Ok(Part {
                features,
                means,
                scale: 1.0 / variance.sqrt(),
            })
        });
        Ok(Self {
            parts: parts.collect::<Result<_, Error>>()?,
        })
    }
}

impl Features for Together {
    fn width(&self) -> usize {
        self.parts.iter().map(|part| part.features.width()).sum()
    }

    fn tokens(&self, length: usize) -> Vec<Token> {
        let parts = self.parts.iter();
        parts
            .flat_map(|part| part.features.tokens(length))
            .collect()
    }

    fn of(&self, sequences: &[Vec<u8>]) -> Result<Matrix, Error> {
        let parts = self.parts.iter().map(|part| part.features.of(sequences));
        let matrices = parts.collect::<Result<Vec<Matrix>, Error>>()?;
        let mut all = Matrix::zeros(0, self.width());
        for row in 0..sequences.len() {
            for (part, matrix) in self.parts.iter().zip(&matrices) {
                let pairs = matrix.row(row).iter().zip(&part.means);
                all.values
                    .extend(pairs.map(|(x, mean)| (x - mean) * part.scale));
            }
        }
        Ok(all)
    }

    fn pull_back(
        &self,
        sequences: &[Vec<u8>],
        ask: &mut dyn FnMut(&Matrix) -> Vec<Matrix>,
    ) -> Result<Vec<Vec<TokenGradients>>, Error> {
        let asked = ask(&self.of(sequences)?);
        let mut found = vec![vec![TokenGradients::new(); sequences.len()]; asked.len()];
        let mut first = 0;
        for part in &self.parts {
            let width = part.features.width();
            let mine = |asked: &Matrix| {
                let rows = asked.rows().flat_map(|row| &row[first..first + width]);
                Matrix {
                    width,
                    values: rows.map(|x| x * part.scale).collect(),
                }
            };
            let mut of_part = |_: &Matrix| asked.iter().map(mine).collect();
            let gradients = part.features.pull_back(sequences, &mut of_part)?;
            for (all, own) in found.iter_mut().zip(gradients) {
                for (all, own) in all.iter_mut().zip(own) {
                    all.extend(own);
                }
            }
            first += width;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::kmers::KmerCounts;
    use crate::features::one_hot::OneHot;
    use crate::sequences::dna;

    fn together() -> (Together, Vec<Vec<u8>>) {
        let known: Vec<Vec<u8>> = (0..50).map(|i| dna::of_code(i * 37 % 1024, 5)).collect();
        let parts: Vec<Arc<dyn Features>> = vec![
            Arc::new(KmerCounts::new(2, 5).unwrap()),
            Arc::new(OneHot::new(5, true)),
        ];
        (Together::new(parts, &known).unwrap(), known)
    }

    #[test]
    fn each_part_has_mean_zero_and_variance_one() {
        let (features, known) = together();
        let of = features.of(&known).unwrap();
        assert_eq!(of.width, 10 + 180);
        for columns in [0..10, 10..190] {
            let mut sums = (0.0, 0.0);
            for column in columns.clone() {
                let values: Vec<f64> = of.rows().map(|row| row[column]).collect();
                assert!(values.iter().sum::<f64>().abs() < 1e-9);
                sums.0 += values.iter().map(|x| x * x).sum::<f64>();
                sums.1 += values.len() as f64;
            }
            assert!((sums.0 / sums.1 - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn gradients_are_those_of_the_parts() {
        let (features, known) = together();
        let weights: Vec<f64> = (0..190).map(|c| (c as f64).cos()).collect();
        let mut ask = |of: &Matrix| {
            vec![Matrix {
                width: of.width,
                values: weights.repeat(of.len()),
            }]
        };
        let two = &known[3..5];
        let found = features.pull_back(two, &mut ask).unwrap();
        let parts = [(&features.parts[0], 0..10), (&features.parts[1], 10..190)];
        let expected = parts.map(|(part, columns)| {
            let values: Vec<f64> = weights[columns.clone()]
                .iter()
                .map(|w| w * part.scale)
                .collect();
            let mut ask = |_: &Matrix| {
                vec![Matrix {
                    width: columns.len(),
                    values: values.repeat(2),
                }]
            };
            part.features.pull_back(two, &mut ask).unwrap()
        });
        for i in 0..2 {
            let whole = [&expected[0][0][i][..], &expected[1][0][i][..]].concat();
            assert_eq!(found[0][i], whole);
        }
        assert_eq!(features.tokens(5).len(), 4 + 5);
    }

    #[test]
    fn a_part_that_tells_nothing_is_refused() {
        let parts: Vec<Arc<dyn Features>> = vec![Arc::new(OneHot::new(3, false))];
        assert!(Together::new(parts, &[vec![0, 1, 2], vec![0, 1, 2]]).is_err());
        // One composition, and means that are no round numbers.
        let parts: Vec<Arc<dyn Features>> = vec![Arc::new(KmerCounts::new(1, 3).unwrap())];
        let same: Vec<Vec<u8>> = (0..49)
            .map(|i| [[0, 1, 2], [1, 2, 0]][i % 2].to_vec())
            .collect();
        assert!(Together::new(parts, &same).is_err());
    }
}
