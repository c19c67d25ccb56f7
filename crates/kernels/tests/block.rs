//! Blocks on every instruction set that is here, in both precisions, against plain `f64`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use lingo_kernels::{
    Activation, Block, BlockValues, Dropouts, Gradients, Heads, Kept, Level, LowRank, NormKind,
    NormPlace, Positions, Precision, Quantization, SITES, Shape, Site, Weight,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use support::{Case, Random, Spec, Tensors, erf, modes, tensor_name};

/// Largest error of the output, of its largest value.
fn output_tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-5,
        // A value of `bf16` is right to 1/256; errors of several add up.
        Precision::Bf16 => 2e-2,
    }
}

/// Largest error of a gradient in `f32`, of its root mean square.
const GRADIENT_TOLERANCE: f64 = 1e-4;

fn bert() -> Spec {
    Spec {
        place: NormPlace::After,
        norm: NormKind::Layer,
        heads: Heads {
            heads: 2,
            key_value_heads: 2,
            size: 16,
            causal: false,
            window: None,
            positions: Positions::None,
        },
        head_norms: false,
        activation: Activation::Gelu,
        gated: false,
        biases: true,
        hidden: 32,
        inner: 64,
        lengths: vec![5, 9, 1, 7],
        padded: 9,
        ranks: [8; SITES],
        dropout: false,
    }
}

fn heads(heads: usize, size: usize, causal: bool, positions: Positions) -> Heads {
    Heads {
        heads,
        key_value_heads: heads,
        size,
        causal,
        window: None,
        positions,
    }
}

/// So many values of each head are rotated.
fn rotary(size: usize) -> Positions {
    let rate = |pair: usize| 10_000f64.powf(-2.0 * pair as f64 / size as f64);
    Positions::Rotary {
        rates: (0..size / 2).map(rate).collect(),
    }
}

fn alibi(heads: usize) -> Positions {
    Positions::Alibi {
        slopes: (1..=heads).map(|h| 0.5f32.powi(h as i32)).collect(),
    }
}

/// Biases of keys up to so far away.
fn relative(heads: usize, reach: usize) -> Positions {
    let mut random = Random(5);
    Positions::Relative {
        biases: (0..heads)
            .map(|_| random.values(2 * reach + 1, 0.0, 1.0))
            .collect(),
    }
}

fn dropped(spec: &Spec) -> Spec {
    Spec {
        dropout: true,
        ..spec.clone()
    }
}

