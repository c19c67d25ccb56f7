//! How long scoring takes, on invented predictions; for benches/RESULTS.md.
//!
//! ```text
//! scoring classes ROWS RESAMPLES [RUNS]            RUNS tables of two classes, one after the other
//! scoring labels LABELS ROWS RESAMPLES             one table of many rare labels
//! scoring values ROWS RESAMPLES                    one table of numbers
//! scoring metrics SCORES TRUTH THRESHOLD           metrics of two classes, one JSON object for each line on stdin:
//!                                                  SCORES are f64, TRUTH bytes, as NumPy's tofile writes them
//! ```

use std::io::{BufRead as _, Write as _};
use std::time::Instant;

use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::random::Stream;
use lingo_artifact::{Label, LabelKind, Split};
use lingo_evaluate::metrics::binary::Binary;
use lingo_evaluate::metrics::confusion::Confusion;
use lingo_evaluate::{EvaluateConfig, score};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| -> Outcome<usize> {
        Ok(arguments.get(i).ok_or("a number is missing")?.parse()?)
    };
    match arguments.first().map(String::as_str) {
        Some("classes") => {
            let runs = number(3).unwrap_or(1);
            let tables: Vec<Predictions> = (0..runs)
                .map(|run| Ok(classes(number(1)?, run as u64)))
                .collect::<Outcome<_>>()?;
            timed(&tables, number(2)?)
        }
        Some("labels") => timed(&[labels(number(1)?, number(2)?)], number(3)?),
        Some("values") => timed(&[values(number(1)?)], number(2)?),
        Some("metrics") => metrics(&arguments[1..]),
        _ => Err("say classes, labels, values or metrics".into()),
    }
}

fn timed(tables: &[Predictions], resamples: usize) -> Outcome<()> {
    let config = EvaluateConfig {
        resamples: u32::try_from(resamples)?,
        ..EvaluateConfig::default()
    };
    let started = Instant::now();
    let mut last = None;
    for (seed, table) in tables.iter().enumerate() {
        last = Some(score(table, &config, seed as u64)?);
    }
    let seconds = started.elapsed().as_secs_f64();
    let intervals = last.map(|cell| cell.intervals.test);
    println!(
        "{}",
        json!({
            "tables": tables.len(), "rows": tables.first().map_or(0, |t| t.rows.len()),
            "resamples": resamples, "threads": rayon::current_num_threads(), "seconds": seconds,
            "intervals of the last": intervals,
        })
    );
    Ok(())
}

fn row(id: usize, label: Label, logits: Vec<f32>) -> Prediction {
    Prediction {
        id: id.to_string(),
        split: Split::Test,
        label,
        logits,
    }
}

fn classes(rows: usize, seed: u64) -> Predictions {
    let mut stream = Stream::new(seed, "invented classes");
    let rows = (0..rows).map(|i| {
        let truth = stream.below(2);
        let logit = 1.5 * (2.0 * truth as f64 - 1.0) + stream.normal();
        row(i, Label::Class(truth as u32), vec![0.0, logit as f32])
    });
    Predictions {
        labels: LabelKind::Classes(vec!["no".into(), "yes".into()]),
        rows: rows.collect(),
    }
}

/// As many labels as rows of open chromatin have: each on about one row in fifty.
fn labels(labels: usize, rows: usize) -> Predictions {
    let mut stream = Stream::new(1, "invented labels");
    let rows = (0..rows).map(|i| {
        let (mut flags, mut logits) = (Vec::new(), Vec::new());
        flags.reserve_exact(labels);
        logits.reserve_exact(labels);
        for _ in 0..labels {
            let there = stream.below(50) == 0;
            flags.push(u8::from(there));
            logits.push((4.0 * stream.uniform() - if there { 2.0 } else { 5.0 }) as f32);
        }
        row(i, Label::Multi(flags), logits)
    });
    Predictions {
        labels: LabelKind::Multilabel((0..labels).map(|i| format!("label {i}")).collect()),
        rows: rows.collect(),
    }
}

fn values(rows: usize) -> Predictions {
    let mut stream = Stream::new(1, "invented values");
    let rows = (0..rows).map(|i| {
        let truth = stream.normal();
        let said = truth + stream.normal();
        row(i, Label::Value(truth as f32), vec![said as f32])
    });
    Predictions {
        labels: LabelKind::Regression,
        rows: rows.collect(),
    }
}

fn metrics(arguments: &[String]) -> Outcome<()> {
    let [scores, truth, threshold] = arguments else {
        return Err("metrics SCORES TRUTH THRESHOLD".into());
    };
    let threshold: f64 = threshold.parse()?;
    let bytes = std::fs::read(scores)?;
    let words = bytes.chunks_exact(8);
    let probability = words.map(|w| Ok(f64::from_le_bytes(w.try_into()?)));
    let probability: Vec<f64> = probability.collect::<Outcome<_>>()?;
    let truth = std::fs::read(truth)?;
    let positive: Vec<bool> = truth.iter().map(|t| *t != 0).collect();
    let classes: Vec<u32> = truth.iter().map(|t| u32::from(*t)).collect();
    let called: Vec<u32> = probability
        .iter()
        .map(|p| u32::from(*p > threshold))
        .collect();
    let column = Binary {
        positive,
        probability,
    };
    for line in std::io::stdin().lock().lines() {
        line?;
        let mut found = serde_json::Map::new();
        let mut time = |name: &str, of: &dyn Fn() -> Vec<Option<f64>>| {
            let started = Instant::now();
            let values = of();
            let seconds = started.elapsed().as_secs_f64();
            found.insert(name.into(), json!({ "seconds": seconds, "values": values }));
        };
        time("mcc", &|| {
            vec![Confusion::new(2, &classes, &called).matthews_corrcoef()]
        });
        time("f1_macro", &|| {
            vec![Confusion::new(2, &classes, &called).macro_averages()[2]]
        });
        time("brier", &|| vec![column.brier()]);
        time("auroc+auprc", &|| {
            let areas = column.areas();
            vec![areas.auroc, areas.auprc]
        });
        println!("{}", serde_json::Value::Object(found));
        std::io::stdout().flush()?;
    }
    Ok(())
}
