//! `methods.md`: what was done, as paragraphs for an article, with citations as pandoc reads them. A sentence stands here
//! only where the lock, the records of the tasks or those of the cells say so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lingo_adapt::{Method, TrainConfig};
use lingo_artifact::LabelKind;
use lingo_artifact::training::Training;
use serde_json::Value;

use super::bibliography::PROGRAM;
use super::facts::{Facts, Finished, Task};

/// The text, and the keys that it cites.
pub(super) struct Methods {
    pub text: String,
    pub cited: BTreeSet<&'static str>,
}

/// Settings that change how the work is done, and no result.
const OF_THE_WORK: [&str; 4] = ["recompute", "cache_states", "cache_limit_mib", "log_every"];

/// The text of a run.
pub(super) fn methods(facts: &Facts) -> Methods {
    let mut cited = BTreeSet::from([PROGRAM]);
    let lock = facts.lock;
    let mut text = format!("# Methods: {}\n\n", lock.name);
    let done = facts.finished().count();
    if done == 0 {
        text += &format!(
            "No model has been trained yet: none of the {} planned cells (task, method and seed) is finished.\n",
            facts.cells.len()
        );
        return Methods { text, cited };
    }
    if done < facts.cells.len() {
        text += &format!(
            "*Of {} planned cells (task, method and seed), {done} are finished; this is about those.*\n\n",
            facts.cells.len()
        );
    }
    for paragraph in [
        data(facts),
        model(facts, &mut cited),
        training(facts, &mut cited),
        evaluation(facts, &mut cited),
        software(facts),
    ] {
        text += &paragraph;
        text += "\n\n";
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    Methods { text, cited }
}

fn data(facts: &Facts) -> String {
    let told: Vec<String> = trained_tasks(facts)
        .map(|task| of_task(facts, task))
        .collect();
    format!("**Data.** {}", told.join(" "))
}

/// The tasks that have a finished cell.
fn trained_tasks<'f>(facts: &'f Facts) -> impl Iterator<Item = &'f Task<'f>> {
    let has_cells = |task: &&Task| facts.finished().any(|(c, _)| c.task == task.locked.name);
    facts.tasks.iter().filter(has_cells)
}

fn of_task(facts: &Facts, task: &Task) -> String {
    let name = &task.locked.name;
    let record = &task.record;
    let of_task = facts.finished().filter(|(cell, _)| cell.task == name);
    let first = of_task
        .map(|(_, finished)| &finished.locked.parameters)
        .next();
    let ingest = first.and_then(|p| p.get("ingest"));
    let variant = |key: &str| ingest.and_then(|i| variant_of(i.get(key)?));
    let about = match task.locked.description.as_str() {
        "" => String::new(),
        description => format!(" ({})", description.trim_end_matches('.')),
    };
    let source = variant("source").map_or("", |(source, _)| match source {
        "bed" => ", from intervals (BED) of a genome",
        "csv" => ", from tables of sequences",
        "vcf" => ", from variants (VCF) of a genome",
        "gff" => ", from annotated features (GFF3 or GTF) of a genome",
        "interval_csv" => ", from a table of intervals of a genome",
        "labelled_fasta" => ", from labelled sequences (FASTA)",
        "peak_matrix" => ", from peak files over bins of a genome",
        _ => "",
    });
    let [train, dev, test] = record.counts.map(grouped);
    let labels = match &record.labels {
        Some(LabelKind::Classes(names)) => {
            format!(" of {} classes ({})", names.len(), names.join(", "))
        }
        Some(LabelKind::Multilabel(names)) => {
            format!(" with any of {} labels ({})", names.len(), names.join(", "))
        }
        Some(LabelKind::Regression) => " with measured values".to_owned(),
        None => String::new(),
    };
    let mut text = format!(
        "Task *{name}*{about} has {train} training, {dev} dev and {test} test rows{labels}{source}."
    );
    let split = variant("split").and_then(|(split, how)| match split {
        "chromosomes" => Some(format!(
            "by chromosome (dev: {}; test: {})",
            list(how.get("dev")?)?,
            list(how.get("test")?)?
        )),
        "ratios" => Some("at random".to_owned()),
        "folds" => Some("for cross-validation".to_owned()),
        "clusters" => Some("by clusters of similar sequences".to_owned()),
        _ => None,
    });
    if let Some(split) = split {
        text += &format!(" Its rows were split {split}.");
    }
    let scheme = first.and_then(|p| p.get("tokenize")?.get("scheme"));
    let scheme = scheme.and_then(|scheme| match (scheme.as_str(), variant_of(scheme)) {
        (Some("base"), _) => Some("single bases".to_owned()),
        (Some("model"), _) => Some("the tokens of the model's own tokenizer".to_owned()),
        (_, Some(("kmer", how))) => Some(format!("{}-mers", how.get("k")?)),
        (_, Some(("bpe", _))) => Some("byte pairs".to_owned()),
        _ => None,
    });
    if let Some(scheme) = scheme {
        text += &format!(" Sequences were read as {scheme}.");
    }
    let truncated: u64 = record.truncated.iter().sum();
    if truncated > 0 {
        text += &format!(
            " {} sequences were cut to the longest input of the model.",
            grouped(truncated)
        );
    }
    text
}