/// Blocks like those of known models, and the corners of every size.
fn specs() -> Vec<(&'static str, Spec)> {
    let opt = Spec {
        place: NormPlace::Before,
        heads: heads(2, 16, true, Positions::None),
        activation: Activation::Relu,
        ..bert()
    };
    let llama = Spec {
        norm: NormKind::Rms,
        heads: heads(3, 12, true, rotary(12)),
        activation: Activation::Silu,
        gated: true,
        biases: false,
        hidden: 40,
        inner: 72,
        ..opt.clone()
    };
    let grouped = Spec {
        heads: Heads {
            key_value_heads: 2,
            ..heads(6, 10, true, rotary(10))
        },
        ..llama.clone()
    };
    let mistral = Spec {
        heads: Heads {
            window: Some(2),
            key_value_heads: 1,
            ..heads(3, 8, true, rotary(8))
        },
        ..llama.clone()
    };
    let qwen_3 = Spec {
        head_norms: true,
        ..grouped.clone()
    };
    let neox = Spec {
        place: NormPlace::Beside,
        heads: heads(2, 16, true, rotary(4)),
        activation: Activation::Gelu,
        ..bert()
    };
    let modern_bert = Spec {
        heads: Heads {
            window: Some(3),
            ..heads(2, 16, false, rotary(16))
        },
        norm: NormKind::Layer,
        activation: Activation::Gelu,
        ..llama.clone()
    };
    let dnabert_2 = Spec {
        heads: heads(3, 20, false, alibi(3)),
        gated: true,
        hidden: 60,
        inner: 100,
        ..bert()
    };
    let lengths = |lengths: &[u32], padded, spec: &Spec| Spec {
        lengths: lengths.to_vec(),
        padded,
        ..spec.clone()
    };
    let ranks = |ranks: [usize; SITES], spec: &Spec| Spec {
        ranks,
        ..spec.clone()
    };
    vec![
        ("bert", bert()),
        ("opt", opt.clone()),
        ("llama", llama.clone()),
        ("dnabert 2", dnabert_2.clone()),
        (
            "esm",
            Spec {
                place: NormPlace::Before,
                heads: heads(4, 6, false, rotary(6)),
                activation: Activation::GeluTanh,
                hidden: 24,
                ..bert()
            },
        ),
        (
            "causal alibi",
            Spec {
                heads: heads(5, 5, true, alibi(5)),
                activation: Activation::GeluTanh,
                inner: 33,
                ..opt.clone()
            },
        ),
        (
            "norms after, rms, gated by tanh",
            Spec {
                norm: NormKind::Rms,
                activation: Activation::GeluTanh,
                gated: true,
                ..bert()
            },
        ),
        ("grouped heads", grouped.clone()),
        (
            "grouped heads, not causal",
            Spec {
                heads: Heads {
                    causal: false,
                    ..grouped.heads.clone()
                },
                place: NormPlace::After,
                ..dropped(&grouped)
            },
        ),
        ("mistral", mistral.clone()),
        ("mistral, dropout", dropped(&mistral)),
        ("qwen 3", qwen_3.clone()),
        ("qwen 3, dropout", dropped(&qwen_3)),
        (
            "layer norms of heads",
            Spec {
                head_norms: true,
                ..dropped(&bert())
            },
        ),
        ("gpt-neox", neox.clone()),
        ("gpt-neox, dropout", dropped(&neox)),
        (
            "gpt-neox, some sites",
            ranks([0, 3, 0, 0, 0, 0, 2], &dropped(&neox)),
        ),
        ("modern bert", modern_bert.clone()),
        ("modern bert, dropout", dropped(&modern_bert)),
        (
            "no norms",
            Spec {
                norm: NormKind::Identity,
                ..dropped(&modern_bert)
            },
        ),
        (
            "a narrow window",
            Spec {
                heads: Heads {
                    window: Some(1),
                    ..heads(2, 8, false, alibi(2))
                },
                ..dropped(&bert())
            },
        ),
        ("grouped, long", lengths(&[3, 70], 75, &dropped(&qwen_3))),
        (
            "windows, long",
            lengths(&[33, 70], 70, &dropped(&modern_bert)),
        ),
        (
            "windows, causal, long",
            lengths(&[33, 70], 70, &dropped(&mistral)),
        ),
        (
            "mpnet",
            Spec {
                heads: heads(2, 16, false, relative(2, 3)),
                ..dropped(&bert())
            },
        ),
        (
            "relative, causal",
            Spec {
                heads: heads(3, 12, true, relative(3, 80)),
                ..llama.clone()
            },
        ),
        ("bert, dropout", dropped(&bert())),
        ("opt, dropout", dropped(&opt)),
        ("llama, dropout", dropped(&llama)),
        ("dnabert 2, dropout", dropped(&dnabert_2)),
        ("no adapters", ranks([0; SITES], &dropped(&bert()))),
        (
            "ranks",
            ranks([1, 3, 8, 12, 17, 2, 5], &dropped(&dnabert_2)),
        ),
        ("some sites", ranks([4, 0, 4, 0, 0, 0, 9], &llama)),
        ("other sites", ranks([0, 7, 0, 1, 16, 0, 0], &dropped(&opt))),
        ("single tokens", lengths(&[1, 1, 1], 1, &llama)),
        ("one token", lengths(&[1], 4, &dropped(&bert()))),
        ("one sequence", lengths(&[19], 23, &dropped(&llama))),
        ("long", lengths(&[70, 33], 70, &dropped(&dnabert_2))),
        ("long, causal", lengths(&[3, 70], 75, &dropped(&llama))),
        (
            "chunks",
            lengths(&[40, 39, 8, 64, 2, 17, 31, 30, 3], 64, &dropped(&opt)),
        ),
        (
            "an empty sequence",
            lengths(&[4, 0, 3], 6, &dropped(&bert())),
        ),
        // Depths that a product takes in more than one block.
        (
            "deep",
            Spec {
                hidden: 400,
                inner: 801,
                heads: heads(1, 33, false, Positions::None),
                lengths: vec![2, 3],
                padded: 3,
                ..dropped(&opt)
            },
        ),
    ]
}

