//! `evaluate`.

use lingo_artifact::prediction::Predictions;
use lingo_evaluate::{EvaluateConfig, Threshold};
use lingo_workflow::{Error, Kind};

use crate::arguments::{Evaluate, ThresholdChoice};
use crate::output::{Input, columns, no_fasta, print, print_json};

/// So many thresholds are told one by one.
const SHOWN: usize = 10;

/// `evaluate`.
pub fn evaluate(arguments: &Evaluate) -> Result<(), Error> {
    no_fasta(arguments.format)?;
    let input = Input::open(&arguments.predictions, arguments.format)?;
    let predictions = Predictions::read(input.path())?;
    let mut config = EvaluateConfig::default();
    if let Some(resamples) = arguments.resamples {
        config.resamples = resamples;
    }
    if arguments.threshold == ThresholdChoice::Dev {
        config.threshold = Threshold::Dev;
    }
    let metrics = lingo_evaluate::score(&predictions, &config, arguments.seed)?;
    if arguments.json {
        return print_json(&metrics);
    }
    let value = serde_json::to_value(&metrics)
        .map_err(|e| Error::stage(Kind::Failed, format!("cannot be written as JSON: {e}")))?;
    let interval = format!("test, {} % interval", 100.0 * metrics.intervals.confidence);
    let counted = !value["test"]["labels_defined"].is_null();
    let mut head = vec!["metric".to_string(), "dev".into(), "test".into(), interval];
    head.extend(counted.then(|| "labels (test)".to_string()));
    let mut rows = vec![head];
    for (name, test) in value["test"].as_object().into_iter().flatten() {
        if test.is_number() || test.is_null() {
            let bounds = metrics.intervals.test.get(name).copied().flatten();
            let bounds = bounds.map_or("-".into(), |[low, high]| format!("{low:.4} to {high:.4}"));
            let mut row = vec![
                name.clone(),
                number(&value["dev"][name]),
                number(test),
                bounds,
            ];
            let labels = &value["test"]["labels_defined"][name];
            row.extend(counted.then(|| number(labels)));
            rows.push(row);
        }
    }
    let mut text = columns(&rows);
    for (name, threshold) in metrics.thresholds.iter().take(SHOWN) {
        text.push_str(&format!(
            "{name}: predicted above {threshold:.4}, chosen on dev\n"
        ));
    }
    if metrics.thresholds.len() > SHOWN {
        let more = metrics.thresholds.len() - SHOWN;
        text.push_str(&format!("and {more} thresholds more: --json has them\n"));
    }
    print(&text)
}

fn number(value: &serde_json::Value) -> String {
    match (value.as_u64(), value.as_f64()) {
        (Some(whole), _) => whole.to_string(),
        (None, Some(x)) => format!("{x:.4}"),
        (None, None) => "-".to_string(),
    }
}
