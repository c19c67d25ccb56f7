//! Paired differences against SciPy's answers (tests/oracles/evaluate_paired.py), and what must hold of any.

// What helps a test may panic, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

use lingo_artifact::random::Stream;
use lingo_evaluate::paired::comparison::{CONFIDENCE, Comparison, Pair, RESAMPLES, Reading, Unit};
use lingo_evaluate::paired::holm::holm;
use lingo_evaluate::paired::ranks::mean_ranks;
use lingo_evaluate::paired::{bca, distribution, sign_flip, student};
use proptest::prelude::*;
use serde_json::Value;

fn fixture() -> Value {
    let path = format!("{}/tests/fixtures/paired.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().unwrap().iter();
    numbers.map(|n| n.as_f64().unwrap()).collect()
}

fn bounds(value: &Value) -> [f64; 2] {
    numbers(value).try_into().unwrap()
}

fn close(ours: f64, theirs: f64, tolerance: f64, what: &str) {
    assert!(
        (ours - theirs).abs() <= tolerance,
        "{what}: {ours} is not {theirs}"
    );
}

#[test]
fn quantiles_are_scipys() {
    let golden = fixture();
    let normal = golden["normal"].as_array().unwrap();
    let student = golden["student"].as_array().unwrap();
    assert!(normal.len() >= 20 && student.len() >= 40);
    for row in normal {
        let [p, x] = bounds(row);
        close(distribution::normal_quantile(p), x, 1e-9, "normal");
        close(distribution::normal_cdf(x), p, 1e-14, "normal");
    }
    for row in student {
        let row = numbers(row);
        let [confidence, degrees, t] = row[..] else {
            panic!("{row:?}")
        };
        let ours = distribution::student_quantile(confidence, degrees as usize);
        close(ours / t, 1.0, 1e-11, "Student");
    }
}

#[test]
fn t_intervals_and_exact_sign_flips_are_scipys() {
    let golden = fixture();
    let cases = golden["samples"].as_array().unwrap();
    assert!(cases.len() >= 15);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let differences = numbers(&case["differences"]);
        let ours = student::interval(&differences, CONFIDENCE).unwrap();
        for (ours, theirs) in ours.into_iter().zip(bounds(&case["student"])) {
            close(ours, theirs, 1e-12, name);
        }
        let p = sign_flip::p_value(&differences, 1).unwrap();
        close(p, case["p"].as_f64().unwrap(), 1e-12, name);
    }
}

#[test]
fn a_table_is_corrected_as_by_statsmodels_and_ranked_as_by_scipy() {
    let path = format!("{}/tests/fixtures/tables.json", env!("CARGO_MANIFEST_DIR"));
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let tables = golden["holm"].as_array().unwrap();
    assert_eq!(tables.len(), 9);
    for table in tables {
        let ours = holm(&numbers(&table["p"]));
        let theirs = numbers(&table["holm"]);
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            close(ours, theirs, 1e-14, "Holm");
        }
    }
    let tables = golden["ranks"].as_array().unwrap();
    assert_eq!(tables.len(), 5);
    for table in tables {
        let values: Vec<Vec<f64>> = table["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(numbers)
            .collect();
        let theirs = numbers(&table["ranks"]);
        for (ours, theirs) in mean_ranks(&values).into_iter().zip(theirs) {
            close(ours, theirs, 1e-12, "rank");
        }
    }
    assert!(mean_ranks(&[]).is_empty());
}

#[test]
fn tasks_are_won_tied_and_lost() {
    let names = names(4);
    // Equal but for rounding is a tie.
    let runs = vec![
        vec![(0.5, 0.4)],
        vec![(0.3, 0.1), (0.1, 0.3)],
        vec![(0.2, 0.4)],
        vec![(0.3, 0.1)],
    ];
    let tally = Comparison::of(&pairs(&names, &runs)).unwrap().tally();
    assert_eq!((tally.wins, tally.ties, tally.losses), (2, 1, 1));
}

#[test]
fn a_bca_interval_of_given_draws_is_scipys() {
    let golden = fixture();
    let cases = golden["draws"].as_array().unwrap();
    assert!(cases.len() >= 5);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let differences = numbers(&case["differences"]);
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        let mut draws = numbers(&case["draws"]);
        let acceleration = bca::acceleration(&differences);
        let confidence = case["confidence"].as_f64().unwrap();
        let ours = bca::interval_of(&mut draws, mean, acceleration, confidence).unwrap();
        for (ours, theirs) in ours.into_iter().zip(bounds(&case["bca"])) {
            close(ours, theirs, 1e-9, name);
        }
    }
}

