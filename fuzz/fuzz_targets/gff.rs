//! GFF3 and GTF: the reader, then transcripts and windows on a small genome.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lingo_fuzz::{LIMIT, Workplace};
use lingo_ingest::gff;
use serde_json::json;

static PLACE: LazyLock<Workplace> = LazyLock::new(Workplace::new);

fuzz_target!(|bytes: &[u8]| {
    let path = PLACE.write("a.gff", bytes);
    let read = gff::read(&path, LIMIT, &["biotype"], |feature| {
        assert!(feature.start < feature.end);
        assert_eq!(feature.attributes.len(), 1);
        Ok(())
    });
    if read.is_ok() {
        PLACE.ingest(
            "gff",
            json!({ "files": [path], "label": { "attribute": "biotype" }, "windows": [
                { "promoter": { "up": 5, "down": 2 } },
                { "donor": { "up": 2, "down": 3 } },
                { "acceptor": { "up": 3, "down": 1 } },
                { "feature": { "type": "exon", "width": 4 } },
            ] }),
        );
    }
});
