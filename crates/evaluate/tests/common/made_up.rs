//! A run folder of invented cells, for looking at a report and for testing one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use lingo_artifact::digest::Digest;
use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::random::Stream;
use lingo_artifact::{Label, LabelKind, Split};
use lingo_evaluate::report::InputFile;
use lingo_evaluate::{EvaluateConfig, Floor, Published, ReportPlan, TaskInfo, score};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const METHODS: [&str; 5] = ["head", "lora", "adalora", "adaptive_rank_sampling", "full"];
const STEPS: u64 = 1240;

/// Fills `folder` and says what it is about. One method is not run on the second task, one seed is missing.
pub fn run(folder: &Path) -> Outcome<ReportPlan> {
    let tasks = [
        ("invented_promoter", 2, 0.9),
        ("invented_splice", 3, 0.5),
        ("absent", 2, 0.0),
    ];
    for (task, classes, ease) in &tasks[..2] {
        for (m, method) in METHODS.iter().enumerate() {
            for seed in 1..=3 {
                let hole = *task == "invented_splice" && (m == 4 || (m == 2 && seed == 3));
                if !hole {
                    let name = format!("{task}/{method}/seed-{seed}");
                    cell(
                        &folder.join(name),
                        *classes,
                        ease * (0.6 + 0.1 * m as f64),
                        m,
                        seed,
                    )?;
                }
            }
        }
    }
    Ok(ReportPlan {
        methods_text: String::from("# Methods\n\n**Data.** Task *left* `0`."),
        name: "made-up <numbers>".into(),
        pipeline: "pipelines/made-up.yaml".into(),
        run: folder.to_path_buf(),
        tasks: tasks
            .iter()
            .map(|(name, classes, _)| task(name, *classes))
            .collect::<Outcome<_>>()?,
        methods: METHODS.map(String::from).to_vec(),
        seeds: vec![1, 2, 3],
        facts: vec![
            ("Program".into(), "lingo-pipe 0.1.0".into()),
            ("Model".into(), "none: all numbers are invented".into()),
            ("Device".into(), "cpu".into()),
            (
                "Command".into(),
                "cargo run -p lingo-evaluate --example report".into(),
            ),
        ],
        warnings: vec![
            "Every number on this page is invented to look at the page <b>itself</b>.".into(),
        ],
        conditions: Default::default(),
        altered: [(
            "invented_splice/lora/seed-2",
            "invented_splice/lora/seed-2/metrics.json is not what the run wrote: <no> hash",
        )]
        .map(|(label, what)| (label.to_owned(), vec![what.to_owned()]))
        .into(),
        run_by: BTreeMap::new(),
        inputs: vec![InputFile {
            path: "data/invented & more.csv".into(),
            sha256: Digest::of_bytes(b"invented"),
            bytes: Some(12_345_678),
        }],
        failures: [("invented_splice/full/seed-1", "a loss that is <no> number")]
            .map(|(label, why)| (label.to_owned(), why.to_owned()))
            .into(),
    })
}

/// As [`run`], with so many tasks more.
#[allow(
    dead_code,
    reason = "not everything that looks at a run looks at many tasks"
)]
pub fn run_with_more(folder: &Path, more: usize) -> Outcome<ReportPlan> {
    let mut plan = run(folder)?;
    for number in 1..=more {
        let name = format!("invented_more_{number}");
        for (m, method) in METHODS.iter().enumerate() {
            for seed in 1..=3 {
                let at = folder.join(format!("{name}/{method}/seed-{seed}"));
                let ease = 0.3 + 0.1 * m as f64 + 0.02 * (number % 7) as f64;
                cell(&at, 2, ease, m, seed)?;
            }
        }
        plan.tasks.push(task(&name, 2)?);
    }
    Ok(plan)
}

fn predictions(classes: usize, ease: f64, seed: u64) -> Predictions {
    let mut stream = Stream::new(seed, "made-up");
    // The same rows for every method and seed.
    let mut truths = Stream::new(classes as u64, "made-up truth");
    let rows = (0..400).map(|i| {
        let truth = truths.below(classes);
        let logits = (0..classes)
            .map(|c| (stream.normal() + if c == truth { 2.4 * ease } else { 0.0 }) as f32)
            .collect();
        Prediction {
            id: format!("row-{i}"),
            split: if i % 2 == 0 { Split::Dev } else { Split::Test },
            label: Label::Class(truth as u32),
            logits,
        }
    });
    let names = ["other", "donor", "acceptor & <more>"];
    Predictions {
        labels: LabelKind::Classes(names[..classes].iter().map(ToString::to_string).collect()),
        rows: rows.collect(),
    }
}

