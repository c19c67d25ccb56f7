//! A convolution over bases with a linear head on its maxima, on the host.

use std::ops::Range;

use lingo_artifact::random::Stream;
use lingo_kernels::{
    Answers, Learnt, LearntRows, Level, Motifs, ResidualGroup, ResidualLayers, SecondLayer, code,
};
use lingo_lm::DropoutSource;
use rayon::prelude::*;

use crate::error::Error;
use crate::network::net::{Net, SlopeOf};
use crate::network::store::ParameterStore;
use crate::reading::Input;
use crate::settings::motif_cnn::MotifSettings;

/// `logits = dropout(relu(max over the places of each bin of the convolution)) W + b`; the bins of a sequence, and the
/// two sequences of a pair, stand side by side before the head. With a second convolution, over `dropout(relu(max over
/// stretches of places))`, the largest value of each of its filters above zero stands behind the bins of its sequence; with residual
/// ones over the same, that of the last.
pub(crate) struct MotifNet {
    settings: MotifSettings,
    /// Sequences of a row.
    sequences: usize,
    outputs: usize,
    level: Level,
    /// Store entries: `[width * 4, filters]`, `[filters]`, `[classes, filters]`, `[sequences * bins * filters, outputs]`, `[outputs]`.
    weight: usize,
    bias: usize,
    distance: Option<usize>,
    /// The second convolution: `[filters, width * inputs]`, `[filters]`.
    second: Option<(usize, usize)>,
    /// The residual convolutions, four entries from this one on: `[filters, own]`, `[own]`, `[layers, width, own, own]`,
    /// `[layers, own]`.
    residual: Option<usize>,
    head_weight: usize,
    head_bias: usize,
}

/// The filters as kernels want them.
pub(crate) struct Filters {
    motifs: Motifs,
    again: Again,
}

