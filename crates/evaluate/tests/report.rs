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
    let (mut figures, mut files) = (0, 0);
    for (name, attributes) in &tags {
        if name == "svg" && !attributes.contains_key("aria-hidden") {
            assert_eq!(attributes["role"], "img");
            for id in attributes["aria-labelledby"].split(' ') {
                assert!(known.contains(&id.to_string()), "{id}");
            }
            figures += 1;
        }
        match attributes.get("href").map(|target| target.split_at(1)) {
            Some(("#", target)) => assert!(known.contains(&target.to_string()), "{target}"),
            Some((first, rest)) => {
                let file = format!("{first}{rest}");
                assert!(file.starts_with("figures/"), "{file}");
                assert!(written.folder.path().join(&file).is_file(), "{file}");
                files += 1;
            }
            None => {}
        }
        if name == "th" {
            assert!(attributes.contains_key("scope"));
        }
    }
    // Results against parameters and time; of two tasks results, confusion, calibration, dev, loss, rank, reintroductions, and
    // of two methods each the rank of modules in the end and over steps.
    assert_eq!(figures, 2 + 2 * 11);
    let number = |figure: &str| page.matches(figure).count();
    assert_eq!(number("<figure>"), 24);
    assert_eq!(number("<figcaption>"), 24);
    assert_eq!(files, 2 * 24);
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
            "Not as the run left it",
            "Not all cells were made alike",
            "Read this first",
            "Findings",
            "All tasks",
            "Results against cost",
            "Run times",
            "Differences between methods",
            "Data audit",
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
        .take(13)
        .map(|rest| rest.split_once("</h3>").unwrap().0)
        .collect();
    assert_eq!(
        figures,
        [
            "Mean test MCC against trained parameters",
            "Mean test MCC against training time",
            "Test MCC by method",
            "Truth and prediction: full",
            "Calibration on test",
            "Dev MCC over steps",
            "Training loss over steps",
            "Rank over steps: triplets alive",
            "Triplets that came back to life",
            "Final rank by module: adalora",
            "Final rank by module: adaptive_rank_sampling",
            "Rank over steps by layer and module: adalora",
            "Rank over steps by layer and module: adaptive_rank_sampling"
        ]
    );
}

#[test]
fn many_tasks_are_folded_and_a_link_leads_into_each() {
    let folder = tempfile::tempdir().unwrap();
    let plan = made_up::run_with_more(folder.path(), 4).unwrap();
    report(&plan).unwrap();
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    let tags = tags(page.strip_prefix("<!doctype html>").unwrap());
    let folded = tags.iter().filter(|(name, attributes)| {
        name == "details" && attributes.get("class").is_some_and(|class| class == "task")
    });
    assert_eq!(folded.count(), 7);
    // Every link of the page leads somewhere on it, the contents' too.
    let ids: HashSet<&String> = tags.iter().filter_map(|(_, a)| a.get("id")).collect();
    let links: Vec<&str> = tags
        .iter()
        .filter_map(|(_, a)| a.get("href")?.strip_prefix('#'))
        .collect();
    assert!(links.len() >= 8 + 7, "{links:?}");
    for folded in ["of training in", "The data of 7 tasks</summary>"] {
        assert!(page.contains(folded), "{folded}");
    }
    for link in links {
        assert!(ids.contains(&link.to_owned()), "{link}");
    }
    // A browser opens what holds the target, not what is it.
    for number in 1..=7 {
        assert!(page.contains(&format!("</summary><div id=\"task-{number}\">")));
    }
    assert!(page.contains("Of 6 tasks, the best on dev is"));
    // Not every task is finished by all, so it is said of how many the mean is.
    assert!(page.contains("<small>6 of 7 tasks</small>"));
    assert!(page.contains("<small>5 of 7 tasks</small>"));
}

