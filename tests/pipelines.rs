//! The shipped pipelines parse, and fit the JSON Schema that editors complete from.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

use lingo_adapt::WordCounts;
use lingo_workflow::Pipeline;
use lingo_workflow::pipeline::design_file::DesignPlan;
use lingo_workflow::pipeline::file::schema;

fn pipelines() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    files
}

/// Files of `lingo-pipe design` have a format of their own.
fn is_design(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name.starts_with("design")
}

#[test]
fn every_design_file_parses() {
    let files: Vec<PathBuf> = pipelines().into_iter().filter(|p| is_design(p)).collect();
    assert!(files.len() >= 2, "{files:?}");
    for path in files {
        // The folder of the data stands for itself where it is set to nothing.
        let text = fs::read_to_string(&path)
            .unwrap()
            .replace("${TFBIND8}", "t.tsv");
        let folder = path.parent().unwrap();
        let name = path.display().to_string();
        DesignPlan::parse(&name, folder, text, &[])
            .unwrap_or_else(|e| panic!("{}: {e:?}", path.display()));
    }
}

#[test]
fn every_pipeline_parses_and_fits_the_schema() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let files: Vec<PathBuf> = pipelines().into_iter().filter(|p| !is_design(p)).collect();
    assert!(files.len() >= 3, "{files:?}");
    for path in files {
        Pipeline::read(&path, &[]).unwrap_or_else(|e| panic!("{}: {e:?}", path.display()));
        let text = fs::read_to_string(&path).unwrap();
        let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
}

#[test]
fn the_schema_refuses_what_the_parser_refuses() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let good =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/yeast.yaml"))
            .unwrap();
    for (old, new) in [
        ("lingo: 1", "lingo: 2"),
        ("epochs: 10", "epochs: 0"),
        ("epochs: 10", "epoch: 10"),
        ("rank: 8, alpha", "rnk: 8, alpha"),
        ("{ k: 3, stride: 3 }", "{ k: 9 }"),
        ("vocabulary: reuse", "vocabulary: reused"),
        ("seeds: [1, 2, 3]", "seeds: [a]"),
    ] {
        let text = good.replace(old, new);
        assert_ne!(text, good, "{old}");
        let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert!(!validator.is_valid(&value), "{new} fits the schema");
    }
}

#[test]
fn gue_has_its_28_tasks() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        Pipeline::read(&path, &[]).unwrap()
    };
    let recipe = read("pipelines/gue.yaml");
    let pipeline = read("pipelines/gue-benchmark.yaml");
    assert_eq!(pipeline.tasks.len(), 28);
    let names = |pipeline: &Pipeline| -> Vec<String> {
        pipeline.tasks.iter().map(|t| t.name.clone()).collect()
    };
    assert_eq!(names(&recipe), names(&pipeline));
    assert_eq!(recipe.published, pipeline.published);
    // Transcription factors bind either strand.
    for task in &recipe.tasks {
        let both = task.evaluate.strands == lingo_evaluate::Strands::Both;
        let binding = task.name.starts_with("tf_") || task.name.starts_with("mouse_");
        assert_eq!(both, binding, "{}", task.name);
        let turned = task.train.augment.reverse_complement.get() > 0.0;
        assert_eq!(both, turned, "{}", task.name);
    }
    for (name, epochs) in [
        ("H3", 3),
        ("prom_core_tata", 10),
        ("prom_300_all", 4),
        ("tf_4", 3),
        ("mouse_3", 5),
        ("splice", 5),
        ("covid", 8),
    ] {
        let task = pipeline.task(name).unwrap();
        assert_eq!(
            (task.train.epochs.get(), task.train.batch.get()),
            (epochs, 32),
            "{name}"
        );
    }
    let table =
        lingo_workflow::lock::published::read(pipeline.published.as_ref().unwrap()).unwrap();
    // Of each task but covid, of which the benchmark reports no Matthews correlation, and of none beside them.
    let published: Vec<&str> = table.keys().map(String::as_str).collect();
    let mut tasks: Vec<&str> = pipeline.tasks.iter().map(|t| t.name.as_str()).collect();
    tasks.retain(|task| *task != "covid");
    tasks.sort_unstable();
    assert_eq!(published, tasks);
    assert!(table.values().all(|rows| !rows.is_empty()));
}

/// all-MiniLM-L6-v2: six blocks of width 384, as its config.json says.
#[test]
fn adaptive_rank_sampling_stays_under_two_percent() {
    const MODEL: u64 = 22_713_216;
    let per_rank = 6 * (4 * (384 + 384 + 1) + 2 * (384 + 1536 + 1));
    for name in ["yeast", "gue"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("pipelines/{name}.yaml"));
        let pipeline = Pipeline::read(&path, &[]).unwrap();
        let Some(lingo_adapt::Method::AdaptiveRankSampling(ars)) = pipeline.method("ars") else {
            panic!("{name} has no ars");
        };
        for task in &pipeline.tasks {
            // covid has nine classes, splice three.
            let outputs = match task.name.as_str() {
                "covid" => 9,
                "splice" => 3,
                _ => 2,
            };
            let bases = match task.name.as_str() {
                name if name.starts_with("prom_core") => 70,
                name if name.starts_with("prom_300") => 300,
                _ => 101,
            };
            let stem = task.train.stem.as_ref().map_or(0, |stem| {
                let [filters, width, bins, folds] = [
                    (stem.filters, 128),
                    (stem.width, 15),
                    (stem.bins, 1),
                    (stem.folds, 5),
                ]
                .map(|(given, default)| given.map_or(default, |n| u64::from(n.get())));
                let heads = if outputs == 2 { 1 } else { outputs };
                let words = stem.words.as_ref().map_or(0, |groups| {
                    let columns: u64 = groups.iter().map(|group| words(group, bases)).sum();
                    (columns + 1) * heads
                });
                folds * (filters * (4 * width + 1) + (filters * bins + 1) * outputs) + words
            });
            let rank = u64::from(ars.initial_rank.get());
            let trained = rank * per_rank + outputs * 385 + stem;
            let share = trained as f64 / (MODEL + trained) as f64;
            assert!(share < 0.02, "{name}, {}: {share}", task.name);
        }
    }
}

/// Features of a group of words in sequences of so many bases.
fn words(group: &WordCounts, bases: u64) -> u64 {
    let lengths = group.shortest.get()..=group.longest.get();
    let of_length = lengths.map(|k| {
        let all = 1u64 << (2 * k);
        let own = if k % 2 == 0 { 1 << k } else { 0 };
        let words = if group.both_strands {
            (all + own) / 2
        } else {
            all
        };
        let places = bases + 1 - u64::from(k);
        let stretches = group
            .every
            .map(|every| places.div_ceil(u64::from(every.get())));
        words * stretches.unwrap_or(1)
    });
    of_length.sum()
}

#[test]
fn a_setting_on_the_command_line_wins_over_every_task_and_method() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/gue-benchmark.yaml");
    let sets = ["train.epochs=1", "train.learning_rate=0.5"].map(String::from);
    let pipeline = Pipeline::read(&path, &sets).unwrap();
    for task in &pipeline.tasks {
        assert_eq!(task.train.epochs.get(), 1, "{}", task.name);
    }
    let Some(lingo_adapt::Method::Adalora(adalora)) = pipeline.method("adalora") else {
        panic!("gue has no adalora");
    };
    assert_eq!(adalora.learning_rate.map(|rate| rate.get()), Some(0.5));
}