/// What looks at the motifs' answers again.
enum Again {
    Not,
    Second(SecondLayer),
    Residual(ResidualLayers),
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
        let second = settings.second.map(|second| {
            let (own, inputs) = (
                second.filters.get() as usize,
                second.width.get() as usize * filters,
            );
            let weight = uniform("second.weight", &[own, inputs], inputs);
            (weight, uniform("second.bias", &[own], inputs))
        });
        let residual = settings.residual.map(|residual| {
            let [own, width, layers] =
                [residual.filters, residual.width, residual.layers].map(|n| n.get() as usize);
            let first = uniform("residual.enter.weight", &[filters, own], filters);
            uniform("residual.enter.bias", &[own], filters);
            uniform("residual.weight", &[layers, width, own, own], width * own);
            uniform("residual.bias", &[layers, own], width * own);
            first
        });
        let head_weight = uniform("head.weight", &[features, outputs], features);
        let head_bias = uniform("head.bias", &[outputs], features);
        let distance = settings.distance.map(|distance| {
            let values = vec![0.0; distance.classes * filters];
            store.add("motifs.distance", &[distance.classes, filters], values)
        });
        let net = Self {
            settings,
            sequences,
            outputs,
            level,
            weight,
            bias,
            distance,
            second,
            residual,
            head_weight,
            head_bias,
        };
        (net, store)
    }

    /// The answers of each sequence of each row.
    fn answers(&self, filters: &Filters, inputs: &[Input]) -> Result<Vec<Vec<Answered>>, Error> {
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
                let answers = filters.motifs.strongest(&codes, self.settings.bins);
                let pooled = self.settings.pool().map(|pool| {
                    let places = codes.len().saturating_sub(self.settings.width) + 1;
                    let stretches = (places / pool).max(1);
                    Pooled::new(filters.motifs.strongest(&codes, stretches))
                });
                Answered {
                    codes,
                    answers,
                    pooled,
                }
            };
            Ok(input.bases.iter().map(answered).collect())
        };
        // Each row for itself: any number of threads gives the same bits.
        inputs.par_iter().map(of_row).collect()
    }

    /// Where the residual convolutions' values stand in the store.
    fn residual_range(&self, store: &ParameterStore, first: usize) -> Range<usize> {
        store.entries[first].range.start..store.entries[first + 3].range.end
    }

    /// Drops some of what further convolutions read.
    fn drop_pooled(&self, answered: &mut [Vec<Answered>], dropout: &mut dyn DropoutSource) {
        if self.settings.dropout == 0.0 {
            return;
        }
        let pooled = answered.iter_mut().flatten();
        let pooled: Vec<&mut Pooled> = pooled.filter_map(|one| one.pooled.as_mut()).collect();
        let sizes: Vec<usize> = pooled.iter().map(|p| p.rows.len()).collect();
        let mask = dropout.mask(sizes.iter().sum(), self.settings.dropout);
        let mut rest = &mask[..];
        for (pooled, size) in pooled.into_iter().zip(sizes) {
            let (own, behind) = rest.split_at(size);
            pooled.rows.iter_mut().zip(own).for_each(|(x, m)| *x *= m);
            rest = behind;
        }
    }

    /// Further convolutions, where there are any. What residual ones learn from.
    fn look_again(&self, filters: &Filters, answered: &mut [Vec<Answered>]) -> Vec<ResidualGroup> {
        match &filters.again {
            Again::Not => Vec::new(),
            Again::Second(second) => {
                answered.par_iter_mut().for_each(|row| {
                    for pooled in row.iter_mut().filter_map(|one| one.pooled.as_mut()) {
                        pooled.seen = second.strongest(&pooled.rows);
                    }
                });
                Vec::new()
            }
            Again::Residual(layers) => {
                let pooled = answered.iter().flatten();
                let pooled = pooled.filter_map(|one| one.pooled.as_ref());
                let rows: Vec<&[f32]> = pooled.map(|pooled| &pooled.rows[..]).collect();
                let groups = layers.strongest(&rows);
                let seen = groups.iter().flat_map(|group| &group.answers);
                let pooled = answered.iter_mut().flatten();
                let pooled = pooled.filter_map(|one| one.pooled.as_mut());
                for (pooled, seen) in pooled.zip(seen) {
                    pooled.seen = seen.clone();
                }
                groups
            }
        }
    }

    /// The head's input, a row: the strongest answers above zero.
    fn features(row: &[Answered]) -> impl Iterator<Item = f32> + '_ {
        row.iter().flat_map(|one| {
            let second = one.pooled.iter().flat_map(|pooled| &pooled.seen.best);
            one.answers.best.iter().chain(second).map(|v| v.max(0.0))
        })
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

    /// What the slopes by the features make of the filters' values.
    fn learn_filters(
        &self,
        store: &ParameterStore,
        filters: &Filters,
        answered: &[Vec<Answered>],
        groups: &[ResidualGroup],
        by_feature: &[f32],
        gradients: &mut [f32],
    ) {
        let range = |entry: usize| store.entries[entry].range.clone();
        let of_motifs = self.settings.filters * self.settings.bins;
        let sequences: Vec<(&Answered, &[f32], &[f32])> = answered
            .iter()
            .flatten()
            .zip(by_feature.chunks_exact(self.settings.features()))
            .map(|(one, slope)| {
                let (of_motifs, of_second) = slope.split_at(of_motifs);
                (one, of_motifs, of_second)
            })
            .collect();
        // What further convolutions pass on to the motifs' answers in each stretch.
        let by_stretch: Vec<Vec<f32>> = match (&filters.again, self.second, self.residual) {
            (Again::Residual(layers), _, Some(first)) => {
                let slopes: Vec<&[f32]> = sequences.iter().map(|(.., slope)| *slope).collect();
                let own = self.residual_range(store, first);
                layers.gradient(groups, &slopes, &mut gradients[own])
            }
            (Again::Second(layer), Some((weight, bias)), _) => {
                let learnt: Vec<LearntRows> = sequences
                    .iter()
                    .filter_map(|(one, _, slope)| {
                        let pooled = one.pooled.as_ref()?;
                        Some(LearntRows {
                            rows: &pooled.rows,
                            answers: &pooled.seen,
                            slope,
                        })
                    })
                    .collect();
                let (of_weight, of_bias) = two(gradients, range(weight), range(bias));
                layer.gradient(&learnt, of_weight, of_bias);
                let passed = |one: &LearntRows| {
                    let mut slope = vec![0.0; one.rows.len()];
                    layer.slope_by_rows(one.answers, one.slope, &mut slope);
                    slope
                };
                learnt.par_iter().map(passed).collect()
            }
            _ => Vec::new(),
        };
        let mut learnt: Vec<Learnt> = sequences
            .iter()
            .map(|(one, slope, _)| Learnt {
                codes: &one.codes,
                answers: &one.answers,
                slope,
            })
            .collect();
        let pooled = sequences
            .iter()
            .filter_map(|(one, ..)| Some((one, one.pooled.as_ref()?)));
        let by_answer: Vec<Vec<f32>> = pooled
            .clone()
            .zip(by_stretch)
            .map(|((_, pooled), slope)| pooled.by_answer(slope, self.settings.dropout))
            .collect();
        for ((one, pooled), slope) in pooled.zip(&by_answer) {
            learnt.push(Learnt {
                codes: &one.codes,
                answers: &pooled.answers,
                slope,
            });
        }
        let (of_weight, of_bias) = two(gradients, range(self.weight), range(self.bias));
        filters.motifs.gradient(&learnt, of_weight, of_bias);
        if let Some(distance) = self.distance {
            let rises = &mut gradients[range(distance)];
            filters.motifs.gradient_by_distance(&learnt, rises);
        }
    }
}

