//! Every class must be there to be learnt.

use lingo_artifact::{LabelKind, Split};

use crate::error::{Error, Result};
use crate::rows::dataset::DataSet;
use crate::rows::labels::LabelColumn;

/// Makes sure that training sees every class.
///
/// # Errors
/// The classes without a training row.
pub(crate) fn check_train(data: &DataSet) -> Result<()> {
    let (LabelKind::Classes(names), LabelColumn::Classes(labels)) = (&data.kind, &data.labels)
    else {
        return Ok(());
    };
    let mut elsewhere = vec![0u64; names.len()];
    let mut in_train = vec![false; names.len()];
    for row in &data.order {
        let (split, class) = (data.splits[*row as usize], labels[*row as usize] as usize);
        elsewhere[class] += u64::from(split != Split::Train);
        in_train[class] |= split == Split::Train;
    }
    match in_train.iter().position(|there| !there) {
        None => Ok(()),
        Some(class) => Err(Error::Data(format!(
            "train has no row of the class `{}` (dev and test have {}); split in another way, or leave the class out",
            names[class], elsewhere[class]
        ))),
    }
}
