//! Sections of a MultiQC report (<https://docs.seqera.io/multiqc/custom_content>): the scores as a table and as bars.

use lingo_evaluate::report::data::summary::Spread;
use serde_json::{Map, Value, json};

use super::facts::{Cell, Facts, Finished};

/// The metrics of the table, with their names and the ends of their scales.
const METRICS: [(&str, &str, f64); 7] = [
    ("mcc", "MCC", -1.0),
    ("pearson", "Pearson's r", -1.0),
    ("spearman", "Spearman's ρ", -1.0),
    ("auroc", "AUROC", 0.0),
    ("auprc", "Average precision", 0.0),
    ("accuracy", "Accuracy", 0.0),
    ("f1_macro", "Macro F1", 0.0),
];

/// What tasks are judged by.
const JUDGED_BY: [&str; 2] = ["mcc", "pearson"];

/// `metrics_mqc.json`: a row for each method on each task.
pub(super) fn table(facts: &Facts) -> Value {
    let mut headers = Map::new();
    let mut data = Map::new();
    let has = |metric: &str| facts.finished().any(|(_, f)| f.test(metric).is_some());
    for (metric, name, least) in METRICS.iter().filter(|(metric, ..)| has(metric)) {
        let number = |title: String, description: String| {
            json!({
                "title": title, "description": description, "min": least, "max": 1,
                "format": "{:,.3f}", "scale": "Blues",
            })
        };
        headers.insert(
            (*metric).into(),
            number(
                (*name).into(),
                format!("{name} on the test rows, mean over the finished seeds"),
            ),
        );
        if !JUDGED_BY.contains(metric) {
            continue;
        }
        for end in ["low", "high"] {
            headers.insert(
                format!("{metric}_{end}"),
                number(
                    format!("{name} {end}"),
                    format!(
                        "the {end} end of a seed's bootstrap interval over the test rows, mean over the seeds"
                    ),
                ),
            );
        }
        let description = "sample standard deviation over the finished seeds";
        headers.insert(
            format!("{metric}_sd"),
            json!({
                "title": format!("± {name}"), "description": description, "min": 0,
                "format": "{:,.3f}", "scale": "Oranges",
            }),
        );
    }
    for (key, title, description) in [
        (
            "finished",
            "Seeds",
            "finished seeds, which the means are over",
        ),
        ("planned", "Planned", "planned seeds"),
        (
            "trained",
            "Trained",
            "parameters that are trained, at the initial rank",
        ),
    ] {
        headers.insert(
            key.into(),
            json!({
                "title": title, "description": description, "min": 0, "format": "{:,.0f}",
                "scale": false, "hidden": key == "planned",
            }),
        );
    }
    for (task, method, cells) in pairs(facts) {
        data.insert(format!("{task} | {method}"), row(&cells));
    }
    let mut section = section(facts, "scores", "table");
    section["pconfig"] = json!({
        "id": format!("{}_table", id(facts, "scores")),
        "title": "lingo-pipe: scores",
        "col1_header": "Task | method",
        "no_violin": true,
    });
    section["headers"] = Value::Object(headers);
    section["data"] = Value::Object(data);
    section
}

/// `metrics_plot_mqc.json`: a group of bars for each task; nothing where no score is there.
pub(super) fn bars(facts: &Facts) -> Option<Value> {
    let mut data: Map<String, Value> = Map::new();
    for (task, method, cells) in pairs(facts) {
        let metric = cells
            .iter()
            .find_map(|cell| Some(cell.finished()?.metric()));
        let Some(mean) = metric.and_then(|metric| mean(&cells, |f| f.test(metric))) else {
            continue;
        };
        data.entry(task).or_insert_with(|| json!({}))[method] = json!(mean);
    }
    if data.is_empty() {
        return None;
    }
    let of: Vec<&str> = METRICS
        .iter()
        .filter(|(metric, ..)| JUDGED_BY.contains(metric))
        .filter(|(metric, ..)| facts.finished().any(|(_, f)| f.metric() == *metric))
        .map(|(_, name, _)| *name)
        .collect();
    let of = of.join(" or ");
    let mut section = section(facts, "bars", "bargraph");
    section["pconfig"] = json!({
        "id": format!("{}_plot", id(facts, "bars")),
        "title": format!("lingo-pipe: {of} on the test rows"),
        "ylab": of,
        "stacking": "group",
        "cpswitch": false,
        "hide_zero_cats": false,
        "tt_decimals": 3,
    });
    section["data"] = Value::Object(data);
    Some(section)
}

