//! Weights in few bits, against `bitsandbytes` (tests/oracles/quantization.py), and models with such weights, packed
//! against rounded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use burn::tensor::{Device, Tensor};
use lingo_kernels::QuantizedMatrix;
use lingo_lm::safetensors_file::SafetensorsFile;
use lingo_lm::{Adaptation, Batch, Model, Packing, Precision, Quantization};

const KINDS: [Quantization; 2] = [Quantization::Int8, Quantization::Nf4];

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

#[test]
fn values_are_those_of_bitsandbytes() {
    let file = SafetensorsFile::open(&fixtures().join("values/quantized.safetensors")).unwrap();
    for name in ["weight", "odd"] {
        let shape = file.shape(name).unwrap().to_vec();
        let weight = file.read(name, &shape).unwrap();
        for kind in KINDS {
            let expected = file
                .read(&format!("{name}.{}", kind.name()), &shape)
                .unwrap();
            let values = QuantizedMatrix::new(kind, &weight, shape[1]).values();
            assert_eq!(values.len(), expected.len());
            for (i, (a, b)) in values.iter().zip(&expected).enumerate() {
                assert!(
                    (a - b).abs() <= 5e-6 * b.abs(),
                    "{name}, {kind:?}, {i}: {a}, {b}"
                );
            }
        }
    }
}

#[test]
fn a_packed_model_is_the_rounded_one() {
    let device = Device::flex();
    let mut folders = 0;
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.join("model.safetensors").is_file() {
            continue;
        }
        folders += 1;
        for kind in KINDS {
            let packing = Packing {
                precision: Precision::F32,
                quantization: Some(kind),
                gradients: false,
            };
            let full = Model::load(&folder, &device).unwrap();
            let mut rounded = Model::load(&folder, &device).unwrap();
            rounded.quantize(kind).unwrap();
            let packed = Model::load_packed(&folder, &device, packing).unwrap();
            for model in [&rounded, &packed] {
                assert_eq!(model.quantization(), Some(kind));
            }
            let [full, rounded, packed] = [&full, &rounded, &packed].map(states);
            let largest = rounded.iter().fold(0f32, |most, x| most.max(x.abs()));
            let apart = |a: &[f32], b: &[f32]| {
                let pairs = a.iter().zip(b);
                pairs.fold(0f32, |most, (a, b)| most.max((a - b).abs())) / largest
            };
            let what = format!("{}, {kind:?}", folder.display());
            assert!(
                apart(&rounded, &packed) < 2e-5,
                "{what}: {}",
                apart(&rounded, &packed)
            );
            // It is another model.
            assert!(
                apart(&rounded, &full) > 1e-4,
                "{what}: {}",
                apart(&rounded, &full)
            );
        }
    }
    assert!(folders >= 15, "{folders}");
}

/// The states of real tokens.
fn states(model: &Model) -> Vec<f32> {
    let vocabulary = model.config().vocab_size as u32;
    let ids: Vec<u32> = (5..11).map(|id| id % vocabulary).collect();
    let batch = Batch {
        ids: [&ids[..], &ids[..]].concat(),
        lengths: vec![6, 4],
        batch: 2,
        length: 6,
    };
    let states: Tensor<3> = model.forward(&batch, Adaptation::none()).states;
    let width = states.dims()[2];
    let values = states.into_data().as_slice::<f32>().unwrap().to_vec();
    values[..10 * width].to_vec()
}