#[test]
fn the_references_error_function_is_right() {
    // scipy.special.erf
    for (x, expected) in [
        (0.1, 0.1124629160182849),
        (0.5, 0.5204998778130465),
        (1.0, 0.8427007929497149),
        (2.5, 0.999593047982555),
        (4.0, 0.9999999845827421),
        (9.0, 1.0),
    ] {
        assert!((erf(x) - expected).abs() < 1e-14, "{x}: {}", erf(x));
        assert_eq!(erf(-x), -erf(x));
    }
}

#[test]
fn outputs_equal_the_reference() {
    for (number, (name, spec)) in specs().iter().enumerate() {
        check_output(name, &Case::new(spec, number as u64));
    }
}

fn check_output(name: &str, case: &Case) {
    let expected = case.reference(&case.tensors());
    let scale = expected.iter().fold(1e-3, |top: f64, y| top.max(y.abs()));
    for (level, precision) in modes() {
        let block = case.block((level, precision));
        let (out, _) = case.forward(&block, false);
        assert_eq!(out.len(), expected.len());
        let worst = worst(&out, &expected) / scale;
        assert!(
            worst <= output_tolerance(precision),
            "{name}, {level}, {precision:?}: output off by {worst:.1e}"
        );
    }
}

/// The largest difference; infinite where a value is no number.
fn worst(got: &[f32], expected: &[f64]) -> f64 {
    let differences = got
        .iter()
        .zip(expected)
        .map(|(&a, b)| (f64::from(a) - b).abs());
    differences.fold(0.0, |top, d| {
        if d <= top {
            top
        } else if d.is_nan() {
            f64::INFINITY
        } else {
            d
        }
    })
}

#[test]
fn gradients_equal_finite_differences() {
    for (number, (name, spec)) in specs().iter().enumerate() {
        let tolerance = match spec.activation {
            // Some values change their side by rounding, and with it their whole slope.
            Activation::Relu => 1e-1,
            _ => 3e-2,
        };
        check_gradients(name, &Case::new(spec, number as u64), Some(tolerance));
    }
}

/// `bf16` only where a tolerance is given for it.
fn check_gradients(name: &str, case: &Case, bf16: Option<f64>) {
    let sloped = slopes(case);
    let mut first: Option<Tensors> = None;
    for (level, precision) in modes() {
        let (tolerance, share) = match (precision, bf16) {
            (Precision::F32, _) => (GRADIENT_TOLERANCE, 1e-2),
            (Precision::Bf16, Some(tolerance)) => (tolerance, 0.1),
            (Precision::Bf16, None) => continue,
        };
        let what = format!("{name}, {level}, {precision:?}");
        let gradients = tensors(case, case.run((level, precision)).1);
        let exact = first.get_or_insert_with(|| gradients.clone());
        // Where little but rounding errors is left of a gradient, they are measured by the input's.
        let least = (share * root_mean_square(&exact[0])).max(1e-6);
        for (number, gradient) in gradients.iter().enumerate() {
            let scale = root_mean_square(&exact[number]).max(least);
            let error = match (&sloped[number], precision) {
                (None, _) => {
                    assert!(gradient.is_empty(), "{what}: {}", tensor_name(number));
                    continue;
                }
                (Some((direction, slope)), Precision::F32) => {
                    (dot(gradient, direction) - slope).abs() / scale
                }
                // A whole tensor against that of `f32`, which is checked first.
                (Some(_), Precision::Bf16) => {
                    let pairs = gradient.iter().zip(&exact[number]);
                    let differences: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
                    root_mean_square(&differences) / scale
                }
            };
            assert!(
                error <= tolerance,
                "{what}: gradient of {} off by {error:.1e}",
                tensor_name(number)
            );
        }
    }
}

