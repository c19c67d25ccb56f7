//! Random blocks, and what they should give: the plainest computation, in `f64`.
#![allow(dead_code, clippy::unwrap_used)]

use lingo_kernels::{
    Activation, Block, BlockValues, Dropouts, Gradients, Heads, Kept, Level, LinearValues, LowRank,
    NormKind, NormPlace, NormValues, Positions, Precision, Quantization, QuantizedMatrix, Record,
    SITES, Shape, Site, Weight,
};
use std::sync::Arc;

/// splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between -1 and 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// Between `centre - spread` and `centre + spread`.
    pub fn values(&mut self, n: usize, centre: f64, spread: f64) -> Vec<f32> {
        (0..n)
            .map(|_| (centre + spread * self.unit()) as f32)
            .collect()
    }
}

/// Every instruction set that is here, in both precisions.
pub fn modes() -> Vec<(Level, Precision)> {
    Level::ALL
        .into_iter()
        .filter(|level| level.is_here())
        .flat_map(|level| [(level, Precision::F32), (level, Precision::Bf16)])
        .collect()
}

/// What a block and its batch look like.
#[derive(Clone, Debug)]
pub struct Spec {
    pub place: NormPlace,
    pub norm: NormKind,
    pub heads: Heads,
    /// Norms of each head's query and key.
    pub head_norms: bool,
    pub activation: Activation,
    pub gated: bool,
    /// Biases of the layers, and shifts of the norms.
    pub biases: bool,
    pub hidden: usize,
    pub inner: usize,
    pub lengths: Vec<u32>,
    pub padded: usize,
    /// Of each site's adapter; none where it is zero.
    pub ranks: [usize; SITES],
    /// At every place there is.
    pub dropout: bool,
}

pub struct Layer {
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
    pub input: usize,
    pub output: usize,
}

/// A norm's scale and shift.
type NormParameters = (Vec<f32>, Option<Vec<f32>>);

/// A block's values, a batch, and the gradient of its output.
pub struct Case {
    pub spec: Spec,
    pub layers: [Option<Layer>; SITES],
    /// Scale and shift of each sublayer's norm.
    pub norms: [NormParameters; 2],
    /// Scale and shift of queries' norm and of keys'.
    pub head_norms: Option<[NormParameters; 2]>,
    /// `down` and `up` of each site.
    pub adapters: [Option<(Vec<f32>, Vec<f32>)>; SITES],
    pub dropouts: Dropouts,
    pub x: Vec<f32>,
    pub gradient: Vec<f32>,
}

const EPSILON: f64 = 1e-5;

/// One position's values after another's.
type Rows = Vec<Vec<f64>>;

/// The input, and `down` and `up` of every site, empty where there is none; or their gradients.
pub type Tensors = Vec<Vec<f64>>;

pub fn tensor_name(number: usize) -> String {
    match number.checked_sub(1) {
        None => "the input".into(),
        Some(n) => format!("{} of site {}", ["down", "up"][n % 2], n / 2),
    }
}

