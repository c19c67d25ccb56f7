//! Whether probabilities are as often right as they say: the calibration curve of each method.

use std::fmt::Write as _;

use crate::metrics::calibration::{BINS, CalibrationBin, bin};
use crate::metrics::numbers::Metrics;
use crate::report::data::summary::MethodSummary;
use crate::report::data::task::TaskResults;
use crate::report::figures::chart::{Line, Weight, draw};
use crate::report::figures::figure::{Figure, Shown, open};
use crate::report::figures::key::of_lines;
use crate::report::figures::plane::{Axis, BASE, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axes};
use crate::report::figures::scale::Scale;
use crate::report::figures::tsv::{Tsv, number};
use crate::report::html::{escape, fixed};

/// The curves of all methods, each over the test rows of its seeds; nothing where no class is predicted.
pub fn reliability(task: &TaskResults) -> Option<Figure> {
    let mut data = Tsv::new(&["method", "rows", "predicted", "observed"]);
    let (mut lines, mut said) = (Vec::new(), Vec::new());
    for method in &task.methods {
        let curve = pooled(curves(method));
        if curve.is_empty() {
            continue;
        }
        for bin in &curve {
            let [p, o] = [bin.predicted, bin.observed].map(|v| number(Some(v)));
            data.row(&[method.method.to_string(), bin.n.to_string(), p, o]);
        }
        if let Some(ece) = method.test("ece") {
            said.push(format!("{}: {}", method.method, fixed(ece.mean, 3)));
        }
        lines.push(Line {
            style: method.style,
            weight: Weight::Main,
            of: "curve".into(),
            points: curve.iter().map(|b| (b.predicted, b.observed)).collect(),
        });
    }
    if lines.is_empty() {
        return None;
    }
    let of = of_what(task)?;
    let title = "Calibration on test";
    let caption = format!(
        "{of} against the share of rows of which it is true, in {BINS} bins of equal width, all seeds together; on the dotted line they are the same. Expected calibration error: {}.",
        escape(&said.join(", "))
    );
    Some(Figure {
        name: format!("{}.calibration", task.info.name),
        title: title.into(),
        shown: Shown::Drawing(svg(task, title, &said, &lines)),
        caption,
        key: of_lines(task, &lines),
        data,
    })
}

/// The probability that the curve is about.
fn of_what(task: &TaskResults) -> Option<String> {
    let first = task.methods.iter().flat_map(MethodSummary::done).next()?;
    let Metrics::Classification(metrics) = &first.test else {
        return None;
    };
    Some(match metrics.per_class.as_slice() {
        _ if metrics.confusion_matrix.is_empty() => "Mean probability of the labels".into(),
        [_, second] => format!("Mean probability of {}", escape(&second.name)),
        _ => "Mean probability of the class that is predicted".into(),
    })
}

/// The curve of the rows of all seeds.
fn pooled<'c>(curves: impl Iterator<Item = &'c [CalibrationBin]>) -> Vec<CalibrationBin> {
    let mut sums = [(0u64, 0.0, 0.0); BINS];
    for b in curves.flatten() {
        // The mean of probabilities of one bin lies in that bin.
        let (n, predicted, observed) = &mut sums[bin(b.predicted)];
        *n += b.n;
        *predicted += b.n as f64 * b.predicted;
        *observed += b.n as f64 * b.observed;
    }
    let filled = sums.iter().filter(|(n, ..)| *n > 0);
    filled
        .map(|(n, predicted, observed)| CalibrationBin {
            n: *n,
            predicted: predicted / *n as f64,
            observed: observed / *n as f64,
        })
        .collect()
}

/// The curve of each finished cell.
fn curves<'s>(method: &'s MethodSummary) -> impl Iterator<Item = &'s [CalibrationBin]> {
    method.done().filter_map(|cell| match &cell.test {
        Metrics::Classification(metrics) => Some(metrics.calibration.as_slice()),
        Metrics::Regression(_) => None,
    })
}

fn svg(task: &TaskResults, title: &str, said: &[String], lines: &[Line]) -> String {
    let x = Scale::new((0.0, 1.0), (LEFT, RIGHT));
    let y = Scale::new((0.0, 1.0), (BASE, TOP));
    let marks = |scale: &Scale| {
        let fifths = (0..=5).map(|i| f64::from(i) / 5.0);
        let marks = fifths.map(|v| (scale.place(v), fixed(v, 1)));
        marks.collect::<Vec<_>>()
    };
    let id = format!("{}-calibration", task.id);
    let description = format!("Expected calibration error: {}.", said.join("; "));
    let mut out = open(&id, title, &description, WIDTH, HEIGHT);
    let axis = Axis {
        label: "mean probability that was predicted",
        marks: marks(&x),
    };
    axes(&mut out, &axis, &marks(&y));
    let _ = write!(
        out,
        "<path class=\"ref\" d=\"M{LEFT} {BASE}L{RIGHT} {TOP}\"/>"
    );
    for line in lines {
        draw(&mut out, line, &x, &y);
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::calibration::Bins;

    #[test]
    fn seeds_are_pooled_as_if_their_rows_were_one_set() {
        let rows = |seed: usize| {
            let p: Vec<f64> = (0..200)
                .map(|i| ((i * 37 + seed * 11) % 200) as f64 / 199.0)
                .collect();
            let t: Vec<bool> = (0..200).map(|i| (i * 7 + seed).is_multiple_of(3)).collect();
            (p, t)
        };
        let (mut all_p, mut all_t) = rows(1);
        let curves = [1, 2].map(|seed| {
            let (p, t) = rows(seed);
            Bins::of(&p, &t).curve()
        });
        let (p, t) = rows(2);
        all_p.extend(p);
        all_t.extend(t);
        let expected = Bins::of(&all_p, &all_t).curve();
        let found = pooled(curves.iter().map(Vec::as_slice));
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(&expected) {
            assert_eq!(a.n, b.n);
            assert!((a.predicted - b.predicted).abs() < 1e-12);
            assert!((a.observed - b.observed).abs() < 1e-12);
        }
    }
}
