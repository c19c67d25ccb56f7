//! The mean of a frozen language model's last states over the tokens of the DNA.
//!
//! Gradients reach the input through the embedding: the rows of a sequence's own tokens are given to the model as new
//! rows that ask for a gradient, which times the embedding is the gradient of the one-hot tokens. So the pass computes
//! what the hard tokens give, to the bit, and differentiates it as if they were soft.

use std::ops::RangeInclusive;

use burn::tensor::{Device, Tensor, TensorData};
use lingo_lm::{Adaptation, Batch, Model};
use rayon::prelude::*;

use super::{Features, Token, TokenGradients};
use crate::error::Error;
use crate::numbers::matrix::Matrix;
use crate::sequences::dna;

/// Sequences of one pass; what is computed of one does not depend on it.
const TOGETHER: usize = 256;

/// How DNA stands in a model's vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRows {
    /// Bases of a token.
    pub k: usize,
    /// Bases from token to token: 1 or k.
    pub stride: usize,
    /// The row of each k-mer, in the order A < C < G < T.
    pub kmers: Vec<u32>,
    /// The rows of A, C, G, T, for the end of a sequence whose tokens stand side by side.
    pub singles: Option<[u32; 4]>,
    /// Special tokens before the DNA.
    pub before: Vec<u32>,
    /// Special tokens behind it.
    pub after: Vec<u32>,
}

/// A frozen model's features.
pub struct LanguageModel {
    model: Model,
    tokens: TokenRows,
    /// Whether both strands are read, and the mean of their features taken.
    both_strands: bool,
    /// With gradients.
    device: Device,
    embedding: usize,
    /// Rows of the word embedding, of the k-mers and then of the single bases.
    table: Vec<f32>,
}

impl LanguageModel {
    /// Of a model on its device, for sequences of these lengths.
    ///
    /// # Errors
    /// A length that the model does not take; an embedding that cannot be read.
    pub fn new(
        model: Model,
        tokens: TokenRows,
        both_strands: bool,
        lengths: RangeInclusive<usize>,
    ) -> Result<Self, Error> {
        let config = model.config();
        let embedding = config.embedding_size();
        let words = model.tensor(config.family.word_embedding())?;
        let ids = tokens.kmers.iter().chain(tokens.singles.iter().flatten());
        let mut table = Vec::new();
        for &id in ids {
            let at = id as usize * embedding;
            let row = words
                .get(at..at + embedding)
                .ok_or_else(|| Error::Settings(format!("the model's embedding has no row {id}")))?;
            table.extend_from_slice(row);
        }
        let device = model.parameters().device().clone().autodiff();
        let features = Self {
            model,
            tokens,
            both_strands,
            device,
            embedding,
            table,
        };
        if *lengths.start() < features.tokens.k {
            return Err(Error::Settings(format!(
                "the model reads {} bases as one token, the shortest sequence has {}",
                features.tokens.k,
                lengths.start()
            )));
        }
        features
            .batch(&[vec![0; *lengths.end()]])
            .check(features.model.config(), 0)?;
        Ok(features)
    }

    fn of_strand(&self, length: usize) -> Vec<Token> {
        let TokenRows { k, stride, .. } = self.tokens;
        let mut tokens: Vec<Token> = (0..=length - k)
            .step_by(stride)
            .map(|start| Token {
                start,
                width: k,
                reverse: false,
            })
            .collect();
        if stride > 1 {
            let whole = tokens.len() * k;
            tokens.extend((whole..length).map(|start| Token {
                start,
                width: 1,
                reverse: false,
            }));
        }
        tokens
    }

    /// Where the rows of a token's kinds begin in the table.
    fn first_row(&self, token: &Token) -> usize {
        if token.width == self.tokens.k {
            0
        } else {
            self.tokens.kmers.len()
        }
    }

    /// The rows of the table that a sequence's tokens are.
    fn rows_of(&self, bases: &[u8]) -> Vec<usize> {
        let of = |token: &Token| {
            let own = &bases[token.start..token.start + token.width];
            self.first_row(token) + dna::code(own)
        };
        self.of_strand(bases.len()).iter().map(of).collect()
    }