fn model(facts: &Facts, cited: &mut BTreeSet<&'static str>) -> String {
    let lock = facts.lock;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(String::from);
    let weights = lock.model_hashes.get("model/model.safetensors");
    let weights = weights.map_or_else(String::new, |hash| {
        format!(" (model.safetensors has sha256 {hash})")
    });
    let base = if let Some(hub) = lock.model.get("hub") {
        let word = |key: &str| text(hub, key).unwrap_or_default();
        format!(
            "The base model is `{}` at commit {}{weights}.",
            word("name"),
            word("commit")
        )
    } else if let Some(path) = text(&lock.model, "path") {
        let name = Path::new(&path).file_name();
        let name = name.map_or(path.clone(), |name| name.to_string_lossy().into_owned());
        format!("The base model is that of the folder `{name}`{weights}.")
    } else {
        cited.insert("devlin2019bert");
        let pretrain = lock.model.get("pretrain");
        let fasta = pretrain.and_then(|p| text(p, "fasta")).unwrap_or_default();
        let fasta = Path::new(&fasta)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let config = pretrain.and_then(|p| p.get("config"));
        format!(
            "The base model is a BERT [@devlin2019bert] that was pretrained on `{fasta}` by predicting masked tokens ({}).",
            config.map(settings).unwrap_or_default()
        )
    };
    let own = match lock.model.get("pretrain") {
        Some(_) => "",
        None => " Its own article is to be cited beside this.",
    };
    format!("**Model.** {base}{own}{}", adapted_first(facts, cited))
}

/// What was learnt from several tasks together, where cells begin with it.
fn adapted_first(facts: &Facts, cited: &mut BTreeSet<&'static str>) -> String {
    let told = facts.finished().filter_map(|(cell, finished)| {
        let first = finished.locked.parameters.get("adapt_first")?;
        let tasks = first.get("tasks")?.as_array()?.iter();
        let tasks: Vec<String> = (tasks.filter_map(Value::as_str))
            .map(|task| format!("*{task}*"))
            .collect();
        let (kind, how) = variant_of(first.get("method")?)?;
        let dna = first.get("masked").and_then(|masked| masked.get("fasta"));
        let what = match dna.and_then(Value::as_array) {
            Some(files) => {
                let files = files.iter().filter_map(Value::as_str).map(Path::new);
                let names =
                    files.map(|file| file.file_name().unwrap_or_default().to_string_lossy());
                let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
                format!("DNA without labels of {}", names.join(", "))
            }
            None => tasks.join(", "),
        };
        Some((cell.task, format!("{what} by `{kind}` ({})", settings(how))))
    });
    let Some(told) = agreed(told) else {
        return String::new();
    };
    let masked = |finished: &Finished| {
        let first = finished.locked.parameters.get("adapt_first");
        first.is_some_and(|first| first.get("masked").is_some())
    };
    if facts.finished().any(|(_, finished)| masked(finished)) {
        cited.insert("gururangan2020dont");
        return format!(
            " Before it was adapted to each task, it was adapted to {told}, by predicting tokens of it [@gururangan2020dont], and what \
             was learnt was added to its weights; windows that share 32 bases with a row of dev or test of any task took no part."
        );
    }
    cited.insert("liu2019mtdnn");
    format!(
        " Before it was adapted to each task alone, it was adapted to {told}, with a head for each task [@liu2019mtdnn], and what was \
         learnt was added to its weights; rows that share 32 bases with a row that another of these tasks holds out took no part."
    )
}

