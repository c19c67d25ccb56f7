//! A model from a hub on this machine: fetched, gone on with, checked, taken from the cache.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use lingo_artifact::digest::Digest;
use lingo_artifact::progress::{Progress, Silent, StopFlag};
use lingo_hub::{Depth, Error, Hub, Settings, Snapshot, Token, Weights};
use server::{COMMIT, Content, Request, Server, TOKEN, git_hash};

/// A hub with an empty cache.
struct Bench {
    server: Server,
    home: tempfile::TempDir,
}

impl Bench {
    fn new(content: Content) -> Self {
        Self {
            server: Server::new(content),
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            endpoint: self.server.endpoint.clone(),
            cache: self.home.path().join("hub"),
            token: Token::new(TOKEN),
            offline: false,
            certificates: None,
            proxy: false,
            tries: 3,
            wait: Duration::from_millis(1),
        }
    }

    fn fetch_with(&self, settings: Settings, model: &str, depth: Depth) -> Result<Snapshot, Error> {
        let model = model.parse().unwrap();
        Hub::new(settings)?.fetch(&model, depth, &Silent, &StopFlag::default())
    }

    fn fetch(&self, model: &str) -> Result<Snapshot, Error> {
        self.fetch_with(self.settings(), model, Depth::Whole)
    }

    fn offline(&self, model: &str) -> Result<Snapshot, Error> {
        let settings = Settings {
            offline: true,
            ..self.settings()
        };
        self.fetch_with(settings, model, Depth::Whole)
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("hub/models--org--tiny")
    }

    fn file(&self, name: &str) -> Vec<u8> {
        self.server.content.lock().unwrap().files[name].clone()
    }

    /// The names in `blobs`, in order.
    fn blobs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder().join("blobs")).unwrap();
        let name = |e: std::io::Result<fs::DirEntry>| e.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

fn of_files(requests: &[Request]) -> Vec<&Request> {
    let resolved = requests.iter().filter(|r| r.path.contains("/resolve/"));
    resolved.collect()
}

#[test]
fn what_is_needed_lies_in_the_cache_as_python_lays_it_out() {
    let bench = Bench::new(Content::model());
    let found = bench.fetch("org/tiny").unwrap();
    let folder = bench.folder().join("snapshots").join(COMMIT);
    assert_eq!(
        (found.folder.as_path(), found.weights),
        (folder.as_path(), Weights::Safetensors)
    );
    assert_eq!(
        found.files,
        [
            "config.json",
            "1_Pooling/config.json",
            "tokenizer.json",
            "model.safetensors"
        ]
    );
    for name in &found.files {
        assert_eq!(
            fs::read(folder.join(name)).unwrap(),
            bench.file(name),
            "{name}"
        );
    }
    // Neither the page about the model nor the weights in the other format.
    assert!(!folder.join("README.md").exists() && !folder.join("pytorch_model.bin").exists());
    let weights = Digest::of_bytes(&bench.file("model.safetensors")).to_string();
    let config = git_hash(&bench.file("config.json"));
    let of = |name: &str| fs::read_link(folder.join(name)).unwrap();
    assert_eq!(
        of("model.safetensors"),
        Path::new("../../blobs").join(&weights)
    );
    assert_eq!(of("config.json"), Path::new("../../blobs").join(&config));
    assert!(of("1_Pooling/config.json").starts_with("../../../blobs"));
    let main = fs::read_to_string(bench.folder().join("refs/main")).unwrap();
    assert_eq!(main, COMMIT);
    let absent = bench.folder().join(".no_exist").join(COMMIT);
    assert!(absent.join("vocab.txt").is_file() && !absent.join("config.json").exists());
    assert!(bench.blobs().contains(&weights));
    let came: usize = found.files.iter().map(|name| bench.file(name).len()).sum();
    assert_eq!(found.bytes, came as u64);
}

#[test]
fn a_token_goes_to_the_hub_and_to_no_other_host() {
    let bench = Bench::new(Content {
        gated: true,
        ..Content::model()
    });
    bench.fetch("org/tiny").unwrap();
    let requests = bench.server.requests();
    let (storage, hub): (Vec<_>, Vec<_>) = requests.iter().partition(|r| r.of_storage);
    assert!(!storage.is_empty() && hub.len() > 3);
    let bearer = format!("Bearer {TOKEN}");
    assert!(hub.iter().all(|r| r.headers["authorization"] == bearer));
    assert!(
        storage.iter().all(|r| !format!("{r:?}").contains(TOKEN)),
        "{storage:?}"
    );
}

