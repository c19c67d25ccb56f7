use std::path::Path;

use lingo_artifact::Label;
use lingo_lm::{DeviceChoice, Packing, Precision, open_device};

use crate::masking::Asked;
use crate::method::adalora::Adalora;
use crate::network::adapted::*;

const BERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../lm/tests/fixtures/bert");

/// Logits and the gradients of everything trained.
fn pass(
    network: &mut Network,
    store: &ParameterStore,
    live: Option<&[bool]>,
) -> (Vec<f32>, Vec<f32>) {
    let batch = Batch {
        ids: vec![2, 5, 9, 3, 2, 7, 3, 0],
        lengths: vec![4, 3],
        batch: 2,
        length: 4,
    };
    let uploaded = network.upload(store, live, true).unwrap();
    let logits = network.logits(&uploaded, &batch, None, None, None).unwrap();
    let found = (logits.clone() * logits.clone()).sum().backward();
    let mut gradients = vec![0.0; store.len()];
    network
        .gather(store, &uploaded, found, &mut gradients)
        .unwrap();
    (crate::network::store::download(logits).unwrap(), gradients)
}

/// The tiny BERT with a delta of rank 3 on every linear, and made-up values.
fn network(packed: bool) -> (Network, ParameterStore) {
    let device = open_device(DeviceChoice::Cpu).unwrap().autodiff();
    let mut model = Model::load(Path::new(BERT), &device).unwrap();
    if packed {
        let packing = Packing {
            precision: Precision::F32,
            quantization: None,
            gradients: true,
        };
        assert!(model.pack(packing).unwrap());
    }
    let adalora = r#"{"initial_rank": 3, "target_rank": 2, "dropout": 0}"#;
    let (network, mut store) = Network::build(
        model.into(),
        &NetworkPlan {
            method: &Method::Adalora(serde_json::from_str::<Adalora>(adalora).unwrap()),
            norms: false,
            pooling: Pooling::Pooler,
            outputs: 3,
            hidden: None,
            new_rows: None,
            base_dropout: false,
            pad: 0,
            recompute: false,
            seed: 4,
            silent_head: false,
        },
    )
    .unwrap();
    let mut stream = Stream::new(5, "values");
    for value in &mut store.values {
        *value = stream.normal() as f32;
    }
    (network, store)
}

/// A triplet whose output side is zero gives the logits of a masked one, and a gradient there.
#[test]
fn silent_triplets_add_nothing_and_promise_something() {
    for packed in [false, true] {
        let (mut network, mut store) = network(packed);
        let triplets = network.triplets(&store);
        let live: Vec<bool> = (0..3 * triplets.len()).map(|i| i % 3 != 1).collect();
        for module in &triplets {
            store.values[module.up_row(1)].fill(0.0);
        }
        let (logits, gradients) = pass(&mut network, &store, Some(&live));
        let (shown, slopes) = pass(&mut network, &store, None);
        // Products of another width are summed in another order.
        for (a, b) in logits.iter().zip(&shown) {
            assert!(
                (a - b).abs() <= 2e-6 * b.abs().max(1.0),
                "packed {packed}: {a} {b}"
            );
        }
        for module in &triplets {
            for i in 0..3 {
                let row = module.up_row(i);
                let promises = slopes[row.clone()].iter().any(|&g| g != 0.0);
                assert!(promises, "packed {packed}, {i}: {module:?}");
                assert_eq!(gradients[row].iter().any(|&g| g != 0.0), i != 1);
                let down = module.down_column(i).any(|place| slopes[place] != 0.0);
                assert_eq!(down, i != 1);
            }
        }
    }
}

