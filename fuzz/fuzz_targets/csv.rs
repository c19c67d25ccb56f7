//! A table of labelled sequences is read or refused; what is read becomes examples, and nothing panics on the way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingo_artifact::progress::Silent;
use lingo_ingest::{IngestConfig, ingest};

const CONFIG: &str = r#"{ "source": { "csv": { "file": "FILE" } }, "max_memory": "64MB", "max_uncompressed_bytes": 1048576,
    "split": { "ratios": { "train": 0.8, "dev": 0.1, "test": 0.1 } } }"#;

fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir().join(format!("lingo-fuzz-csv-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let name = match bytes.first().map_or(0, |b| b % 2) {
        0 => "t.csv",
        _ => "t.tsv",
    };
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a temporary file");
    let text = CONFIG.replace("FILE", &path.display().to_string());
    let config: IngestConfig = serde_json::from_str(&text).expect("a configuration");
    if let Ok(examples) = ingest(&config, &Silent) {
        assert!(!examples.rows.is_empty());
        for row in &examples.rows {
            assert!(
                row.sequence
                    .bytes()
                    .all(|b| b"ACGTRYSWKMBDHVN".contains(&b))
            );
        }
    }
});
