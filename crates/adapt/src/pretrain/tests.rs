use std::borrow::Cow;

use burn::tensor::Device;
use lingo_artifact::progress::Silent;
use lingo_lm::{MlmHead, Model};
use serde_json::Value;

use crate::pretrain::*;

/// Sequences in memory.
struct Memory {
    names: Vec<(String, u64)>,
    bases: Vec<u8>,
}

impl Memory {
    fn new(bases: Vec<u8>) -> Self {
        Self {
            names: vec![("one".to_string(), bases.len() as u64)],
            bases,
        }
    }
}

impl SequenceSource for Memory {
    fn sequences(&self) -> &[(String, u64)] {
        &self.names
    }

    fn fetch(
        &self,
        _: &str,
        start: u64,
        end: u64,
    ) -> Result<Cow<'_, [u8]>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Cow::Borrowed(&self.bases[start as usize..end as usize]))
    }
}

/// Pairs AG or CT, at random: each base is told by the other of its pair, which may stand on its right.
fn pairs(length: usize) -> Memory {
    let mut stream = Stream::new(1, "test");
    let pairs = (0..length.div_ceil(2)).flat_map(|_| [*b"AG", *b"CT"][stream.below(2)]);
    Memory::new(pairs.collect())
}

fn tiny(extra: &str) -> PretrainConfig {
    let text = format!(
        r#"{{"scheme":"base","hidden":32,"layers":1,"feed_forward":64,"window":24,"batch":32,"initializer_range":0.15{extra}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn run(source: &Memory, config: &PretrainConfig, folder: &Path) -> Result<PretrainOutcome, Error> {
    pretrain(&request(
        source,
        config,
        folder,
        &Silent,
        &StopFlag::default(),
    ))
}

fn request<'a>(
    source: &'a Memory,
    config: &'a PretrainConfig,
    out: &'a Path,
    progress: &'a dyn Progress,
    stop: &'a StopFlag,
) -> PretrainRequest<'a> {
    PretrainRequest {
        source,
        config,
        seed: 3,
        device: DeviceChoice::Cpu,
        out,
        checkpoint_every: CheckpointEvery::default(),
        progress,
        stop,
    }
}

#[test]
fn beats_markov_where_context_on_both_sides_tells_more() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model");
    let config = tiny(r#","steps":300,"learning_rate":0.005"#);
    let outcome = run(&pairs(60_000), &config, &out).unwrap();
    // From the left, one base in two is a free choice of two; from both sides, none is.
    let expected = 0.5 * 2f64.ln();
    assert!(
        (outcome.markov3_loss_per_base - expected).abs() < 0.05,
        "{outcome:?}"
    );
    assert!(outcome.beats_markov(), "{outcome:?}");

    let mut files: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let expected = [
        "config.json",
        "model.safetensors",
        "pretrain.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "train.jsonl",
    ];
    assert_eq!(files, expected);
    let model = Model::load(&out, &Device::flex()).unwrap();
    assert_eq!(model.parameter_count() as u64, outcome.parameters);
    MlmHead::load(&out, &model).unwrap();
    let record: Value = atomic::read_json(&out.join("pretrain.json")).unwrap();
    assert_eq!(
        record["outcome"]["loss_per_base"],
        json!(outcome.loss_per_base)
    );
    let log = lingo_artifact::train_log::read(&out.join("train.jsonl")).unwrap();
    assert_eq!(log.len(), 30);
    assert!(log[29].loss < log[0].loss);
}

#[test]
fn threads_change_nothing() {
    let source = pairs(3_000);
    let config = tiny(r#","steps":3"#);
    let bytes = |threads| {
        let folder = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| run(&source, &config, &folder.path().join("model")))
            .unwrap();
        ["model.safetensors", "pretrain.json"]
            .map(|f| std::fs::read(folder.path().join("model").join(f)).unwrap())
    };
    assert_eq!(bytes(1), bytes(2));
}

