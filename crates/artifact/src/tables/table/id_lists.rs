//! A Parquet column of lists of ids, straight from the lists.
//!
//! polars' writer asks for the levels of nested columns value by value, which took as long as compressing them. For lists without nulls
//! they are known beforehand: each list repeats (level 1) behind its first id (level 0), every id is there (definition level 3), and an empty
//! list is a place without an id (level 1). Format: the Apache Parquet specification, "Nested Encoding", "RLE / Bit-Packing Hybrid" and
//! "Dictionary Encoding"; the values are places in a sorted dictionary.

use std::io::Write;
use std::path::Path;

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::*;
use polars_parquet::parquet::CowBuffer;
use polars_parquet::parquet::encoding::Encoding;
use polars_parquet::parquet::error::ParquetError;
use polars_parquet::parquet::metadata::Descriptor;
use polars_parquet::parquet::page::{DataPage, DataPageHeader, DataPageHeaderV1, DictPage};
use polars_parquet::write::{
    CompressedPage, CompressionOptions, Page, StatisticsOptions, Version, WriteOptions,
    array_to_columns, compress, get_dtype_encoding,
};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::tables::table::list_column::u32_list_column;
use crate::tables::table::parquet::{compression, parquet_writer, write_failure};

/// Rows of a row group: the number that polars takes too.
const GROUP: usize = 1 << 18;
/// About how many ids a page holds; one thread compresses a page at a time.
const PAGE: usize = 1 << 17;
/// Columns with an id from here on are left to polars: no vocabulary is so large, and the table of places would be.
const MOST: u32 = 1 << 24;

/// Definition level of an id that is present: list, item and id are optional, one within another, and all three exist.
const PRESENT: u8 = 3;
/// Definition level of a list that exists and is empty.
const EMPTY: u8 = 1;

/// Writes a frame with a column of lists as Parquet. The column `name` stands behind the first `at` columns of `frame`.
///
/// # Errors
/// [`Error::Io`], [`Error::Invalid`].
pub(crate) fn write<W: Write>(
    out: W,
    path: &Path,
    frame: &DataFrame,
    (name, at): (&str, usize),
    lists: &[&[u32]],
    metadata: &str,
) -> Result<()> {
    let failed = |e: PolarsError| Error::io("write", path)(write_failure(e));
    let with = |mut frame: DataFrame, lists: &[&[u32]]| {
        let column = u32_list_column(name, lists.iter().copied());
        frame.insert_column(at, column).map_err(failed)?;
        Ok::<DataFrame, Error>(frame)
    };
    let dictionary = Dictionary::of(lists);
    let schema = with(frame.head(Some(0)), &[])?;
    // polars wants statistics of all columns or of none, and nobody searches a file by its smallest id.
    let mut writer = parquet_writer(out, metadata)
        .with_statistics(StatisticsOptions::empty())
        .batched(schema.schema())
        .map_err(failed)?;
    let Some(dictionary) = dictionary else {
        let mut whole = with(frame.clone(), lists)?;
        writer.write_batch(whole.rechunk_mut()).map_err(failed)?;
        return writer.finish().map(|_| ()).map_err(failed);
    };
    for start in (0..lists.len()).step_by(GROUP) {
        let rows = GROUP.min(lists.len() - start);
        let of_group = &lists[start..start + rows];
        let frame = frame.slice(start as i64, rows);
        write_group(&mut writer, &frame, at, of_group, &dictionary)
            .map_err(|e| failed(PolarsError::from(e)))?;
    }
    writer.finish().map(|_| ()).map_err(failed)
}

