//! Every mistake in a pipeline file, as a user sees it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

use std::path::Path;

use lingo_workflow::Pipeline;
use lingo_workflow::yaml::document::Document;
use lingo_workflow::yaml::mistakes::Mistakes;
use miette::{GraphicalReportHandler, GraphicalTheme};

const GOOD: &str = "\
lingo: 1
name: marks
model: { path: model }
tasks:
  H3:
    description: occupancy of H3
    ingest: { source: { csv: { train: a/train.csv, dev: a/dev.csv, test: a/test.csv } } }
    keys: { organism: yeast }
  H4:
    ingest:
      source:
        bed: { fasta: g.fa, beds: [r.bed], label: { column: 5 } }
      split: { chromosomes: { dev: [4], test: [XV] } }
    train: { epochs: 2 }
tokenize:
  scheme: { kmer: { k: 3 } }
methods:
  lora: { lora: { rank: 8 } }
  ars: { adaptive_rank_sampling: { initial_rank: 10 } }
train:
  epochs: 3
  batch: 32
seeds: [1, 2]
";

fn parse(text: &str, sets: &[&str]) -> Result<Pipeline, Mistakes> {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let lookup = |name: &str| (name == "DATA").then(|| "/data".to_string());
    let document = Document::parse(
        "marks.yaml",
        Path::new("pipelines"),
        text.into(),
        &sets,
        &lookup,
    )?;
    Pipeline::of_document(document)
}

fn shown(mistakes: &Mistakes) -> String {
    let mut text = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .render_report(&mut text, mistakes)
        .unwrap();
    text
}

/// The message for the good file with `old` replaced by `new`.
fn with(old: &str, new: &str) -> String {
    assert_eq!(GOOD.matches(old).count(), 1, "{old}");
    let text = GOOD.replace(old, new);
    match parse(&text, &[]) {
        Ok(_) => panic!("{new} was accepted"),
        Err(mistakes) => shown(&mistakes),
    }
}

fn set(argument: &str) -> String {
    match parse(GOOD, &[argument]) {
        Ok(_) => panic!("{argument} was accepted"),
        Err(mistakes) => shown(&mistakes),
    }
}

#[test]
fn the_good_file_is_good() {
    let pipeline = parse(GOOD, &[]).unwrap();
    let names: Vec<_> = pipeline.tasks.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["H3", "H4"]);
    let epochs: Vec<_> = pipeline
        .tasks
        .iter()
        .map(|t| t.train.epochs.get())
        .collect();
    assert_eq!(epochs, [3, 2], "a task lays its own keys over the file's");
    assert!(pipeline.tasks.iter().all(|t| t.train.batch.get() == 32));
    assert_eq!(
        pipeline.tasks[0].inputs()[0].1,
        Path::new("pipelines/a/train.csv")
    );
    assert_eq!(pipeline.tasks[0].keys["task"], "H3");
}

#[test]
fn overrides_and_variables_reach_the_settings() {
    let sets = [
        "train.epochs=1",
        "tasks.H4.train.batch=8",
        "methods.lora.lora.rank=2",
    ];
    let pipeline = parse(GOOD, &sets).unwrap();
    assert_eq!(pipeline.tasks[0].train.epochs.get(), 1);
    assert_eq!(
        pipeline.tasks[1].train.epochs.get(),
        1,
        "the command line wins over a task's own"
    );
    assert_eq!(pipeline.tasks[1].train.batch.get(), 8);
    let text = GOOD.replace(
        "model: { path: model }",
        "model: { path: \"${DATA}/${M:-m}\" }",
    );
    let pipeline = parse(&text, &[]).unwrap();
    assert!(format!("{:?}", pipeline.model).contains("/data/m"));
}

#[test]
fn a_stem_of_one_network_is_refused_before_anything_runs() {
    let text = GOOD.replace("  epochs: 3", "  epochs: 3\n  stem: { folds: 1 }");
    let Err(mistakes) = parse(&text, &[]) else {
        panic!("accepted")
    };
    let shown = shown(&mistakes);
    assert!(
        shown.contains("a stem of one network") && shown.contains("at least 2 `folds`"),
        "{shown}"
    );
    let alone = text.replace("lora: { lora: { rank: 8 } }", "floor: { motif_cnn: {} }");
    let alone = alone.replace(
        "  ars: { adaptive_rank_sampling: { initial_rank: 10 } }\n",
        "",
    );
    assert!(parse(&alone, &[]).is_ok(), "motif_cnn may be one network");
}