#[test]
fn a_bca_interval_is_scipys_but_for_the_draws() {
    let golden = fixture();
    for case in golden["samples"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let differences = numbers(&case["differences"]);
        let theirs = bounds(&case["bca"]);
        let ours = bca::interval(&differences, RESAMPLES, CONFIDENCE, 0).unwrap();
        // The spread of SciPy's own bounds over fifty seeds; ours are one draw more of the same.
        for side in 0..2 {
            let error = bounds(&case["bca_deviation"])[side];
            close(ours[side], theirs[side], 5.0 * error + 1e-9, name);
        }
    }
}

#[test]
fn a_t_interval_holds_the_truth_as_often_as_it_says_and_a_bootstrap_of_few_less_often() {
    // 2,000 samples of 5 from a normal distribution around 0.3.
    let mut stream = Stream::new(5, "coverage");
    let (mut by_t, mut by_bca) = (0, 0);
    for seed in 0..2000 {
        let sample: Vec<f64> = (0..5).map(|_| 0.3 + stream.normal()).collect();
        let holds = |[low, high]: [f64; 2]| u32::from(low <= 0.3 && 0.3 <= high);
        by_t += holds(student::interval(&sample, 0.95).unwrap());
        by_bca += holds(bca::interval(&sample, 500, 0.95, seed).unwrap());
    }
    // 1,900 expected, standard deviation 9.7: four of them either way.
    assert!((1861..=1939).contains(&by_t), "{by_t}");
    assert!(by_bca < 1800, "{by_bca}");
}

/// Pairs of `tasks[t][seed]`: (value, against).
fn pairs<'a>(names: &'a [String], tasks: &[Vec<(f64, f64)>]) -> Vec<Pair<'a>> {
    let all = names.iter().zip(tasks).flat_map(|(name, runs)| {
        let runs = runs.iter().enumerate();
        runs.map(move |(seed, (value, against))| Pair {
            task: name,
            fold: name,
            seed: seed as u64,
            value: *value,
            against: *against,
        })
    });
    all.collect()
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("task-{i}")).collect()
}

