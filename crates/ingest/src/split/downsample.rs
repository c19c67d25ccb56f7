//! Takes training rows out of classes that have too many.

use lingo_artifact::Split;
use lingo_artifact::random::Stream;

use crate::config::downsample::Downsample;
use crate::error::{Error, Result};
use crate::rows::dataset::{DataSet, LeftOut};
use crate::rows::labels::LabelColumn;

/// Takes rows out of train as the plan says, and counts them; says whether there were any.
///
/// # Errors
/// Labels that are no classes.
pub(crate) fn downsample(data: &mut DataSet, plan: &Downsample) -> Result<bool> {
    let LabelColumn::Classes(classes) = &data.labels else {
        let what = match data.labels {
            LabelColumn::Values(_) => "values",
            _ => "several labels at once",
        };
        return Err(Error::Config(format!(
            "`downsample` is for rows of one class each, and these have {what}: remove it"
        )));
    };
    let is_train = |row: &u32| data.splits[*row as usize] == Split::Train;
    let train = data.order.iter().copied().filter(is_train);
    let dropped = dropped(classes, train, plan);
    let rows = dropped.iter().filter(|dropped| **dropped).count() as u64;
    data.order.retain(|row| !dropped[*row as usize]);
    data.left_out.push(LeftOut {
        key: "downsampled",
        rows,
    });
    Ok(rows > 0)
}

/// Of each row, whether it goes; `train` are those that may. The result depends on the rows, their classes and the seed only.
fn dropped(classes: &[u32], train: impl Iterator<Item = u32>, plan: &Downsample) -> Vec<bool> {
    let mut members: Vec<Vec<u32>> = Vec::new();
    for row in train {
        let class = classes[row as usize] as usize;
        if members.len() <= class {
            members.resize_with(class + 1, Vec::new);
        }
        members[class].push(row);
    }
    let there = members.iter().map(|rows| rows.len() as u64);
    let fewest = there.filter(|rows| *rows > 0).min().unwrap_or(0);
    let most = usize::try_from(plan.most(fewest)).unwrap_or(usize::MAX);
    let mut dropped = vec![false; classes.len()];
    let mut stream = Stream::new(plan.seed, "downsample");
    for rows in members.iter_mut().filter(|rows| rows.len() > most) {
        stream.shuffle(rows);
        for row in &rows[most..] {
            dropped[*row as usize] = true;
        }
    }
    dropped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_class_keeps_as_many_rows_as_it_may(
            rows in proptest::collection::vec((0u32..4, any::<bool>()), 1..300),
            most in proptest::option::of(1u64..60), ratio in 1.0f64..5.0, seed: u64,
        ) {
            let plan = Downsample {
                most_per_class: most.and_then(std::num::NonZeroU64::new),
                ratio: most.is_none().then_some(ratio),
                seed,
            };
            prop_assert!(plan.check().is_ok());
            let classes: Vec<u32> = rows.iter().map(|row| row.0).collect();
            let train: Vec<u32> = (0..rows.len() as u32).filter(|i| rows[*i as usize].1).collect();
            let gone = dropped(&classes, train.iter().copied(), &plan);
            prop_assert_eq!(&gone, &dropped(&classes, train.iter().copied(), &plan));
            // What is not of train stays.
            prop_assert!(rows.iter().zip(&gone).all(|(row, gone)| row.1 || !gone));
            let before = |class| train.iter().filter(|i| classes[**i as usize] == class).count() as u64;
            let kept = |class| train.iter().filter(|i| classes[**i as usize] == class && !gone[**i as usize]).count() as u64;
            let fewest = (0..4).map(before).filter(|n| *n > 0).min().unwrap_or(0);
            for class in 0..4 {
                let may = most.unwrap_or((fewest as f64 * ratio).floor() as u64);
                prop_assert_eq!(kept(class), before(class).min(may));
                prop_assert!(kept(class) > 0 || before(class) == 0);
            }
        }
    }

    #[test]
    fn every_row_of_a_class_is_as_likely_to_stay() {
        let classes: Vec<u32> = (0..20).map(|i| u32::from(i >= 5)).collect();
        let mut stayed = [0u32; 20];
        for seed in 0..2000 {
            let plan = Downsample {
                ratio: Some(1.0),
                seed,
                ..Downsample::default()
            };
            for (stayed, gone) in stayed.iter_mut().zip(dropped(&classes, 0..20, &plan)) {
                *stayed += u32::from(!gone);
            }
        }
        assert_eq!(stayed[..5], [2000; 5]);
        // 5 of 15: 667 times of 2000, with a standard deviation of 21.
        let as_often = |n: &u32| n.abs_diff(667) < 105;
        assert!(stayed[5..].iter().all(as_often), "{stayed:?}");
    }
}