/// For each tensor a random direction of length one, and the loss' slope along it.
fn slopes(case: &Case) -> Vec<Option<(Vec<f64>, f64)>> {
    // So small that hardly a ReLU changes its side on the way; `f64` has digits left.
    const STEP: f64 = 1e-7;
    let tensors = case.tensors();
    let mut random = Random(99);
    let slope = |number: usize| {
        let n = tensors[number].len();
        let direction: Vec<f64> = (0..n)
            .map(|_| random.unit().signum() / (n as f64).sqrt())
            .collect();
        let at = |step: f64| {
            let mut moved = tensors.clone();
            let pairs = moved[number].iter_mut().zip(&direction);
            pairs.for_each(|(x, d)| *x += step * d);
            case.loss(&moved)
        };
        let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        (n > 0).then_some((direction, slope))
    };
    (0..tensors.len()).map(slope).collect()
}

fn tensors(case: &Case, gradients: Gradients) -> Tensors {
    let mut tensors = vec![gradients.input.unwrap()];
    for (site, adapter) in gradients.low_rank.into_iter().zip(&case.adapters) {
        assert_eq!(site.is_some(), adapter.is_some());
        let (down, up) = site.map_or_else(Default::default, |site| (site.down, site.up));
        tensors.extend([down, up]);
    }
    let wide = |tensor: Vec<f32>| tensor.into_iter().map(f64::from).collect();
    tensors.into_iter().map(wide).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn root_mean_square(values: &[f64]) -> f64 {
    (dot(values, values) / values.len().max(1) as f64).sqrt()
}

/// Blocks of any shape.
fn any_spec() -> impl Strategy<Value = Spec> {
    let window = prop_oneof![Just(None), (0..=9usize).prop_map(Some)];
    let kinds = (any::<[bool; 6]>(), 0..4, 0..4usize, 0..3usize, window);
    let sizes = (
        1..=4usize,
        1..=2usize,
        1..=20usize,
        8..=70usize,
        1..=100usize,
    );
    let lengths = prop::collection::vec(0..=24u32, 1..=6);
    let rank = prop_oneof![Just(0), 1..=17usize];
    let ranks = prop::array::uniform7(rank);
    (kinds, sizes, lengths, 0..3usize, ranks).prop_map(|(kinds, sizes, lengths, more, ranks)| {
        let (
            [head_norms, layer, causal, gated, biases, dropout],
            positions,
            activation,
            place,
            window,
        ) = kinds;
        let (shared, group, size, hidden, inner) = sizes;
        let number = shared * group;
        let padded = *lengths.iter().max().unwrap() as usize + more;
        let (size, positions) = match positions {
            0 => (size, Positions::None),
            1 => {
                let size = size.next_multiple_of(2);
                (size, rotary(size - size / 4 / 2 * 2))
            }
            2 => (size, relative(number, size)),
            _ => (size, alibi(number)),
        };
        Spec {
            place: [NormPlace::Before, NormPlace::After, NormPlace::Beside][place],
            norm: [NormKind::Rms, NormKind::Layer][usize::from(layer)],
            heads: Heads {
                key_value_heads: shared,
                window,
                ..heads(number, size, causal, positions)
            },
            // A norm of two values gives little but their signs.
            head_norms: head_norms && size >= 8,
            activation: [
                Activation::Gelu,
                Activation::GeluTanh,
                Activation::Relu,
                Activation::Silu,
            ][activation],
            gated,
            biases,
            hidden,
            inner,
            lengths,
            padded,
            ranks,
            dropout,
        }
    })
}

proptest! {
    // The same cases every time: what they are checked against has rounding errors of its own.
    #![proptest_config(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(18),
        ..ProptestConfig::default()
    })]

    #[test]
    fn blocks_of_any_shape_equal_the_reference(spec in any_spec(), seed: u64) {
        let case = Case::new(&spec, seed);
        check_output("random", &case);
        // In a block of a few values one that changes its side by rounding is much of a gradient,
        // and so is the rounding of two that nearly cancel.
        let smooth = spec.activation != Activation::Relu;
        check_gradients("random", &case, smooth.then_some(0.1));
    }
}