impl Case {
    pub fn new(spec: &Spec, seed: u64) -> Self {
        let Spec { hidden, inner, .. } = *spec;
        let mut random = Random(seed);
        let width = spec.heads.heads * spec.heads.size;
        let shared = spec.heads.key_value_heads * spec.heads.size;
        let rows = spec.lengths.len() * spec.padded;
        let sizes = [
            Some((hidden, width)),
            Some((hidden, shared)),
            Some((hidden, shared)),
            Some((width, hidden)),
            Some((hidden, inner)),
            spec.gated.then_some((hidden, inner)),
            Some((inner, hidden)),
        ];
        let layers = sizes.map(|size| {
            let (input, output) = size?;
            Some(Layer {
                weight: random.values(input * output, 0.0, 1.7 / (input as f64).sqrt()),
                bias: spec.biases.then(|| random.values(output, 0.0, 0.5)),
                input,
                output,
            })
        });
        let norms = [(); 2].map(|()| {
            let scale = random.values(hidden, 1.0, 0.5);
            (scale, spec.biases.then(|| random.values(hidden, 0.0, 0.5)))
        });
        let head_norms = spec.head_norms.then(|| {
            [(); 2].map(|()| {
                let scale = random.values(spec.heads.size, 1.0, 0.5);
                let shift = || random.values(spec.heads.size, 0.0, 0.5);
                (scale, spec.biases.then(shift))
            })
        });
        let adapters = std::array::from_fn(|site| {
            let rank = spec.ranks[site];
            let (input, output) = sizes[site].filter(|_| rank > 0)?;
            let down = random.values(input * rank, 0.0, 1.0 / (input as f64).sqrt());
            let up = random.values(rank * output, 0.0, 1.0 / (rank as f64).sqrt());
            Some((down, up))
        });
        let mut drop = |n: usize| {
            let (key, first) = (random.bits(), random.bits() % 1000);
            Some(Kept::draw(n, key, first, 16_384, 4.0 / 3.0)).filter(|_| spec.dropout)
        };
        let places = spec.lengths.len() * spec.heads.heads * spec.padded * spec.padded;
        let dropouts = Dropouts {
            sites: sizes.map(|size| drop(rows * size?.0)),
            probabilities: drop(places),
            attention: drop(rows * hidden),
            feed_forward: drop(rows * hidden),
        };
        Self {
            layers,
            norms,
            head_norms,
            adapters,
            dropouts,
            x: random.values(rows * hidden, 0.2, 1.5),
            gradient: random.values(rows * hidden, 0.1, 1.0),
            spec: spec.clone(),
        }
    }

