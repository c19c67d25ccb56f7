//! The built-in demo: its pipeline and its data, unpacked where any working folder can read them.

use std::path::PathBuf;

use lingo_artifact::atomic;
use lingo_workflow::{Error, Kind};

/// The pipeline.
const PIPELINE: &str = include_str!("../../pipelines/demo.yaml");

/// The files that it reads, by their path beside it.
const FILES: [(&str, &[u8]); 3] = [
    (
        "../data/demo/genome.fa.gz",
        include_bytes!("../../data/demo/genome.fa.gz"),
    ),
    (
        "../data/demo/binding.bed",
        include_bytes!("../../data/demo/binding.bed"),
    ),
    (
        "../data/demo/grammar.bed",
        include_bytes!("../../data/demo/grammar.bed"),
    ),
];

/// Unpacks the demo into the cache folder, as far as it is not there, and gives its pipeline file.
pub fn unpack() -> Result<PathBuf, Error> {
    let folder = cache_folder()?
        .join("lingo-pipe")
        .join(format!("demo-{}", env!("CARGO_PKG_VERSION")));
    let pipeline = folder.join("pipelines").join("demo.yaml");
    let files = FILES
        .iter()
        .map(|(name, bytes)| (folder.join(name.trim_start_matches("../")), *bytes))
        .chain([(pipeline.clone(), PIPELINE.as_bytes())]);
    for (path, bytes) in files {
        let there = std::fs::read(&path).is_ok_and(|found| found == bytes);
        if !there {
            atomic::write_bytes(&path, bytes)?;
        }
    }
    Ok(pipeline)
}

fn cache_folder() -> Result<PathBuf, Error> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .or_else(|| set("LOCALAPPDATA"))
        .or_else(|| Some(std::env::temp_dir()))
        .ok_or_else(|| Error::stage(Kind::Failed, "there is no folder to unpack the demo into"))
}