fn runs() -> impl Strategy<Value = Vec<Vec<(f64, f64)>>> {
    let value = -1.0f64..1.0;
    let seeds = prop::collection::vec((value.clone(), value), 1..4);
    prop::collection::vec(seeds, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn swapping_the_methods_turns_everything_round(tasks in runs()) {
        let names = names(tasks.len());
        let there = pairs(&names, &tasks);
        let back: Vec<Pair> = there
            .iter()
            .map(|p| Pair { value: p.against, against: p.value, ..*p })
            .collect();
        let (there, back) = (Comparison::of(&there).unwrap(), Comparison::of(&back).unwrap());
        prop_assert_eq!(there.mean, -back.mean);
        prop_assert_eq!(there.p, back.p);
        prop_assert_eq!(there.units, back.units);
        for (there, back) in [(there.student, back.student), (there.bca, back.bca)] {
            match (there, back) {
                (Some(there), Some(back)) => {
                    prop_assert!((there[0] + back[1]).abs() < 1e-12);
                    prop_assert!((there[1] + back[0]).abs() < 1e-12);
                }
                (there, back) => prop_assert_eq!(there, back),
            }
        }
        let turned = match back.reading() {
            Reading::Ahead => Reading::Behind,
            Reading::Behind => Reading::Ahead,
            same => same,
        };
        prop_assert_eq!(there.reading(), turned);
    }

    #[test]
    fn a_gain_on_every_run_moves_mean_and_intervals_by_itself(
        tasks in runs(),
        gain in -0.5f64..0.5,
    ) {
        let names = names(tasks.len());
        let before = pairs(&names, &tasks);
        let after: Vec<Pair> = before
            .iter()
            .map(|p| Pair { value: p.value + gain, ..*p })
            .collect();
        let (before, after) = (Comparison::of(&before).unwrap(), Comparison::of(&after).unwrap());
        prop_assert!((after.mean - before.mean - gain).abs() < 1e-12);
        for (before, after) in [(before.student, after.student), (before.bca, after.bca)] {
            prop_assert_eq!(before.is_some(), after.is_some());
            for (before, after) in before.into_iter().flatten().zip(after.into_iter().flatten()) {
                prop_assert!((after - before - gain).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn p_is_between_two_ways_of_all_and_one(
        differences in prop::collection::vec(-1.0f64..1.0, 1..24),
        seed in 0u64..3,
    ) {
        let p = sign_flip::p_value(&differences, seed).unwrap();
        prop_assert!(p >= sign_flip::smallest(differences.len()) && p <= 1.0, "{}", p);
    }

    #[test]
    fn an_interval_holds_its_mean(differences in prop::collection::vec(-1.0f64..1.0, 2..12)) {
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        let [low, high] = student::interval(&differences, 0.95).unwrap();
        prop_assert!(low < mean && mean < high);
        let [low, high] = bca::interval(&differences, 200, 0.95, 0).unwrap();
        let least = differences.iter().copied().fold(f64::INFINITY, f64::min);
        let most = differences.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // Three times a third of a value may be off by a rounding.
        prop_assert!(least - 1e-12 <= low && low < high && high <= most + 1e-12);
    }
}

#[test]
fn the_unit_is_the_task_from_three_on() {
    let names = names(3);
    let runs = vec![
        vec![(0.5, 0.4), (0.7, 0.4)],
        vec![(0.9, 0.4)],
        vec![(0.1, 0.4)],
    ];
    let three = Comparison::of(&pairs(&names, &runs)).unwrap();
    assert_eq!((three.unit, three.units, three.pairs), (Unit::Task, 3, 4));
    assert_eq!(three.seeds, [0, 1]);
    // 0.2 (of 0.1 and 0.3), 0.5, -0.3.
    close(three.mean, 0.4 / 3.0, 1e-12, "mean of tasks");
    assert_eq!(three.tasks[0].pairs, 2);
    close(three.tasks[0].mean, 0.2, 1e-12, "mean of seeds");
    assert!(!three.clustered);

    let two = Comparison::of(&pairs(&names[..2], &runs[..2])).unwrap();
    assert_eq!((two.unit, two.units), (Unit::Pair, 3));
    close(two.mean, 0.3, 1e-12, "mean of pairs");
    assert!(two.clustered);
    let one = Comparison::of(&pairs(&names[..1], &runs[..1])).unwrap();
    assert_eq!((one.unit, one.units), (Unit::Pair, 2));
    assert!(!one.clustered);
}

#[test]
fn the_folds_of_a_task_are_one_unit() {
    let pair = |task, fold, value| Pair {
        task,
        fold,
        seed: 1,
        value,
        against: 0.0,
    };
    let folds = ["left.fold-1", "left.fold-2", "left.fold-3"];
    let mut pairs: Vec<Pair> = folds.iter().map(|fold| pair("left", fold, 0.3)).collect();
    // A second seed of one fold does not make that fold count twice.
    pairs.push(Pair {
        seed: 2,
        value: 0.9,
        ..pairs[0]
    });
    let alone = Comparison::of(&pairs).unwrap();
    assert_eq!((alone.unit, alone.units), (Unit::Pair, 4));
    assert!(alone.clustered);
    close(alone.tasks[0].mean, 0.4, 1e-12, "mean of folds");
    pairs.push(pair("right", "right", 0.1));
    pairs.push(pair("up", "up", 0.1));
    let three = Comparison::of(&pairs).unwrap();
    assert_eq!((three.unit, three.units, three.pairs), (Unit::Task, 3, 6));
    close(three.mean, 0.2, 1e-12, "mean of tasks");
}

#[test]
fn what_has_no_spread_has_no_interval() {
    assert_eq!(Comparison::of(&[]), None);
    let names = names(4);
    // The differences are equal but for rounding.
    for values in [
        vec![(0.3, 0.1)],
        vec![(0.3, 0.1), (0.5, 0.3), (0.4, 0.2), (0.2, 0.0)],
        vec![(0.7, 0.7); 4],
    ] {
        let n = values.len();
        let runs: Vec<Vec<(f64, f64)>> = values.into_iter().map(|v| vec![v]).collect();
        let found = Comparison::of(&pairs(&names[..n], &runs)).unwrap();
        assert_eq!((found.student, found.bca), (None, None));
        assert_eq!(found.reading(), Reading::NoInterval);
        assert!(found.mean.is_finite());
        let expected = if found.mean == 0.0 {
            1.0
        } else {
            sign_flip::smallest(n)
        };
        assert_eq!(found.p, expected);
    }
}

#[test]
fn ahead_and_behind_are_said_where_both_intervals_leave_out_zero() {
    let names = names(6);
    let of = |differences: [f64; 6]| {
        let runs: Vec<Vec<(f64, f64)>> = differences.iter().map(|d| vec![(*d, 0.0)]).collect();
        Comparison::of(&pairs(&names, &runs)).unwrap().reading()
    };
    assert_eq!(of([0.1, 0.2, 0.15, 0.1, 0.12, 0.2]), Reading::Ahead);
    assert_eq!(of([-0.1, -0.2, -0.15, -0.1, -0.12, -0.2]), Reading::Behind);
    let mixed = of([0.1, -0.2, 0.15, -0.1, 0.12, 0.2]);
    assert_eq!(mixed, Reading::NotDistinguishable);
    // Two units: the bootstrap knows no value below the lower one, Student's t does.
    let two: Vec<Vec<(f64, f64)>> = vec![vec![(0.1, 0.0)], vec![(0.2, 0.0)]];
    let two = Comparison::of(&pairs(&names[..2], &two)).unwrap();
    assert!(two.bca.unwrap()[0] > 0.0 && two.student.unwrap()[0] < 0.0);
    assert_eq!(two.reading(), Reading::NotDistinguishable);
}
