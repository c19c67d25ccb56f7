//! Bootstrap intervals against SciPy's (tests/oracles/evaluate_bootstrap.py), and what they do not depend on.

// What helps a test may panic, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::progress::StopFlag;
use lingo_artifact::random::Stream;
use lingo_artifact::{Label, LabelKind, Split};
use lingo_evaluate::{CellMetrics, Error, EvaluateConfig, score, score_until};

#[path = "common/cases.rs"]
mod cases;

use cases::{fixture, predictions};

fn drawn(resamples: u32) -> EvaluateConfig {
    EvaluateConfig {
        resamples,
        ..EvaluateConfig::default()
    }
}

#[test]
fn intervals_are_scipys_but_for_the_draws() {
    let cases = fixture("bootstrap.json");
    assert_eq!(cases.len(), 4);
    let mut compared = 0;
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let cell = score(&predictions(&case), &drawn(20_000), 1).unwrap();
        for (metric, theirs) in case["intervals"].as_object().unwrap() {
            let ours = cell.intervals.test[metric].unwrap();
            for (side, ours) in ours.into_iter().enumerate() {
                let mean = theirs["mean"][side].as_f64().unwrap();
                // The spread of SciPy's bounds over its seeds; ours, of more draws, has less. Bounds of counts move in
                // steps of one row.
                let spread = theirs["deviation"][side].as_f64().unwrap();
                let most = 4.0 * spread + 0.004;
                assert!(
                    (ours - mean).abs() < most,
                    "{name}: {metric} {ours} {mean} {spread}"
                );
                compared += 1;
            }
        }
        assert_eq!(
            cell.intervals.test.len(),
            case["intervals"].as_object().unwrap().len()
        );
    }
    assert_eq!(compared, 2 * (7 + 7 + 7 + 4));
}

#[test]
fn nothing_depends_on_the_number_of_threads() {
    let of = |threads: usize| -> Vec<CellMetrics> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let cases = fixture("bootstrap.json");
        pool.install(|| {
            let cells = cases
                .iter()
                .map(|case| score(&predictions(case), &drawn(100), 7).unwrap());
            cells.collect()
        })
    };
    let one = of(1);
    assert_eq!(one, of(2));
    assert_eq!(one, of(5));
    let other_seed = score(&predictions(&fixture("bootstrap.json")[0]), &drawn(100), 8).unwrap();
    assert_ne!(one[0].intervals, other_seed.intervals);
    assert_eq!(one[0].test, other_seed.test);
}

#[test]
fn a_raised_flag_ends_the_scoring_soon() {
    let mut stream = Stream::new(1, "rows");
    let rows = (0..100_000).map(|i| Prediction {
        id: i.to_string(),
        split: Split::Test,
        label: Label::Class(stream.below(2) as u32),
        logits: vec![0.0, stream.normal() as f32],
    });
    let predictions = Predictions {
        labels: LabelKind::Classes(vec!["a".into(), "b".into()]),
        rows: rows.collect(),
    };
    let stop = StopFlag::default();
    let raised = std::thread::scope(|scope| {
        let raiser = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            stop.raise();
            Instant::now()
        });
        // It would take minutes.
        let result = score_until(&predictions, &drawn(1_000_000), 1, &stop);
        assert!(matches!(result, Err(Error::Stopped)), "{result:?}");
        raiser.join().unwrap()
    });
    assert!(
        raised.elapsed() < Duration::from_secs(5),
        "{:?}",
        raised.elapsed()
    );
}