fn write_group<W: Write>(
    writer: &mut BatchedWriter<W>,
    frame: &DataFrame,
    at: usize,
    lists: &[&[u32]],
    dictionary: &Dictionary,
) -> std::result::Result<(), ParquetError> {
    let options = WriteOptions {
        statistics: StatisticsOptions::empty(),
        compression: compression().into(),
        version: Version::V1,
        data_page_size: None,
    };
    let other = |e: PolarsError| ParquetError::OutOfSpec(e.to_string());
    let schema = writer.parquet_schema().clone();
    let mut group: Vec<Vec<CompressedPage>> = Vec::new();
    let mut columns = frame.columns().iter();
    for (i, field) in schema.fields().iter().enumerate() {
        if i == at {
            // A list has one leaf, and so has every column before it.
            let leaf = &schema.columns()[group.len()];
            group.push(dictionary.pages(lists, &leaf.descriptor, options.compression)?);
            continue;
        }
        let Some(column) = columns.next() else {
            continue;
        };
        let series = column.as_materialized_series().rechunk();
        let array = series.to_arrow(0, CompatLevel::newest());
        let encodings = get_dtype_encoding(array.dtype());
        for pages in array_to_columns(array, field.clone(), options, &encodings).map_err(other)? {
            let pages =
                pages.map(|page| compress(page.map_err(other)?, Vec::new(), options.compression));
            group.push(pages.collect::<std::result::Result<_, _>>()?);
        }
    }
    writer
        .write_row_group(lists.len() as u64, &group)
        .map_err(other)
}

/// The ids that occur.
struct Dictionary {
    /// In order.
    ids: Vec<u32>,
    /// For each id up to the largest its place among them.
    places: Vec<u32>,
}

impl Dictionary {
    /// `None` when an id is [`MOST`] or more.
    fn of(lists: &[&[u32]]) -> Option<Self> {
        let ids = || lists.iter().copied().flatten();
        let largest = ids().max().copied().unwrap_or(0);
        if largest >= MOST {
            return None;
        }
        let mut places = vec![0; largest as usize + 1];
        ids().for_each(|id| places[*id as usize] = 1);
        let mut ids = Vec::new();
        for (id, place) in places.iter_mut().enumerate() {
            if *place == 1 {
                *place = ids.len() as u32;
                ids.push(id as u32);
            }
        }
        Some(Self { ids, places })
    }

    /// The pages of a column: the dictionary, then the lists.
    fn pages(
        &self,
        lists: &[&[u32]],
        descriptor: &Descriptor,
        compression: CompressionOptions,
    ) -> std::result::Result<Vec<CompressedPage>, ParquetError> {
        let mut parts = Vec::new();
        let (mut from, mut ids) = (0, 0);
        for (i, list) in lists.iter().enumerate() {
            ids += list.len();
            if ids >= PAGE || i + 1 == lists.len() {
                parts.push(&lists[from..=i]);
                (from, ids) = (i + 1, 0);
            }
        }
        let bytes = self.ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        let first = DictPage::new(CowBuffer::Owned(bytes), self.ids.len(), true);
        let first = compress(Page::Dict(first), Vec::new(), compression);
        let rest = parts.into_par_iter().map(|part| {
            let page = Page::Data(self.page(part, descriptor));
            compress(page, Vec::new(), compression)
        });
        std::iter::once(first)
            .chain(rest.collect::<Vec<_>>())
            .collect()
    }

    fn page(&self, lists: &[&[u32]], descriptor: &Descriptor) -> DataPage {
        let ids: usize = lists.iter().map(|list| list.len()).sum();
        let empty = lists.iter().filter(|list| list.is_empty()).count();
        let mut bytes = Vec::with_capacity(8 * lists.len() + 3 * ids + 64);
        behind_its_length(&mut bytes, |bytes| repetition_levels(lists, bytes));
        behind_its_length(&mut bytes, |bytes| definition_levels(lists, bytes));
        let width = u32::BITS - (self.ids.len().saturating_sub(1) as u32).leading_zeros();
        let width = width.max(1);
        bytes.push(width as u8);
        if ids > 0 {
            let places = lists
                .iter()
                .copied()
                .flatten()
                .map(|id| self.places[*id as usize]);
            pack(places, ids, width, &mut bytes);
        }
        let header = DataPageHeaderV1 {
            num_values: (ids + empty) as i32,
            encoding: Encoding::RleDictionary.into(),
            definition_level_encoding: Encoding::Rle.into(),
            repetition_level_encoding: Encoding::Rle.into(),
            statistics: None,
        };
        DataPage::new(
            DataPageHeader::V1(header),
            CowBuffer::Owned(bytes),
            descriptor.clone(),
            lists.len(),
        )
    }
}

