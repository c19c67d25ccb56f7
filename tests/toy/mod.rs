//! A pipeline that runs in seconds: two tasks on two small genomes, a tiny random BERT.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and what fails here fails the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lingo_artifact::random::Stream;
use lingo_tokenize::{DnaTokenizer, Scheme};

/// A folder with `toy.yaml`, its data and its model.
pub struct Toy {
    folder: tempfile::TempDir,
}

/// Two tasks, two methods, one seed; 40 steps a cell.
pub const PIPELINE: &str = "\
lingo: 1
name: toy
model: { path: model }
tasks:
  left:
    description: more A than C
    ingest:
      source: { bed: { fasta: left.fa, beds: [left.bed], label: { column: 5 } } }
      split: { chromosomes: { dev: [b], test: [c] } }
  right:
    ingest:
      source: { bed: { fasta: right.fa, beds: [right.bed], label: { column: 5 } } }
      split: { chromosomes: { dev: [b], test: [c] } }
tokenize: { scheme: base }
methods:
  lora: { lora: { rank: 2 } }
  ars: { adaptive_rank_sampling: { initial_rank: 3, target_rank: 2 } }
train: { epochs: 4, batch: 8, learning_rate: 0.01 }
evaluate: { resamples: 20 }
seeds: [1]
";

impl Toy {
    /// Writes everything into a new folder.
    pub fn new() -> Self {
        let toy = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        toy.write("toy.yaml", PIPELINE);
        for (name, seed) in [("left", 1), ("right", 2)] {
            let (fasta, bed) = genome(seed);
            toy.write(&format!("{name}.fa"), &fasta);
            toy.write(&format!("{name}.bed"), &bed);
        }
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/lm/tests/fixtures/bert");
        fs::create_dir(toy.path("model")).unwrap();
        for file in ["config.json", "model.safetensors"] {
            fs::copy(fixtures.join(file), toy.path("model").join(file)).unwrap();
        }
        let tokenizer = DnaTokenizer::of(&Scheme::Base).unwrap();
        tokenizer.write(&toy.path("model/tokenizer.json")).unwrap();
        toy
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file below the folder.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Reads a file below the folder.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs the program in the folder.
    pub fn lingo(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// The program in the folder, ready to be run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = lingo();
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// Runs the program, which must succeed.
    pub fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.lingo(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
        ran
    }

    /// When each cell of a run was finished, by `task/method/seed-n`: a cell that was run again has another inode.
    pub fn cells(&self, run: &str) -> BTreeMap<String, u64> {
        use std::os::unix::fs::MetadataExt as _;
        let run = self.path(run);
        let mut cells = BTreeMap::new();
        for task in ["left", "right"] {
            for method in ["lora", "ars"] {
                let label = format!("{task}/{method}/seed-1");
                if let Ok(metadata) = fs::metadata(run.join(&label).join("cell.json")) {
                    cells.insert(label, metadata.ino() ^ metadata.mtime_nsec() as u64);
                }
            }
        }
        cells
    }
}

/// The program, with nothing of this machine's environment that changes what it says.
pub fn lingo() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lingo-pipe"));
    command
        .env("NO_COLOR", "1")
        .env_remove("GUE")
        .env_remove("YEAST")
        .env_remove("MINILM")
        // A hub of a test is on this machine.
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1");
    for name in [
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
    ] {
        command.env_remove(name);
    }
    command
}

/// What the program said, and how it ended.
pub struct Ran {
    /// The exit code; 255 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Of a finished process.
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(255),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Three chromosomes of windows of 10 bases; windows with more A than C are of class 1.
fn genome(seed: u64) -> (String, String) {
    let mut stream = Stream::new(seed, "toy genome");
    let (mut fasta, mut bed) = (String::new(), String::new());
    for (chromosome, windows) in [("a", 80), ("b", 20), ("c", 20)] {
        fasta.push_str(&format!(">{chromosome}\n"));
        let mut sequence = String::new();
        for i in 0..windows {
            let favoured = if i % 2 == 0 { b"AAACGT" } else { b"CCCAGT" };
            let window: String = (0..10)
                .map(|_| char::from(favoured[stream.below(6)]))
                .collect();
            let count = |base: char| window.chars().filter(|c| *c == base).count();
            let label = u8::from(count('A') > count('C'));
            let start = sequence.len();
            bed.push_str(&format!(
                "{chromosome}\t{start}\t{}\tw{i}\t{label}\t+\n",
                start + 10
            ));
            sequence.push_str(&window);
        }
        for line in sequence.as_bytes().chunks(60) {
            fasta.push_str(std::str::from_utf8(line).unwrap());
            fasta.push('\n');
        }
    }
    (fasta, bed)
}

/// Whether a cell's folder has a checkpoint to go on from.
pub fn has_checkpoint(cell: &Path) -> bool {
    let kept = fs::read_dir(cell.join("checkpoints")).into_iter().flatten();
    let is_manifest = |name: &str| name.starts_with("step-") && name.ends_with(".json");
    kept.flatten()
        .any(|file| file.file_name().to_str().is_some_and(is_manifest))
}

/// The folders of tries at results, the last that was begun first.
pub fn tries(run: &Path) -> Vec<PathBuf> {
    let below = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let mut tries: Vec<PathBuf> = below(&run.join(".work"))
        .flat_map(|result| below(&result.path()).collect::<Vec<_>>())
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    tries.sort_by_key(|path| fs::metadata(path).and_then(|m| m.created()).ok());
    tries.reverse();
    tries
}

/// Every file below a folder with its content that a user sees: the store has the same once more.
pub fn contents(folder: &Path, names: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path != folder.join("store") {
                    folders.push(path);
                }
            } else {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                if names.iter().any(|n| name.contains(n)) {
                    found.insert(name, fs::read(&path).unwrap());
                }
            }
        }
    }
    found
}
