//! Dropout of a matrix whose rows stand somewhere in a padded batch.

use crate::dropout::kept::Kept;
use crate::simd::vector::Simd;

/// The dropout of a matrix' values; `places[row]` is where a row's first decision stands.
#[derive(Clone, Copy)]
pub(crate) struct Mask<'a> {
    pub kept: &'a Kept,
    pub places: &'a [usize],
}

/// `v`, the values of a row from `column` on, with the dropped ones zero.
///
/// # Safety
/// As [`Simd`]'s methods; `mask` has a place for `row` and a decision for `column`.
#[inline(always)]
pub(crate) unsafe fn masked<S: Simd>(
    v: S::V,
    mask: Option<Mask>,
    row: usize,
    column: usize,
) -> S::V {
    match mask {
        Some(mask) => unsafe {
            S::keep(v, mask.kept.word(*mask.places.get_unchecked(row) + column))
        },
        None => v,
    }
}

/// What kept values are multiplied by.
pub(crate) fn scale(mask: Option<Mask>) -> f32 {
    mask.map_or(1.0, |mask| mask.kept.scale())
}

/// Where each row's first decision stands in dropout over `[rows, width]`.
pub(crate) fn places(rows: &[usize], width: usize) -> Vec<usize> {
    rows.iter().map(|row| row * width).collect()
}

/// The dropout of a tensor, where there is one, for rows that stand at `places`.
pub(crate) fn mask<'a>(kept: &'a Option<Kept>, places: &'a [usize]) -> Option<Mask<'a>> {
    kept.as_ref().map(|kept| Mask { kept, places })
}