fn training(facts: &Facts, cited: &mut BTreeSet<&'static str>) -> String {
    let mut text = "**Training.**".to_owned();
    for method in &facts.lock.methods {
        let cells = facts.finished().filter(|(cell, _)| cell.method == method);
        let told = agreed(cells.map(|(cell, f)| (cell.task, of_method(f, cited))));
        if let Some(told) = told {
            text += &format!(" `{method}` is {told}.");
        }
    }
    cited.insert("loshchilov2019adamw");
    let how = agreed(
        facts
            .finished()
            .filter_map(|(cell, finished)| Some((cell.task, of_train(finished)?))),
    );
    let seeds: BTreeSet<u64> = facts.finished().map(|(cell, _)| cell.seed).collect();
    let seeds: Vec<String> = seeds.iter().map(ToString::to_string).collect();
    let quantized = |kind: &str| {
        facts.finished().any(|(_, f)| {
            let train = f.locked.parameters.get("train");
            train.and_then(|t| t.get("quantization")?.as_str()) == Some(kind)
        })
    };
    if quantized("nf4") {
        cited.insert("dettmers2023qlora");
        text += " Frozen weights were held in four bits (NF4) [@dettmers2023qlora].";
    }
    if quantized("int8") {
        text += " Frozen weights were held in eight bits.";
    }
    if let Some(how) = how {
        text += &format!(
            " All were trained with AdamW [@loshchilov2019adamw] and these settings of training, where a method has none of its own: {how}."
        );
    }
    let one = if seeds.len() == 1 { "seed" } else { "seeds" };
    text += &format!(" Each was trained with the {one} {}.", seeds.join(", "));
    text
}

/// A method in words, with its settings.
fn of_method(finished: &Finished, cited: &mut BTreeSet<&'static str>) -> String {
    let method = method_of(finished).unwrap_or(Value::Null);
    let Some((kind, how)) = variant_of(&method) else {
        return "a method that is not known here".to_owned();
    };
    let is = |key: &str, value: &str| how.get(key).and_then(Value::as_str) == Some(value);
    let on = |key: &str| how.get(key).and_then(Value::as_bool) == Some(true);
    let (words, keys): (&str, Vec<&'static str>) = match kind {
        "head" => ("a linear probe: only the head is trained", vec![]),
        "lora" => ("low-rank adaptation (LoRA)", vec!["hu2022lora"]),
        "adalora" => (
            "low-rank adaptation with ranks by importance (AdaLoRA)",
            vec!["zhang2023adalora"],
        ),
        "adaptive_rank_sampling" => (
            "low-rank adaptation with adaptive rank sampling",
            vec!["zhan2024lingo"],
        ),
        "ia3" => ("learned factors of activations (IA3)", vec!["liu2022ia3"]),
        "prompt_tuning" => ("prompt tuning", vec!["lester2021prompt"]),
        "prefix_tuning" => ("prefix tuning", vec!["li2021prefix"]),
        "bottleneck" => (
            "bottleneck adapters",
            vec![match () {
                () if is("placement", "houlsby") => "houlsby2019adapters",
                () if is("placement", "parallel") => "he2022unified",
                () => "pfeiffer2021adapterfusion",
            }],
        ),
        "bitfit" => (
            "training of the biases alone (BitFit)",
            vec!["benzaken2022bitfit"],
        ),
        "full" => ("training of the whole model", vec![]),
        "motif_cnn" => (
            "a convolution over the bases, without a language model, as a floor",
            vec![],
        ),
        other => return format!("`{other}` ({})", settings(how)),
    };
    let mut keys = keys;
    if on("magnitude") {
        keys.push("liu2024dora");
    }
    if on("rank_stabilized") {
        keys.push("kalajdzievski2023rslora");
    }
    let up_rate = how.get("up_rate").and_then(Value::as_f64);
    if kind == "lora" && up_rate.is_some_and(|rate| rate != 1.0) {
        keys.push("hayou2024loraplus");
    }
    let citations = match keys.as_slice() {
        [] => String::new(),
        keys => format!(" [@{}]", keys.join("; @")),
    };
    cited.extend(keys);
    let own = own_rate(finished).map(|rate| format!("learning rate {rate}"));
    let told = Some(settings(how)).filter(|how| !how.is_empty());
    let how: Vec<String> = told.into_iter().chain(own).collect();
    let how = match how.as_slice() {
        [] => String::new(),
        how => format!(" ({})", how.join(", ")),
    };
    format!("{words}{citations}{how}")
}

