//! What bf16 does to the adapters' gradients: writes those of a file of batches, in f32 and in bf16.
//!
//! `cargo run -p lingo-pipe -p lingo-lm --example gradient_error -- MODEL CASE.safetensors OUT.safetensors`;
//! benches/gradient_error.py makes CASE and sets OUT beside PyTorch's autocast.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use lingo_lm::{Adaptation, Batch, DeviceChoice, LowRank, Model, Packing, Precision, open_device};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize_to_file};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bytes = std::fs::read(&arguments[1]).unwrap();
    let case = SafeTensors::deserialize(&bytes).unwrap();
    let device = open_device(DeviceChoice::Cpu).unwrap().autodiff();
    let mut found: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, precision) in [("f32", Precision::F32), ("bf16", Precision::Bf16)] {
        let mut model = Model::load(Path::new(&arguments[0]), &device).unwrap();
        assert!(
            model
                .pack(Packing {
                    precision,
                    quantization: None,
                    gradients: true
                })
                .unwrap()
        );
        let batches = case.tensor("ids.0").map(|_| ()).is_ok();
        assert!(batches, "no batch");
        for number in 0.. {
            let Ok(ids) = case.tensor(&format!("ids.{number}")) else {
                break;
            };
            for (key, shape, values) in gradients(&model, &case, number, ids.shape(), &device) {
                let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                found.push((format!("{name}.{number}.{key}"), shape, bytes));
            }
        }
    }
    let views = found.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
        (name.clone(), view)
    });
    serialize_to_file(views, None, Path::new(&arguments[2])).unwrap();
}

/// The loss and the gradient of every adapter tensor, by name.
fn gradients(
    model: &Model,
    case: &SafeTensors,
    number: usize,
    shape: &[usize],
    device: &Device,
) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let low_rank: Vec<Option<LowRank>> = model
        .sites()
        .iter()
        .map(|site| {
            site.layer?;
            let tensor =
                |part: &str| matrix(case, &format!("{}.{part}", site.name), device).require_grad();
            Some(LowRank {
                down: tensor("down"),
                up: tensor("up"),
                dropout: 0.0,
                magnitude: None,
            })
        })
        .collect();
    let batch = Batch {
        ids: integers(case, &format!("ids.{number}")),
        lengths: integers(case, &format!("lengths.{number}")),
        batch: shape[0],
        length: shape[1],
    };
    let labels = integers(case, &format!("labels.{number}"));
    let hidden = model.forward(
        &batch,
        Adaptation {
            low_rank: &low_rank,
            ..Adaptation::none()
        },
    );
    let logits = hidden
        .pooled
        .unwrap()
        .matmul(matrix(case, "head.weight", device))
        + matrix(case, "head.bias", device);
    let indices: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
    let indices = Tensor::<2, Int>::from_data(TensorData::new(indices, [batch.batch, 1]), device);
    let loss = log_softmax(logits, 1).gather(1, indices).mean().neg();
    let mut found = vec![(
        "loss".to_string(),
        vec![1],
        host(loss.clone().reshape([1, 1])),
    )];
    let gradients = loss.backward();
    for (site, delta) in model.sites().iter().zip(&low_rank) {
        let Some(delta) = delta else { continue };
        for (part, tensor) in [("down", &delta.down), ("up", &delta.up)] {
            let gradient = tensor.grad(&gradients).unwrap();
            let shape = gradient.dims().to_vec();
            found.push((format!("{}.{part}", site.name), shape, host(gradient)));
        }
    }
    found
}

fn matrix(case: &SafeTensors, name: &str, device: &Device) -> Tensor<2> {
    let view = case.tensor(name).expect(name);
    let values: Vec<f32> = words(view.data()).map(f32::from_le_bytes).collect();
    Tensor::from_data(
        TensorData::new(values, [view.shape()[0], view.shape()[1]]),
        device,
    )
}

fn integers(case: &SafeTensors, name: &str) -> Vec<u32> {
    let view = case.tensor(name).expect(name);
    words(view.data()).map(u32::from_le_bytes).collect()
}

fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes.chunks_exact(4).map(|word| word.try_into().unwrap())
}

fn host(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().as_slice::<f32>().unwrap().to_vec()
}
