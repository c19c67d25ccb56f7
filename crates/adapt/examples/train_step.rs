//! Measures the training steps of `adapt` on random tokens. Its peer is benches/peers/train_step.py;
//! benches/engine.py sets the two side by side.
//!
//!     RAYON_NUM_THREADS=1 train_step MODEL_FOLDER BATCH LENGTH STEPS f32|bf16 lora|ars|adalora [cpu|wgpu]
//!
//! LENGTH is a number of tokens, or a range as `15-110`, of which each length is as frequent.
//! The model is a BERT; adapters are on query, key, value and both feed-forward linears. The two
//! rank-adaptive methods allocate at every step from the second on until 70 % of STEPS are done, as early as a
//! real run ends its allocations and more often than it has them: `cpu_us_per_token` is the mean over all of it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use std::{env, fs};

use lingo_adapt::{AdaptRequest, Error, Method, Models, TrainConfig, adapt};
use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::random::Stream;
use lingo_artifact::tokens::{TokenRow, Tokens, TokensMetadata};
use lingo_artifact::vocabulary::Encoding;
use lingo_artifact::{Label, LabelKind, Split, train_log};
use lingo_lm::{DeviceChoice, ModelConfig, device_name, open_device};
use serde_json::{from_value, json};

type Failure = Box<dyn std::error::Error>;

/// The first steps fill buffers and caches: they are not counted.
const WARM_UP: usize = 2;

const EPOCHS: usize = 8;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, batch, length, steps, precision, method, rest @ ..] = arguments.as_slice() else {
        return Err(
            "train_step MODEL_FOLDER BATCH LENGTH STEPS f32|bf16 lora|ars|adalora [cpu|wgpu]"
                .into(),
        );
    };
    let device: DeviceChoice = rest.first().map_or("cpu", String::as_str).parse()?;
    let folder = Path::new(folder);
    let (batch, steps): (usize, usize) = (batch.parse()?, steps.parse()?);
    if steps <= WARM_UP {
        return Err(format!("STEPS: more than {WARM_UP}").into());
    }
    let model = ModelConfig::read(folder)?;
    let tokens = random_tokens(batch * steps, length_range(length)?, model.vocab_size)?;
    // One epoch is measured; training is stopped at its end.
    let train: TrainConfig = from_value(json!({
        "epochs": EPOCHS, "batch": batch, "precision": precision, "select_by": "last", "log_every": 1,
    }))?;
    let out = tempfile::tempdir()?;
    let stop = StopFlag::default();
    let meter = Meter {
        begin: Instant::now(),
        steps: steps as u64,
        stop: &stop,
        marks: Mutex::default(),
    };
    let result = adapt(&AdaptRequest {
        model: folder,
        tokens: &tokens,
        readings: None,
        natural: None,
        heads: &[],
        masking: None,
        trained_before: 0,
        both_strands: false,
        method: &adapters(method, model.layers, steps)?,
        train: &train,
        seed: 1,
        device,
        out: out.path(),
        states: None,
        models: &Models::default(),
        checkpoint_every: Default::default(),
        progress: &meter,
        stop: &stop,
    });
    match result {
        Err(Error::Interrupted { .. }) => (),
        Err(error) => return Err(error.into()),
        Ok(_) => return Err("training ended before it was stopped".into()),
    }

    let marks = meter.marks.into_inner()?;
    let [first, .., last] = &marks[WARM_UP..] else {
        return Err("too few steps were reported".into());
    };
    let log = train_log::read(&out.path().join("train.jsonl"))?;
    let seen: Vec<u64> = log.iter().filter_map(|event| event.tokens).collect();
    let tokens = (seen[steps - 1] - seen[WARM_UP - 1]) as f64;
    let result = json!({
        "cpu_s": median_step(&marks, |mark| mark.cpu),
        "wall_s": median_step(&marks, |mark| mark.wall),
        "cpu_us_per_token": (last.cpu - first.cpu) / tokens * 1e6,
        "tokens_per_second": tokens / (last.wall - first.wall),
        "peak_mib": last.peak,
        "device": device_name(&open_device(device)?),
        "device_mib": log.iter().filter_map(|event| event.device_memory_bytes).max()
            .map(|bytes| bytes as f64 / 1048576.0),
        "threads": env::var("RAYON_NUM_THREADS").unwrap_or_else(|_| "all".into()),
        "kernels": env::var("LINGO_KERNELS").unwrap_or_else(|_| "detected".into()),
    });
    println!("{result}");
    Ok(())
}