#[test]
fn what_was_altered_or_made_by_others_stands_in_red_at_the_top() {
    let page = written().page;
    let (top, rest) = page.split_once("<h2>Findings</h2>").unwrap();
    for expected in [
        "<p>1 file of one cell is not what the record of the cell says.",
        "<li>invented_splice/lora/seed-2/metrics.json is not what the run wrote: &lt;no&gt; hash</li>",
        "<li>The cells of lora were made by several devices or kernels: 2 cells by cpu avx2, 4 cells by cpu avx512. Their",
    ] {
        assert!(top.contains(expected), "{expected}: {top}");
    }
    assert!(page.contains(".warnings.red li{color:var(--leak)}"));
    // In the overview, in the table of its task, and at its seed.
    assert_eq!(
        rest.matches("<small class=\"leak\">altered</small>")
            .count(),
        1
    );
    let (_, splice) = rest.split_once("<h2>invented_splice</h2>").unwrap();
    let tag = "<th scope=\"row\">lora <span class=\"tag leak\" title=\"a file is not as the run left it\">altered</span></th>";
    assert_eq!(splice.matches(tag).count(), 2);
    assert_eq!(rest.matches("tag leak").count(), 2);
}

#[test]
fn a_cell_whose_altered_file_cannot_be_read_is_a_hole_and_the_others_are_shown() {
    let Written { plan, folder, .. } = written();
    let cell = folder.path().join("invented_splice/lora/seed-2");
    std::fs::write(cell.join("metrics.json"), "{").unwrap();
    std::fs::write(cell.join("training.json"), "").unwrap();
    report(&plan).unwrap();
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    let command = "<code>lingo-pipe run pipelines/made-up.yaml --only invented_splice --methods lora --seeds 2 --fresh</code>";
    for expected in [
        "25 of 45 cells finished",
        "lora: seed 2 not there; invented_splice/lora/seed-2/metrics.json is not what the run wrote: &lt;no&gt; hash; to fill: ",
        &format!("hash; to fill: {command}"),
        &format!("To make them again: {command}"),
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    // Nobody altered this one, so no page would say what is wrong with it.
    let unread = folder
        .path()
        .join("invented_promoter/head/seed-1/metrics.json");
    std::fs::write(unread, "{").unwrap();
    assert!(report(&plan).is_err());
}

#[test]
fn times_data_and_provenance_have_their_tables() {
    let page = written().page;
    let section = |id: &str| {
        let (_, rest) = page.split_once(&format!("<section id=\"{id}\">")).unwrap();
        rest.split_once("</section>").unwrap().0
    };
    // Six cells of 90, 31.7 times the method and the seed; 1240 steps of 2,000 tokens in 80 seconds.
    assert!(
        section("times").contains("<th scope=\"row\">lora</th><td class=\"n\">6</td><td class=\"n\">2 min 4 s<small>2 min 3 s to 2 min 5 s</small></td><td class=\"n\">12 min 22 s</td><td class=\"n\">31,000</td><td class=\"n\">573 MiB</td>"),
        "{}",
        section("times")
    );
    let data = section("data");
    assert!(
        data.contains("<p class=\"leak\">Leakage: 3 of 3 tasks have rows"),
        "{data}"
    );
    assert!(data.contains("<td class=\"n\">12</td><td class=\"n\">12</td><td class=\"leak\">16 of test in train: the same<br>2 of test in train: reverse complement</td>"), "{data}");
    let how = section("how");
    assert!(
        how.contains("<td>cpu</td><td>avx2</td><td>f32</td><td class=\"n\">2</td><td>lora</td>"),
        "{how}"
    );
    assert!(
        how.contains("data/invented &amp; more.csv</td><td class=\"n\">12,345,678</td><td><code>"),
        "{how}"
    );
}

#[test]
fn figures_are_files_and_those_of_earlier_figures_go() {
    let written = written();
    let folder = written.folder.path().join("figures");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    // What the page shows, and what lies beside it, come from the same cells.
    let confusion = read("invented_promoter.confusion.tsv");
    let mut lines = confusion.lines();
    assert_eq!(lines.next(), Some("truth\tpredicted\trows\tshare_of_truth"));
    let mut sum = 0;
    for seed in 1..=3 {
        let path = format!("invented_promoter/full/seed-{seed}/metrics.json");
        let cell: CellMetrics =
            lingo_artifact::atomic::read_json(&written.folder.path().join(path)).unwrap();
        let lingo_evaluate::Metrics::Classification(test) = cell.test else {
            panic!("classes are predicted");
        };
        sum += test.confusion_matrix[0][0];
    }
    let first = lines.next().unwrap();
    assert!(
        first.starts_with(&format!("other\tother\t{sum}\t0.9")),
        "{first}"
    );
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        match path.extension().unwrap().to_str().unwrap() {
            "svg" => {
                let (_, svg) = text.split_once("?>\n").unwrap();
                tags(svg);
                assert!(svg.contains("xmlns=\"http://www.w3.org/2000/svg\""));
                assert!(!svg.contains("var(") && !svg.contains("class=") && !svg.contains("NaN"));
            }
            "tsv" => {
                let columns = |line: &str| line.matches('\t').count();
                let first = columns(text.lines().next().unwrap());
                assert!(text.lines().count() > 1 && text.lines().all(|l| columns(l) == first));
            }
            other => panic!("{other}"),
        }
    }
    let modified = |name: &str| {
        std::fs::metadata(folder.join(name))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = modified("invented_splice.loss.svg");
    for stray in ["gone.svg", "gone.tsv", "notes.txt", ".gone.svg.Ab12cD"] {
        std::fs::write(folder.join(stray), "x").unwrap();
    }
    std::fs::write(folder.join("invented_splice.dev.tsv"), "half").unwrap();
    report(&written.plan).unwrap();
    let there = ["gone.svg", "gone.tsv", "notes.txt", ".gone.svg.Ab12cD"]
        .map(|stray| folder.join(stray).exists());
    assert_eq!(there, [false, false, true, false]);
    assert!(read("invented_splice.dev.tsv").starts_with("method\tline\tstep\tvalue\n"));
    assert_eq!(modified("invented_splice.loss.svg"), before);
}

/// A run of one task of so many classes, whose every row but some is right.
fn of_classes(folder: &std::path::Path, classes: usize) -> String {
    use lingo_artifact::prediction::{Prediction, Predictions};
    use lingo_artifact::{Label, LabelKind, Split};
    let rows = [Split::Dev, Split::Test].into_iter().flat_map(|split| {
        (0..10 * classes).map(move |i| {
            let truth = i % classes;
            // Of the rows of class 2 three in ten are called 5.
            let said = if truth == 2 && i / classes < 3 {
                5
            } else {
                truth
            };
            Prediction {
                id: i.to_string(),
                split,
                label: Label::Class(truth as u32),
                logits: (0..classes)
                    .map(|c| if c == said { 3.0 } else { 0.0 })
                    .collect(),
            }
        })
    });
    let predictions = Predictions {
        labels: LabelKind::Classes((0..classes).map(|c| format!("class {c}")).collect()),
        rows: rows.collect(),
    };
    let metrics = lingo_evaluate::score(&predictions, &Default::default(), 0).unwrap();
    let cell = folder.join("many/lora/seed-1");
    std::fs::create_dir_all(&cell).unwrap();
    lingo_artifact::atomic::write_json(&cell.join("metrics.json"), &metrics).unwrap();
    let plan = ReportPlan {
        name: "classes".into(),
        run: folder.to_path_buf(),
        tasks: vec![lingo_evaluate::TaskInfo {
            name: "many".into(),
            ..Default::default()
        }],
        methods: vec!["lora".into()],
        seeds: vec![1],
        ..Default::default()
    };
    report(&plan).unwrap();
    std::fs::read_to_string(folder.join("report.html")).unwrap()
}

#[test]
fn up_to_twelve_classes_are_drawn_and_of_more_the_largest_confusions_listed() {
    let folder = tempfile::tempdir().unwrap();
    let page = of_classes(folder.path(), 12);
    assert!(page.contains(
        "<figure class=\"wide\"><h3>Truth and prediction: lora</h3><div class=\"scroll\"><svg"
    ));
    assert!(page.contains("class 2 as class 5: 3;") && page.contains(">30 %</text>"));
    assert!(folder.path().join("figures/many.confusion.svg").is_file());
    let page = of_classes(folder.path(), 13);
    assert!(page.contains("<tr><td>class 2</td><td>class 5</td><td class=\"n\">3 of 10<small>30.0 %</small></td></tr></tbody>"));
    assert!(!folder.path().join("figures/many.confusion.svg").exists());
    let data = std::fs::read_to_string(folder.path().join("figures/many.confusion.tsv")).unwrap();
    assert_eq!(data.lines().count(), 1 + 13 * 13);
    assert!(data.contains("class 2\tclass 5\t3\t0.3\n"));
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

/// The metrics of a cell with this test MCC.
fn with_mcc(mcc: f64) -> CellMetrics {
    use lingo_artifact::prediction::{Prediction, Predictions};
    use lingo_artifact::{Label, LabelKind, Split};
    let rows = [Split::Dev, Split::Test].map(|split| Prediction {
        id: "row".into(),
        split,
        label: Label::Class(0),
        logits: vec![1.0, 0.0],
    });
    let predictions = Predictions {
        labels: LabelKind::Classes(vec!["no".into(), "yes".into()]),
        rows: rows.into(),
    };
    let config = lingo_evaluate::EvaluateConfig {
        resamples: 0,
        ..Default::default()
    };
    let mut metrics = lingo_evaluate::score(&predictions, &config, 0).unwrap();
    if let lingo_evaluate::Metrics::Classification(test) = &mut metrics.test {
        test.mcc = Some(mcc);
    }
    metrics
}

/// A run of four tasks, three methods and two seeds.
struct Matrix {
    plan: ReportPlan,
    folder: tempfile::TempDir,
}

impl Matrix {
    const LORA: [[f64; 2]; 4] = [[0.50, 0.54], [0.60, 0.62], [0.70, 0.70], [0.40, 0.44]];
    const ARS: [[f64; 2]; 4] = [[0.60, 0.62], [0.68, 0.72], [0.76, 0.80], [0.52, 0.56]];
    const HEAD: [[f64; 2]; 4] = [[0.52, 0.50], [0.58, 0.66], [0.72, 0.66], [0.40, 0.46]];

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let task = |i| lingo_evaluate::TaskInfo {
            name: format!("task-{i}"),
            ..Default::default()
        };
        let matrix = Self {
            plan: ReportPlan {
                name: "matrix".into(),
                run: folder.path().to_path_buf(),
                tasks: (1..=4).map(task).collect(),
                methods: ["lora", "ars", "head"].map(String::from).into(),
                seeds: vec![1, 2],
                ..Default::default()
            },
            folder,
        };
        let values = [Self::LORA, Self::ARS, Self::HEAD];
        for (method, tasks) in matrix.plan.methods.iter().zip(values) {
            for (task, seeds) in matrix.plan.tasks.iter().zip(tasks) {
                for (seed, mcc) in matrix.plan.seeds.iter().zip(seeds) {
                    let path = matrix.metrics(&task.name, method, *seed);
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    lingo_artifact::atomic::write_json(&path, &with_mcc(mcc)).unwrap();
                }
            }
        }
        matrix
    }

    fn metrics(&self, task: &str, method: &str, seed: u64) -> std::path::PathBuf {
        let label = lingo_artifact::run_folder::CellFolder::label(task, method, seed);
        self.folder.path().join(label).join("metrics.json")
    }

    /// The section on differences, and the table beside the page.
    fn report(&self) -> (String, lingo_artifact::table::Table) {
        report(&self.plan).unwrap();
        let page = std::fs::read_to_string(self.folder.path().join("report.html")).unwrap();
        assert!(!page.contains("NaN") && !page.contains("inf"));
        let section = page.split_once("<section id=\"differences\">");
        let section = section.map_or("", |(_, rest)| rest.split_once("</section>").unwrap().0);
        let table =
            lingo_artifact::table::read(&self.folder.path().join("differences.csv")).unwrap();
        (section.to_string(), table)
    }
}

#[test]
fn each_of_a_few_methods_is_set_against_each_other_one() {
    let (section, table) = Matrix::new().report();
    assert_eq!(table.strings("method").unwrap(), ["ars", "head", "head"]);
    assert_eq!(table.strings("against").unwrap(), ["lora", "lora", "ars"]);
    assert_eq!(table.strings("unit").unwrap(), ["task"; 3]);
    for (column, expected) in [("units", 4), ("tasks", 4), ("seeds", 2), ("pairs", 8)] {
        assert_eq!(table.u64s(column).unwrap(), [expected; 3], "{column}");
    }
    let readings = ["ahead", "not distinguishable", "behind"];
    assert_eq!(table.strings("reading").unwrap(), readings);
    // scipy.stats.ttest_1samp([.09, .09, .08, .12], 0).confidence_interval() and so on; permutation_test: 0.125.
    for (column, expected) in [
        ("mean_difference", [0.095, 0.0, -0.095]),
        ("t_low", [0.067439207, -0.018373862, -0.115542603]),
        ("t_high", [0.122560793, 0.018373862, -0.074457397]),
        ("sign_flip_p", [0.125, 1.0, 0.125]),
        ("holm_p", [0.375, 1.0, 0.375]),
    ] {
        for (ours, expected) in table.f32s(column).unwrap().iter().zip(expected) {
            assert!(
                (f64::from(*ours) - expected).abs() < 1e-7,
                "{column}: {ours}"
            );
        }
    }
    for (column, expected) in [("wins", [4, 2, 0]), ("ties", [0; 3]), ("losses", [0, 2, 4])] {
        assert_eq!(table.u64s(column).unwrap(), expected, "{column}");
    }
    for expected in [
        "<th scope=\"row\">ars</th><td class=\"n\">1.00</td></tr><tr><th scope=\"row\">lora</th><td class=\"n\">2.50</td>",
        "Mean rank by test MCC over the 4 tasks of which every method has a result, and all were run alike",
        "ars<small>minus lora</small></th><td class=\"n key\">+0.095</td><td class=\"n\">+0.067 to +0.123</td>",
        "<td class=\"n\">0.125<small>0.375</small></td><td class=\"wide\">4 tasks<small>tasks won 4, tied 0, lost 0</small><small>2 seeds, 8 of 8 pairs used</small></td><td><strong>ars</strong> is ahead</td>",
        "<td>not distinguishable</td>",
        // What the task tells: lora's 0.42 and ars's 0.54.
        "<th scope=\"row\">task-4</th><td class=\"n\">+0.120<small>2 pairs</small></td>",
        "each counts once, by the mean over its seeds",
        "From 4 differences p cannot be less than 0.125",
        "of many rows, some are ahead by chance",
    ] {
        assert!(section.contains(expected), "{expected}: {section}");
    }
    assert!(!section.contains("each pair of runs (one task, one seed)"));
    assert!(!section.contains("against the first of the file"));
}

#[test]
fn many_methods_are_set_against_the_first() {
    let written = written();
    let table =
        lingo_artifact::table::read(&written.folder.path().join("differences.csv")).unwrap();
    assert_eq!(table.strings("against").unwrap(), ["head"; 4]);
    let methods = ["lora", "adalora", "adaptive_rank_sampling", "full"];
    assert_eq!(table.strings("method").unwrap(), methods);
    // Two tasks have results: too few to count by.
    assert_eq!(table.strings("unit").unwrap(), ["pair"; 4]);
    assert_eq!(table.u64s("pairs").unwrap(), [6, 5, 6, 3]);
    assert_eq!(table.u64s("not_run").unwrap(), [0, 1, 0, 3]);
    for expected in [
        "<td class=\"wide\">5 pairs of runs<small>tasks won 2, tied 0, lost 0</small><small>2 tasks, 3 seeds, 5 of 6 pairs used; 1 not run</small></td>",
        "<td class=\"wide\">3 pairs of runs<small>tasks won 1, tied 0, lost 0</small><small>1 task, 3 seeds, 3 of 6 pairs used; 3 not run</small></td>",
        "With fewer than 3 tasks, each pair of runs (one task, one seed) is counted.",
        "Pairs of the same task (and folds of it) resemble each other",
        "With more than 4 methods, each is set against the first of the file.",
    ] {
        assert!(written.page.contains(expected), "{expected}");
    }
}

#[test]
fn only_runs_that_differ_in_nothing_but_the_method_are_compared() {
    use lingo_artifact::digest::Digest;
    use lingo_evaluate::report::Conditions;
    let mut matrix = Matrix::new();
    let label = |method: &str| format!("task-1/{method}/seed-1");
    for method in ["lora", "ars", "head"] {
        let under = if method == "lora" { "before" } else { "now" };
        let under = Conditions {
            settings: Digest::of_bytes(under.as_bytes()),
            read: Default::default(),
        };
        matrix.plan.conditions.insert(label(method), under);
    }
    // As many test rows, but others.
    let path = matrix.metrics("task-2", "head", 2);
    let mut metrics: CellMetrics = lingo_artifact::atomic::read_json(&path).unwrap();
    metrics.test_rows = Some(Digest::of_bytes(b"others"));
    lingo_artifact::atomic::write_json(&path, &metrics).unwrap();
    std::fs::remove_file(matrix.metrics("task-3", "ars", 1)).unwrap();
    let (section, table) = matrix.report();
    assert_eq!(table.u64s("pairs").unwrap(), [6, 6, 6]);
    assert_eq!(table.u64s("not_run").unwrap(), [1, 0, 1]);
    assert_eq!(table.u64s("not_alike").unwrap(), [1, 2, 1]);
    assert!(section.contains(
        "2 seeds, 6 of 8 pairs used; 1 not run; 1 run under other settings or data</small>"
    ));
    // Of the first task only seed 2 is left: 0.62 - 0.54.
    assert!(section.contains("task-1</th><td class=\"n\">+0.080<small>1 pair</small>"));
}

#[test]
fn what_cannot_be_compared_has_a_row_that_says_so_and_no_rank() {
    use lingo_artifact::digest::Digest;
    use lingo_evaluate::report::Conditions;
    let mut matrix = Matrix::new();
    for method in &matrix.plan.methods {
        for (task, seed) in (1..=4).flat_map(|task| [(task, 1), (task, 2)]) {
            let metrics = matrix.metrics(&format!("task-{task}"), method, seed);
            let training = lingo_artifact::training::Training {
                trainable_parameters: 10 + method.len() as u64,
                seconds: 5.0 * method.len() as f64,
                ..Default::default()
            };
            lingo_artifact::atomic::write_json(&metrics.with_file_name("training.json"), &training)
                .unwrap();
        }
    }
    let ranked = matrix.report().0;
    assert!(ranked.contains("Mean rank by test MCC"));
    let page = |matrix: &Matrix| {
        std::fs::read_to_string(matrix.folder.path().join("report.html")).unwrap()
    };
    assert!(!page(&matrix).contains("not all run alike"));
    let front = |matrix: &Matrix| {
        let file = matrix.folder.path().join("figures/front.mcc.time.tsv");
        std::fs::read_to_string(file).unwrap()
    };
    assert!(front(&matrix).contains("head"));
    for task in 1..=4 {
        for seed in 1..=2 {
            for method in ["lora", "ars", "head"] {
                // What lora does not read counts between the other two.
                let read: &[(&str, &[u8])] = match method {
                    "lora" => &[],
                    other => &[("dna", other.as_bytes())],
                };
                let read = read.iter();
                let under = Conditions {
                    settings: Digest::of_bytes(b"same"),
                    read: read
                        .map(|(name, is)| (name.to_string(), Digest::of_bytes(is)))
                        .collect(),
                };
                let label = format!("task-{task}/{method}/seed-{seed}");
                matrix.plan.conditions.insert(label, under);
            }
        }
    }
    let (section, table) = matrix.report();
    assert_eq!(table.strings("method").unwrap(), ["ars", "head", "head"]);
    assert_eq!(table.strings("against").unwrap(), ["lora", "lora", "ars"]);
    assert_eq!(table.u64s("pairs").unwrap(), [8, 8, 0]);
    assert_eq!(table.u64s("not_alike").unwrap(), [0, 0, 8]);
    let csv = std::fs::read_to_string(matrix.folder.path().join("differences.csv")).unwrap();
    let row = csv.lines().nth(3).unwrap();
    assert!(
        row.ends_with(",head,ars,,,0,,,,,0.95,,,,0,0,0,0,0,0,0,8,0"),
        "{row}"
    );
    assert!(section.contains(
        "<small>none of 8 pairs used; 8 run under other settings or data</small></td><td>not compared</td>"
    ));
    assert!(!section.contains("Mean rank"));
    assert!(!front(&matrix).contains("head") && front(&matrix).contains("ars"));
    assert!(page(&matrix).contains("the best on dev of methods that were not all run alike"));
}

#[test]
fn seeds_that_are_not_shared_and_one_method_alone_give_no_differences() {
    let mut matrix = Matrix::new();
    matrix.plan.methods.truncate(2);
    for task in 1..=4 {
        let task = format!("task-{task}");
        std::fs::remove_file(matrix.metrics(&task, "lora", 1)).unwrap();
        std::fs::remove_file(matrix.metrics(&task, "ars", 2)).unwrap();
    }
    let (section, table) = matrix.report();
    assert_eq!((section.as_str(), table.height()), ("", 0));
    matrix.plan.methods.truncate(1);
    let (section, table) = matrix.report();
    assert_eq!((section.as_str(), table.height()), ("", 0));
}

#[test]
fn one_pair_has_a_difference_and_no_interval() {
    let mut matrix = Matrix::new();
    matrix.plan.tasks.truncate(1);
    matrix.plan.seeds.truncate(1);
    matrix.plan.methods.truncate(2);
    let (section, table) = matrix.report();
    assert_eq!(table.strings("reading").unwrap(), ["no interval"]);
    assert_eq!(table.u64s("pairs").unwrap(), [1]);
    let csv = std::fs::read_to_string(matrix.folder.path().join("differences.csv")).unwrap();
    let row = csv.lines().nth(1).unwrap();
    assert!(
        row.contains(",pair,1,,,,,0.95,1,1,no interval,1,0,0,1,1,1,0,0,0"),
        "{row}"
    );
    assert!(section.contains("<td>no interval from one pair</td>"));
    assert!(section.contains("<small>1 task, 1 seed, 1 of 1 pair used</small>"));
}

#[test]
fn folds_are_one_task_and_metrics_are_not_mixed() {
    let mut matrix = Matrix::new();
    for task in &mut matrix.plan.tasks[..2] {
        task.fold_of = Some("crossed".into());
    }
    let (section, table) = matrix.report();
    assert_eq!(table.u64s("tasks").unwrap(), [3; 3]);
    assert_eq!(table.u64s("pairs").unwrap(), [8; 3]);
    assert!(section.contains("crossed</th><td class=\"n\">+0.090<small>4 pairs</small>"));

    // The third and the fourth task predict values.
    for method in ["lora", "ars", "head"] {
        for (task, seed) in [(3, 1), (3, 2), (4, 1), (4, 2)] {
            let last = if method == "ars" {
                3.0
            } else {
                1.0 + f64::from(seed)
            };
            let values = lingo_evaluate::metrics::values::Values {
                truth: vec![1.0, 2.0, 3.0],
                predicted: vec![1.0, 2.0, last],
            };
            let metrics = values.metrics();
            let mut cell = with_mcc(0.0);
            cell.test = lingo_evaluate::Metrics::Regression(metrics);
            let path = matrix.metrics(&format!("task-{task}"), method, seed as u64);
            lingo_artifact::atomic::write_json(&path, &cell).unwrap();
        }
    }
    let (section, table) = matrix.report();
    let metrics = ["mcc", "mcc", "mcc", "pearson", "pearson", "pearson"];
    assert_eq!(table.strings("metric").unwrap(), metrics);
    assert_eq!(table.strings("unit").unwrap(), ["pair"; 6]);
    assert!(section.contains("Test Pearson's r of one method minus that of another"));
    // Two tables each, and the ranks of the two tasks with values.
    assert_eq!(section.matches("<table>").count(), 5);
}
