//! Each stage alone, by its own command.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use toy::{Ran, Toy};

fn ingest(toy: &Toy, out: &str) {
    toy.ok(&[
        "ingest",
        "--fasta",
        "left.fa",
        "--bed",
        "left.bed",
        "--label-column",
        "5",
        "--dev-chromosomes",
        "b",
        "--test-chromosomes",
        "c",
        "--out",
        out,
    ]);
}

#[test]
fn from_a_genome_to_predictions_one_command_at_a_time() {
    let toy = Toy::new();
    ingest(&toy, "e.parquet");
    toy.ok(&[
        "tokenize",
        "encode",
        "--scheme",
        "base",
        "--model",
        "model",
        "--input",
        "e.parquet",
        "--out",
        "t.parquet",
    ]);
    let adapted = toy.ok(&[
        "adapt",
        "--model",
        "model",
        "--input",
        "t.parquet",
        "--method",
        "lora",
        "--out",
        "out",
        "--set",
        "train.epochs=2",
        "--set",
        "train.batch=8",
        "--device",
        "cpu",
        "--json",
    ]);
    let outcome: serde_json::Value = serde_json::from_str(&adapted.stdout).unwrap();
    assert_eq!(
        (outcome["schema"].as_str(), outcome["steps"].as_u64()),
        (Some("lingo-pipe/adapt/1"), Some(20))
    );
    let scored = toy.ok(&[
        "evaluate",
        "--predictions",
        "out/predictions.parquet",
        "--json",
    ]);
    let metrics: serde_json::Value = serde_json::from_str(&scored.stdout).unwrap();
    assert_eq!(metrics["test"]["n"].as_u64(), Some(20), "{metrics}");

    let predict = [
        "predict",
        "--adapter",
        "out/adapter",
        "--model",
        "model",
        "--fasta",
        "left.fa",
        "--bed",
        "left.bed",
        "--device",
        "cpu",
    ];
    let to = |out: &'static str| {
        predict
            .iter()
            .copied()
            .chain(["--out", out])
            .collect::<Vec<_>>()
    };
    let bed = toy.ok(&to("p.bed"));
    assert_eq!(bed.stdout, "");
    assert_eq!(toy.read("p.bed").lines().count(), 120);
    let first = toy.read("p.bed").lines().next().unwrap().to_string();
    assert!(first.starts_with("a\t0\t10\tw0\t"), "{first}");
    let table = toy.ok(&to("-"));
    assert!(
        table
            .stdout
            .starts_with("id\tchrom\tstart\tend\tstrand\tprediction\tp_0\tp_1\n"),
        "{}",
        table.stdout
    );

    // The same adapter on the same sequences: the logits of training's end.
    toy.ok(&[
        "predict",
        "--adapter",
        "out/adapter",
        "--model",
        "model",
        "--input",
        "e.parquet",
        "--out",
        "p.csv",
        "--device",
        "cpu",
    ]);
    let again = toy.ok(&["evaluate", "--predictions", "p.csv", "--json"]);
    let again: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again["test"]["mcc"], metrics["test"]["mcc"]);
}