    fn linear_values(&self, site: Site) -> Option<LinearValues<'_>> {
        let layer = self.layers[site as usize].as_ref()?;
        Some(LinearValues {
            weight: Weight::Values(&layer.weight),
            bias: layer.bias.as_deref(),
            input: layer.input,
            output: layer.output,
        })
    }

    fn norm_values<'a>(&self, (scale, shift): &'a NormParameters) -> NormValues<'a> {
        NormValues {
            kind: self.spec.norm,
            scale,
            shift: shift.as_deref(),
            epsilon: EPSILON,
        }
    }

    /// The weights in few bits, and the same case with the weights that those stand for.
    pub fn quantized(&self, kind: Quantization) -> ([Option<Arc<QuantizedMatrix>>; SITES], Self) {
        let mut case = Self::new(&self.spec, 0);
        case.norms = self.norms.clone();
        case.head_norms = self.head_norms.clone();
        case.adapters = self.adapters.clone();
        case.x = self.x.clone();
        case.gradient = self.gradient.clone();
        let mut matrices = [const { None }; SITES];
        for (site, layer) in self.layers.iter().enumerate() {
            let Some(layer) = layer else { continue };
            let weight = turned(&layer.weight, layer.input, layer.output);
            let matrix = QuantizedMatrix::new(kind, &weight, layer.input);
            let own = case.layers[site].as_mut().unwrap();
            own.weight = turned(&matrix.values(), layer.output, layer.input);
            own.bias.clone_from(&layer.bias);
            matrices[site] = Some(Arc::new(matrix));
        }
        (matrices, case)
    }

    pub fn values(&self) -> BlockValues<'_> {
        let linear = |site| self.linear_values(site).unwrap();
        let [attention_norm, feed_forward_norm] =
            self.norms.each_ref().map(|norm| self.norm_values(norm));
        let head_norms = self.head_norms.as_ref();
        let head_norms = head_norms.map(|two| two.each_ref().map(|norm| self.norm_values(norm)));
        BlockValues {
            place: self.spec.place,
            heads: self.spec.heads.clone(),
            qkv: [Site::Query, Site::Key, Site::Value].map(linear),
            attention_output: linear(Site::AttentionOutput),
            head_norms,
            attention_norm,
            first: linear(Site::First),
            gate: self.linear_values(Site::Gate),
            activation: self.spec.activation,
            second: linear(Site::Second),
            feed_forward_norm,
        }
    }

    pub fn block(&self, (level, precision): (Level, Precision)) -> Block {
        Block::new(&self.values(), precision, level, true)
    }

    pub fn shape(&self) -> Shape<'_> {
        Shape::new(&self.spec.lengths, self.spec.padded).unwrap()
    }

    pub fn low_rank(&self) -> [Option<LowRank<'_>>; SITES] {
        std::array::from_fn(|site| {
            let (down, up) = self.adapters[site].as_ref()?;
            Some(LowRank {
                down,
                up,
                rank: self.spec.ranks[site],
            })
        })
    }

    pub fn forward(&self, block: &Block, keep: bool) -> (Vec<f32>, Option<Record>) {
        let dropouts = self.dropouts.clone();
        block.forward(&self.x, &self.shape(), &self.low_rank(), dropouts, keep)
    }

    /// Output and gradients.
    pub fn run(&self, mode: (Level, Precision)) -> (Vec<f32>, Gradients) {
        let block = self.block(mode);
        let (out, record) = self.forward(&block, true);
        (out, block.backward(&record.unwrap(), &self.gradient, true))
    }

    /// The bits of output and gradients.
    pub fn bits(&self, mode: (Level, Precision)) -> Vec<u32> {
        let (out, gradients) = self.run(mode);
        let low_rank = gradients.low_rank.into_iter().flatten();
        let all = [out, gradients.input.unwrap()]
            .into_iter()
            .chain(low_rank.flat_map(|site| [site.down, site.up]));
        all.flatten().map(f32::to_bits).collect()
    }

    /// Whether each row of the batch holds a token.
    pub fn is_real(&self) -> Vec<bool> {
        let lengths = self.spec.lengths.iter();
        lengths
            .flat_map(|&n| (0..self.spec.padded).map(move |t| t < n as usize))
            .collect()
    }

    /// Puts `garbage` at padding.
    pub fn with_padding(mut self, garbage: f32) -> Self {
        let hidden = self.spec.hidden;
        for (row, real) in self.is_real().into_iter().enumerate() {
            if !real {
                self.x[row * hidden..][..hidden].fill(garbage);
                self.gradient[row * hidden..][..hidden].fill(garbage);
            }
        }
        self
    }

    pub fn tensors(&self) -> Tensors {
        let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect();
        let mut tensors = vec![wide(&self.x)];
        for site in &self.adapters {
            let (down, up) = site.as_ref().map_or((&[][..], &[][..]), |s| (&s.0, &s.1));
            tensors.extend([wide(down), wide(up)]);
        }
        tensors
    }

    /// The sum of the output's values, each times its gradient.
    pub fn loss(&self, tensors: &Tensors) -> f64 {
        let out = self.reference(tensors);
        let pairs = out.iter().zip(&self.gradient);
        let real = self.is_real().into_iter();
        real.flat_map(|real| vec![real; self.spec.hidden])
            .zip(pairs)
            .filter(|(real, _)| *real)
            .map(|(_, (y, &g))| y * f64::from(g))
            .sum()
    }

    /// The output, zero at padding.
    pub fn reference(&self, tensors: &Tensors) -> Vec<f64> {
        let Spec { hidden, padded, .. } = self.spec;
        let mut out = vec![0.0; self.x.len()];
        for (number, &length) in self.spec.lengths.iter().enumerate() {
            let rows: Vec<usize> = (0..length as usize).map(|t| number * padded + t).collect();
            let at = Sequence {
                case: self,
                tensors,
                number,
                rows: &rows,
            };
            let x: Rows = rows
                .iter()
                .map(|row| tensors[0][row * hidden..][..hidden].to_vec())
                .collect();
            let before: Rows = x;
            let x = at.sublayer(0, &self.dropouts.attention, before.clone(), |x| {
                at.attention(x)
            });
            let x = match self.spec.place {
                NormPlace::Beside => {
                    let y = at.feed_forward(at.norm(1, before));
                    add(&x, at.drop(&self.dropouts.feed_forward, y))
                }
                _ => at.sublayer(1, &self.dropouts.feed_forward, x, |x| at.feed_forward(x)),
            };
            for (row, x) in rows.iter().zip(x) {
                out[row * hidden..][..hidden].copy_from_slice(&x);
            }
        }
        out
    }
}

