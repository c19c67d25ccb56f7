//! What the parser cannot see: names, references, contradictions. All of it is told at once.

use std::collections::BTreeSet;

use lingo_adapt::MaskedDna;
use lingo_adapt::train_config::QuantizationChoice;
use lingo_artifact::run_folder::{RunFolder, TaskFolder};
use lingo_tokenize::language_prefix::LanguagePrefix;

use super::name::bad_name;
use super::resolved::{AdaptFirst, Pipeline, Task};
use super::tune_section::TuneSection;
use crate::yaml::document::top;
use crate::yaml::fault::{Fault, Step, keys};

/// Everything that is wrong with a parsed pipeline.
pub fn check(pipeline: &Pipeline) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Some(why) = bad_name(&pipeline.name) {
        faults.push(
            Fault::new(top("name"), format!("the name `{}` {why}", pipeline.name))
                .help("names become folders: letters, digits, `_`, `.` and `-`"),
        );
    }
    if pipeline.tasks.is_empty() {
        faults.push(Fault::new(top("tasks"), "there is no task"));
    }
    if pipeline.methods.is_empty() {
        faults.push(
            Fault::new(top("methods"), "there is no method")
                .help("name one: `methods: { lora: { lora: { rank: 8 } } }`"),
        );
    }
    if pipeline.seeds.is_empty() {
        faults.push(Fault::new(top("seeds"), "there is no seed").help("for example `seeds: [1]`"));
    }
    let mut seen = BTreeSet::new();
    for (i, seed) in pipeline.seeds.iter().enumerate() {
        if !seen.insert(seed) {
            let path = vec![Step::Key("seeds".into()), Step::Item(i)];
            faults.push(Fault::new(path, format!("the seed {seed} is here twice")));
        }
    }
    for (name, method) in &pipeline.methods {
        if let Some(why) = method.contradiction() {
            let path = keys(&["methods", name, method.name()]);
            faults.push(Fault::new(path, why));
        }
        if let Some(why) = bad_name(name) {
            faults.push(name_fault("methods", name, why));
        } else if TaskFolder::FILES.contains(&name.as_str()) {
            let why = "is taken: each task keeps a file of its own under it";
            faults.push(name_fault("methods", name, why).help("give the method another name"));
        }
    }
    if let Some(first) = &pipeline.adapt_first {
        check_first(first, pipeline, &mut faults);
    }
    if let Some((key, why)) = pipeline.tune.as_ref().and_then(TuneSection::contradiction) {
        faults.push(Fault::new(keys(&["tune", key]), why));
    }
    let mut names = BTreeSet::new();
    let mut sections = BTreeSet::new();
    for task in &pipeline.tasks {
        if !names.insert(&task.name) {
            let why = "is also the name of a fold of a cross-validation";
            faults.push(name_fault("tasks", &task.section, why).help("give the task another name"));
        }
        // What is wrong with one fold is wrong with all.
        if sections.insert(&task.section) {
            check_task(task, pipeline, &mut faults);
        }
    }
    faults
}

fn check_first(first: &AdaptFirst, pipeline: &Pipeline, faults: &mut Vec<Fault>) {
    let at = |i: usize| {
        let mut path = keys(&["adapt_first", "tasks"]);
        path.push(Step::Item(i));
        path
    };
    let mut seen = BTreeSet::new();
    for (i, name) in first.tasks.iter().enumerate() {
        let folds = pipeline
            .tasks
            .iter()
            .any(|t| t.is_fold() && (t.section == *name || t.name == *name));
        if folds {
            let what = format!(
                "the task `{name}` is cross-validated: what one fold holds out another learns from"
            );
            let fault = Fault::new(keys(&["adapt_first"]), what);
            let fault = fault.help("name tasks with one split under `adapt_first.tasks`");
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        } else if pipeline.task(name).is_none() {
            let names: Vec<&str> = pipeline.tasks.iter().map(|t| t.section.as_str()).collect();
            let fault = Fault::new(at(i), format!("there is no task `{name}`"));
            faults.push(fault.help(format!("the tasks are {}", names.join(", "))));
        } else if !seen.insert(name) {
            faults.push(Fault::new(
                at(i),
                format!("the task `{name}` is here twice"),
            ));
        }
    }
    if let Some(why) = first.masked.as_ref().and_then(MaskedDna::contradiction) {
        faults.push(Fault::new(keys(&["adapt_first", "masked"]), why));
    }
    if first.tasks.is_empty() && first.masked.is_none() {
        faults.push(Fault::new(
            keys(&["adapt_first", "tasks"]),
            "no task is named",
        ));
    }
    let mut of_cells = (pipeline.tasks.iter()).flat_map(|task| &task.train_of_methods);
    let quantized = of_cells.find(|(method, train)| {
        train.quantization != QuantizationChoice::None
            && pipeline.method(method).is_some_and(|m| !m.reads_bases())
    });
    if let Some((name, _)) = quantized {
        let what = format!(
            "the method `{name}` is trained with `train.quantization`, which would round away what is learnt first"
        );
        faults.push(Fault::new(keys(&["adapt_first"]), what).help("leave one of the two out"));
    }
    let method = keys(&["adapt_first", "method", first.method.name()]);
    if let Some(why) = first.method.contradiction() {
        faults.push(Fault::new(method, why));
    } else if let Some(why) = lingo_adapt::adapt_first::contradiction(&first.method, &first.train) {
        faults.push(Fault::new(method, why));
    }
}

