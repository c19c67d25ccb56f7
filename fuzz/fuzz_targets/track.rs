//! bigWig and bedGraph: the value of windows on a small genome.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lingo_fuzz::Workplace;
use serde_json::json;

static PLACE: LazyLock<Workplace> = LazyLock::new(Workplace::new);

fuzz_target!(|bytes: &[u8]| {
    let track = PLACE.write("t.bw", bytes);
    let windows = PLACE.write("w.bed", b"chr1\t0\t40\nchr1\t30\t400\nchr2\t2\t6\n");
    PLACE.ingest_with(
        "bed",
        json!({ "beds": [windows], "label": { "track": { "file": track, "statistic": "max" } } }),
        json!({}),
    );
});
