//! Writes the genome, the intervals and the landscape of the demo: `cargo run -p lingo-ingest --example demo_genome [FOLDER]`.

use std::path::PathBuf;

use lingo_ingest::synthetic::SyntheticGenome;

fn main() -> Result<(), lingo_ingest::Error> {
    let shipped = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/demo"));
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(shipped, PathBuf::from);
    let demo = SyntheticGenome::demo();
    demo.generate().write(&folder)?;
    let mut table = Vec::new();
    let path = folder.join("landscape.tsv");
    let io = |e| lingo_artifact::Error::io("write", &path)(e);
    demo.write_landscape(&mut table).map_err(io)?;
    Ok(lingo_artifact::atomic::write_bytes(&path, &table)?)
}
