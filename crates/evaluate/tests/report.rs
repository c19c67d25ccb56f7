//! The report of a run of invented cells: whole, self-contained, escaped, with its holes shown.

// What helps a test may panic, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/made_up.rs"]
mod made_up;

use std::collections::{BTreeMap, HashSet};

use lingo_evaluate::{CellMetrics, ReportPlan, report};

struct Written {
    plan: ReportPlan,
    page: String,
    folder: tempfile::TempDir,
}

fn written() -> Written {
    let folder = tempfile::tempdir().unwrap();
    let plan = made_up::run(folder.path()).unwrap();
    report(&plan).unwrap();
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    Written { plan, page, folder }
}

/// Tags in order, checked to open and close in pairs; each with its attributes.
fn tags(page: &str) -> Vec<(String, BTreeMap<String, String>)> {
    const VOID: [&str; 2] = ["meta", "br"];
    const SELF_CLOSED: [&str; 4] = ["path", "circle", "rect", "line"];
    let (mut open, mut all) = (Vec::new(), Vec::new());
    let mut rest = page;
    while let Some(from) = rest.find('<') {
        let to = from + rest[from..].find('>').unwrap();
        let tag = &rest[from + 1..to];
        rest = &rest[to + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let name: String = tag
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        assert!(!name.is_empty(), "an unescaped `<` before {rest:.60}");
        let mut attributes = BTreeMap::new();
        let mut words = tag[name.len()..].trim_end_matches('/');
        while let Some((key, behind)) = words.split_once("=\"") {
            let (value, behind) = behind.split_once('"').unwrap();
            attributes.insert(key.trim().to_string(), value.to_string());
            words = behind;
        }
        if tag.ends_with('/') {
            assert!(SELF_CLOSED.contains(&name.as_str()), "{tag}");
        } else if !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        all.push((name, attributes));
    }
    assert_eq!(open, Vec::<String>::new(), "left open");
    all
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = written().page.to_lowercase();
    for foreign in [
        "<script",
        "http:",
        "https:",
        "//",
        "url(",
        "@import",
        "<link",
        "<img",
        "<iframe",
        "javascript",
        "onload",
        "onclick",
    ] {
        let found = page.match_indices(foreign).count();
        assert_eq!(found, 0, "{foreign}");
    }
    assert!(page.starts_with("<!doctype html>"));
    assert!(page.contains("<html lang=\"en\">") && page.contains("name=\"viewport\""));
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("@media print"));
}

#[test]
fn what_comes_from_outside_is_escaped() {
    let page = written().page;
    for bad in [
        "<numbers>",
        "<b>itself",
        "<more>",
        "donor <i>",
        "Some & Model",
    ] {
        assert!(!page.contains(bad), "{bad}");
    }
    for good in [
        "made-up &lt;numbers&gt;",
        "Some &amp; Model",
        "donor &lt;i&gt;",
        "acceptor &amp; &lt;more&gt;",
    ] {
        assert!(page.contains(good), "{good}");
    }
}

#[test]
fn a_source_of_several_published_numbers_is_told_once() {
    let page = written().page;
    assert!(page.contains("<small>published, same source</small>"));
    assert_eq!(page.matches("published: invented, table 3").count(), 1);
}

#[test]
fn tags_are_paired_ids_unique_and_every_figure_says_what_it_shows() {
    let written = written();
    let body = written.page.split_once("<body>").unwrap().1;
    let page = body.split_once("</body>").unwrap().0;
    let tags = tags(page);
    let ids: Vec<&String> = tags.iter().filter_map(|(_, a)| a.get("id")).collect();
    let known: HashSet<&String> = ids.iter().copied().collect();
    assert_eq!(ids.len(), known.len(), "an id stands twice");
    let mut figures = 0;
    for (name, attributes) in &tags {
        if name == "svg" && !attributes.contains_key("aria-hidden") {
            assert_eq!(attributes["role"], "img");
            for id in attributes["aria-labelledby"].split(' ') {
                assert!(known.contains(&id.to_string()), "{id}");
            }
            figures += 1;
        }
        if let Some(target) = attributes.get("href") {
            assert!(known.contains(&target[1..].to_string()), "{target}");
        }
        if name == "th" {
            assert!(attributes.contains_key("scope"));
        }
    }
    // Two tasks with results, dev, loss, rank, reintroductions and two rank maps each.
    assert_eq!(figures, 14);
    let number = |figure: &str| page.matches(figure).count();
    assert_eq!(number("<figure>"), 14);
    assert_eq!(number("<figcaption>"), 14);
}

#[test]
fn the_structure_is_this() {
    let page = written().page;
    let headings: Vec<&str> = page
        .split("<h2>")
        .skip(1)
        .map(|rest| rest.split_once("</h2>").unwrap().0)
        .collect();
    assert_eq!(
        headings,
        [
            "Read this first",
            "Findings",
            "All tasks",
            "invented_promoter",
            "invented_splice",
            "absent",
            "How it was run",
            "What the numbers are",
            "How to repeat it"
        ]
    );
    let figures: Vec<&str> = page
        .split("<h3>")
        .skip(1)
        .take(7)
        .map(|rest| rest.split_once("</h3>").unwrap().0)
        .collect();
    assert_eq!(
        figures,
        [
            "Test MCC by method",
            "Dev MCC over steps",
            "Training loss over steps",
            "Rank over steps: triplets alive",
            "Triplets that came back to life",
            "Final rank by module: adalora",
            "Final rank by module: adaptive_rank_sampling"
        ]
    );
}

