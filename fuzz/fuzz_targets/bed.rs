//! A BED file is read or refused; what is read keeps the rules of the format, and goes on to windows of a small genome.

#![no_main]

use std::num::NonZeroU32;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lingo_fuzz::{LIMIT, Workplace};
use lingo_ingest::{BedOptions, read_bed};
use serde_json::json;

static PLACE: LazyLock<Workplace> = LazyLock::new(Workplace::new);

fuzz_target!(|bytes: &[u8]| {
    let path = PLACE.write("r.bed", bytes);
    let options = BedOptions {
        label_column: bytes
            .first()
            .and_then(|b| NonZeroU32::new(u32::from(b % 8))),
        limit: LIMIT,
        ..BedOptions::default()
    };
    let rows = match read_bed(&path, &options) {
        Ok(rows) => rows,
        Err(e) => return assert!(e.to_string().contains("r.bed")),
    };
    assert!(!rows.is_empty());
    for row in &rows {
        assert!(row.start < row.end && !row.chrom.is_empty() && row.line > 0);
        assert_eq!(row.label.is_some(), options.label_column.is_some());
    }
    let other = PLACE.write("other.bed", b"chr1\t0\t9\n");
    let source = json!({ "beds": [path, other], "label": { "per_file": ["a", "b"] } });
    if let Some(examples) = PLACE.ingest("bed", source) {
        // The stage reads blocks of lines on all threads, and finds the same rows.
        assert_eq!(examples, rows.len() + 1);
    }
});