/// What both sections begin with. The ids have the name of the pipeline, so that one report can hold several runs.
fn section(facts: &Facts, what: &str, plot: &str) -> Value {
    let lock = facts.lock;
    let (name, unfinished) = (&lock.name, facts.cells.len() - facts.finished().count());
    let about = match what {
        "scores" => "methods on the test rows of each task",
        _ => "what each task is judged by, mean over the finished seeds",
    };
    let holes = match unfinished {
        0 => String::new(),
        n => format!(
            " {n} of {} planned cells are not finished.",
            facts.cells.len()
        ),
    };
    json!({
        "id": id(facts, what),
        "parent_id": "lingo_pipe",
        "parent_name": "lingo-pipe",
        "parent_description": "Adapters of genomic language models: trained, judged, compared.",
        "section_name": format!("{name}: {what}"),
        "description": format!("Run <code>{name}</code> by {}: {about}.{holes}", facts.program()),
        "plot_type": plot,
    })
}

fn id(facts: &Facts, what: &str) -> String {
    let name = facts.lock.name.chars();
    let name: String = name
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    format!("lingo_pipe_{name}_{what}")
}

/// Each method on each task, with its planned cells.
fn pairs<'f, 'a>(facts: &'f Facts<'a>) -> Vec<(String, String, Vec<&'f Cell<'a>>)> {
    let mut pairs: Vec<(String, String, Vec<&Cell>)> = Vec::new();
    for cell in &facts.cells {
        match pairs.last_mut() {
            Some((task, method, cells)) if task == cell.task && method == cell.method => {
                cells.push(cell);
            }
            _ => pairs.push((cell.task.into(), cell.method.into(), vec![cell])),
        }
    }
    pairs
}

fn row(cells: &[&Cell]) -> Value {
    let mut row = Map::new();
    let mut put = |key: String, value: Option<f64>| {
        if let Some(value) = value.filter(|v| v.is_finite()) {
            row.insert(key, json!(value));
        }
    };
    for (metric, ..) in METRICS {
        put(metric.into(), mean(cells, |f| f.test(metric)));
        if JUDGED_BY.contains(&metric) {
            for (end, name) in ["low", "high"].iter().enumerate() {
                let ends = |f: &Finished| f.interval(metric).map(|ends| ends[end]);
                put(format!("{metric}_{name}"), mean(cells, ends));
            }
            let spread = spread(cells, |f| f.test(metric));
            put(format!("{metric}_sd"), spread.and_then(|s| s.deviation));
        }
    }
    let finished = cells.iter().filter(|cell| cell.finished().is_some());
    put("finished".into(), Some(finished.count() as f64));
    put("planned".into(), Some(cells.len() as f64));
    let trained = |f: &Finished| f.metrics.trainable_parameters.map(|n| n as f64);
    put("trained".into(), mean(cells, trained));
    Value::Object(row)
}

fn spread(cells: &[&Cell], of: impl Fn(&Finished) -> Option<f64>) -> Option<Spread> {
    Spread::of(cells.iter().filter_map(|cell| cell.finished()).map(of))
}

fn mean(cells: &[&Cell], of: impl Fn(&Finished) -> Option<f64>) -> Option<f64> {
    Some(spread(cells, of)?.mean)
}