#[test]
fn holes_are_shown_with_what_fills_them() {
    let page = written().page;
    for expected in [
        "3 tasks \u{d7} 5 methods \u{d7} 3 seeds: 26 of 45 cells finished",
        "lingo-pipe run pipelines/made-up.yaml --only invented_splice --methods full --seeds 1,2,3",
        "adalora: seed 3 not run; to fill: <code>lingo-pipe run pipelines/made-up.yaml --only invented_splice --methods adalora --seeds 3",
        "Not run: data/absent/train.csv is not there.",
        "<td class=\"n\">2 of 3</td>",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    // What has no data says so once, without a table.
    let absent = page
        .split_once("<h2>absent</h2>")
        .unwrap()
        .1
        .split_once("</section>")
        .unwrap()
        .0;
    assert!(
        !absent.contains("<table") && !absent.contains("<details"),
        "{absent}"
    );
    // AdaLoRA's 2.15 % and full fine-tuning's share are flagged in the first task, AdaLoRA's again in the second.
    assert_eq!(page.matches("\u{2265} 2 %</span>").count(), 3);
}

#[test]
fn the_page_says_the_mean_of_the_cells() {
    let written = written();
    let values: Vec<f64> = [1, 2, 3]
        .iter()
        .map(|seed| {
            let path = format!("invented_promoter/lora/seed-{seed}/metrics.json");
            let text = std::fs::read_to_string(written.folder.path().join(path)).unwrap();
            serde_json::from_str::<CellMetrics>(&text)
                .unwrap()
                .test
                .get("mcc")
                .unwrap()
        })
        .collect();
    let mean = values.iter().sum::<f64>() / 3.0;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    let cell = format!("{mean:.3}<span class=\"sd\"> \u{b1} {deviation:.3}</span>");
    // In the overview and in the task's own table.
    assert_eq!(written.page.matches(&cell).count(), 2, "{cell}");
}

#[test]
fn the_table_has_a_row_for_each_cell_and_split() {
    let written = written();
    for name in ["metrics.csv", "metrics.parquet"] {
        let table = lingo_artifact::table::read(&written.folder.path().join(name)).unwrap();
        assert_eq!(table.height(), 2 * 26, "{name}");
        assert_eq!(table.strings("pipeline").unwrap()[0], "made-up <numbers>");
        assert_eq!(table.strings("split").unwrap()[..2], ["dev", "test"]);
        assert_eq!(table.u64s("n").unwrap()[0], 200);
        for column in ["mcc", "auroc", "trainable_share", "seconds", "mcc_low"] {
            assert!(table.has(column), "{name}: {column}");
        }
        let share = table.f32s("trainable_share").unwrap()[0];
        assert!((share - 770.0 / 23_045_764.0).abs() < 1e-9, "{share}");
        assert_eq!(table.u64s("steps").unwrap()[0], 1240);
    }
}

#[test]
fn a_run_of_holes_has_a_report_and_a_broken_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let plan = ReportPlan {
        run: folder.path().to_path_buf(),
        ..written().plan
    };
    report(&plan).unwrap();
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("0 of 45 cells finished") && page.contains("No cell has finished yet"));
    let cell = folder.path().join("invented_promoter/lora/seed-1");
    std::fs::create_dir_all(&cell).unwrap();
    // A cell that was killed while it wrote its log is a hole, not an error.
    std::fs::write(cell.join("train.jsonl"), "{\"step\": 1}\n{\"st").unwrap();
    report(&plan).unwrap();
    std::fs::write(cell.join("metrics.json"), "{").unwrap();
    let error = report(&plan).unwrap_err().to_string();
    assert!(error.contains("metrics.json"), "{error}");
}

#[test]
fn a_plan_reads_back_from_its_json() {
    let plan = written().plan;
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<ReportPlan>(&text).unwrap(), plan);
}

#[test]
fn predicted_values_are_judged_by_their_correlation() {
    use lingo_artifact::prediction::{Prediction, Predictions};
    use lingo_artifact::{Label, LabelKind, Split};
    let folder = tempfile::tempdir().unwrap();
    let rows = [Split::Dev, Split::Test].into_iter().flat_map(|split| {
        [(1.0, 1.5), (2.0, 1.0), (3.0, 4.0)].map(|(truth, said)| Prediction {
            id: truth.to_string(),
            split,
            label: Label::Value(truth),
            logits: vec![said],
        })
    });
    let predictions = Predictions {
        labels: LabelKind::Regression,
        rows: rows.collect(),
    };
    let metrics = lingo_evaluate::score(&predictions, &Default::default(), 0).unwrap();
    let cell = folder.path().join("strength/lora/seed-1");
    std::fs::create_dir_all(&cell).unwrap();
    lingo_artifact::atomic::write_json(&cell.join("metrics.json"), &metrics).unwrap();
    let plan = ReportPlan {
        name: "values".into(),
        run: folder.path().to_path_buf(),
        tasks: vec![lingo_evaluate::TaskInfo {
            name: "strength".into(),
            ..Default::default()
        }],
        methods: vec!["lora".into()],
        seeds: vec![1],
        ..Default::default()
    };
    report(&plan).unwrap();
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    // scipy.stats.pearsonr([1, 2, 3], [1.5, 1, 4])[0] = 0.7777...
    assert!(page.contains("reaches a test Pearson's r of <strong>0.778</strong> with one seed"));
    assert!(page.contains("<th scope=\"col\" class=\"n\">Spearman</th>") && !page.contains("NaN"));
}
