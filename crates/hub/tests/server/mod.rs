//! A hub on this machine, of a few lines: a list of a model's files, the files, and a storage at another port that large
//! files are redirected to. It does what a test asks it to do wrong.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test takes what it needs; what fails here fails the test"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use lingo_artifact::digest::Digest;

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub const TOKEN: &str = "hf_SECRETSECRET";

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    /// Whether the storage was asked, not the hub.
    pub of_storage: bool,
}

/// What a hub has, and what it does wrong.
#[derive(Clone, Debug, Default)]
pub struct Content {
    pub name: String,
    pub commit: String,
    pub files: BTreeMap<String, Vec<u8>>,
    /// The files that lie in the storage.
    pub large: Vec<String>,
    /// Whether the list holds no checksums, as that of some mirrors.
    pub bare_list: bool,
    /// How often still a file's connection is closed in the middle.
    pub drops: usize,
    /// A file that is sent with a changed byte.
    pub damages: Option<String>,
    /// Whether the model needs a token that may read it.
    pub gated: bool,
    /// Refuses every request with this status.
    pub refuses: Option<u16>,
}

/// A hub that answers until the test ends.
pub struct Server {
    pub endpoint: String,
    pub content: Arc<Mutex<Content>>,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub fn new(content: Content) -> Self {
        let content = Arc::new(Mutex::new(content));
        let log = Arc::new(Mutex::new(Vec::new()));
        let storage = listen(content.clone(), log.clone(), None);
        let endpoint = listen(content.clone(), log.clone(), Some(storage));
        Self {
            endpoint,
            content,
            log,
        }
    }

    /// The requests since the last call.
    pub fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    pub fn change(&self, change: impl FnOnce(&mut Content)) {
        change(&mut self.content.lock().unwrap());
    }
}

impl Content {
    /// A small model: its weights lie in the storage.
    pub fn model() -> Self {
        let config = br#"{"model_type": "bert"}"#.to_vec();
        let weights: Vec<u8> = (0..300_000u32).map(|i| (i * 7 % 251) as u8).collect();
        let files = [
            ("README.md", b"not needed".to_vec()),
            ("config.json", config),
            ("tokenizer.json", b"{}".to_vec()),
            ("1_Pooling/config.json", b"{\"a\": 0}".to_vec()),
            ("model.safetensors", weights.clone()),
            ("pytorch_model.bin", weights),
        ];
        Self {
            name: "org/tiny".into(),
            commit: COMMIT.into(),
            files: files.map(|(name, bytes)| (name.into(), bytes)).into(),
            large: vec!["model.safetensors".into(), "pytorch_model.bin".into()],
            ..Self::default()
        }
    }

    fn list(&self) -> String {
        let file = |(name, bytes): (&String, &Vec<u8>)| {
            if self.bare_list {
                return format!(r#"{{"rfilename": "{name}"}}"#);
            }
            let size = bytes.len();
            let lfs = match self.large.contains(name) {
                true => format!(
                    r#", "lfs": {{"sha256": "{}", "size": {size}, "pointerSize": 130}}"#,
                    Digest::of_bytes(bytes)
                ),
                false => String::new(),
            };
            format!(
                r#"{{"rfilename": "{name}", "size": {size}, "blobId": "{}"{lfs}}}"#,
                git_hash(bytes)
            )
        };
        let files: Vec<String> = self.files.iter().map(file).collect();
        format!(
            r#"{{"id": "{}", "sha": "{}", "siblings": [{}]}}"#,
            self.name,
            self.commit,
            files.join(", ")
        )
    }
}

/// `git hash-object`.
pub fn git_hash(bytes: &[u8]) -> String {
    let mut sha1 = sha1_smol::Sha1::from(format!("blob {}\0", bytes.len()));
    sha1.update(bytes);
    sha1.digest().to_string()
}

/// Serves; `storage` is where a hub sends for its large files, and nothing for the storage itself.
fn listen(
    content: Arc<Mutex<Content>>,
    log: Arc<Mutex<Vec<Request>>>,
    storage: Option<String>,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let Some(mut request) = read(&stream) else {
                continue;
            };
            request.of_storage = storage.is_none();
            log.lock().unwrap().push(request.clone());
            // A client that hangs up ends no test.
            let _ = answer(stream, &request, &content, storage.as_deref());
        }
    });
    address
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_string(), words.next()?.to_string());
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_string());
    }
    Some(Request {
        method,
        path,
        headers,
        of_storage: false,
    })
}