/// Also where the stem is only trained by itself.
#[test]
fn what_contradicts_itself_in_a_stem_is_told_before_anything_runs() {
    for (stem, why) in [
        ("{second: {}, residual: {}}", "`second` and `residual`"),
        ("{residual: {layers: 40}}", "`residual.layers` is 40"),
        (
            "{words: [{shortest: 4, longest: 3}]}",
            "`words.shortest` is 4",
        ),
    ] {
        for method in ["lora: {rank: 8}", "motif_cnn: {}"] {
            let sets = [
                format!("tasks.H4.train.stem={stem}"),
                format!("methods.lora={{{method}}}"),
            ];
            let text = shown(&parse(GOOD, &sets.each_ref().map(String::as_str)).unwrap_err());
            assert!(text.contains(why) && text.contains("H4"), "{text}");
            assert_eq!(text.matches(why).count(), 1, "{text}");
        }
    }
}

#[test]
fn a_method_and_a_task_lay_their_own_keys_over_the_file() {
    let text = GOOD
        .replace(
            "lora: { lora: { rank: 8 } }",
            "lora: { lora: { rank: 8 }, train: { batch: 4 } }",
        )
        .replace(
            "train: { epochs: 2 }",
            "train: { epochs: 2, batch: 16 }\n    evaluate: { strands: both }",
        );
    assert_eq!(text.matches("strands").count(), 1, "{text}");
    let pipeline = parse(&text, &[]).unwrap();
    let [h3, h4] = &pipeline.tasks[..] else {
        panic!()
    };
    let of = |task: &lingo_workflow::pipeline::Task| {
        let train = task.train_of("lora");
        (train.epochs.get(), train.batch.get())
    };
    assert_eq!(
        (of(h3), of(h4)),
        ((3, 4), (2, 4)),
        "the method's own wins over the task's"
    );
    assert_eq!(h4.train.batch.get(), 16);
    assert_eq!(h3.evaluate.strands, lingo_evaluate::Strands::Given);
    assert_eq!(h4.evaluate.strands, lingo_evaluate::Strands::Both);
    let pipeline = parse(&text, &["train.batch=2", "evaluate.strands=given"]).unwrap();
    assert!(pipeline.tasks.iter().all(|task| of(task).1 == 2));
    assert_eq!(
        pipeline.tasks[1].evaluate.strands,
        lingo_evaluate::Strands::Given
    );
}

/// A snapshot in the folder of its test.
macro_rules! snapshot {
    ($name:literal, $shown:expr) => {
        let test = std::thread::current().name().unwrap().to_owned();
        insta::with_settings!({ snapshot_path => format!("snapshots/{test}") }, {
            insta::assert_snapshot!($name, $shown)
        })
    };
}

#[test]
fn unknown_keys() {
    snapshot!(
        "unknown_key_at_the_root",
        with("tokenize:\n", "tokenise:\n")
    );
    snapshot!(
        "unknown_key_in_a_section",
        with("  batch: 32", "  bach: 32")
    );
    snapshot!("unknown_key_in_a_task", with("    keys: {", "    key: {"));
    snapshot!(
        "unknown_key_in_a_tasks_train",
        with("train: { epochs: 2 }", "train: { epoch: 2 }")
    );
    snapshot!("unknown_key_of_a_method", with("{ rank: 8 }", "{ rnk: 8 }"));
    snapshot!(
        "unknown_key_in_a_methods_train",
        with("{ rank: 8 } }", "{ rank: 8 }, train: { bach: 4 } }")
    );
    snapshot!(
        "unknown_key_deep_inside",
        with("{ fasta: g.fa,", "{ fast: g.fa,")
    );
}

#[test]
fn unknown_names() {
    snapshot!("unknown_method", with("{ lora: { rank", "{ lorra: { rank"));
    snapshot!("unknown_scheme", with("{ kmer: { k: 3 } }", "kmers"));
    snapshot!("unknown_source", with("{ csv: {", "{ cvs: {"));
}