fn check_task(task: &Task, pipeline: &Pipeline, faults: &mut Vec<Fault>) {
    if let Some(why) = bad_name(&task.section) {
        faults.push(name_fault("tasks", &task.section, why));
    } else if RunFolder::TAKEN.contains(&task.section.as_str()) {
        let why = "is taken: the run keeps a file of its own under it";
        faults.push(name_fault("tasks", &task.section, why).help("give the task another name"));
    }
    if let Err(e) = task.ingest.check() {
        let message = e.to_string();
        let message = message.strip_prefix("ingest: ").unwrap_or(&message);
        faults.push(Fault::new(
            keys(&["tasks", &task.section, "ingest"]),
            message,
        ));
    }
    for (method, settings) in &pipeline.methods {
        let Some(stem) = &task.train_of(method).stem else {
            continue;
        };
        let one = stem.folds.is_some_and(|folds| folds.get() == 1);
        let wrong = match stem.contradiction() {
            None if one && !settings.reads_bases() => Some((
                "a stem of one network, trained on all rows, would leave nothing to learn"
                    .to_owned(),
                Some("give it at least 2 `folds`, or leave `folds` out for 5"),
            )),
            why => why.map(|why| (why, None)),
        };
        let Some((why, help)) = wrong else {
            continue;
        };
        let places: [&[&str]; 3] = [
            &["methods", method, "train", "stem"],
            &["tasks", &task.section, "train", "stem"],
            &["train", "stem"],
        ];
        let stands = |path: &&&[&str]| {
            path.iter()
                .try_fold(&pipeline.document.node, |node, key| node.get(key))
                .is_some()
        };
        let place = places.iter().find(stands).copied().unwrap_or(places[2]);
        let mut fault = Fault::new(keys(place), why);
        if let Some(help) = help {
            fault = fault.help(help);
        }
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    if let Some(why) = task.tokenize.contradiction() {
        let fault = Fault::new(place(task, pipeline, "vocabulary"), why);
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    if let Some(template) = &task.tokenize.prefix
        && let Err(e) = LanguagePrefix::resolve(template, &task.keys)
    {
        let message = match e {
            lingo_tokenize::Error::Prefix { message, .. } => message,
            other => other.to_string(),
        };
        let help = format!("keys are given under `tasks.{}.keys`", task.section);
        let fault = Fault::new(
            place(task, pipeline, "prefix"),
            format!("the prefix: {message}"),
        );
        let fault = fault.help(help);
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
}

/// Where a key of a task's `tokenize` stands: in the task, or in the file's own section.
fn place(task: &Task, pipeline: &Pipeline, key: &str) -> Vec<Step> {
    let own = ["tasks", &task.section, "tokenize", key];
    let stands = |path: &[&str]| {
        path.iter()
            .try_fold(&pipeline.document.node, |node, key| node.get(key))
            .is_some()
    };
    if stands(&own) {
        keys(&own)
    } else {
        keys(&["tokenize", key])
    }
}

fn name_fault(section: &str, name: &str, why: &str) -> Fault {
    Fault::new(keys(&[section, name]), format!("the name `{name}` {why}"))
        .key()
        .help("names become folders: letters, digits, `_`, `.` and `-`")
}
