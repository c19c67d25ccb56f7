//! A convolution over bases with a linear head on its maxima, on the host.

use lingo_artifact::random::Stream;
use lingo_kernels::{Answers, Learnt, Level, Motifs, code};
use lingo_lm::DropoutSource;
use rayon::prelude::*;

use crate::error::Error;
use crate::network::net::{Net, SlopeOf};
use crate::network::store::ParameterStore;
use crate::reading::Input;
use crate::settings::motif_cnn::MotifSettings;

/// `logits = dropout(relu(max over the places of each bin of the convolution)) W + b`; the bins of a sequence, and the
/// two sequences of a pair, stand side by side before the head.
pub(crate) struct MotifNet {
    settings: MotifSettings,
    /// Sequences of a row.
    sequences: usize,
    outputs: usize,
    level: Level,
    /// Store entries: `[width * 4, filters]`, `[filters]`, `[sequences * bins * filters, outputs]`, `[outputs]`.
    weight: usize,
    bias: usize,
    head_weight: usize,
    head_bias: usize,
}

impl MotifNet {
    /// The network, and its first values as torch's `Conv1d` and `Linear` draw them: uniform in
    /// +-1 / sqrt(inputs of a filter), of the head.
    pub fn build(
        settings: MotifSettings,
        sequences: usize,
        outputs: usize,
        level: Level,
        seed: u64,
    ) -> (Self, ParameterStore) {
        let mut store = ParameterStore::default();
        let mut stream = Stream::new(seed, "initial values of the motifs");
        let mut uniform = |name: &str, shape: &[usize], inputs: usize| {
            let bound = 1.0 / (inputs as f64).sqrt();
            let values = (0..shape.iter().product::<usize>())
                .map(|_| ((2.0 * stream.uniform() - 1.0) * bound) as f32);
            store.add(name, shape, values.collect())
        };
        let MotifSettings { filters, width, .. } = settings;
        let features = sequences * settings.features();
        let weight = uniform("motifs.weight", &[width * 4, filters], width * 4);
        let bias = uniform("motifs.bias", &[filters], width * 4);
        let head_weight = uniform("head.weight", &[features, outputs], features);
        let head_bias = uniform("head.bias", &[outputs], features);
        let net = Self {
            settings,
            sequences,
            outputs,
            level,
            weight,
            bias,
            head_weight,
            head_bias,
        };
        (net, store)
    }

    /// The answers of each sequence of each row.
    fn answers(&self, motifs: &Motifs, inputs: &[Input]) -> Result<Vec<Vec<Answered>>, Error> {
        let of_row = |input: &Input| -> Result<Vec<Answered>, Error> {
            if input.bases.len() != self.sequences {
                return Err(Error::Data(format!(
                    "a row has {} sequences where {} are expected: a data set is of single sequences or of pairs",
                    input.bases.len(),
                    self.sequences
                )));
            }
            let answered = |bases: &Vec<u8>| {
                // For an odd width as torch's `padding="same"`: a motif may hang over either end. It is also the only way in which
                // the floor can tell where in an aligned sequence something stands.
                let beside = vec![4; self.settings.width / 2];
                let codes = bases.iter().map(|&base| code(base));
                let codes: Vec<u8> = beside
                    .iter()
                    .copied()
                    .chain(codes)
                    .chain(beside.clone())
                    .collect();
                let answers = motifs.strongest(&codes, self.settings.bins);
                Answered { codes, answers }
            };
            Ok(input.bases.iter().map(answered).collect())
        };
        // Each row for itself: any number of threads gives the same bits.
        inputs.par_iter().map(of_row).collect()
    }

    /// The head's input, a row: the strongest answers above zero.
    fn features(row: &[Answered]) -> impl Iterator<Item = f32> + '_ {
        row.iter()
            .flat_map(|one| one.answers.best.iter().map(|v| v.max(0.0)))
    }

    /// Adds the head's outputs of one row to `logits`, which hold its bias.
    fn head(&self, store: &ParameterStore, features: &[f32], logits: &mut [f32]) {
        let weight = store.slice(self.head_weight);
        for (feature, row) in features.iter().zip(weight.chunks_exact(self.outputs)) {
            logits
                .iter_mut()
                .zip(row)
                .for_each(|(l, w)| *l += feature * w);
        }
    }
}