#[test]
fn what_cannot_work_is_refused_and_leaves_nothing() {
    fn t(source: &Memory, config: &PretrainConfig, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("model");
        let message = run(source, config, &out).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert!(!out.exists());
    }
    let source = pairs(3_000);
    t(
        &source,
        &tiny(r#","heads":5"#),
        "5 heads do not divide hidden 32",
    );
    t(&source, &tiny(r#","held_out":0"#), "above 0");
    t(
        &source,
        &tiny(r#","learning_rate":1e30,"steps":20,"warmup_steps":0"#),
        "at step",
    );
    t(&pairs(200), &tiny(""), "no sequence is long enough");
    t(&Memory::new(vec![b'N'; 3_000]), &tiny(""), "hardly any");
}

/// Raises the flag when the given step is reported.
struct StopAt<'a>(u64, &'a StopFlag);

impl Progress for StopAt<'_> {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, done: u64, _: &str) {
        if done == self.0 {
            self.1.raise();
        }
    }
    fn end(&self, _: &str) {}
    fn say(&self, _: &str) {}
}

#[test]
fn an_interrupted_pretraining_goes_on_to_the_same_bits() {
    let source = pairs(6_000);
    let config = tiny(r#","steps":40"#);
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    let at_once = run(&source, &config, &whole).unwrap();
    // Steps are reported by tens; the last is followed by the held-out loss.
    for step in [10, 30, 40] {
        let stop = StopFlag::default();
        let progress = StopAt(step, &stop);
        let request = PretrainRequest {
            checkpoint_every: "7".parse().unwrap(),
            ..request(&source, &config, &broken, &progress, &stop)
        };
        let stopped = pretrain(&request).unwrap_err();
        assert!(
            matches!(stopped, Error::Interrupted { step: s, .. } if s == step),
            "{stopped}"
        );
        assert!(!broken.exists());
        let (at, path) = last_checkpoint(&broken).unwrap();
        assert_eq!(
            (at, path),
            (step, folder.path().join(".broken.checkpoints"))
        );
    }
    let in_parts = run(&source, &config, &broken).unwrap();
    assert_eq!(
        PretrainOutcome {
            seconds: at_once.seconds,
            ..in_parts
        },
        at_once
    );
    let names = ["model.safetensors", "pretrain.json", "config.json"];
    for name in names {
        let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert!(read(&whole) == read(&broken), "{name}");
    }
    let losses = |folder: &Path| {
        let events = lingo_artifact::train_log::read(&folder.join("train.jsonl")).unwrap();
        let of = |e: TrainEvent| (e.step, e.loss, e.learning_rate, e.tokens);
        events.into_iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(losses(&whole), losses(&broken));
    assert_eq!(last_checkpoint(&broken), None);
    // Of another genome nothing is taken up.
    let stop = StopFlag::default();
    let progress = StopAt(10, &stop);
    pretrain(&request(&source, &config, &broken, &progress, &stop)).unwrap_err();
    let longer = pairs(6_002);
    let other = folder.path().join("other");
    run(&longer, &config, &other).unwrap();
    run(&longer, &config, &broken).unwrap();
    let read = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert!(read(&other) == read(&broken));
}

#[test]
fn masking_keeps_its_shares() {
    let vocabulary = Vocabulary::new(PretrainConfig::default().scheme);
    let source = pairs(300_000);
    let rows = [vocabulary.encode(&source.bases)];
    let masking = Masking {
        vocabulary: &vocabulary,
        probability: 0.15,
        positions: usize::MAX,
    };
    let masked = masking.mask(&rows, &mut Stream::new(1, "test"));
    let n = masked.hidden.len() as f64;
    let share = |count: usize, of: f64, expected: f64| {
        let deviation = (expected * (1.0 - expected) / of).sqrt();
        assert!(
            (count as f64 / of - expected).abs() < 5.0 * deviation,
            "{count} of {of}"
        );
    };
    share(masked.hidden.len(), rows[0].ids.len() as f64, 0.15);
    // Position 0 is [CLS].
    let now = |&(_, t): &(usize, usize)| masked.rows[0][t + 1];
    share(
        masked
            .hidden
            .iter()
            .filter(|&h| now(h) == vocabulary::MASK)
            .count(),
        n,
        0.8,
    );
    let kept = masked
        .hidden
        .iter()
        .zip(&masked.targets)
        .filter(|(h, t)| now(h) == **t)
        .count();
    // 10 % are left, and of the 10 % that are replaced one in 68 draws itself.
    share(kept, n, 0.1 + 0.1 / 68.0);
    for (i, &id) in rows[0].ids.iter().enumerate() {
        assert!(masked.rows[0][i + 1] == id || masked.hidden.contains(&(0, i)) || i > 2_000);
    }
}

/// The loss and all gradients of `transformers`' `BertForMaskedLM`; made by tests/oracles/pretrain.py.
#[test]
fn loss_and_gradients_equal_transformers() {
    let golden: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/masked_lm.json")).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures/bert_mlm");
    let device = Device::flex().autodiff();
    let model = Model::load(&folder, &device).unwrap();
    let head = MlmHead::load(&folder, &model).unwrap();
    let masked_model = MaskedModel::new(model, head, &device).unwrap();
    let from = |key: &str| golden[key].clone();
    let masked = Masked {
        rows: serde_json::from_value(from("rows")).unwrap(),
        hidden: serde_json::from_value(from("hidden")).unwrap(),
        targets: serde_json::from_value(from("targets")).unwrap(),
    };
    let mut gradients = vec![0.0; masked_model.store.len()];
    let loss = masked_model
        .loss_and_gradients(&masked, &mut gradients)
        .unwrap();
    assert!(
        (loss - golden["loss"].as_f64().unwrap()).abs() < 1e-5,
        "{loss}"
    );
    let summed = masked_model.summed_loss(&masked).unwrap();
    assert!((summed - loss * masked.targets.len() as f64).abs() < 1e-4);
    for entry in &masked_model.store.entries {
        let expected: Vec<f32> =
            serde_json::from_value(golden["gradients"][&entry.name].clone()).unwrap();
        let found = &gradients[entry.range.clone()];
        assert_eq!(found.len(), expected.len(), "{}", entry.name);
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() < 1e-4,
                "{}: {found} {expected}",
                entry.name
            );
        }
    }
}

#[test]
fn the_verdict_says_both_losses() {
    fn t(loss_per_base: f64, expected: &str) {
        let outcome = PretrainOutcome {
            loss_per_base,
            markov3_loss_per_base: 1.25,
            held_out_bases: 10,
            parameters: 1,
            steps: 1,
            device: "cpu".to_string(),
            seconds: 0.0,
        };
        assert_eq!(outcome.verdict(), expected);
    }
    t(
        1.0,
        "pretrained: held-out loss 1.0000 nats per base, below the 1.2500 of an order-3 Markov model",
    );
    t(
        1.5,
        "pretrained: held-out loss 1.5000 nats per base, NOT below the 1.2500 of an order-3 Markov model; train longer (`steps`)",
    );
}