/// Two stretches of the gradients, the first before the second.
fn two(gradients: &mut [f32], a: Range<usize>, b: Range<usize>) -> (&mut [f32], &mut [f32]) {
    let (before, behind) = gradients.split_at_mut(b.start);
    (&mut before[a], &mut behind[..b.len()])
}

/// One sequence and where the motifs stand in it.
struct Answered {
    codes: Vec<u8>,
    answers: Answers,
    pooled: Option<Pooled>,
}

/// What the second convolution sees of a sequence.
struct Pooled {
    /// The strongest answers in stretches of a few places, `[stretches, filters]`.
    answers: Answers,
    /// Those above zero, some of them dropped.
    rows: Vec<f32>,
    /// Where the second convolution's filters answer strongest in the rows.
    seen: Answers,
}

impl Pooled {
    fn new(answers: Answers) -> Self {
        Self {
            rows: answers.best.iter().map(|v| v.max(0.0)).collect(),
            answers,
            seen: Answers {
                best: Vec::new(),
                at: Vec::new(),
            },
        }
    }

    /// The slopes by the answers, of those by the rows: none by what is not above zero or was dropped.
    fn by_answer(&self, mut slope: Vec<f32>, dropout: f64) -> Vec<f32> {
        let kept = (1.0 / (1.0 - dropout)) as f32;
        for (slope, row) in slope.iter_mut().zip(&self.rows) {
            *slope *= if *row > 0.0 { kept } else { 0.0 };
        }
        slope
    }
}

impl Net for MotifNet {
    type Uploaded = Filters;

