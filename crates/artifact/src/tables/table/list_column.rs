//! Columns of lists, made from slices.

use polars::prelude::*;

/// A column of lists of `u32`.
pub fn u32_list_column<'a>(name: &str, rows: impl ExactSizeIterator<Item = &'a [u32]>) -> Column {
    let mut builder = ListPrimitiveChunkedBuilder::<UInt32Type>::new(
        name.into(),
        rows.len(),
        0,
        DataType::UInt32,
    );
    rows.for_each(|row| builder.append_slice(row));
    builder.finish().into_series().into_column()
}

/// A column of lists of `f32`.
pub fn f32_list_column<'a>(name: &str, rows: impl ExactSizeIterator<Item = &'a [f32]>) -> Column {
    let mut builder = ListPrimitiveChunkedBuilder::<Float32Type>::new(
        name.into(),
        rows.len(),
        0,
        DataType::Float32,
    );
    rows.for_each(|row| builder.append_slice(row));
    builder.finish().into_series().into_column()
}