#[test]
fn a_second_fetch_asks_what_main_is_and_no_more() {
    let bench = Bench::new(Content::model());
    let first = bench.fetch("org/tiny").unwrap();
    bench.server.requests();
    let second = bench.fetch("org/tiny").unwrap();
    assert_eq!(second, Snapshot { bytes: 0, ..first });
    assert_eq!(bench.server.requests().len(), 1);
    // A commit cannot change.
    let pinned = bench.fetch(&format!("org/tiny@{COMMIT}")).unwrap();
    assert_eq!(pinned, second);
    assert!(bench.server.requests().is_empty());
}

#[test]
fn a_new_commit_fetches_only_what_changed() {
    let bench = Bench::new(Content::model());
    bench.fetch("org/tiny").unwrap();
    let next = "f".repeat(40);
    bench.server.change(|content| {
        content.commit.clone_from(&next);
        content
            .files
            .insert("tokenizer.json".into(), b"{\"a\": 1}".to_vec());
    });
    let second = bench.fetch("org/tiny").unwrap();
    assert_eq!((second.commit.as_str(), second.bytes), (next.as_str(), 8));
    assert!(second.folder.join("model.safetensors").is_file());
    assert_eq!(bench.offline("org/tiny").unwrap().commit, next);
    assert_eq!(
        bench.offline(&format!("org/tiny@{COMMIT}")).unwrap().commit,
        COMMIT
    );
}

#[test]
fn a_dropped_connection_is_gone_on_with_where_it_broke_off() {
    let bench = Bench::new(Content {
        drops: 2,
        ..Content::model()
    });
    let found = bench.fetch("org/tiny").unwrap();
    let ranges: Vec<Option<String>> = bench
        .server
        .requests()
        .iter()
        .filter(|r| r.of_storage)
        .map(|r| r.headers.get("range").cloned())
        .collect();
    assert_eq!(
        ranges,
        [
            None,
            Some("bytes=150000-".into()),
            Some("bytes=225000-".into())
        ]
    );
    let weights = fs::read(found.folder.join("model.safetensors")).unwrap();
    assert_eq!(weights, bench.file("model.safetensors"));
    assert!(found.bytes < 301_000, "{}", found.bytes);
}

#[test]
fn what_came_before_a_failure_is_kept_for_the_next_command() {
    let bench = Bench::new(Content {
        drops: 3,
        ..Content::model()
    });
    let failure = bench.fetch("org/tiny").unwrap_err();
    assert!(failure.is_failure());
    let text = failure.to_string();
    assert!(
        text.contains("0.3 MB that came are kept") && text.contains("127.0.0.1"),
        "{text}"
    );
    assert!(
        bench
            .blobs()
            .iter()
            .any(|name| name.ends_with(".incomplete"))
    );
    assert!(bench.offline("org/tiny").is_err());
    bench.server.requests();
    let found = bench.fetch("org/tiny").unwrap();
    assert_eq!(found.bytes, 37_500);
    let requests = bench.server.requests();
    assert_eq!(of_files(&requests).len(), 2, "{requests:?}");
    let weights = fs::read(found.folder.join("model.safetensors")).unwrap();
    assert_eq!(weights, bench.file("model.safetensors"));
    assert!(
        !bench
            .blobs()
            .iter()
            .any(|name| name.ends_with(".incomplete"))
    );
}

#[test]
fn a_beginning_that_is_another_files_is_fetched_again() {
    let bench = Bench::new(Content::model());
    let sum = Digest::of_bytes(&bench.file("model.safetensors"));
    for bytes in [vec![9; 100_000], vec![9; 300_000], vec![9; 400_000]] {
        let blobs = bench.folder().join("blobs");
        let _ = fs::remove_dir_all(bench.folder());
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(format!("{sum}.incomplete")), &bytes).unwrap();
        let found = bench.fetch("org/tiny").unwrap();
        let weights = fs::read(found.folder.join("model.safetensors")).unwrap();
        assert_eq!(weights, bench.file("model.safetensors"), "{}", bytes.len());
    }
}

#[test]
fn a_wrong_checksum_is_refused_and_leaves_nothing_in_the_cache() {
    let bench = Bench::new(Content {
        damages: Some("model.safetensors".into()),
        ..Content::model()
    });
    let failure = bench.fetch("org/tiny").unwrap_err();
    assert!(
        matches!(failure, Error::Checksum { kind: "sha256", .. }),
        "{failure}"
    );
    assert!(
        failure
            .to_string()
            .contains("model.safetensors came damaged twice")
    );
    let sum = Digest::of_bytes(&bench.file("model.safetensors")).to_string();
    assert!(
        !bench.blobs().iter().any(|name| name.starts_with(&sum)),
        "{:?}",
        bench.blobs()
    );
    assert!(
        !bench
            .folder()
            .join("snapshots")
            .join(COMMIT)
            .join("model.safetensors")
            .exists()
    );
    assert!(bench.offline("org/tiny").is_err());
    bench.server.change(|content| content.damages = None);
    bench.fetch("org/tiny").unwrap();
    assert!(bench.offline("org/tiny").is_ok());
}

