//! Settings are searched on dev; what was run is not run again, and no cell sees test.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use std::fs;

use toy::Toy;

const TUNE: &str = "
tune:
  space:
    train.learning_rate: [1.0e-9, 0.01, 0.003]
    methods.lora.lora.rank: [1, 2]
  rungs: [0.5, 1]
  keep: 0.34
";

const COMMAND: [&str; 8] = [
    "tune",
    "toy.yaml",
    "--only",
    "left",
    "--methods",
    "lora",
    "--device",
    "cpu",
];

/// The lines of tune.tsv behind its header, as cells.
fn table(toy: &Toy) -> Vec<Vec<String>> {
    let text = toy.read("runs/toy-tune/tune.tsv");
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap(),
        "rung\tshare\ttrial\tdev_score\tkept\tseconds\ttrain.learning_rate\tmethods.lora.lora.rank"
    );
    lines
        .map(|line| line.split('\t').map(ToString::to_string).collect())
        .collect()
}

#[test]
fn the_better_trials_go_on_and_a_second_search_runs_nothing() {
    let toy = Toy::new();
    toy.write("toy.yaml", &(toy.read("toy.yaml") + TUNE));
    let first = toy.ok(&COMMAND);
    assert_eq!(first.stdout, "runs/toy-tune/tune.tsv\n");
    let rows = table(&toy);
    let of_rung = |rung: &str| rows.iter().filter(|row| row[0] == rung).count();
    assert_eq!((of_rung("1"), of_rung("2")), (6, 3), "{rows:?}");
    assert_eq!(rows[0][0], "2", "the last rung comes first");
    for rung in ["1", "2"] {
        let here: Vec<&Vec<String>> = rows.iter().filter(|row| row[0] == rung).collect();
        let scores: Vec<f64> = here.iter().map(|row| row[3].parse().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        let kept = here.iter().take_while(|row| row[4] == "true").count();
        assert_eq!(kept, if rung == "1" { 3 } else { 1 });
        // Each score is the mean over the cells of the metric on dev.
        for row in here {
            let cell = format!("runs/toy-tune/{}/rung-{rung}/left/lora/seed-1", row[2]);
            let metrics: serde_json::Value =
                serde_json::from_str(&toy.read(&format!("{cell}/metrics.json"))).unwrap();
            let found: f64 = row[3].parse().unwrap();
            assert!((metrics["dev"]["mcc"].as_f64().unwrap() - found).abs() < 1e-6);
            assert_eq!(metrics["test"]["n"], 0, "no cell sees test");
        }
    }
    let epochs = |row: &[String]| -> u64 {
        let cell = format!("runs/toy-tune/{}/rung-{}/left/lora/seed-1", row[2], row[0]);
        let record: serde_json::Value =
            serde_json::from_str(&toy.read(&format!("{cell}/cell.json"))).unwrap();
        record["parameters"]["train"]["epochs"].as_u64().unwrap()
    };
    let last = rows.last().unwrap();
    assert_eq!(epochs(last), epochs(&rows[0]).div_ceil(2));
    let best = format!(
        "best on dev: --set train.learning_rate={} --set methods.lora.lora.rank={}",
        rows[0][6], rows[0][7]
    );
    assert!(first.stderr.contains(&best), "{}", first.stderr);

    // What trials have in common was made once: the files are links to one.
    use std::os::unix::fs::MetadataExt as _;
    let links = |row: &Vec<String>| {
        let name = format!(
            "runs/toy-tune/{}/rung-{}/left/tokens.parquet",
            row[2], row[0]
        );
        fs::metadata(toy.path(&name)).unwrap().nlink()
    };
    assert!(
        rows.iter().all(|row| links(row) == 18),
        "nine trials and rungs, each with a store"
    );

    // Interrupted or repeated: what is finished stays, and the table is the same but for nothing.
    let cell = format!("runs/toy-tune/{}/rung-2/left/lora/seed-1", rows[0][2]);
    let before = fs::metadata(toy.path(&cell).join("cell.json"))
        .unwrap()
        .modified()
        .unwrap();
    toy.ok(&COMMAND);
    assert_eq!(table(&toy), rows);
    let after = fs::metadata(toy.path(&cell).join("cell.json"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(before, after);
}

#[test]
fn mistakes_of_a_search_are_told_before_it_runs() {
    let toy = Toy::new();
    let text = toy.read("toy.yaml");
    let t = |tune: &str, said: &str| {
        toy.write("toy.yaml", &format!("{text}\n{tune}\n"));
        let found = toy.lingo(&COMMAND);
        assert_eq!(found.code, 2, "{tune}: {}", found.stderr);
        assert!(found.stderr.contains(said), "{tune}: {}", found.stderr);
        assert!(!toy.path("runs").exists());
        // Whoever validates the file hears of it, too; a file without a search is a good one.
        let valid = toy.lingo(&["validate", "toy.yaml"]);
        match tune {
            "" => assert_eq!(valid.code, 0, "{}", valid.stderr),
            _ => assert!(valid.stderr.contains(said), "{tune}: {}", valid.stderr),
        }
    };
    t("", "has no `tune`");
    t(
        "tune: { space: { train.learning_rat: [1] } }",
        "unknown key `learning_rat`",
    );
    t("tune: { space: { train.learning_rate: [-1] } }", "-1");
    t(
        "tune: { space: { train.learning_rate: { low: 1, high: 2 } } }",
        "how many `trials`",
    );
    t(
        "tune: { space: { train.learning_rate: 3 } }",
        "a list of values or a range",
    );
    t(
        "tune: { trials: 2, space: { train.batch: { low: 1.5, high: 8, integer: true } } }",
        "must be whole",
    );
}

#[test]
fn a_rate_that_no_method_takes_is_not_searched() {
    let toy = Toy::new();
    let text = toy.read("toy.yaml").replace(
        "  lora: { lora: { rank: 2 } }",
        "  lora: { motif_cnn: { filters: 4, width: 3 } }",
    );
    let tune = "tune: { space: { train.learning_rate: [0.003, 0.01] } }";
    toy.write("toy.yaml", &format!("{text}\n{tune}\n"));
    let found = toy.lingo(&COMMAND);
    assert_eq!(found.code, 2, "{}", found.stderr);
    let told = "try methods.lora.motif_cnn.learning_rate instead";
    assert!(found.stderr.contains(told), "{}", found.stderr);
    // A run says so, and what is told of it has the rate that was used.
    let run = [
        "run",
        "toy.yaml",
        "--only",
        "left",
        "--methods",
        "lora",
        "--device",
        "cpu",
        "--set",
        "train.learning_rate=0.1",
    ];
    let ran = toy.ok(&run);
    let told = "set `methods.lora.motif_cnn.learning_rate`";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let methods = toy.read("runs/toy/methods.md");
    assert!(methods.contains("learning rate 0.003,"), "{methods}");
}

#[test]
fn a_search_without_a_score_is_a_failure() {
    let toy = Toy::new();
    let tune = "tune: { space: { train.batch: [4, 8] }, metric: spearman, rungs: [1] }";
    toy.write("toy.yaml", &format!("{}\n{tune}\n", toy.read("toy.yaml")));
    let found = toy.lingo(&COMMAND);
    assert_eq!(found.code, 1, "{}", found.stderr);
    assert!(
        found.stderr.contains("no trial has a score"),
        "{}",
        found.stderr
    );
}
