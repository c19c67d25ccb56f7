//! Requests to a hub. Redirects are followed here, so that a token goes to the hub's own host and to no other.

use std::time::{Duration, Instant};

use lingo_artifact::progress::StopFlag;
use ureq::http::{Response, StatusCode, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use crate::checksum::Checksum;
use crate::error::{Error, Result};
use crate::settings::{Settings, Token};

const REDIRECTS: usize = 8;
/// A connection on which nothing comes for so long is as good as dropped.
const SILENCE: Duration = Duration::from_secs(60);
/// How often is looked, while waiting, whether to stop.
pub(crate) const LOOK: Duration = Duration::from_millis(100);
/// The longest that a hub may ask us to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Connections to a hub.
pub(crate) struct Connection {
    agent: Agent,
    endpoint: String,
    /// Scheme, host and port.
    origin: String,
    token: Option<Token>,
    pub tries: u32,
    wait: Duration,
}

/// Why a request brought nothing.
pub(crate) enum Fault {
    /// It may succeed when tried again: what happened, and how long the hub wants to be left alone.
    Passing(String, Option<Duration>),
    /// The hub refused.
    Refused(Refusal),
    /// It makes no sense to try again.
    Final(Error),
}

/// A hub's refusal.
pub(crate) struct Refusal {
    pub status: u16,
    /// What the hub calls it: `GatedRepo`, `RevisionNotFound`.
    pub code: String,
}

/// What was asked of a hub.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A file or an answer, from this byte on.
    All(u64),
    /// Only what the hub knows of a file.
    About,
}

/// What a hub knows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub sum: Checksum,
    pub bytes: Option<u64>,
}

impl Connection {
    pub fn new(settings: &Settings) -> Result<Self> {
        let refuse = |problem: &str| Error::Setting {
            name: "HF_ENDPOINT",
            problem: problem.to_string(),
        };
        let uri: Uri = (settings.endpoint.parse())
            .map_err(|_| refuse("is no address; it is like https://huggingface.co"))?;
        let origin = origin(&uri).ok_or_else(|| refuse("is no address of http or https"))?;
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err(refuse("holds a user's name or password; use HF_TOKEN"));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("lingo-pipe/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE));
        let config = match settings.proxy {
            true => config,
            false => config.proxy(None),
        };
        let config = match &settings.certificates {
            Some((name, path)) => {
                let roots = certificates(name, path)?;
                config.tls_config(TlsConfig::builder().root_certs(roots).build())
            }
            None => config,
        };
        Ok(Self {
            agent: config.build().into(),
            endpoint: settings.endpoint.clone(),
            origin,
            token: settings.token.clone(),
            tries: settings.tries.max(1),
            wait: settings.wait,
        })
    }

    /// The hub's address.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether a token is sent.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Waits after so many failures in a row; false where they were enough, or it is asked to stop.
    pub fn waits(&self, failures: u32, asked: Option<Duration>, stop: &StopFlag) -> bool {
        if failures >= self.tries {
            return false;
        }
        let own = self.wait * 2u32.saturating_pow(failures.saturating_sub(1).min(6));
        let until = Instant::now() + own.max(asked.unwrap_or_default()).min(LONGEST_WAIT);
        while !stop.is_raised() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(LOOK));
        }
        false
    }

    /// A file, or the hub's answer, from the byte `from` on.
    pub fn get(&self, path: &str, from: u64) -> std::result::Result<Response<Body>, Fault> {
        self.follow(path, Ask::All(from), |_, _| false)
    }

    /// What the hub knows of a file.
    pub fn about(&self, path: &str) -> std::result::Result<About, Fault> {
        // The checksum of a large file stands in the hub's own answer, which sends us elsewhere.
        let response = self.follow(path, Ask::About, |response, is_hub| {
            is_hub && header(response, "x-linked-etag").is_some()
        })?;
        let [etag, size] = match header(&response, "x-linked-etag") {
            Some(_) => ["x-linked-etag", "x-linked-size"],
            None => ["etag", "content-length"],
        };
        let sum = header(&response, etag).and_then(Checksum::of_etag);
        let bytes = header(&response, size).and_then(|size| size.parse().ok());
        match sum {
            Some(sum) => Ok(About { sum, bytes }),
            None => Err(Fault::Final(Error::Answer {
                host: self.host(),
                what: path.to_string(),
                problem: "it tells no checksum of the file (header etag)".into(),
            })),
        }
    }

    /// The hub's host.
    pub fn host(&self) -> String {
        let host = self.endpoint.split("//").nth(1);
        let host = host.and_then(|host| host.split('/').next());
        host.unwrap_or(&self.endpoint).to_string()
    }

    /// Asks, and follows redirects until an answer is no redirect or is `enough`, which also hears whether the hub itself
    /// gave it.
    fn follow(
        &self,
        path: &str,
        ask: Ask,
        enough: impl Fn(&Response<Body>, bool) -> bool,
    ) -> std::result::Result<Response<Body>, Fault> {
        let mut address = format!("{}/{path}", self.endpoint);
        for _ in 0..=REDIRECTS {
            let uri: Uri = address
                .parse()
                .map_err(|_| self.lost("an address that is none"))?;
            let here =
                origin(&uri).ok_or_else(|| self.lost("an address of neither http nor https"))?;
            if self.origin.starts_with("https:") && !here.starts_with("https:") {
                return Err(self.lost("an address without https"));
            }
            let is_hub = here == self.origin;
            let response = self.ask(&uri, ask, is_hub)?;
            if enough(&response, is_hub) || !response.status().is_redirection() {
                return told(response);
            }
            let location = header(&response, "location")
                .ok_or_else(|| self.lost("nowhere: the redirect names no address"))?;
            address = joined(&uri, &here, location);
        }
        Err(self.lost("one address after another"))
    }

    fn ask(&self, uri: &Uri, ask: Ask, is_hub: bool) -> std::result::Result<Response<Body>, Fault> {
        let mut request = match ask {
            Ask::All(_) => self.agent.get(uri),
            Ask::About => self.agent.head(uri),
        };
        request = request.header("accept-encoding", "identity");
        if let Ask::All(from @ 1..) = ask {
            request = request.header("range", format!("bytes={from}-"));
        }
        if let Some(token) = self.token.as_ref().filter(|_| is_hub) {
            request = request.header("authorization", token.header());
        }
        request.call().map_err(|e| self.fault(uri, e))
    }

    fn fault(&self, uri: &Uri, e: ureq::Error) -> Fault {
        let host = uri.host().unwrap_or_default();
        // What is wrong with a certificate comes as invalid data.
        let is_tls = match &e {
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => true,
            ureq::Error::Io(e) => e.kind() == std::io::ErrorKind::InvalidData,
            _ => false,
        };
        match e {
            ureq::Error::HostNotFound => {
                Fault::Passing(format!("no address of {host} is known"), None)
            }
            e if is_tls => Fault::Final(Error::Connection {
                what: "anything".into(),
                host: host.to_string(),
                problem: format!(
                    "{e}; where a proxy signs what passes it, set SSL_CERT_FILE to a file with its certificate"
                ),
                kept: 0,
            }),
            // The address may hold what a storage signed: only what went wrong is told.
            ureq::Error::Io(e) => Fault::Passing(e.to_string(), None),
            e => Fault::Passing(e.to_string(), None),
        }
    }

    fn lost(&self, to: &str) -> Fault {
        Fault::Final(Error::Answer {
            host: self.host(),
            what: "a file".into(),
            problem: format!("it leads to {to}"),
        })
    }
}

