//! Tables of intervals: the reader, then windows of a small genome.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lingo_fuzz::{LIMIT, Workplace};
use lingo_ingest::interval_table;
use serde_json::json;

static PLACE: LazyLock<Workplace> = LazyLock::new(Workplace::new);

fuzz_target!(|bytes: &[u8]| {
    let path = PLACE.write("p.csv", bytes);
    if let Ok(rows) = interval_table::read(&path, true, LIMIT) {
        assert!(rows.iter().all(|row| row.start < row.end));
        let other = PLACE.write("other.csv", b"id,region,start,end,strand\n0,chr1,0,9,+\n");
        PLACE.ingest(
            "interval_csv",
            json!({ "width": 6, "tables": [{ "file": path, "class": "a" }, { "file": other, "class": "b" }] }),
        );
    }
});