    fn id(&self, row: usize) -> u32 {
        let kmers = self.tokens.kmers.len();
        match self.tokens.kmers.get(row) {
            Some(id) => *id,
            None => self
                .tokens
                .singles
                .map_or(0, |singles| singles[row - kmers]),
        }
    }

    fn framed(&self, sequences: usize, mut inner: impl FnMut(usize) -> Vec<u32>) -> Batch {
        let mut ids = Vec::new();
        for sequence in 0..sequences {
            ids.extend(&self.tokens.before);
            ids.extend(inner(sequence));
            ids.extend(&self.tokens.after);
        }
        let length = ids.len() / sequences.max(1);
        Batch {
            ids,
            lengths: vec![length as u32; sequences],
            batch: sequences,
            length,
        }
    }

    fn batch(&self, sequences: &[Vec<u8>]) -> Batch {
        self.framed(sequences.len(), |i| {
            let rows = self.rows_of(&sequences[i]);
            rows.into_iter().map(|row| self.id(row)).collect()
        })
    }

    /// The sequences, each followed by its other strand where both are read.
    fn strands(&self, sequences: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let of = |sequence: &Vec<u8>| {
            let other = self.both_strands.then(|| dna::reverse_complement(sequence));
            [Some(sequence.clone()), other].into_iter().flatten()
        };
        sequences.iter().flat_map(of).collect()
    }

    /// Strands of a sequence.
    fn strand_count(&self) -> usize {
        1 + usize::from(self.both_strands)
    }

    /// Means over the tokens of the DNA, then over strands.
    fn pool(&self, states: &[f32], batch: &Batch) -> Matrix {
        let width = self.width();
        let before = self.tokens.before.len();
        let dna = batch.length - before - self.tokens.after.len();
        let strands = self.strand_count();
        let mut features = Matrix::zeros(batch.batch / strands, width);
        let share = 1.0 / (dna * strands) as f64;
        for (i, states) in states.chunks_exact(batch.length * width).enumerate() {
            let row = &mut features.values[i / strands * width..(i / strands + 1) * width];
            for token in states[before * width..].chunks_exact(width).take(dna) {
                for (sum, state) in row.iter_mut().zip(token) {
                    *sum += f64::from(*state) * share;
                }
            }
        }
        features
    }

    fn failed(&self, problem: impl ToString) -> Error {
        Error::Model(lingo_lm::Error::Device {
            device: format!("{:?}", self.device),
            problem: problem.to_string(),
        })
    }

    fn download<const D: usize>(&self, tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
        let values = tensor.try_into_vec_as::<f32>();
        values.map_err(|e| self.failed(e))
    }

    /// The states of sequences whose tokens are rows that ask for a gradient, and those rows.
    fn tracked(&self, strands: &[Vec<u8>]) -> Result<(Tensor<3>, Tensor<2>, Batch), Error> {
        let width = self.embedding;
        let vocabulary = self.model.config().vocab_size as u32;
        let mut values: Vec<f32> = Vec::new();
        let mut next = vocabulary;
        let batch = self.framed(strands.len(), |i| {
            let rows = self.rows_of(&strands[i]);
            let first = next;
            for row in rows {
                values.extend_from_slice(&self.table[row * width..(row + 1) * width]);
                next += 1;
            }
            (first..next).collect()
        });
        let count = (next - vocabulary) as usize;
        batch.check(self.model.config(), count)?;
        let rows = TensorData::new(values, [count, width]);
        let rows = Tensor::<2>::from_data(rows, &self.device).require_grad();
        let adaptation = Adaptation {
            extra_rows: Some(&rows),
            ..Adaptation::none()
        };
        let states = self.model.forward(&batch, adaptation).states;
        Ok((states, rows, batch))
    }

    /// The gradient of one-hot tokens from that of their rows.
    fn of_tokens(&self, strands: &[Vec<u8>], of_rows: &[f32]) -> Vec<TokenGradients> {
        let width = self.embedding;
        let tokens = self.of_strand(strands[0].len());
        let of_strand: Vec<TokenGradients> = of_rows
            .par_chunks(tokens.len() * width)
            .map(|of_rows| {
                let mut all = Vec::new();
                for (token, gradient) in tokens.iter().zip(of_rows.chunks_exact(width)) {
                    let first = self.first_row(token);
                    let rows = self.table[first * width..(first + token.kinds()) * width]
                        .chunks_exact(width);
                    all.extend(rows.map(|row| f64::from(dot(row, gradient))));
                }
                all
            })
            .collect();
        of_strand
            .chunks(self.strand_count())
            .map(<[TokenGradients]>::concat)
            .collect()
    }
}

