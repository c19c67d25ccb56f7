//! CPU seconds of one training step, forward and backward, with rank-8 deltas on all linears
//! of the blocks. One thread: `RAYON_NUM_THREADS=1`.
//!
//! `cargo run --release -p lingo-lm --example step_time -- FOLDER BATCH LENGTH STEPS ENGINE [forward|none]`,
//! ENGINE one of `plain`, `f32`, `bf16`, or `int8` and `nf4`, which multiply in `f32`; with `forward`, the forward pass alone; with `none`, that without deltas.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{path::Path, time::Instant};

use burn::tensor::{Device, Tensor, TensorData};
use lingo_lm::{Adaptation, Batch, DeviceChoice, LowRank, Model, Packing, Precision, open_device};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(&arguments[0]);
    let [batch, length, steps] = [1, 2, 3].map(|i| arguments[i].parse::<usize>().unwrap());
    let only = arguments.get(5).map(String::as_str);
    let adapt = only != Some("none");
    let backward = only.is_none();
    let device = open_device(DeviceChoice::Cpu).unwrap().autodiff();
    let mut model = Model::load(folder, &device).unwrap();
    let engine = arguments.get(4).map_or("plain", String::as_str);
    if engine != "plain" {
        let packing = Packing {
            precision: match engine {
                "bf16" => Precision::Bf16,
                _ => Precision::F32,
            },
            quantization: engine.parse().ok(),
            gradients: true,
        };
        assert!(model.pack(packing).unwrap());
    }
    let deltas: Vec<Option<LowRank>> = model
        .sites()
        .iter()
        .map(|site| {
            let tracked = |tensor: Tensor<2>| {
                if backward {
                    tensor.require_grad()
                } else {
                    tensor
                }
            };
            (adapt && site.layer.is_some()).then(|| LowRank {
                down: tracked(values(site.input, 8, &device)),
                up: tracked(values(8, site.output, &device)),
                dropout: 0.0,
                magnitude: None,
            })
        })
        .collect();
    let batch = Batch {
        ids: (0..batch * length).map(|i| 1000 + i as u32 % 64).collect(),
        lengths: vec![length as u32; batch],
        batch,
        length,
    };
    for step in 0..steps {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let hidden = model.forward(
            &batch,
            Adaptation {
                low_rank: &deltas,
                ..Adaptation::none()
            },
        );
        let loss = hidden.states.clone() * hidden.states;
        let loss = loss.sum();
        let forward = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        let mut bits = loss.clone().into_data().as_slice::<f32>().unwrap()[0].to_bits() as u64;
        if backward {
            let gradients = loss.backward();
            for delta in deltas.iter().flatten() {
                for tensor in [&delta.down, &delta.up] {
                    let gradient = tensor.grad(&gradients).unwrap().into_data();
                    for value in gradient.as_slice::<f32>().unwrap() {
                        bits = bits.rotate_left(5) ^ u64::from(value.to_bits());
                    }
                }
            }
        }
        println!(
            "step {step}: forward {:.3} s ({:.3} CPU), all {:.3} s ({:.3} CPU), bits {bits:016x}",
            forward.0,
            forward.1,
            start.elapsed().as_secs_f64(),
            cpu_seconds() - cpu
        );
    }
}

fn values(rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    let values = (0..rows * columns).map(|i| (i as f32 * 0.7).sin() * 0.02);
    Tensor::from_data(
        TensorData::new(values.collect::<Vec<f32>>(), [rows, columns]),
        device,
    )
}

/// User and system time of this process, from Linux's clock ticks.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks = |i: usize| {
        fields
            .get(i)
            .and_then(|f| f.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}