#[test]
fn a_small_files_git_hash_is_held_too() {
    let bench = Bench::new(Content {
        damages: Some("config.json".into()),
        ..Content::model()
    });
    let failure = bench.fetch("org/tiny").unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("config.json came damaged twice: its git hash"),
        "{failure}"
    );
}

#[test]
fn a_mirror_whose_list_has_no_checksums_is_asked_for_each() {
    let bench = Bench::new(Content {
        bare_list: true,
        ..Content::model()
    });
    let found = bench.fetch("org/tiny").unwrap();
    let requests = bench.server.requests();
    let asked = requests.iter().filter(|r| r.method == "HEAD");
    assert_eq!(asked.count(), 4);
    let sum = Digest::of_bytes(&bench.file("model.safetensors")).to_string();
    let target = fs::read_link(found.folder.join("model.safetensors")).unwrap();
    assert!(target.ends_with(sum));
}

#[test]
fn without_weights_their_checksum_is_known_and_they_are_not_fetched() {
    for bare_list in [false, true] {
        let bench = Bench::new(Content {
            bare_list,
            ..Content::model()
        });
        let found = bench.fetch_with(bench.settings(), "org/tiny", Depth::WithoutWeights);
        let found = found.unwrap();
        let [left] = &found.left[..] else {
            panic!("{found:?}");
        };
        assert_eq!(left.path, found.folder.join("model.safetensors"));
        assert_eq!(
            left.sha256,
            Digest::of_bytes(&bench.file("model.safetensors"))
        );
        assert_eq!(left.bytes, 300_000);
        assert!(!left.path.exists() && found.folder.join("tokenizer.json").is_file());
        assert!(bench.server.requests().iter().all(|r| !r.of_storage));
        let whole = bench.fetch("org/tiny").unwrap();
        assert!(whole.left.is_empty() && left.path.is_file());
    }
}

#[test]
fn shards_are_fetched_with_their_index_and_pickles_only_alone() {
    let mut content = Content::model();
    let weights = content.files.remove("model.safetensors").unwrap();
    content
        .files
        .insert("shard-1.safetensors".into(), weights.clone());
    content.files.insert("other.safetensors".into(), weights);
    content.large.push("shard-1.safetensors".into());
    let index = br#"{"weight_map": {"a": "shard-1.safetensors"}}"#.to_vec();
    content
        .files
        .insert("model.safetensors.index.json".into(), index);
    let bench = Bench::new(content);
    let found = bench.fetch("org/tiny").unwrap();
    assert_eq!(
        found.files[3..],
        ["model.safetensors.index.json", "shard-1.safetensors"]
    );
    assert!(!found.folder.join("other.safetensors").exists());
    assert_eq!(bench.offline("org/tiny").unwrap().files, found.files);

    let mut content = Content::model();
    content.files.remove("model.safetensors");
    let bench = Bench::new(content);
    let found = bench.fetch("org/tiny").unwrap();
    assert_eq!(found.weights, Weights::Pickled);
    assert!(found.folder.join("pytorch_model.bin").is_file());
}

#[test]
fn an_index_that_leads_out_of_the_folder_is_refused() {
    let mut content = Content::model();
    content.files.remove("model.safetensors");
    let index = br#"{"weight_map": {"a": "../../../x.safetensors"}}"#.to_vec();
    content
        .files
        .insert("model.safetensors.index.json".into(), index);
    let failure = Bench::new(content).fetch("org/tiny").unwrap_err();
    assert!(matches!(failure, Error::Unfit { .. }), "{failure}");
}

