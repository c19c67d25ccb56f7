//! Writes the genome and the intervals of the demo: `cargo run -p lingo-ingest --example demo_genome [FOLDER]`.

use std::path::PathBuf;

use lingo_ingest::synthetic::SyntheticGenome;

fn main() -> Result<(), lingo_ingest::Error> {
    let shipped = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/demo"));
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(shipped, PathBuf::from);
    SyntheticGenome::demo().generate().write(&folder)
}
