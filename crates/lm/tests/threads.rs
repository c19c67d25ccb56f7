//! The bits of outputs and gradients do not depend on the number of threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "cpu")]

mod support;

use burn::tensor::Device;
use lingo_lm::{Adaptation, Batch, LowRank, MlmHead, Model, ModelConfig, Packing, Precision};
use support::{Pattern, host, matrix};

const ALL: [&str; 3] = [
    "embeddings.word_embeddings.weight",
    "encoder.layer.0.attention.self.query.weight",
    "encoder.layer.1.intermediate.dense.bias",
];

/// Large enough that products, softmax and sums run in parallel. The base is frozen, or
/// trained with its head.
fn bits(threads: usize, frozen: bool, packed: Option<Precision>) -> Vec<u32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.unwrap().install(|| {
        let device = Device::flex().autodiff();
        let config = ModelConfig::bert(300, 128, 2, 4, 512, 64);
        let mut model = Model::random(config, 5, &device).unwrap();
        let head = MlmHead::random(&model, 5).unwrap();
        if !frozen {
            model.require_grad(&ALL).unwrap();
        }
        if let Some(precision) = packed {
            assert!(model.pack(packing(precision)).unwrap());
        }
        let wave = |n: usize| (0..n).map(|i| (i as f32 * 0.7).sin() * 0.1).collect();
        let deltas: Vec<Option<LowRank>> = model
            .sites()
            .iter()
            .map(|site| {
                frozen.then(|| LowRank {
                    down: matrix(wave(site.input * 8), 8, &device).require_grad(),
                    up: matrix(wave(8 * site.output), site.output, &device).require_grad(),
                    dropout: 0.1,
                    magnitude: None,
                })
            })
            .collect();
        let [rows, length] = [24, 40];
        let batch = Batch {
            ids: (0..rows * length).map(|i| (i * 31 % 300) as u32).collect(),
            lengths: (0..rows).map(|row| (length - row) as u32).collect(),
            batch: rows,
            length,
        };
        let mut pattern = Pattern::default();
        let hidden = model.forward(
            &batch,
            Adaptation {
                low_rank: &deltas,
                scales: &[],
                bottlenecks: &[],
                prefix: None,
                extra_rows: None,
                dropout: Some(&mut pattern),
                base_dropout: true,
                recompute: false,
                from: None,
            },
        );
        let states = hidden.states.reshape([rows * length, 128]);
        let logits = head.logits(&model, states.clone());
        let gradients = (logits.clone() * logits.clone()).sum().backward();
        let mut values = host(states);
        values.extend(host(logits));
        for delta in deltas.iter().flatten() {
            values.extend(host(delta.down.grad(&gradients).unwrap()));
            values.extend(host(delta.up.grad(&gradients).unwrap()));
        }
        if !frozen {
            for name in ALL {
                values.extend(model.gradient(name, &gradients).unwrap().unwrap());
            }
        }
        values.iter().map(|value| value.to_bits()).collect()
    })
}

#[test]
fn one_thread_and_many_give_the_same_bits() {
    for (frozen, packed) in [
        (true, None),
        (false, None),
        (true, Some(Precision::F32)),
        (true, Some(Precision::Bf16)),
    ] {
        let one = bits(1, frozen, packed);
        for threads in [2, 3] {
            let same = one == bits(threads, frozen, packed);
            assert!(same, "{threads} threads differ: {frozen}, {packed:?}");
        }
    }
}

fn packing(precision: Precision) -> Packing {
    Packing {
        precision,
        quantization: None,
        gradients: true,
    }
}