/// Masking a triplet gives what a lambda of zero gives, and no gradient.
#[test]
fn masked_triplets_add_nothing_and_learn_nothing() {
    for packed in [false, true] {
        let (mut network, store) = network(packed);
        let triplets = network.triplets(&store);
        // One module with all its triplets, one with none, the others with every second.
        let mut live: Vec<bool> = (0..3 * triplets.len()).map(|i| i % 2 == 0).collect();
        live[..3].fill(true);
        live[3..6].fill(false);
        let (logits, gradients) = pass(&mut network, &store, Some(&live));

        let mut zeroed = store.clone();
        let mut masked = vec![false; store.len()];
        for (i, _) in live.iter().enumerate().filter(|(_, live)| !**live) {
            let module = &triplets[i / 3];
            zeroed.values[module.lambda + i % 3] = 0.0;
            module.places(i % 3).for_each(|place| masked[place] = true);
        }
        let (expected, slopes) = pass(&mut network, &zeroed, None);
        let near = |a: f32, b: f32| (a - b).abs() <= 1e-5 * b.abs().max(1.0);
        for (a, b) in logits.iter().zip(&expected) {
            assert!(near(*a, *b), "packed {packed}: logits {a} {b}");
        }
        for (place, (a, b)) in gradients.iter().zip(&slopes).enumerate() {
            let b = if masked[place] { 0.0 } else { *b };
            assert!(near(*a, b), "packed {packed}, {place}: {a} {b}");
        }
        let all = vec![true; live.len()];
        assert_eq!(
            pass(&mut network, &store, Some(&all)),
            pass(&mut network, &store, None)
        );
    }
}

#[test]
fn poolings_see_no_padding() {
    let device = open_device(DeviceChoice::Cpu).unwrap();
    // Two sequences, of three tokens and of two, two values a token; 90 and 91 stand at padding.
    let values = vec![
        1f32, -5.0, 3.0, -1.0, 2.0, -9.0, 4.0, 0.0, -2.0, 8.0, 90.0, 91.0,
    ];
    let batch = Batch {
        batch: 2,
        length: 3,
        ids: vec![0; 6],
        lengths: vec![3, 2],
    };
    let t = |pooling: Pooling, expected: &[f32]| {
        let states = Tensor::<3>::from_data(TensorData::new(values.clone(), [2, 3, 2]), &device);
        let hidden = lingo_lm::Hidden {
            states,
            pooled: None,
        };
        let pooled = pool(hidden, pooling, &batch, &device).unwrap();
        assert_eq!(pooled.dims()[1], pooling.width(2));
        assert_eq!(download(pooled).unwrap(), expected, "{pooling:?}");
    };
    t(Pooling::Cls, &[1.0, -5.0, 4.0, 0.0]);
    t(Pooling::Last, &[2.0, -9.0, -2.0, 8.0]);
    t(Pooling::Mean, &[2.0, -5.0, 1.0, 4.0]);
    t(
        Pooling::MeanMax,
        &[2.0, -5.0, 3.0, -1.0, 1.0, 4.0, 4.0, 8.0],
    );
}

#[test]
fn tokens_that_are_asked_for_are_read_where_they_stand() {
    let (mut network, store) = network(true);
    let uploaded = network.upload(&store, None, false).unwrap();
    let input = |ids: &'static [u32], places: &[u32]| Input {
        ids: Cow::Borrowed(ids),
        bases: Vec::new(),
        kept: None,
        beside: Vec::new(),
        asked: (places.iter())
            .map(|&place| Asked {
                place,
                label: Label::Class(0),
            })
            .collect(),
    };
    let rows: [(&[u32], [u32; 2]); 2] = [(&[2, 5, 9, 3], [0, 3]), (&[2, 7, 3], [0, 2])];
    let asked = rows.map(|(ids, places)| input(ids, &places));
    let together = network.predict(&store, &uploaded, &asked).unwrap();
    // The first and the last token of each row, as poolings read them.
    let plain = rows.map(|(ids, _)| input(ids, &[]));
    let mut pooled = |pooling| {
        network.head.pooling = pooling;
        network.predict(&store, &uploaded, &plain).unwrap()
    };
    let (first, last) = (pooled(Pooling::Cls), pooled(Pooling::Last));
    let of_row = |logits: &[f32], row: usize| logits[3 * row..][..3].to_vec();
    let expected = [
        of_row(&first, 0),
        of_row(&last, 0),
        of_row(&first, 1),
        of_row(&last, 1),
    ];
    assert_eq!(together, expected.concat());
    assert_ne!(of_row(&first, 0), of_row(&last, 0));
}