/// One with all that can go wrong between rows, one with several chunks, and one whose tokens see few.
fn mixed() -> [Spec; 3] {
    let find = |wanted: &str| {
        let mut specs = specs().into_iter();
        specs.find(|(name, _)| *name == wanted).unwrap().1
    };
    ["ranks", "chunks", "windows, causal, long"].map(find)
}

#[test]
fn padding_is_not_read_and_becomes_zero() {
    for spec in mixed() {
        let case = Case::new(&spec, 3);
        let garbage = Case::new(&spec, 3).with_padding(f32::NAN);
        for mode in modes() {
            assert_eq!(case.bits(mode), garbage.bits(mode), "{mode:?}");
            let (out, gradients) = garbage.run(mode);
            let input = gradients.input.unwrap();
            for (row, real) in case.is_real().into_iter().enumerate() {
                let columns = row * spec.hidden..(row + 1) * spec.hidden;
                for values in [&out[columns.clone()], &input[columns]] {
                    let zero = values.iter().all(|x| x.to_bits() == 0);
                    assert_eq!(zero, !real, "{mode:?}, row {row}");
                }
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for spec in mixed() {
        let case = Case::new(&spec, 4);
        for mode in modes() {
            let [one, three] = [1, 3].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                pool.build().unwrap().install(|| case.bits(mode))
            });
            assert_eq!(one, three, "{mode:?}");
        }
    }
}

#[test]
fn bits_do_not_depend_on_what_is_asked_for() {
    for spec in mixed() {
        let case = Case::new(&spec, 5);
        for mode in modes() {
            let block = case.block(mode);
            let (only, nothing) = case.forward(&block, false);
            let (out, record) = case.forward(&block, true);
            assert_eq!(only, out, "{mode:?}");
            assert!(nothing.is_none());
            let record = record.unwrap();
            let [some, all] =
                [false, true].map(|input| block.backward(&record, &case.gradient, input));
            assert!(some.input.is_none() && all.input.is_some());
            assert_eq!(some.low_rank, all.low_rank, "{mode:?}");
        }
    }
}

/// Memory is used again as it was left: what stands there must not matter.
#[test]
fn bits_do_not_depend_on_what_memory_held() {
    for spec in mixed() {
        let case = Case::new(&spec, 6);
        let mut garbage = Case::new(&spec, 6);
        garbage.x.fill(f32::NAN);
        garbage.gradient.fill(f32::NAN);
        for mode in modes() {
            lingo_kernels::release_memory();
            let fresh = case.bits(mode);
            garbage.bits(mode);
            assert_eq!(case.bits(mode), fresh, "{mode:?}");
        }
    }
}

#[test]
fn a_nan_stays_in_its_sequence() {
    for spec in mixed() {
        let spec = Spec {
            dropout: false,
            ..spec
        };
        let case = Case::new(&spec, 7);
        let (sick, token) = (1, 5);
        let row = sick * spec.padded + token;
        let mut with = Case::new(&spec, 7);
        with.x[row * spec.hidden + 3] = f32::NAN;
        for mode in modes() {
            let (clean, clean_gradients) = case.run(mode);
            let (out, gradients) = with.run(mode);
            let pairs = [
                (clean, out),
                (clean_gradients.input.unwrap(), gradients.input.unwrap()),
            ];
            for (number, (clean, got)) in pairs.into_iter().enumerate() {
                for (row, real) in case.is_real().into_iter().enumerate() {
                    let (sequence, place) = (row / spec.padded, row % spec.padded);
                    let columns = row * spec.hidden..(row + 1) * spec.hidden;
                    let what = format!("{mode:?}, {number}, row {row}");
                    if sequence != sick {
                        assert_eq!(clean[columns.clone()], got[columns], "{what}");
                    } else if real && (place >= token || !spec.heads.causal) {
                        assert!(got[columns].iter().all(|x| x.is_nan()), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_adapter_of_rank_zero_adds_nothing() {
    let case = Case::new(
        &Spec {
            ranks: [0; SITES],
            ..bert()
        },
        8,
    );
    let mut zero = case.low_rank();
    zero[Site::Key as usize] = Some(LowRank {
        down: &[],
        up: &[],
        rank: 0,
    });
    for mode in modes() {
        let block = case.block(mode);
        let expected = case.forward(&block, false).0;
        let (out, record) = block.forward(&case.x, &case.shape(), &zero, Dropouts::default(), true);
        assert_eq!(out, expected, "{mode:?}");
        let gradients = block.backward(&record.unwrap(), &case.gradient, true);
        assert_eq!(gradients.input, case.run(mode).1.input, "{mode:?}");
        let key = gradients.low_rank[Site::Key as usize].as_ref().unwrap();
        assert!(key.down.is_empty() && key.up.is_empty());
    }
}

#[test]
fn a_batch_can_be_empty() {
    let case = Case::new(
        &Spec {
            lengths: vec![],
            ..bert()
        },
        9,
    );
    for mode in modes() {
        let (out, gradients) = case.run(mode);
        assert!(out.is_empty() && gradients.input.unwrap().is_empty());
        for (gradient, (down, up)) in gradients
            .low_rank
            .iter()
            .flatten()
            .zip(case.adapters.iter().flatten())
        {
            assert_eq!(gradient.down, vec![0.0; down.len()]);
            assert_eq!(gradient.up, vec![0.0; up.len()]);
        }
    }
}

#[test]
fn a_block_tells_what_it_is() {
    let case = Case::new(&bert(), 10);
    let bytes = |precision| case.block((Level::Portable, precision)).bytes();
    // Weights and their transposes, filled up.
    let values = 2 * (4 * 32 * 32 + 2 * 32 * 64);
    assert!((4 * values..6 * values).contains(&bytes(Precision::F32)));
    assert_eq!(bytes(Precision::F32), 2 * bytes(Precision::Bf16));
    for (level, precision) in modes() {
        let block = case.block((level, precision));
        assert_eq!((block.level(), block.precision()), (level, precision));
        assert_eq!(block.hidden(), 32);
        assert_eq!(block.site(Site::Second), Some((64, 32)));
        assert_eq!(block.site(Site::Gate), None);
    }
}

#[test]
fn a_block_without_gradients_is_half_as_large() {
    let case = Case::new(&dropped(&bert()), 14);
    for (level, precision) in modes() {
        let what = format!("{level}, {precision:?}");
        let [with, without] =
            [true, false].map(|gradients| Block::new(&case.values(), precision, level, gradients));
        assert!(without.bytes() * 10 < with.bytes() * 6, "{what}");
        let (expected, _) = case.forward(&with, false);
        let (out, record) = case.forward(&without, true);
        assert_eq!(out, expected, "{what}");
        let backward = || drop(without.backward(&record.unwrap(), &case.gradient, true));
        assert!(panics(backward), "{what}");
    }
}

#[test]
fn weights_in_few_bits_are_the_values_that_they_stand_for() {
    for (number, (name, spec)) in specs().iter().enumerate() {
        let spec = Spec {
            dropout: false,
            ..spec.clone()
        };
        for kind in [Quantization::Int8, Quantization::Nf4] {
            let (matrices, case) = Case::new(&spec, number as u64).quantized(kind);
            let mut values = case.values();
            let of = |site: Site| Weight::Quantized(matrices[site as usize].as_ref().unwrap());
            for (linear, site) in values
                .qkv
                .iter_mut()
                .zip([Site::Query, Site::Key, Site::Value])
            {
                linear.weight = of(site);
            }
            values.attention_output.weight = of(Site::AttentionOutput);
            values.first.weight = of(Site::First);
            values.second.weight = of(Site::Second);
            if let Some(gate) = &mut values.gate {
                gate.weight = of(Site::Gate);
            }
            for (level, precision) in modes() {
                let what = format!("{name}, {kind:?}, {level}, {precision:?}");
                let few = Block::new(&values, precision, level, true);
                let many = Block::new(&case.values(), precision, level, true);
                assert!(few.bytes() < many.bytes(), "{what}");
                let [(a, one), (b, other)] = [&few, &many].map(|block| case.forward(block, true));
                assert!(a == b, "{what}");
                let [one, other] = [(&few, one), (&many, other)].map(|(block, record)| {
                    tensors(
                        &case,
                        block.backward(&record.unwrap(), &case.gradient, true),
                    )
                });
                // Chunks are larger, so that sums over rows are of other parts.
                for (number, (one, other)) in one.iter().zip(&other).enumerate() {
                    let apart: Vec<f64> = one.iter().zip(other).map(|(a, b)| a - b).collect();
                    let near = if number == 0 { 0.0 } else { 1e-5 } * root_mean_square(other);
                    let tensor = tensor_name(number);
                    assert!(root_mean_square(&apart) <= near, "{what}: {tensor}");
                }
            }
        }
    }
}

#[test]
fn unfit_values_of_a_block_panic() {
    type Change = fn(&mut BlockValues);
    let changes: [(&str, Change); 16] = [
        ("nothing", |_| ()),
        ("a short weight", |v| {
            if let Weight::Values(weight) = &mut v.first.weight {
                *weight = &weight[1..];
            }
        }),
        ("a short bias", |v| v.first.bias = Some(&[1.0])),
        ("a wide key", |v| v.qkv[1] = v.first),
        ("a wide output", |v| v.attention_output = v.first),
        ("a narrow second", |v| v.second = v.attention_output),
        ("a narrow gate", |v| v.gate = Some(v.attention_output)),
        ("a short scale", |v| v.attention_norm.scale = &[1.0]),
        ("a short shift", |v| {
            v.feed_forward_norm.shift = Some(&[1.0])
        }),
        ("another number of heads", |v| v.heads.heads = 3),
        ("no head of keys", |v| v.heads.key_value_heads = 0),
        ("fewer heads of keys", |v| v.heads.key_value_heads = 1),
        ("a rotation of more than there is", |v| {
            v.heads.positions = rotary(18);
        }),
        ("few biases", |v| v.heads.positions = relative(1, 2)),
        ("few slopes", |v| v.heads.positions = alibi(1)),
        ("short norms of heads", |v| {
            v.head_norms = Some([v.attention_norm, v.attention_norm]);
        }),
    ];
    let case = Case::new(&bert(), 11);
    for (number, (what, change)) in changes.into_iter().enumerate() {
        let mut values = case.values();
        change(&mut values);
        let make = || drop(Block::new(&values, Precision::F32, Level::Portable, true));
        assert_eq!(panics(make), number > 0, "{what}");
    }
    if let Some(level) = Level::ALL.into_iter().find(|level| !level.is_here()) {
        assert!(
            panics(|| drop(case.block((level, Precision::F32)))),
            "{level}"
        );
    }
}

#[test]
fn unfit_values_of_a_pass_panic() {
    let case = Case::new(&dropped(&bert()), 12);
    let few = Some(Kept::draw(8, 0, 0, 16_384, 4.0 / 3.0));
    let (few, low_rank) = (&few, case.low_rank());
    type Pass<'a> = (&'a [f32], &'a [u32], [Option<LowRank<'a>>; SITES], Dropouts);
    type Change<'a> = Box<dyn Fn(&mut Pass<'a>) + 'a>;
    let [short, key] = [Site::First, Site::Key].map(|site| site as usize);
    let changes: Vec<(&str, Change)> = vec![
        ("nothing", Box::new(|_| ())),
        ("a short input", Box::new(|p| p.0 = &p.0[1..])),
        ("a long sequence", Box::new(|p| p.1 = &[9, 10, 9, 9])),
        ("a sequence less", Box::new(|p| p.1 = &p.1[1..])),
        (
            "a short down",
            Box::new(move |p| {
                p.2[short].as_mut().unwrap().down = &low_rank[short].unwrap().down[1..];
            }),
        ),
        (
            "a short up",
            Box::new(move |p| {
                p.2[short].as_mut().unwrap().up = &low_rank[short].unwrap().up[1..];
            }),
        ),
        (
            "another rank",
            Box::new(move |p| p.2[short].as_mut().unwrap().rank = 4),
        ),
        (
            // The sizes of its factors wrap around to 0.
            "more triplets than memory",
            Box::new(move |p| {
                let rank = usize::MAX / 4 + 1;
                let (down, up) = (&[][..], &[][..]);
                p.2[short] = Some(LowRank { down, up, rank });
            }),
        ),
        (
            "an adapter of no site",
            Box::new(move |p| p.2[Site::Gate as usize] = p.2[short]),
        ),
        (
            "few decisions for a site",
            Box::new(move |p| p.3.sites[key] = few.clone()),
        ),
        (
            "few for probabilities",
            Box::new(move |p| p.3.probabilities = few.clone()),
        ),
        (
            "few for attention",
            Box::new(move |p| p.3.attention = few.clone()),
        ),
        (
            "few for feed-forward",
            Box::new(move |p| p.3.feed_forward = few.clone()),
        ),
    ];
    for mode in modes() {
        let block = case.block(mode);
        for (number, (what, change)) in changes.iter().enumerate() {
            let lengths = &case.spec.lengths[..];
            let mut pass = (&case.x[..], lengths, low_rank, case.dropouts.clone());
            change(&mut pass);
            let (x, lengths, low_rank, dropouts) = pass;
            let forward = || {
                let shape = Shape::new(lengths, case.spec.padded).unwrap();
                drop(block.forward(x, &shape, &low_rank, dropouts, false));
            };
            assert_eq!(panics(forward), number > 0, "{mode:?}: {what}");
        }
    }
}

#[test]
fn another_blocks_record_panics() {
    let other = Case::new(
        &Spec {
            inner: 128,
            ..bert()
        },
        13,
    );
    let case = Case::new(&bert(), 13);
    for (level, precision) in modes() {
        let block = case.block((level, precision));
        let record = case.forward(&block, true).1.unwrap();
        let backward = |block: &Block, gradient: &[f32]| {
            panics(|| drop(block.backward(&record, gradient, true)))
        };
        let what = format!("{level}, {precision:?}");
        assert!(!backward(&block, &case.gradient), "{what}");
        assert!(backward(&block, &case.gradient[1..]), "{what}");
        let another = other.block((level, precision));
        assert!(backward(&another, &case.gradient), "{what}");
        let precise = match precision {
            Precision::F32 => Precision::Bf16,
            Precision::Bf16 => Precision::F32,
        };
        let another = case.block((level, precise));
        assert!(backward(&another, &case.gradient), "{what}");
    }
}

fn panics(f: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}