impl Features for LanguageModel {
    fn width(&self) -> usize {
        self.model.config().hidden_size
    }

    fn tokens(&self, length: usize) -> Vec<Token> {
        let forward = self.of_strand(length);
        let mut tokens = forward.clone();
        if self.both_strands {
            tokens.extend(forward.iter().map(|token| Token {
                start: length - token.start - token.width,
                width: token.width,
                reverse: true,
            }));
        }
        tokens
    }

    fn of(&self, sequences: &[Vec<u8>]) -> Result<Matrix, Error> {
        let width = self.width();
        let mut features = Matrix::zeros(sequences.len(), width);
        // A batch has one length.
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by_key(|&i| sequences[i].len());
        let of_length = order.chunk_by(|&a, &b| sequences[a].len() == sequences[b].len());
        for rows in of_length.flat_map(|rows| rows.chunks(TOGETHER)) {
            let together: Vec<Vec<u8>> = rows.iter().map(|&row| sequences[row].clone()).collect();
            let batch = self.batch(&self.strands(&together));
            batch.check(self.model.config(), 0)?;
            let states = self.model.forward(&batch, Adaptation::none()).states;
            let states = self.download(states)?;
            let pooled = self.pool(&states, &batch);
            for (&row, values) in rows.iter().zip(pooled.rows()) {
                features.values[row * width..(row + 1) * width].copy_from_slice(values);
            }
        }
        Ok(features)
    }

    fn pull_back(
        &self,
        sequences: &[Vec<u8>],
        ask: &mut dyn FnMut(&Matrix) -> Vec<Matrix>,
    ) -> Result<Vec<Vec<TokenGradients>>, Error> {
        let strands = self.strands(sequences);
        let mut asked: Option<Vec<Matrix>> = None;
        let mut found = Vec::new();
        // A backward pass takes its graph with it: each gradient that is asked for has a forward pass of its own.
        while asked.as_ref().is_none_or(|asked| found.len() < asked.len()) {
            let (states, rows, batch) = self.tracked(&strands)?;
            let width = self.width();
            let upstream = match &asked {
                Some(asked) => &asked[found.len()],
                None => {
                    let values = self.download(states.clone().inner())?;
                    let answer = ask(&self.pool(&values, &batch));
                    match asked.insert(answer).first() {
                        Some(first) => first,
                        None => return Ok(found),
                    }
                }
            };
            let before = self.tokens.before.len();
            let dna = batch.length - before - self.tokens.after.len();
            let share = 1.0 / (dna * self.strand_count()) as f64;
            let mut factors = vec![0.0f32; batch.batch * batch.length * width];
            for (i, of_strand) in factors.chunks_exact_mut(batch.length * width).enumerate() {
                let row = upstream.row(i / self.strand_count());
                let tokens = of_strand[before * width..].chunks_exact_mut(width);
                for token in tokens.take(dna) {
                    for (factor, value) in token.iter_mut().zip(row) {
                        *factor = (value * share) as f32;
                    }
                }
            }
            let factors = TensorData::new(factors, [batch.batch, batch.length, width]);
            let factors = Tensor::<3>::from_data(factors, &self.device);
            let gradients = (states * factors).sum().backward();
            let gradient = rows
                .grad(&gradients)
                .ok_or_else(|| self.failed("gives no gradient"))?;
            let gradient = self.download(gradient)?;
            found.push(self.of_tokens(&strands, &gradient));
        }
        Ok(found)
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    let (heads_a, tail_a) = a.as_chunks::<16>();
    let (heads_b, tail_b) = b.as_chunks::<16>();
    for (a, b) in heads_a.iter().zip(heads_b) {
        for i in 0..16 {
            sums[i] += a[i] * b[i];
        }
    }
    let tail: f32 = tail_a.iter().zip(tail_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + tail
}