/// The answer, unless its status is a refusal.
fn told(response: Response<Body>) -> std::result::Result<Response<Body>, Fault> {
    let status = response.status();
    if status.is_success() || status.is_redirection() {
        return Ok(response);
    }
    let again = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
    );
    if again || status.is_server_error() {
        let seconds = header(&response, "retry-after").and_then(|s| s.parse().ok());
        let wait = seconds.map(Duration::from_secs);
        return Err(Fault::Passing(format!("status {}", status.as_u16()), wait));
    }
    Err(Fault::Refused(Refusal {
        status: status.as_u16(),
        code: header(&response, "x-error-code")
            .unwrap_or_default()
            .to_string(),
    }))
}

pub(crate) fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// `https://host:443`.
fn origin(uri: &Uri) -> Option<String> {
    let scheme = uri.scheme_str()?;
    let default = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let host = uri.host()?.to_ascii_lowercase();
    Some(format!(
        "{scheme}://{host}:{}",
        uri.port_u16().unwrap_or(default)
    ))
}

/// Where a redirect from `uri` leads.
fn joined(uri: &Uri, origin: &str, location: &str) -> String {
    if location.contains("://") && !location.starts_with('/') {
        return location.to_string();
    }
    if let Some(rest) = location.strip_prefix("//") {
        let scheme = uri.scheme_str().unwrap_or("https");
        return format!("{scheme}://{rest}");
    }
    if location.starts_with('/') {
        return format!("{origin}{location}");
    }
    let folder = uri.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{origin}{folder}/{location}")
}

/// Root certificates of a file.
fn certificates(name: &'static str, path: &std::path::Path) -> Result<RootCerts> {
    let text = std::fs::read(path).map_err(lingo_artifact::Error::io("read", path))?;
    let certificates: Vec<_> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        let problem = format!("{} holds no certificate", path.display());
        return Err(Error::Setting { name, problem });
    }
    Ok(certificates.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_a_browser_would_go() {
        fn t(location: &str, to: &str) {
            let uri: Uri = "https://hub.org/o/n/resolve/main/a.json".parse().unwrap();
            assert_eq!(joined(&uri, &origin(&uri).unwrap(), location), to);
        }
        t("https://cdn.org/x?s=1", "https://cdn.org/x?s=1");
        t("//cdn.org/x", "https://cdn.org/x");
        t("/api/x", "https://hub.org:443/api/x");
        t("/api/x?u=http://y", "https://hub.org:443/api/x?u=http://y");
        t("b.json", "https://hub.org:443/o/n/resolve/main/b.json");
    }

    #[test]
    fn another_port_or_scheme_is_another_host() {
        let of = |text: &str| origin(&text.parse::<Uri>().unwrap());
        assert_eq!(of("https://Hub.org/x"), of("https://hub.org:443"));
        assert_ne!(of("https://hub.org"), of("http://hub.org"));
        assert_ne!(of("https://hub.org"), of("https://hub.org:8443"));
        assert_ne!(of("https://hub.org"), of("https://hub.org.evil.org"));
        assert_eq!(of("ftp://hub.org"), None);
    }
}
