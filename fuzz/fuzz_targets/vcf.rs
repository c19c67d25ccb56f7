//! VCF: the reader, then pairs of sequences on a small genome.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lingo_fuzz::{LIMIT, Workplace};
use lingo_ingest::config::sources::{OddAlleles, VariantLabel};
use lingo_ingest::vcf;
use serde_json::json;

static PLACE: LazyLock<Workplace> = LazyLock::new(Workplace::new);

fuzz_target!(|bytes: &[u8]| {
    let path = PLACE.write("v.vcf", bytes);
    let label = VariantLabel::Info("CLASS".into());
    let read = vcf::read(&path, LIMIT, &label, None, OddAlleles::Skip, |variant| {
        assert!(!variant.reference.is_empty() && !variant.alternate.is_empty());
        Ok(())
    });
    if read.is_ok() {
        PLACE.ingest(
            "vcf",
            json!({ "files": [path], "label": "filter", "only": ["a", "b"], "width": 8, "ref_mismatch": "skip" }),
        );
    }
});
