//! What the fuzz targets share: a folder with a genome, and the whole stage on one file in it.

use std::path::{Path, PathBuf};

use lingo_artifact::progress::Silent;
use lingo_ingest::{IngestConfig, ingest};
use serde_json::{Value, json};

/// How many bytes may come out of a packed file.
pub const LIMIT: u64 = 1 << 22;

/// A folder with a small genome.
pub struct Workplace {
    folder: tempfile::TempDir,
}

impl Workplace {
    /// A new one, in memory where the machine has such a folder.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        }
        .expect("a temporary folder");
        let genome = format!(">chr1\n{}\n>chr2\nRYKNacgu\n", "ACGTTGCAAG".repeat(40));
        std::fs::write(folder.path().join("g.fa"), genome).expect("a genome");
        Self { folder }
    }

    /// Writes the input as a file.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("an input file");
        path
    }

    /// The whole stage: how many examples it made. An error is a fine answer.
    pub fn ingest(&self, kind: &str, source: Value) -> Option<usize> {
        self.ingest_with(kind, source, json!({ "label_kind": "classes", "classes": ["a", "b"] }))
    }

    /// The same, with other keys of the section.
    pub fn ingest_with(&self, kind: &str, mut source: Value, mut config: Value) -> Option<usize> {
        source["fasta"] = json!(self.folder.path().join("g.fa"));
        config["source"] = json!({ kind: source });
        config["split"] = json!({ "ratios": { "train": 1.0, "dev": 0.0, "test": 0.0 } });
        config["max_uncompressed_bytes"] = json!(LIMIT);
        let config: IngestConfig = serde_json::from_value(config).expect("a configuration");
        let examples = ingest(&config, &Silent).ok()?;
        for row in &examples.rows {
            assert!(!row.sequence.is_empty());
            assert!(
                row.sequence2
                    .as_ref()
                    .is_none_or(|s| s.len() == row.sequence.len())
            );
        }
        Some(examples.rows.len())
    }
}

impl Default for Workplace {
    fn default() -> Self {
        Self::new()
    }
}