/// Lets `write` append its bytes, and puts their number before them.
fn behind_its_length(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = bytes.len();
    bytes.extend([0; 4]);
    write(bytes);
    let length = (bytes.len() - at - 4) as u32;
    bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

fn repetition_levels(lists: &[&[u32]], bytes: &mut Vec<u8>) {
    for list in lists {
        run(1, 0, bytes);
        if list.len() > 1 {
            run(list.len() - 1, 1, bytes);
        }
    }
}

fn definition_levels(lists: &[&[u32]], bytes: &mut Vec<u8>) {
    for alike in lists.chunk_by(|a, b| a.is_empty() == b.is_empty()) {
        match alike.iter().map(|list| list.len()).sum() {
            0 => run(alike.len(), EMPTY, bytes),
            ids => run(ids, PRESENT, bytes),
        }
    }
}

/// A run of one level: its length times two, then the level.
fn run(length: usize, level: u8, bytes: &mut Vec<u8>) {
    varint((length as u64) << 1, bytes);
    bytes.push(level);
}

fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 128 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// One run of packed values of `width` bits, the lowest first, filled up to a multiple of eight values.
fn pack(values: impl Iterator<Item = u32>, count: usize, width: u32, bytes: &mut Vec<u8>) {
    let groups = count.div_ceil(8);
    varint((groups as u64) << 1 | 1, bytes);
    let past = bytes.len() + groups * width as usize;
    let (mut word, mut bits) = (0u64, 0);
    for value in values {
        word |= u64::from(value) << bits;
        bits += width;
        if bits >= 32 {
            bytes.extend((word as u32).to_le_bytes());
            word >>= 32;
            bits -= 32;
        }
    }
    bytes.extend(word.to_le_bytes());
    bytes.resize(past, 0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(lists: &[Vec<u32>]) -> (Vec<String>, Vec<Vec<u32>>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        let names: Vec<String> = (0..lists.len()).map(|i| format!("r{i}")).collect();
        let slices: Vec<&[u32]> = lists.iter().map(Vec::as_slice).collect();
        let frame = DataFrame::new_infer_height(vec![
            Column::new("id".into(), &names),
            Column::new("length".into(), (0..lists.len() as u32).collect::<Vec<_>>()),
        ])
        .unwrap();
        let out = std::fs::File::create(&path).unwrap();
        write(out, &path, &frame, ("ids", 1), &slices, "{}").unwrap();
        let table = crate::tables::table::read::read(&path).unwrap();
        assert_eq!(table.metadata.as_deref(), Some("{}"));
        (
            table.strings("id").unwrap(),
            table.u32_lists("ids").unwrap(),
        )
    }

    proptest! {
        #[test]
        fn lists_come_back(
            lists in prop::collection::vec(prop::collection::vec(0..5000u32, 0..40), 0..60),
            few in prop::collection::vec(prop::collection::vec(7..9u32, 0..3), 0..9),
        ) {
            for lists in [lists, few] {
                let (names, found) = written(&lists);
                prop_assert_eq!(names.len(), lists.len());
                prop_assert_eq!(found, lists);
            }
        }
    }

    #[test]
    fn many_pages_and_large_ids_come_back() {
        let lists: Vec<Vec<u32>> = (0..700u32)
            .map(|i| (0..i).map(|j| (i * j) % 30_522).collect())
            .collect();
        assert!(lists.iter().map(Vec::len).sum::<usize>() > PAGE);
        assert_eq!(written(&lists).1, lists);
        let large = vec![vec![MOST, 1, u32::MAX], vec![], vec![0]];
        assert_eq!(written(&large).1, large);
        assert_eq!(written(&[]).1, Vec::<Vec<u32>>::new());
    }
}