/// One sequence and where the motifs stand in it.
struct Answered {
    codes: Vec<u8>,
    answers: Answers,
}

impl Net for MotifNet {
    type Uploaded = Motifs;

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn upload(
        &mut self,
        store: &ParameterStore,
        _live: Option<&[bool]>,
        _tracked: bool,
    ) -> Result<Motifs, Error> {
        let (weight, bias) = (store.slice(self.weight), store.slice(self.bias));
        Ok(Motifs::new(self.level, self.settings.width, weight, bias))
    }

    fn learn(
        &self,
        store: &ParameterStore,
        motifs: &Motifs,
        inputs: &[Input],
        dropout: &mut dyn DropoutSource,
        slope_of: SlopeOf,
        gradients: &mut [f32],
    ) -> Result<(), Error> {
        let answered = self.answers(motifs, inputs)?;
        let width = self.sequences * self.settings.features();
        let mut features: Vec<f32> = answered
            .iter()
            .flat_map(|row| Self::features(row))
            .collect();
        let mask = match self.settings.dropout > 0.0 {
            true => dropout.mask(features.len(), self.settings.dropout),
            false => vec![1.0; features.len()],
        };
        features.iter_mut().zip(&mask).for_each(|(f, m)| *f *= m);
        let mut logits = store.slice(self.head_bias).repeat(inputs.len());
        for (logits, features) in logits
            .chunks_exact_mut(self.outputs)
            .zip(features.chunks_exact(width))
        {
            self.head(store, features, logits);
        }
        let Some(slope) = slope_of(&logits) else {
            return Ok(());
        };
        let range = |entry: usize| store.entries[entry].range.clone();
        let head = store.slice(self.head_weight);
        let rows = slope
            .chunks_exact(self.outputs)
            .zip(features.chunks_exact(width));
        let mut by_feature = vec![0.0; features.len()];
        for (row, (slope, features)) in rows.enumerate() {
            let of_bias = &mut gradients[range(self.head_bias)];
            of_bias.iter_mut().zip(slope).for_each(|(g, s)| *g += s);
            let of_head = &mut gradients[range(self.head_weight)];
            let heads =
                (head.chunks_exact(self.outputs)).zip(of_head.chunks_exact_mut(self.outputs));
            let by_feature = &mut by_feature[row * width..][..width];
            for (((&feature, mask), by), (weights, to)) in
                (features.iter().zip(&mask[row * width..]).zip(by_feature)).zip(heads)
            {
                // A feature that is zero, dropped or not above zero, learns nothing and passes nothing on.
                if feature > 0.0 {
                    to.iter_mut()
                        .zip(slope)
                        .for_each(|(g, s)| *g += feature * s);
                    *by = mask * weights.iter().zip(slope).map(|(w, s)| w * s).sum::<f32>();
                }
            }
        }
        let sequences = answered.iter().flatten();
        let learnt: Vec<Learnt> = sequences
            .zip(by_feature.chunks_exact(self.settings.features()))
            .map(|(one, slope)| Learnt {
                codes: &one.codes,
                answers: &one.answers,
                slope,
            })
            .collect();
        let (of_weight, of_bias) = (range(self.weight), range(self.bias));
        let (before, behind) = gradients.split_at_mut(of_bias.start);
        let (of_weight, of_bias) = (&mut before[of_weight], &mut behind[..of_bias.len()]);
        motifs.gradient(&learnt, of_weight, of_bias);
        Ok(())
    }

    fn predict(
        &self,
        store: &ParameterStore,
        motifs: &Motifs,
        inputs: &[Input],
    ) -> Result<Vec<f32>, Error> {
        let answered = self.answers(motifs, inputs)?;
        let mut logits = store.slice(self.head_bias).repeat(inputs.len());
        for (row, logits) in answered.iter().zip(logits.chunks_exact_mut(self.outputs)) {
            let features: Vec<f32> = Self::features(row).collect();
            self.head(store, &features, logits);
        }
        Ok(logits)
    }
}