fn answer(
    mut stream: TcpStream,
    request: &Request,
    content: &Mutex<Content>,
    storage: Option<&str>,
) -> std::io::Result<()> {
    let mut content = content.lock().unwrap();
    let mut head = |status: &str, headers: &str| {
        write!(
            stream,
            "HTTP/1.1 {status}\r\n{headers}Connection: close\r\n"
        )
    };
    let path = request.path.trim_start_matches('/');
    let has_token = request.headers.get("authorization") == Some(&format!("Bearer {TOKEN}"));
    if let Some(status) = content.refuses {
        return head(&format!("{status} No"), "Content-Length: 0\r\n")
            .and_then(|()| stream.write_all(b"\r\n"));
    }
    if content.gated && !has_token && storage.is_some() {
        return head(
            "401 Unauthorized",
            "X-Error-Code: GatedRepo\r\nContent-Length: 0\r\n",
        )
        .and_then(|()| stream.write_all(b"\r\n"));
    }
    let json = match path {
        p if p == format!("api/models/{}/revision/main?blobs=true", content.name) => {
            Some(content.list())
        }
        p if p
            == format!(
                "api/models/{}/revision/{}?blobs=true",
                content.name, content.commit
            ) =>
        {
            Some(content.list())
        }
        p if p == format!("api/models/{}/refs", content.name) => {
            let text =
                r#"{"branches": [{"name": "main"}], "tags": [{"name": "v1.1"}, {"name": "v2.0"}]}"#;
            Some(text.to_string())
        }
        _ => None,
    };
    if let Some(text) = json {
        head("200 OK", &format!("Content-Length: {}\r\n", text.len()))?;
        return write!(stream, "\r\n{text}");
    }
    let prefix = format!("{}/resolve/{}/", content.name, content.commit);
    let name = path.strip_prefix(&prefix).unwrap_or_default().to_string();
    let Some(mut bytes) = content.files.get(&name).cloned() else {
        let code = match path.contains("/revision/") && path.contains(&content.name) {
            true => "X-Error-Code: RevisionNotFound\r\n",
            false => "",
        };
        head("404 Not Found", &format!("{code}Content-Length: 0\r\n"))?;
        return stream.write_all(b"\r\n");
    };
    let is_large = content.large.contains(&name);
    if let (Some(storage), true) = (storage, is_large) {
        let size = bytes.len();
        let headers = format!(
            "Location: {storage}/{path}\r\nX-Linked-Etag: \"{}\"\r\nX-Linked-Size: {size}\r\nContent-Length: 0\r\n",
            Digest::of_bytes(&bytes)
        );
        head("302 Found", &headers)?;
        return stream.write_all(b"\r\n");
    }
    let etag = git_hash(&bytes);
    if content.damages.as_ref() == Some(&name) {
        bytes[0] ^= 1;
    }
    let range = request.headers.get("range").and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse::<usize>()
            .ok()
    });
    let from = range.unwrap_or(0).min(bytes.len());
    let (status, part) = match range {
        Some(_) => (
            "206 Partial Content",
            format!(
                "Content-Range: bytes {from}-{}/{}\r\n",
                bytes.len() - 1,
                bytes.len()
            ),
        ),
        None => ("200 OK", String::new()),
    };
    let headers = format!(
        "{part}ETag: \"{etag}\"\r\nContent-Length: {}\r\n",
        bytes.len() - from
    );
    head(status, &headers)?;
    stream.write_all(b"\r\n")?;
    if request.method == "HEAD" {
        return Ok(());
    }
    let mut end = bytes.len();
    if is_large && content.drops > 0 {
        content.drops -= 1;
        end = from + (end - from) / 2;
    }
    stream.write_all(&bytes[from..end])
}