/// The settings of training, with what is trained beside the model in full: its defaults are not those of `train`.
fn of_train(finished: &Finished) -> Option<String> {
    let mut train = finished.locked.parameters.get("train")?.clone();
    if train.get("stem").is_some_and(|stem| !stem.is_null()) {
        let read: TrainConfig = serde_json::from_value(train.clone()).ok()?;
        *train.get_mut("stem")? = serde_json::to_value(read.settled_stem()).ok()?;
    }
    Some(settings(&train))
}

/// The method as the lock has it; networks of motifs with what they take from a stem and by default.
fn method_of(finished: &Finished) -> Option<Value> {
    let parameters = &finished.locked.parameters;
    let locked = parameters.get("method")?;
    if variant_of(locked).is_none_or(|(kind, _)| kind != "motif_cnn") {
        return Some(locked.clone());
    }
    let method: Method = serde_json::from_value(locked.clone()).ok()?;
    let train: TrainConfig = serde_json::from_value(parameters.get("train")?.clone()).ok()?;
    let (settled, _) = method.settled(&train);
    serde_json::to_value(settled).ok()
}

/// The learning rate that a method has by default, where that is not the one of `train`.
fn own_rate(finished: &Finished) -> Option<f64> {
    let method = method_of(finished)?;
    let train = finished.locked.parameters.get("train")?.clone();
    let is_told = variant_of(&method)
        .and_then(|(_, how)| how.get("learning_rate"))
        .is_some_and(|rate| !rate.is_null());
    let method: Method = serde_json::from_value(method).ok()?;
    let train: TrainConfig = serde_json::from_value(train).ok()?;
    let rate = method.learning_rate(&train);
    (!is_told && rate != train.learning_rate.get()).then_some(rate)
}

fn evaluation(facts: &Facts, cited: &mut BTreeSet<&'static str>) -> String {
    let mut text = "**Evaluation.**".to_owned();
    let any = |of: &dyn Fn(&Finished) -> bool| facts.finished().any(|(_, f)| of(f));
    let evaluate = |f: &Finished, key: &str, value: &str| {
        let evaluate = f.locked.parameters.get("evaluate");
        evaluate.and_then(|e| e.get(key)?.as_str()) == Some(value)
    };
    let train = |f: &Finished, value: &str| {
        let train = f.locked.parameters.get("train");
        train.and_then(|t| t.get("select_by")?.as_str()) == Some(value)
    };
    let by = agreed(facts.finished().map(|(cell, f)| {
        let by = match () {
            () if train(f, "last") => "those of the last step",
            () if train(f, "loss") => "those with the lowest loss on dev",
            () => "those with the highest score on dev",
        };
        (cell.task, by.to_owned())
    }));
    if let Some(by) = by {
        text += &format!(" The parameters kept are {by}.");
    }
    if !any(&|f| f.metrics.test.n() > 0) {
        text += " The test rows were not looked at.";
        return text;
    }
    let mut judged = Vec::new();
    if any(&|f| f.metric() == "mcc") {
        cited.insert("matthews1975mcc");
        judged.push("the Matthews correlation coefficient [@matthews1975mcc]");
    }
    if any(&|f| f.metric() == "pearson") {
        judged.push("Pearson's correlation of predicted and measured values");
    }
    text += &format!(
        " The test rows were read once, after training, and judged by {}.",
        judged.join(" or ")
    );
    if any(&|f| evaluate(f, "strands", "both")) {
        let told = tasks_where(facts, |f| evaluate(f, "strands", "both"));
        text += &format!(
            " Logits are the mean of those of a sequence and of its reverse complement{told}."
        );
    }
    if any(&|f| evaluate(f, "threshold", "dev")) {
        let told = tasks_where(facts, |f| evaluate(f, "threshold", "dev"));
        text += &format!(
            " Classes were told apart at the probability with the highest Matthews correlation on dev{told}."
        );
    }
    let intervals = agreed(facts.finished().map(|(cell, f)| {
        let intervals = &f.metrics.intervals;
        let told = match intervals.resamples {
            0 => "none".to_owned(),
            n => format!(
                "{} % percentile bootstrap intervals over the test rows of a seed ({} resamples)",
                (intervals.confidence * 1e6).round() / 1e4,
                grouped(u64::from(n))
            ),
        };
        (cell.task, told)
    }));
    match intervals {
        Some(told) if told == "none" => {}
        Some(told) => {
            cited.insert("efron1979bootstrap");
            text += &format!(" Intervals are {told} [@efron1979bootstrap].");
        }
        None => {}
    }
    let floors = trained_tasks(facts).flat_map(|task| &task.record.floors);
    let floors: BTreeSet<&str> = floors.map(|floor| floor.name.as_str()).collect();
    if !floors.is_empty() {
        let floors: Vec<&str> = floors.into_iter().collect();
        text += &format!(
            " As floors, linear models were fitted to the training rows: {}.",
            floors.join("; ")
        );
    }
    text
}

