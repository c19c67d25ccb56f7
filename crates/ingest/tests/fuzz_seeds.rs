//! The seeds of the fuzz targets, and what fuzzing found, are read or refused with a reason.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use lingo_ingest::config::sources::{OddAlleles, VariantLabel};
use lingo_ingest::{BedOptions, Result, gff, interval_table, read_bed, vcf};

const LIMIT: u64 = 1 << 22;

/// How many of the seeds of a target are read; the others must be refused by name.
fn read(target: &str, read: impl Fn(&Path) -> Result<()>) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(target);
    let files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    let outcome = |path: &PathBuf| match read(path) {
        Ok(()) => true,
        Err(e) => {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(e.to_string().contains(name), "{e}");
            false
        }
    };
    files.iter().filter(|path| outcome(path)).count()
}

#[test]
fn seeds_are_read_or_refused() {
    let label = VariantLabel::Info("CLASS".into());
    let variants = read("vcf", |path| {
        vcf::read(path, LIMIT, &label, None, OddAlleles::Error, |_| Ok(())).map(|_| ())
    });
    let annotations = read("gff", |path| gff::read(path, LIMIT, &[], |_| Ok(())));
    let tables = read("interval_csv", |path| {
        interval_table::read(path, true, LIMIT).map(|_| ())
    });
    let intervals = read("bed", |path| {
        read_bed(path, &BedOptions::default()).map(|_| ())
    });
    // Quotation marks within a value of GTF are the one thing refused.
    assert_eq!([variants, annotations, tables, intervals], [2, 2, 2, 2]);
}