    fn computed_by(&self) -> String {
        format!("cpu {}", self.level)
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn upload(
        &mut self,
        store: &ParameterStore,
        _live: Option<&[bool]>,
        _tracked: bool,
    ) -> Result<Filters, Error> {
        let (weight, bias) = (store.slice(self.weight), store.slice(self.bias));
        let second = self.settings.second.zip(self.second);
        let second = second.map(|(settings, (weight, bias))| {
            let (width, dilation) = (settings.width.get(), settings.dilation.get());
            let (weight, bias) = (store.slice(weight), store.slice(bias));
            SecondLayer::new(self.level, width as usize, dilation as usize, weight, bias)
        });
        let residual = self.settings.residual.zip(self.residual);
        let residual = residual.map(|(settings, first)| {
            ResidualLayers::new(
                self.settings.filters,
                settings.filters.get() as usize,
                settings.width.get() as usize,
                &settings.dilations(),
                &store.values[self.residual_range(store, first)],
            )
        });
        Ok(Filters {
            motifs: Motifs::with_distance(
                self.level,
                self.settings.width,
                weight,
                bias,
                self.settings
                    .distance
                    .zip(self.distance.map(|entry| store.slice(entry))),
            ),
            again: match (second, residual) {
                (Some(second), _) => Again::Second(second),
                (None, Some(residual)) => Again::Residual(residual),
                (None, None) => Again::Not,
            },
        })
    }

    fn learn(
        &self,
        store: &ParameterStore,
        filters: &Filters,
        inputs: &[Input],
        dropout: &mut dyn DropoutSource,
        slope_of: SlopeOf,
        gradients: &mut [f32],
    ) -> Result<(), Error> {
        let mut answered = self.answers(filters, inputs)?;
        self.drop_pooled(&mut answered, dropout);
        let groups = self.look_again(filters, &mut answered);
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
        self.learn_filters(store, filters, &answered, &groups, &by_feature, gradients);
        Ok(())
    }

    fn predict(
        &self,
        store: &ParameterStore,
        filters: &Filters,
        inputs: &[Input],
    ) -> Result<Vec<f32>, Error> {
        let mut answered = self.answers(filters, inputs)?;
        self.look_again(filters, &mut answered);
        let mut logits = store.slice(self.head_bias).repeat(inputs.len());
        for (row, logits) in answered.iter().zip(logits.chunks_exact_mut(self.outputs)) {
            let features: Vec<f32> = Self::features(row).collect();
            self.head(store, &features, logits);
        }
        Ok(logits)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use lingo_kernels::Distance;

    use super::*;
    use crate::settings::motif_cnn::{Residual, SecondLayer as Second};
    use crate::train::dropout::Dropout;

    fn settings(residual: bool, dropout: f64) -> MotifSettings {
        let second = r#"{"filters": 4, "width": 3, "pool": 2}"#;
        let again = r#"{"filters": 4, "width": 3, "pool": 2, "layers": 2}"#;
        MotifSettings {
            filters: 6,
            width: 5,
            bins: 2,
            distance: Some(Distance {
                every: 3,
                classes: 3,
            }),
            second: (!residual).then(|| serde_json::from_str::<Second>(second).unwrap()),
            residual: residual.then(|| serde_json::from_str::<Residual>(again).unwrap()),
            dropout,
        }
    }

    fn inputs() -> Vec<Input<'static>> {
        let mut stream = Stream::new(4, "inputs");
        let mut bases =
            |n: usize| -> Vec<u8> { (0..n).map(|_| b"ACGTN"[stream.below(5)]).collect() };
        [(30, 17), (9, 2), (1, 40)]
            .map(|(a, b)| Input {
                ids: Cow::Borrowed(&[]),
                bases: vec![bases(a), bases(b)],
                kept: None,
                beside: Vec::new(),
                asked: Vec::new(),
            })
            .into()
    }

    /// The loss is a weighted sum of the logits; its slope by a value of the store is a difference.
    #[test]
    fn gradients_are_differences_through_all_convolutions() {
        for (residual, dropout) in [(false, 0.0), (false, 0.3), (true, 0.0), (true, 0.3)] {
            let settings = settings(residual, dropout);
            let (mut net, mut store) = MotifNet::build(settings, 2, 3, Level::detect(), 1);
            let inputs = inputs();
            let weights: Vec<f32> = (0..9).map(|i| 0.3 * i as f32 - 1.0).collect();
            let mut learn = |store: &ParameterStore| {
                let mut gradients = vec![0.0; store.len()];
                let mut loss = 0.0f64;
                let mut slope = |logits: &[f32]| {
                    let terms = logits.iter().zip(&weights);
                    loss = terms.map(|(l, w)| f64::from(*l) * f64::from(*w)).sum();
                    Some(weights.clone())
                };
                let filters = net.upload(store, None, true).unwrap();
                // The same masks each time.
                let mut dropout = Dropout::new(5);
                net.learn(
                    store,
                    &filters,
                    &inputs,
                    &mut dropout,
                    &mut slope,
                    &mut gradients,
                )
                .unwrap();
                (loss, gradients)
            };
            let (loss, gradients) = learn(&store);
            let (mut smooth, mut moved) = (0, 0);
            for (i, found) in gradients.iter().enumerate() {
                let step = 1.0 / 256.0;
                let before = store.values[i];
                store.values[i] = before + step;
                let rise = learn(&store).0 - loss;
                store.values[i] = before - step;
                let fall = loss - learn(&store).0;
                store.values[i] = before;
                // Not where another place becomes the strongest in between, or a value crosses zero.
                if (rise - fall).abs() < 1e-5 {
                    let expected = (rise + fall) / (2.0 * f64::from(step));
                    let found = f64::from(*found);
                    assert!((expected - found).abs() < 2e-3, "{i}: {expected} {found}");
                    smooth += 1;
                    moved += usize::from(expected.abs() > 1e-3);
                }
            }
            assert!(smooth * 10 > store.len() * 7, "{smooth} of {}", store.len());
            assert!(moved * 2 > smooth, "{moved} of {smooth}");
        }
    }
}