fn software(facts: &Facts) -> String {
    let of = |what: &dyn Fn(&Training) -> String| {
        let told = facts.finished().filter_map(|(_, f)| f.training.as_ref());
        let told: BTreeSet<String> = told.map(what).collect();
        let told: Vec<String> = told.into_iter().filter(|t| !t.is_empty()).collect();
        told.join(", ")
    };
    let devices = of(&|t| t.device.clone());
    let precisions = of(&|t| t.precision.clone());
    let mut text = format!("**Software.** {} [@{PROGRAM}]", facts.program());
    if !devices.is_empty() {
        text += &format!(" on {devices}");
    }
    if !precisions.is_empty() {
        text += &format!(", frozen weights in {precisions}");
    }
    text += &format!(
        ". The pipeline file (sha256 {}), every setting and the sha256 of every input and result stand in `lingo.lock`.",
        facts.lock.pipeline_sha256
    );
    text
}

/// ` (tasks a, b)` where it is so in some tasks only.
fn tasks_where(facts: &Facts, is_so: impl Fn(&Finished) -> bool) -> String {
    let all: BTreeSet<&str> = facts.finished().map(|(cell, _)| cell.task).collect();
    let some = facts.finished().filter(|(_, f)| is_so(f));
    let some: BTreeSet<&str> = some.map(|(cell, _)| cell.task).collect();
    if some == all {
        return String::new();
    }
    let some: Vec<&str> = some.into_iter().collect();
    format!(" (tasks {})", some.join(", "))
}

/// What cells say, once where all say the same, else with the tasks of each.
fn agreed<'a>(told: impl Iterator<Item = (&'a str, String)>) -> Option<String> {
    let mut by_text: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (task, text) in told {
        by_text.entry(text).or_default().insert(task);
    }
    if by_text.len() <= 1 {
        return by_text.into_keys().next();
    }
    let parts: Vec<String> = by_text
        .into_iter()
        .map(|(text, tasks)| {
            let tasks: Vec<&str> = tasks.into_iter().collect();
            format!("{text} [tasks {}]", tasks.join(", "))
        })
        .collect();
    Some(parts.join("; or "))
}

/// The name and the settings of `{ name: { settings } }`.
fn variant_of(value: &Value) -> Option<(&str, &Value)> {
    let (name, settings) = value.as_object()?.iter().next()?;
    Some((name, settings))
}

/// Settings as `key value`, in the order of the file; what is not set is left to the defaults of the version.
fn settings(value: &Value) -> String {
    let Some(map) = value.as_object() else {
        return String::new();
    };
    let says = |key: &str, value: &Value| !value.is_null() && !OF_THE_WORK.contains(&key);
    let told = map.iter().filter(|(key, value)| says(key, value));
    let told = told.map(|(key, value)| format!("{} {}", key.replace('_', " "), plain(value)));
    told.collect::<Vec<_>>().join(", ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(plain).collect();
            values.join(" and ")
        }
        Value::Object(_) => format!("({})", settings(value)),
        other => other.to_string(),
    }
}

fn list(value: &Value) -> Option<String> {
    let names = value.as_array()?.iter().map(plain);
    Some(names.collect::<Vec<_>>().join(", "))
}

/// `12,345`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_told_as_they_stand() {
        let value = json!({
            "rank": 8, "alpha": 16.0, "layers": null, "targets": ["query", "value"],
            "average": { "ema": { "decay": 0.99 } },
        });
        assert_eq!(
            settings(&value),
            "rank 8, alpha 16.0, targets query and value, average (ema (decay 0.99))"
        );
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
    }

    #[test]
    fn what_tasks_differ_in_is_told_with_the_tasks() {
        let told = |texts: &[(&'static str, &str)]| {
            agreed(texts.iter().map(|(task, text)| (*task, (*text).to_owned())))
        };
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[("a", "x"), ("b", "x")]).unwrap(), "x");
        assert_eq!(
            told(&[("a", "x"), ("b", "y"), ("c", "x")]).unwrap(),
            "x [tasks a, c]; or y [tasks b]"
        );
    }
}
