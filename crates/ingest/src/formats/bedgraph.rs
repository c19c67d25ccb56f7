//! bedGraph: a value for each of many intervals.

use std::collections::HashMap;
use std::path::Path;

use lingo_artifact::ByteSize;
use lingo_artifact::byte_size::amount;

use crate::error::{Error, Result};
use crate::formats::bed::row::{coordinate, holds_bases};
use crate::input::{Input, without_byte_order_mark, without_terminator};

/// Stretches of one value: first base, one behind the last, value; in order, disjoint.
pub(crate) type Stretches = Vec<(u32, u32, f32)>;

/// Reads a whole file: the stretches of each chromosome.
///
/// # Errors
/// With file and line: other than four columns, a place or value that is no number, no bases; two stretches that overlap; more than half
/// of `memory`. Nothing in the file; whatever opening it says.
pub(crate) fn read(
    path: &Path,
    limit: u64,
    memory: ByteSize,
) -> Result<HashMap<String, Stretches>> {
    let mut input = Input::open(path, limit)?;
    let mut all: HashMap<String, Stretches> = HashMap::new();
    let mut rows = 0u64;
    while let Some((number, raw)) = input.next_line()? {
        let error = |problem: String| Error::line(path, number, problem);
        let line = std::str::from_utf8(without_terminator(without_byte_order_mark(raw)))
            .map_err(|_| error("this line is not UTF-8 text; is this a bedGraph?".into()))?;
        let keyword = |word: &str| line.starts_with(word);
        if line.trim().is_empty() || keyword("#") || keyword("track") || keyword("browser") {
            continue;
        }
        // The format allows spaces as well as tabs.
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[chrom, start, end, value] = columns.as_slice() else {
            return Err(error(format!(
                "{} columns where a bedGraph has 4 (chromosome, start, end, value)",
                columns.len()
            )));
        };
        let start = coordinate(start, 2, "start").map_err(error)?;
        let end = coordinate(end, 3, "end").map_err(error)?;
        holds_bases(start, end).map_err(error)?;
        let value = match value.parse::<f32>() {
            Ok(value) if value.is_finite() => value,
            _ => {
                return Err(error(format!(
                    "column 4 (value) is `{value}`, not a finite number"
                )));
            }
        };
        let place = |at: u64| {
            u32::try_from(at)
                .map_err(|_| error(format!("{at} is beyond the longest sequence, 2^32 bases")))
        };
        let stretch = (place(start)?, place(end)?, value);
        match all.get_mut(chrom) {
            Some(stretches) => stretches.push(stretch),
            None => {
                all.insert(chrom.to_string(), vec![stretch]);
            }
        }
        rows += 1;
        if rows * 12 > memory.get() / 2 {
            return Err(error(format!(
                "the rows up to here take {}, the half of max_memory; raise it, or write a bigWig (`bedGraphToBigWig`), which is read in part",
                amount(rows * 12)
            )));
        }
    }
    if rows == 0 {
        return Err(Error::file(path, "the file holds no interval with a value"));
    }
    for (chrom, stretches) in &mut all {
        stretches.sort_unstable_by_key(|(start, end, _)| (*start, *end));
        if let Some(two) = stretches.windows(2).find(|two| two[0].1 > two[1].0) {
            return Err(Error::file(
                path,
                format!(
                    "two intervals overlap, {chrom}:{}-{} and {chrom}:{}-{}; a base has one value",
                    two[0].0, two[0].1, two[1].0, two[1].1
                ),
            ));
        }
    }
    Ok(all)
}