#[test]
fn tables_come_from_stdin_and_go_to_stdout() {
    let toy = Toy::new();
    let fasta = toy.ok(&[
        "ingest",
        "--fasta",
        "left.fa",
        "--bed",
        "left.bed",
        "--label-column",
        "5",
        "--out",
        "-",
        "--format",
        "fa",
    ]);
    assert_eq!(
        fasta.stdout.lines().filter(|l| l.starts_with('>')).count(),
        120
    );
    ingest(&toy, "e.tsv");
    let mut child = toy
        .command(&[
            "tokenize", "inspect", "--scheme", "kmer:3:3", "--input", "-", "--json",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(toy.read("e.tsv").as_bytes())
        .unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["bases"].as_u64(), Some(1200), "{found}");
}

#[test]
fn a_reader_that_stops_reading_is_no_failure() {
    let toy = Toy::new();
    let mut child = toy
        .command(&["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn a_byte_pair_encoding_is_learned_and_used() {
    let toy = Toy::new();
    ingest(&toy, "e.parquet");
    toy.ok(&[
        "tokenize",
        "train-bpe",
        "--input",
        "left.fa",
        "--vocab-size",
        "16",
        "--out",
        "tokenizer.json",
    ]);
    toy.ok(&[
        "tokenize",
        "encode",
        "--tokenizer",
        "tokenizer.json",
        "--input",
        "e.parquet",
        "--out",
        "t.csv",
    ]);
    assert_eq!(toy.read("t.csv").lines().count(), 121);
    // From the training rows of a data set: what the scheme does by itself.
    let run = |line: &str| toy.ok(&line.split(' ').collect::<Vec<_>>());
    run("tokenize train-bpe --input e.parquet --vocab-size 24 --out own.json");
    run("tokenize encode --tokenizer own.json --input e.parquet --out own.csv");
    run("tokenize encode --scheme bpe:24 --input e.parquet --out scheme.csv");
    assert_eq!(toy.read("own.csv"), toy.read("scheme.csv"));
    assert_ne!(toy.read("own.csv"), toy.read("t.csv"));
}

#[test]
fn tokens_are_decoded_to_what_was_encoded() {
    let toy = Toy::new();
    toy.write("two.fa", ">one\nACGTTGCA\nACG\n>two\nacguNACC\n");
    let encode = |scheme: &str| {
        let line = format!("tokenize encode --scheme {scheme} --input two.fa --out t.parquet");
        toy.ok(&line.split(' ').collect::<Vec<_>>());
    };
    for scheme in ["base", "kmer:3:3"] {
        encode(scheme);
        toy.ok(&[
            "tokenize",
            "decode",
            "--input",
            "t.parquet",
            "--out",
            "d.fa",
        ]);
        let expected = ">one split=test label=unlabelled\nACGTTGCAACG\n>two split=test label=unlabelled\nACGTNACC\n";
        assert_eq!(toy.read("d.fa"), expected, "{scheme}");
    }
    // Straight from the genome, the other strand reversed.
    toy.write("r.bed", "two\t0\t4\tx\t0\t-\none\t8\t11\n");
    let line = "tokenize encode --scheme kmer:3:3 --fasta two.fa --bed r.bed --out t.parquet";
    toy.ok(&line.split(' ').collect::<Vec<_>>());
    toy.ok(&[
        "tokenize",
        "decode",
        "--input",
        "t.parquet",
        "--out",
        "d.fa",
    ]);
    let decoded = toy.read("d.fa");
    let sequences: Vec<&str> = decoded.lines().filter(|l| !l.starts_with('>')).collect();
    assert_eq!(sequences, ["ACGT", "ACG"]);
    // With classes, numbered by value.
    toy.write("c.bed", "two\t0\t4\tx\t10\t-\none\t8\t11\ty\t9\t+\n");
    let line =
        "tokenize encode --scheme base --fasta two.fa --bed c.bed --label-column 5 --out c.tsv";
    toy.ok(&line.split(' ').collect::<Vec<_>>());
    let labelled = toy.read("c.tsv");
    let rows: Vec<Vec<&str>> = labelled
        .lines()
        .map(|l| l.split('\t').take(3).collect())
        .collect();
    assert_eq!(
        rows,
        [
            ["id", "split", "label"],
            ["x", "test", "1"],
            ["y", "test", "0"]
        ]
    );
    toy.write("far.bed", "one\t8\t12\n");
    let line = "tokenize encode --scheme base --fasta two.fa --bed far.bed --out -";
    let ran = toy.lingo(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(ran.code, 3);
    assert!(
        ran.stderr
            .contains("8..12 is not within the 11 bases of `one`"),
        "{}",
        ran.stderr
    );
    // Nothing in a text table says how it was encoded.
    toy.ok(&[
        "tokenize", "encode", "--scheme", "base", "--input", "two.fa", "--out", "t.tsv",
    ]);
    let ran = toy.lingo(&["tokenize", "decode", "--input", "t.tsv", "--out", "-"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("--out t.parquet"), "{}", ran.stderr);
    let shown = toy.ok(&[
        "tokenize", "inspect", "--scheme", "kmer:3:3", "--input", "two.fa",
    ]);
    for part in [
        "bases per token",
        "longest tokens\nACG\t2\n",
        "\n3\t5\t####",
    ] {
        assert!(shown.stdout.contains(part), "{part} in {}", shown.stdout);
    }
}

#[test]
fn a_pretrained_model_is_tokenized_with_its_own_tokenizer_by_file_or_by_folder() {
    let toy = Toy::new();
    ingest(&toy, "e.parquet");
    toy.ok(&[
        "pretrain",
        "--fasta",
        "left.fa",
        "--out",
        "small",
        "--device",
        "cpu",
        "--set",
        "steps=2",
        "--set",
        "hidden=16",
        "--set",
        "layers=1",
        "--set",
        "heads=2",
        "--set",
        "feed_forward=16",
        "--set",
        "window=30",
        "--set",
        "batch=4",
    ]);
    let written = lingo_tokenize::DnaTokenizer::read(&toy.path("small/tokenizer.json")).unwrap();
    for (how, out) in [
        (["--tokenizer", "small/tokenizer.json"], "file.csv"),
        (["--scheme", "model"], "model.csv"),
    ] {
        let encode = [
            "tokenize",
            "encode",
            "--model",
            "small",
            "--input",
            "e.parquet",
            "--out",
            out,
        ];
        toy.ok(&encode.iter().copied().chain(how).collect::<Vec<_>>());
    }
    // Nothing of the DNA is unknown to it, and both ways give the same tokens.
    assert!(!written.texts().is_empty());
    assert_eq!(toy.read("file.csv"), toy.read("model.csv"));
}

#[test]
fn audits_are_json() {
    let toy = Toy::new();
    let ran = toy.ok(&[
        "ingest",
        "--fasta",
        "left.fa",
        "--bed",
        "left.bed",
        "--label-column",
        "5",
        "--out",
        "e.parquet",
        "--json",
    ]);
    let audit: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(audit["schema"].as_str(), Some("lingo-pipe/ingest/1"));
    let both = toy.lingo(&[
        "ingest", "--fasta", "left.fa", "--bed", "left.bed", "--out", "-", "--json",
    ]);
    assert_eq!(both.code, 2);
}

/// An adapter in `out/adapter`, on the model in `model`.
fn adapter(toy: &Toy) {
    ingest(toy, "e.parquet");
    for line in [
        "tokenize encode --scheme base --model model --input e.parquet --out t.parquet",
        "adapt --model model --input t.parquet --out out --set train.epochs=1 --device cpu",
    ] {
        toy.ok(&line.split(' ').collect::<Vec<_>>());
    }
}

fn predict(toy: &Toy, more: &str) -> Ran {
    let line = format!("predict --adapter out/adapter --device cpu {more}");
    toy.lingo(&line.split(' ').collect::<Vec<_>>())
}

#[test]
fn predictions_without_a_known_label_cannot_be_scored() {
    let toy = Toy::new();
    adapter(&toy);
    let ran = predict(
        &toy,
        "--model model --fasta left.fa --bed left.bed --out p.parquet",
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let scored = toy.lingo(&["evaluate", "--predictions", "p.parquet"]);
    assert_eq!(scored.code, 3, "{}", scored.stdout);
    assert!(
        scored.stderr.contains("`logits` is missing"),
        "{}",
        scored.stderr
    );
}

#[test]
fn what_predict_cannot_do_is_told_before_it_begins() {
    let toy = Toy::new();
    adapter(&toy);
    for (more, told) in [
        (
            "--fasta left.fa --out p.bed",
            "needs its base model `model`; name its folder (--model)",
        ),
        (
            "--model model --fasta left.fa --out p.xlsx",
            "use one of .parquet, .csv, .tsv",
        ),
        ("--model model --fasta left.fa --format fa", "--format fa"),
    ] {
        let ran = predict(&toy, more);
        assert_eq!(ran.code, 2, "{more}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{more}: {}", ran.stderr);
    }
    toy.write("plain.csv", "sequence,label\nACGTACGTAC,0\n");
    let ran = predict(&toy, "--model model --input plain.csv --out p.bed");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("carry no intervals"), "{}", ran.stderr);
    assert!(!toy.path("p.bed").exists());
}

#[test]
fn sequences_that_are_looked_at_in_part_are_told_even_when_quiet() {
    let toy = Toy::new();
    adapter(&toy);
    let ran = predict(&toy, "--model model --fasta left.fa --out p.tsv --quiet");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("give --width"), "{}", ran.stderr);
    let ran = predict(
        &toy,
        "--model model --fasta left.fa --width 10 --out p.tsv --quiet",
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn quiet_is_quiet_and_ratios_are_one_word() {
    let toy = Toy::new();
    let ingest = |ratios: &str| {
        let line = format!(
            "ingest -q --fasta left.fa --bed left.bed --label-column 5 --ratios {ratios} --out e.csv"
        );
        toy.lingo(&line.split(' ').collect::<Vec<_>>())
    };
    let ran = ingest("0.5,0.25,0.25");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let dev = |line: &&str| line.split(',').nth(1) == Some("dev");
    assert_eq!(toy.read("e.csv").lines().filter(dev).count(), 30);
    let ran = ingest("0.5,0.5");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("3 shares are needed"), "{}", ran.stderr);
}

#[test]
fn an_adapter_in_the_folder_of_its_run_finds_its_base_model() {
    let toy = Toy::new();
    let pretrain = "model: { pretrain: { fasta: left.fa, scheme: base, window: 16, steps: 2, batch: 2, hidden: 16, heads: 2, layers: 1, feed_forward: 16 } }";
    toy.write(
        "pretrained.yaml",
        &toy::PIPELINE.replace("model: { path: model }", pretrain),
    );
    for (pipeline, out) in [("pretrained.yaml", "made"), ("toy.yaml", "given")] {
        toy.ok(&[
            "run",
            pipeline,
            "--device",
            "cpu",
            "--only",
            "left",
            "--methods",
            "lora",
            "--out",
            out,
        ]);
        let adapter = format!("{out}/left/lora/seed-1/adapter");
        let ran = toy.ok(&[
            "predict",
            "--device",
            "cpu",
            "--adapter",
            &adapter,
            "--fasta",
            "left.fa",
            "--bed",
            "left.bed",
        ]);
        // A header, and a row for each of the windows.
        assert_eq!(ran.stdout.lines().count(), 121, "{out}");
    }
    // Away from its run, the message names the option that helps.
    fs::remove_file(toy.path("made/lingo.lock")).unwrap();
    let adapter = "made/left/lora/seed-1/adapter";
    let ran = toy.lingo(&["predict", "--adapter", adapter, "--fasta", "left.fa"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("(--model)"), "{}", ran.stderr);
}
