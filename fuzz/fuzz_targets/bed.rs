//! A BED file is read or refused; what is read keeps the rules of the format.
#![no_main]

use std::num::NonZeroU32;

use libfuzzer_sys::fuzz_target;
use lingo_ingest::{BedOptions, read_bed};

fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir().join(format!("lingo-fuzz-bed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let path = folder.join("r.bed");
    std::fs::write(&path, bytes).expect("a temporary file");
    let options = BedOptions {
        label_column: bytes.first().and_then(|b| NonZeroU32::new(u32::from(b % 8))),
        limit: 1 << 20,
        ..BedOptions::default()
    };
    match read_bed(&path, &options) {
        Ok(rows) => {
            assert!(!rows.is_empty());
            for row in rows {
                assert!(row.start < row.end && !row.chrom.is_empty() && row.line > 0);
                assert_eq!(row.label.is_some(), options.label_column.is_some());
            }
        }
        Err(e) => assert!(e.to_string().contains("r.bed")),
    }
});
