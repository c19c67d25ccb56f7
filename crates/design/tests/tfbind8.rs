//! The complete landscape of TF Bind 8: what ridge regression, the exhaustive minimiser of both losses and chance come to,
//! against values that were computed with numpy. Needs `LINGO_REAL_DATA`, the folder that holds
//! `tfbind8/tfbind8_six6.tsv`; without it nothing is tested.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

use std::path::PathBuf;
use std::sync::Arc;

use lingo_artifact::progress::{Silent, StopFlag};
use lingo_design::design::design;
use lingo_design::features::Features;
use lingo_design::features::kmers::KmerCounts;
use lingo_design::features::one_hot::OneHot;
use lingo_design::outcome::{Landscape, metrics};
use lingo_design::prepare::Prepared;
use lingo_design::request::Request;
use lingo_design::sequences::constraints::Constraints;
use lingo_design::sequences::known::{Columns, Known};
use lingo_design::settings::Method;

struct TfBind8 {
    all: Known,
    landscape: Landscape,
}

impl TfBind8 {
    fn read() -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os("LINGO_REAL_DATA")?);
        let columns = Columns {
            sequence: "sequence",
            score: "score",
        };
        let all = Known::read(&folder.join("tfbind8/tfbind8_six6.tsv"), columns, None).unwrap();
        assert_eq!(all.len(), 65_536);
        Some(Self {
            landscape: Landscape::new(&all),
            all,
        })
    }

    fn prepared(&self, lowest: usize, features: Arc<dyn Features>) -> Prepared {
        let mut rows = self.all.by_score();
        rows.truncate(lowest);
        let known = Arc::new(self.all.select(&rows));
        Prepared::new(features, known).unwrap()
    }

    /// Largest and median score of 128 designs.
    fn run(&self, method: &str, prepared: &Prepared, seed: u64) -> [f64; 2] {
        let method: Method = serde_json::from_str(method).unwrap();
        let designs = design(&Request {
            method: &method,
            prepared,
            constraints: &Constraints::default(),
            count: 128,
            seed,
            progress: &Silent,
            stop: &StopFlag::default(),
        });
        let found = metrics(&designs.unwrap().designs, Some(&self.landscape));
        ["max_128", "median_128"].map(|key| found[key].as_f64().unwrap())
    }
}

#[test]
fn ridge_and_the_exhaustive_minimiser_come_to_what_numpy_found() {
    let Some(data) = TfBind8::read() else { return };
    let loss = |direction: &str| {
        format!(
            r#"{{"exhaustive": {{"features": {{"kmers": {{}}}}, "direction": "{direction}"}}}}"#
        )
    };
    let ridge = r#"{"ridge": {}}"#.to_string();
    let kmers = |k| Arc::new(KmerCounts::new(k, 8).unwrap()) as Arc<dyn Features>;
    let three = kmers(3);
    let by_place = Arc::new(KmerCounts::by_place(3, 8).unwrap()) as Arc<dyn Features>;
    let [bases, pairs] =
        [false, true].map(|pairs| Arc::new(OneHot::new(8, pairs)) as Arc<dyn Features>);
    for (lowest, features, method, expected) in [
        (5_000, &three, &ridge, [1.000, 0.831]),
        (32_768, &three, &ridge, [0.979, 0.894]),
        (5_000, &kmers(4), &ridge, [0.918, 0.632]),
        (32_768, &kmers(4), &ridge, [0.960, 0.774]),
        (5_000, &bases, &ridge, [0.949, 0.672]),
        (32_768, &bases, &ridge, [0.949, 0.701]),
        (5_000, &pairs, &ridge, [0.979, 0.830]),
        (32_768, &pairs, &ridge, [0.979, 0.883]),
        (5_000, &by_place, &ridge, [0.883, 0.627]),
        (32_768, &by_place, &ridge, [0.979, 0.897]),
        (5_000, &three, &loss("forward"), [1.000, 0.831]),
        (5_000, &three, &loss("both"), [1.000, 0.856]),
        (5_000, &three, &loss("backward"), [0.979, 0.894]),
        (5_000, &pairs, &loss("forward"), [0.979, 0.835]),
        (5_000, &pairs, &loss("both"), [0.979, 0.835]),
        (5_000, &pairs, &loss("backward"), [0.971, 0.774]),
        (5_000, &by_place, &loss("forward"), [0.887, 0.641]),
        (5_000, &by_place, &loss("both"), [0.883, 0.641]),
        (5_000, &by_place, &loss("backward"), [0.973, 0.853]),
        (32_768, &three, &loss("forward"), [0.979, 0.894]),
        (32_768, &three, &loss("both"), [0.979, 0.896]),
        (32_768, &three, &loss("backward"), [0.973, 0.895]),
        (32_768, &pairs, &loss("forward"), [0.979, 0.883]),
        (32_768, &pairs, &loss("both"), [0.979, 0.882]),
        (32_768, &pairs, &loss("backward"), [0.971, 0.762]),
        (32_768, &by_place, &loss("forward"), [0.979, 0.893]),
        (32_768, &by_place, &loss("both"), [0.979, 0.893]),
        (32_768, &by_place, &loss("backward"), [0.973, 0.876]),
    ] {
        let width = features.width();
        let found = data.run(method, &data.prepared(lowest, features.clone()), 1);
        for (found, expected) in found.iter().zip(expected) {
            let rounded = (found * 1000.0).round() / 1000.0;
            assert_eq!(rounded, expected, "{lowest} {width} {method}: {found}");
        }
    }
}

#[test]
fn chance_has_a_good_largest_and_a_poor_median() {
    let Some(data) = TfBind8::read() else { return };
    let prepared = data.prepared(5_000, Arc::new(KmerCounts::new(3, 8).unwrap()));
    let draws = 200;
    let mut sums = [0.0; 2];
    for seed in 0..draws {
        let found = data.run(r#"{"random": {}}"#, &prepared, seed);
        sums.iter_mut()
            .zip(found)
            .for_each(|(sum, x)| *sum += x / draws as f64);
    }
    // Of 65,536 sequences: 0.938 and 0.439; the means of 200 draws of either have a standard error below 0.003.
    assert!(
        (sums[0] - 0.938).abs() < 0.01 && (sums[1] - 0.439).abs() < 0.005,
        "{sums:?}"
    );
}
