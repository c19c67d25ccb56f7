//! `evaluate`.

use lingo_artifact::prediction::Predictions;
use lingo_evaluate::EvaluateConfig;
use lingo_workflow::{Error, Kind};

use crate::arguments::Evaluate;
use crate::output::{Input, columns, no_fasta, print, print_json};

/// `evaluate`.
pub fn evaluate(arguments: &Evaluate) -> Result<(), Error> {
    no_fasta(arguments.format)?;
    let input = Input::open(&arguments.predictions, arguments.format)?;
    let predictions = Predictions::read(input.path())?;
    let mut config = EvaluateConfig::default();
    if let Some(resamples) = arguments.resamples {
        config.resamples = resamples;
    }
    let metrics = lingo_evaluate::score(&predictions, &config, arguments.seed)?;
    if arguments.json {
        return print_json(&metrics);
    }
    let value = serde_json::to_value(&metrics)
        .map_err(|e| Error::stage(Kind::Failed, format!("cannot be written as JSON: {e}")))?;
    let mut rows = vec![["metric", "dev", "test"].map(String::from)];
    for (name, test) in value["test"].as_object().into_iter().flatten() {
        if test.is_number() || test.is_null() {
            rows.push([name.clone(), number(&value["dev"][name]), number(test)]);
        }
    }
    print(&columns(&rows))
}

fn number(value: &serde_json::Value) -> String {
    match (value.as_u64(), value.as_f64()) {
        (Some(whole), _) => whole.to_string(),
        (None, Some(x)) => format!("{x:.4}"),
        (None, None) => "-".to_string(),
    }
}