#[test]
fn values() {
    snapshot!("wrong_type", with("  epochs: 3", "  epochs: three"));
    snapshot!(
        "out_of_range",
        with("{ rank: 8 }", "{ rank: 8, dropout: 1.5 }")
    );
    snapshot!("zero", with("  batch: 32", "  batch: 0"));
    snapshot!("k_too_large", with("k: 3", "k: 9"));
    snapshot!(
        "list_for_a_mapping",
        with("train:\n  epochs: 3\n  batch: 32", "train: [3, 32]")
    );
    snapshot!("seed_is_no_number", with("[1, 2]", "[1, two]"));
    snapshot!("negative_seed", with("[1, 2]", "[-1]"));
    snapshot!(
        "two_kinds_of_source",
        with("{ csv: { train", "{ bed: {}, csv: { train")
    );
    snapshot!(
        "ranks_that_prune_nothing",
        with(
            "{ initial_rank: 10 }",
            "{ initial_rank: 4, target_rank: 8 }"
        )
    );
    snapshot!(
        "merged_tokens_composed",
        with(
            "scheme: { kmer: { k: 3 } }",
            "scheme: { bpe: { vocab_size: 512 } }\n  vocabulary: compose"
        )
    );
    snapshot!("another_version", with("lingo: 1", "lingo: 2"));
    let bed = "bed: { fasta: g.fa, beds: [r.bed], label: { column: 5 } }";
    snapshot!(
        "window_with_a_typo",
        with(
            bed,
            "gff: { fasta: g.fa, files: [a.gff], windows: [{ donor: { up: 1, down: 1 } }, { promotor: { up: 9, down: 1 } }] }"
        )
    );
    snapshot!(
        "variants_without_a_width",
        with(bed, "vcf: { fasta: g.fa, files: [v.vcf], label: filter }")
    );
    snapshot!(
        "peaks_with_the_same_name",
        with(
            bed,
            "peak_matrix: { fasta: g.fa, peaks: [a/x.bed, b/x.bed] }"
        )
    );
}

#[test]
fn missing() {
    snapshot!("missing_version", with("lingo: 1\n", ""));
    snapshot!("missing_model", with("model: { path: model }\n", ""));
    snapshot!(
        "missing_ingest",
        with(
            "    ingest: { source: { csv: { train: a/train.csv, dev: a/dev.csv, test: a/test.csv } } }\n",
            ""
        )
    );
    snapshot!(
        "missing_scheme",
        with("tokenize:\n  scheme: { kmer: { k: 3 } }\n", "")
    );
    snapshot!(
        "missing_fasta_of_pretrain",
        with("{ path: model }", "{ pretrain: {} }")
    );
}

#[test]
fn yaml_itself() {
    snapshot!("duplicate_key", with("  batch: 32", "  epochs: 4"));
    snapshot!("duplicate_task", with("  H4:", "  H3:"));
    snapshot!("tag", with("{ kmer: { k: 3 } }", "!kmer { k: 3 }"));
    snapshot!("tab", with("  epochs: 3", "\tepochs: 3"));
    snapshot!("unclosed", with("seeds: [1, 2]", "seeds: [1, 2"));
}

#[test]
fn variables() {
    snapshot!(
        "unset_variables",
        with("[r.bed]", "[\"${BEDS}/r.bed\", \"${MORE}\"]")
    );
    snapshot!(
        "unclosed_variable",
        with("fasta: g.fa", "fasta: \"${DATA/g.fa\"")
    );
}

#[test]
fn what_the_parser_cannot_see_is_told_all_at_once() {
    let text = GOOD
        .replace("name: marks", "name: a/b")
        .replace("  H4:", "  model:")
        .replace("seeds: [1, 2]", "seeds: [1, 1]")
        .replace("split: { chromosomes", "#")
        .replace("  lora: {", "  lo ra: {")
        .replace(
            "  scheme: {",
            "  prefix: \"{organsm}: {sequence}\"\n  scheme: {",
        );
    let mistakes = parse(&text, &[]).unwrap_err();
    assert_eq!(mistakes.list().len(), 7, "{mistakes:?}");
    snapshot!("all_at_once", shown(&mistakes));
}

#[test]
fn overrides() {
    snapshot!("set_unknown_key", set("train.epoch=1"));
    snapshot!("set_unknown_section", set("trian.epochs=1"));
    snapshot!("set_wrong_type", set("train.epochs=many"));
    snapshot!("set_out_of_range", set("methods.lora.lora.dropout=2"));
    snapshot!("set_without_value", set("train.epochs"));
    snapshot!("set_inside_a_value", set("name.x=1"));
}