#[test]
fn offline_takes_the_cache_or_says_what_to_run() {
    let bench = Bench::new(Content::model());
    let text = bench.offline("org/tiny").unwrap_err().to_string();
    assert!(
        text.contains("HF_HUB_OFFLINE") && text.contains("lingo-pipe model fetch org/tiny"),
        "{text}"
    );
    bench
        .fetch_with(bench.settings(), "org/tiny", Depth::WithoutWeights)
        .unwrap();
    let text = bench.offline("org/tiny").unwrap_err().to_string();
    assert!(text.contains("has no weights in the cache"), "{text}");
    let found = bench.fetch("org/tiny").unwrap();
    bench.server.requests();
    let cached = bench.offline("org/tiny").unwrap();
    assert_eq!(
        (&cached.folder, &cached.files),
        (&found.folder, &found.files)
    );
    assert!(bench.server.requests().is_empty());
    // A hub that cannot be reached is as good as none, and is told.
    let settings = Settings {
        endpoint: "http://127.0.0.1:9".into(),
        ..bench.settings()
    };
    let cached = bench
        .fetch_with(settings, "org/tiny", Depth::Whole)
        .unwrap();
    assert!(cached.unasked.unwrap().contains("127.0.0.1"));
}

#[test]
fn refusals_say_what_to_do() {
    fn said(bench: &Bench, model: &str, token: bool) -> String {
        let settings = Settings {
            token: Token::new(TOKEN).filter(|_| token),
            ..bench.settings()
        };
        let failure = bench.fetch_with(settings, model, Depth::Whole).unwrap_err();
        let (shown, debug) = (failure.to_string(), format!("{failure:?}"));
        assert!(!shown.contains(TOKEN) && !debug.contains(TOKEN), "{debug}");
        shown
    }
    let bench = Bench::new(Content::model());
    let text = said(&bench, "org/tini", false);
    assert!(
        text.contains("shows no model `org/tini`") && text.contains("set HF_TOKEN"),
        "{text}"
    );
    let text = said(&bench, "org/tiny@v2.1", true);
    assert!(
        text.contains("no revision `v2.1`; it has `v2.0`, `v1.1`, `main`"),
        "{text}"
    );
    bench.server.change(|content| content.gated = true);
    let text = said(&bench, "org/tiny", false);
    assert!(
        text.contains("is gated: accept its terms on http://") && text.contains("HF_TOKEN"),
        "{text}"
    );
    bench.server.change(|content| content.gated = false);
    for (status, token, words) in [
        (401, true, "does not take the token"),
        (401, false, "set HF_TOKEN"),
        (403, true, "the owner of the token"),
        (418, true, "status 418"),
        (503, true, "status 503"),
    ] {
        bench
            .server
            .change(|content| content.refuses = Some(status));
        bench.server.requests();
        let text = said(&bench, "org/tiny", token);
        assert!(text.contains(words), "{text}");
        // Only what may pass is tried again.
        let tries = if status == 503 { 3 } else { 1 };
        assert_eq!(bench.server.requests().len(), tries, "{status}");
    }
}

#[test]
fn two_at_once_fetch_a_file_once() {
    let bench = Bench::new(Content::model());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| bench.fetch("org/tiny").unwrap());
        }
    });
    let requests = bench.server.requests();
    assert_eq!(requests.iter().filter(|r| r.of_storage).count(), 1);
}

/// Keeps what it hears, and raises a flag at the first news of a file's progress.
#[derive(Default)]
struct Listener {
    heard: Mutex<Vec<String>>,
    stop: StopFlag,
}

impl Progress for Listener {
    fn begin(&self, what: &str, total: u64) {
        self.heard
            .lock()
            .unwrap()
            .push(format!("{what} of {total}"));
    }
    fn advance(&self, _: u64, note: &str) {
        self.heard.lock().unwrap().push(note.to_string());
        self.stop.raise();
    }
    fn end(&self, _: &str) {}
    fn say(&self, _: &str) {}
}

#[test]
fn a_stop_keeps_what_came_and_progress_tells_the_rate() {
    let mut content = Content::model();
    content
        .files
        .insert("model.safetensors".into(), vec![3; 3_000_000]);
    let bench = Bench::new(content);
    let listener = Listener::default();
    let model = "org/tiny".parse().unwrap();
    let hub = Hub::new(bench.settings()).unwrap();
    let stopped = hub.fetch(&model, Depth::Whole, &listener, &listener.stop);
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    let heard = listener.heard.lock().unwrap().clone();
    assert_eq!(heard[0], "model.safetensors (MB) of 3");
    assert!(heard[1].ends_with(" MB/s"), "{heard:?}");
    let kept = bench
        .blobs()
        .into_iter()
        .find(|name| name.ends_with(".incomplete"));
    let kept = fs::metadata(bench.folder().join("blobs").join(kept.unwrap()))
        .unwrap()
        .len();
    assert!(kept > 0 && kept < 3_000_000, "{kept}");
    assert_eq!(bench.fetch("org/tiny").unwrap().bytes, 3_000_000 - kept);
}