fn cell(folder: &Path, classes: usize, ease: f64, method: usize, seed: u64) -> Outcome<()> {
    fs::create_dir_all(folder.join("adapter"))?;
    let config = EvaluateConfig {
        resamples: 100,
        ..EvaluateConfig::default()
    };
    let mut metrics = score(
        &predictions(classes, ease, seed * 10 + method as u64),
        &config,
        seed,
    )?;
    let trained = [770, 332_546, 495_000, 381_000, 22_713_218][method];
    metrics.trainable_parameters = Some(trained);
    metrics.total_parameters = Some(23_045_764);
    fs::write(
        folder.join("metrics.json"),
        serde_json::to_string(&metrics)?,
    )?;
    let training = json!({
        "trainable_parameters": trained, "trained_initially": trained, "total_parameters": 23_045_764,
        "steps": STEPS, "seconds": 90.0 + 31.7 * method as f64 + seed as f64, "best_step": 1116, "device": "cpu",
        "computed_by": if method == 1 && seed == 3 { "cpu avx2" } else { "cpu avx512" }, "precision": "f32",
        "peak_memory_bytes": 600_000_000 + 1_000_000 * method as u64,
    });
    fs::write(folder.join("training.json"), training.to_string())?;
    let mut stream = Stream::new(seed * 100 + method as u64, "made-up log");
    let mut log = String::new();
    let adaptive = method == 2 || method == 3;
    for step in (10..=STEPS).step_by(10) {
        let part = step as f64 / STEPS as f64;
        let mut event = json!({"step": step, "epoch": part * 8.0});
        event["loss"] =
            json!(0.69 - 0.5 * ease * (1.0 - (-4.0 * part).exp()) + 0.06 * stream.normal());
        event["tokens"] = json!(step * 2000);
        event["seconds"] = json!(part * 80.0);
        if adaptive {
            let budget = (288.0 - 144.0 * ((part - 0.1) / 0.5).clamp(0.0, 1.0)).round();
            let sampled = if method == 3 && part < 0.7 {
                stream.below(9)
            } else {
                0
            };
            event["rank_budget"] = json!(budget as u64);
            event["rank_alive"] = json!(budget as u64 - sampled as u64);
            event["reintroduced"] = json!(sampled);
            // 36 modules of up to 8 triplets.
            let even = (budget as u64 - sampled as u64) / 36;
            let ranks: Vec<u64> = (0..36).map(|m| (even + m % 3).min(8)).collect();
            event["rank_pattern"] = json!(ranks);
        }
        if step % 124 < 10 {
            let best = 0.85 * ease * (1.0 - (-5.0 * part).exp());
            event["dev_mcc"] = json!(best + 0.02 * stream.normal());
        }
        writeln!(log, "{event}")?;
    }
    fs::write(folder.join("train.jsonl"), log)?;
    if adaptive {
        let mut pattern = serde_json::Map::new();
        for layer in 0..6 {
            for module in [
                "attention.self.query",
                "attention.self.key",
                "attention.self.value",
                "attention.output.dense",
                "intermediate.dense",
                "output.dense",
            ] {
                let live = 2 + stream.below(6);
                let mask: Vec<bool> = (0..8).map(|i| i < live).collect();
                let name = format!("base_model.model.bert.encoder.layer.{layer}.{module}.lora_E");
                pattern.insert(name, json!(mask));
            }
        }
        fs::write(
            folder.join("adapter/adapter_config.json"),
            json!({"rank_pattern": pattern}).to_string(),
        )?;
    }
    Ok(())
}

fn task(name: &str, classes: usize) -> Outcome<TaskInfo> {
    let config = EvaluateConfig {
        resamples: 0,
        ..EvaluateConfig::default()
    };
    let scored = score(&predictions(classes, 0.15, 77), &config, 0)?;
    let split = |split: &str, rows: u64| {
        json!({
            "split": split, "rows": rows,
            "classes": [{"class": "other", "rows": rows / 2, "share": 0.5}, {"class": "donor <i>", "rows": rows / 2, "share": 0.5}],
            "length": {"min": 70, "median": 70.0, "max": 72}, "gc": 0.512,
            "non_acgt_sequences": 1, "non_acgt_bases": 3, "n_bases": 3, "duplicate_rows": 4,
        })
    };
    let absent = name == "absent";
    Ok(TaskInfo {
        name: name.to_string(),
        fold_of: None,
        description: "Whether an invented sequence holds an invented site.".into(),
        classes: vec!["other".into(), "donor <i>".into()],
        counts: if absent { [0; 3] } else { [4904, 613, 613] },
        audit: json!({
            "rows": 6130, "splits": [split("train", 4904), split("dev", 613), split("test", 613)],
            "shared": [{"split": "test", "found_in": "train", "same": 16, "reverse_complement": 2}],
            "two_labels": {"sequences": 12, "rows": 24, "example": ["a", "b"]}, "dropped_outside": 0,
        }),
        floors: match absent {
            true => Vec::new(),
            false => vec![Floor {
                name: "logistic regression on dinucleotide counts".into(),
                counts: "dinucleotides".into(),
                dev: scored.dev.clone(),
                test: scored.test.clone(),
                parameters: 17,
            }],
        },
        published: if name == "invented_promoter" {
            let published = |model: &str, mcc| Published {
                model: model.into(),
                mcc,
                source: "invented, table 3".into(),
            };
            vec![published("Some & Model", 0.7417), published("Another", 0.7)]
        } else {
            Vec::new()
        },
        missing: absent.then(|| "data/absent/train.csv is not there".into()),
    })
}