/// `128`, or `15-110`.
fn length_range(text: &str) -> Result<(usize, usize), Failure> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Ok((low.parse()?, high.parse()?))
}

/// Training rows of two classes. Their lengths go round through the range; the trainer shuffles them.
fn random_tokens(
    rows: usize,
    (shortest, longest): (usize, usize),
    vocabulary: usize,
) -> Result<Tokens, Failure> {
    let mut stream = Stream::new(1, "tokens");
    let rows = (0..rows)
        .map(|i| TokenRow {
            id: i.to_string(),
            split: Split::Train,
            label: Label::Class(i as u32 % 2),
            input_ids: (0..shortest + i % (longest + 1 - shortest))
                .map(|_| stream.below(vocabulary) as u32)
                .collect(),
        })
        .collect();
    let encoding: Encoding = from_value(json!({
        "scheme": "base", "vocabulary": "reuse", "tokens": [], "new_rows": null, "template": null,
        "before": [], "after": [], "between": [], "max_length": longest, "pad": 0,
        "model_vocab_size": vocabulary, "tokenizer": null,
    }))?;
    Ok(Tokens {
        rows,
        metadata: TokensMetadata {
            labels: LabelKind::Classes(vec!["no".into(), "yes".into()]),
            encoding,
            truncated: [0; 3],
            unknown: [0; 3],
        },
    })
}

/// Adapters on query, key, value and both feed-forward linears of each block.
fn adapters(name: &str, layers: usize, steps: usize) -> Result<Method, Failure> {
    let mut targets: Vec<String> = ["query", "key", "value", "intermediate.dense"]
        .map(String::from)
        .to_vec();
    // By their whole names: `output.dense` would be attention's as well.
    targets.extend((0..layers).map(|i| format!("encoder.layer.{i}.output.dense")));
    let lora = json!({ "rank": 8, "alpha": 16, "dropout": 0.05, "targets": targets });
    let adaptive = json!({
        "initial_rank": 10, "target_rank": 8, "alpha": 16, "dropout": 0.05, "targets": targets,
        "warmup_steps": 1, "every": 1, "final_steps": EPOCHS * steps - steps * 7 / 10,
    });
    Ok(from_value(match name {
        "lora" => json!({ "lora": lora }),
        "adalora" => json!({ "adalora": adaptive }),
        "ars" => json!({ "adaptive_rank_sampling": adaptive }),
        other => return Err(format!("`{other}`: use lora, ars or adalora").into()),
    })?)
}

/// Hears of every step, and ends training after the last one that is wanted.
struct Meter<'a> {
    begin: Instant,
    steps: u64,
    stop: &'a StopFlag,
    marks: Mutex<Vec<Mark>>,
}

/// What had been spent at the end of a step.
struct Mark {
    /// Seconds of all threads, user and system.
    cpu: f64,
    /// Seconds.
    wall: f64,
    /// Most memory held so far, in MiB.
    peak: f64,
}

impl Meter<'_> {
    fn mark(&self) {
        let mark = Mark {
            cpu: cpu_seconds().unwrap_or(f64::NAN),
            wall: self.begin.elapsed().as_secs_f64(),
            peak: peak_mebibytes().unwrap_or(f64::NAN),
        };
        self.marks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(mark);
    }
}

impl Progress for Meter<'_> {
    fn begin(&self, _: &str, _: u64) {
        self.mark();
    }
    fn advance(&self, done: u64, _: &str) {
        self.mark();
        if done >= self.steps {
            self.stop.raise();
        }
    }
    fn end(&self, _: &str) {}
    fn say(&self, _: &str) {}
}

/// The median of what the counted steps took.
fn median_step(marks: &[Mark], of: impl Fn(&Mark) -> f64) -> f64 {
    let mut spent: Vec<f64> = marks[WARM_UP..]
        .windows(2)
        .map(|pair| of(&pair[1]) - of(&pair[0]))
        .collect();
    spent.sort_by(f64::total_cmp);
    let middle = spent.len() / 2;
    if spent.len() % 2 == 1 {
        spent[middle]
    } else {
        (spent[middle - 1] + spent[middle]) / 2.0
    }
}

/// Seconds that all threads have run, as the Linux scheduler counts them.
fn cpu_seconds() -> Option<f64> {
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir("/proc/self/task").ok()? {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split(' ').next()?.parse::<f64>().ok()?;
    }
    Some(nanoseconds / 1e9)
}

fn peak_mebibytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}