/// The reference's place: one sequence, whose tokens stand in `rows` of the batch.
struct Sequence<'a> {
    case: &'a Case,
    tensors: &'a Tensors,
    number: usize,
    rows: &'a [usize],
}

impl Sequence<'_> {
    fn sublayer(
        &self,
        number: usize,
        dropout: &Option<Kept>,
        x: Rows,
        f: impl Fn(Rows) -> Rows,
    ) -> Rows {
        let sum = |x: &Rows, y: Rows| add(x, self.drop(dropout, y));
        match self.case.spec.place {
            NormPlace::Before | NormPlace::Beside => {
                let y = f(self.norm(number, x.clone()));
                sum(&x, y)
            }
            NormPlace::After => {
                let y = f(x.clone());
                self.norm(number, sum(&x, y))
            }
        }
    }

    fn norm(&self, number: usize, x: Rows) -> Rows {
        let norm = &self.case.norms[number];
        x.into_iter()
            .map(|row| self.normalised(norm, &row))
            .collect()
    }

    fn normalised(&self, (scale, shift): &NormParameters, row: &[f64]) -> Vec<f64> {
        if self.case.spec.norm == NormKind::Identity {
            return row.to_vec();
        }
        let n = row.len() as f64;
        let mean = match self.case.spec.norm {
            NormKind::Layer => row.iter().sum::<f64>() / n,
            NormKind::Rms | NormKind::Identity => 0.0,
        };
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let deviation = (variance + EPSILON).sqrt();
        let of = |(k, x): (usize, &f64)| {
            let shift = shift.as_ref().map_or(0.0, |shift| shift[k]);
            (x - mean) / deviation * f64::from(scale[k]) + f64::from(shift)
        };
        row.iter().enumerate().map(of).collect()
    }

    /// Decisions are counted over `[rows of the batch, width]`.
    fn drop(&self, kept: &Option<Kept>, mut x: Rows) -> Rows {
        for (row, x) in self.rows.iter().zip(&mut x) {
            let width = x.len();
            for (k, x) in x.iter_mut().enumerate() {
                *x *= factor(kept, row * width + k);
            }
        }
        x
    }

    fn linear(&self, site: Site, x: &Rows) -> Rows {
        let site = site as usize;
        let layer = self.case.layers[site].as_ref().unwrap();
        let [down, up] = [1, 2].map(|i| &self.tensors[2 * site + i]);
        let rank = self.case.spec.ranks[site];
        let dropped = self.drop(&self.case.dropouts.sites[site], x.clone());
        let mut out = Rows::new();
        for (x, dropped) in x.iter().zip(dropped) {
            let mut y = vec![0.0; layer.output];
            for (o, y) in y.iter_mut().enumerate() {
                *y = layer.bias.as_ref().map_or(0.0, |bias| bias[o].into());
                for (k, x) in x.iter().enumerate() {
                    *y += x * f64::from(layer.weight[k * layer.output + o]);
                }
            }
            if !down.is_empty() {
                for j in 0..rank {
                    let along = dropped.iter().enumerate();
                    let u: f64 = along.map(|(k, x)| x * down[k * rank + j]).sum();
                    for (o, y) in y.iter_mut().enumerate() {
                        *y += u * up[j * layer.output + o];
                    }
                }
            }
            out.push(y);
        }
        out
    }

    fn attention(&self, x: Rows) -> Rows {
        let Spec { heads, padded, .. } = &self.case.spec;
        let [q, k, v] = [Site::Query, Site::Key, Site::Value].map(|site| self.linear(site, &x));
        let n = x.len();
        let mut out = vec![vec![0.0; heads.heads * heads.size]; n];
        for head in 0..heads.heads {
            let own = head * heads.size..(head + 1) * heads.size;
            // Heads of queries in as many groups as there are of keys and values.
            let group = head * heads.key_value_heads / heads.heads;
            let shared = group * heads.size..(group + 1) * heads.size;
            for i in 0..n {
                let query = self.placed(0, &q[i][own.clone()], i);
                let sees = |j: usize| {
                    let near = heads.window.is_none_or(|window| i.abs_diff(j) <= window);
                    near && (j <= i || !heads.causal)
                };
                let score = |j: usize| {
                    let key = self.placed(1, &k[j][shared.clone()], j);
                    let dot: f64 = query.iter().zip(&key).map(|(q, k)| q * k).sum();
                    let bias = match &heads.positions {
                        Positions::Alibi { slopes } => {
                            -f64::from(slopes[head]) * i.abs_diff(j) as f64
                        }
                        Positions::Relative { biases } => {
                            let reach = biases[head].len() as i64 / 2;
                            let far = (j as i64 - i as i64).clamp(-reach, reach);
                            f64::from(biases[head][(far + reach) as usize])
                        }
                        _ => 0.0,
                    };
                    dot / (heads.size as f64).sqrt() + bias
                };
                let scores: Vec<f64> = (0..n)
                    .map(|j| match sees(j) {
                        true => score(j),
                        false => f64::NEG_INFINITY,
                    })
                    .collect();
                let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = scores.iter().map(|s| (s - top).exp()).sum();
                for (j, score) in scores.into_iter().enumerate() {
                    let place = ((self.number * heads.heads + head) * padded + i) * padded + j;
                    let kept = factor(&self.case.dropouts.probabilities, place);
                    let weight = (score - top).exp() / sum * kept;
                    for (c, value) in own.clone().zip(&v[j][shared.clone()]) {
                        out[i][c] += weight * value;
                    }
                }
            }
        }
        self.linear(Site::AttentionOutput, &out)
    }

    /// A head's query or key, normalised, and rotated where places enter so.
    fn placed(&self, number: usize, x: &[f64], place: usize) -> Vec<f64> {
        let x = match &self.case.head_norms {
            Some(norms) => self.normalised(&norms[number], x),
            None => x.to_vec(),
        };
        let mut y = x.clone();
        if let Positions::Rotary { rates } = &self.case.spec.heads.positions {
            let half = rates.len();
            for pair in 0..half {
                let angle = place as f64 * rates[pair];
                let (sine, cosine) = angle.sin_cos();
                y[pair] = x[pair] * cosine - x[half + pair] * sine;
                y[half + pair] = x[half + pair] * cosine + x[pair] * sine;
            }
        }
        y
    }

    fn feed_forward(&self, x: Rows) -> Rows {
        let mut inner = self.linear(Site::First, &x);
        for x in inner.iter_mut().flatten() {
            *x = activate(self.case.spec.activation, *x);
        }
        if self.case.spec.gated {
            let gate = self.linear(Site::Gate, &x);
            let pairs = inner.iter_mut().flatten().zip(gate.iter().flatten());
            pairs.for_each(|(x, gate)| *x *= gate);
        }
        self.linear(Site::Second, &inner)
    }
}

fn add(x: &Rows, y: Rows) -> Rows {
    let pairs = x.iter().zip(y);
    pairs
        .map(|(x, y)| x.iter().zip(y).map(|(x, y)| x + y).collect())
        .collect()
}

fn factor(kept: &Option<Kept>, place: usize) -> f64 {
    match kept {
        Some(kept) if kept.keeps(place) => kept.scale().into(),
        Some(_) => 0.0,
        None => 1.0,
    }
}

fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Gelu => x * 0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        Activation::Relu => x.max(0.0),
        Activation::Silu => x / (1.0 + (-x).exp()),
    }
}

/// By `2 / sqrt(pi) e^(-x^2) sum_n 2^n x^(2n + 1) / (2n + 1)!!`, whose terms have one sign: nothing
/// cancels.
pub fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
}

/// `[rows, columns]` to `[columns, rows]`.
fn turned(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let at = |i: usize| values[i % rows * columns + i / rows];
    (0..values.len()).map(at).collect()
}
