//! A typed client: the socket first, loopback TCP when it was configured, and errors that say what to do.
//!
//! Owns: connecting, timeouts, repeating a request whose answer was lost, reading problem documents.

mod calls;
mod content;
mod error;
mod feed;
mod sse;

pub use error::ClientError;
pub use feed::{Feed, FeedAsk, FeedItem};

use reqwest::{Method, RequestBuilder, Response, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer is waited for, usually.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A feed says something at least every 15 seconds; after this much silence it is gone.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// A run that starts, an agent that is probed, a large diff.
const LONG_TIMEOUT: Duration = Duration::from_secs(180);
/// An answer longer than this is not read.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Where the daemon is.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its socket; see [`crate::socket_path`].
    pub socket: PathBuf,
    /// What to try when nobody answers there.
    pub tcp: Option<Tcp>,
    /// How long an answer is waited for; 30 seconds unless said. Calls that are known to be long wait longer.
    pub timeout: Option<Duration>,
}

/// A daemon's loopback port.
#[derive(Clone)]
pub struct Tcp {
    /// Its address.
    pub address: SocketAddr,
    /// The bearer token.
    pub token: String,
}

impl fmt::Debug for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tcp({}, token hidden)", self.address)
    }
}

/// Marks a request, so that repeating it has no second effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A key that nobody else has.
    #[must_use]
    pub fn fresh() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }

    /// A key of the caller's: 1 to 128 printable ASCII characters.
    pub fn of(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// As it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The daemon, as its clients call it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    ways: Arc<Ways>,
    key: Option<IdempotencyKey>,
}

#[derive(Debug)]
struct Ways {
    endpoint: Endpoint,
    socket: Pair,
    tcp: Option<Pair>,
}

/// One client for answers, one for feeds, which may be silent for a while and have no end.
#[derive(Debug)]
struct Pair {
    answers: reqwest::Client,
    feeds: reqwest::Client,
}

/// A request, so that it can be made again.
struct Ask<'a> {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<&'a (dyn ErasedBody + Sync)>,
    accept: &'static str,
    timeout: Option<Duration>,
}

/// Something that becomes a JSON body.
trait ErasedBody {
    fn json(&self) -> Result<Vec<u8>, serde_json::Error>;
}

impl<T: Serialize> ErasedBody for T {
    fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

impl<'a> Ask<'a> {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            accept: "application/json",
            timeout: None,
        }
    }

    fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    fn body(mut self, body: &'a (impl Serialize + Sync)) -> Self {
        self.body = Some(body);
        self
    }

    fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    const fn long(mut self) -> Self {
        self.timeout = Some(LONG_TIMEOUT);
        self
    }

    const fn accept(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    fn is_safe(&self) -> bool {
        self.method == Method::GET
    }
}

impl Client {
    /// A client of the daemon that is there. Nothing is connected yet.
    ///
    /// # Errors
    /// When the system refuses what every client needs.
    pub fn new(endpoint: Endpoint) -> Result<Self, ClientError> {
        let over_socket = || reqwest::Client::builder().unix_socket(endpoint.socket.as_path());
        let socket = Pair::new(over_socket)?;
        let tcp = endpoint
            .tcp
            .as_ref()
            .map(|_| Pair::new(reqwest::Client::builder))
            .transpose()?;
        let ways = Ways {
            socket,
            tcp,
            endpoint,
        };
        Ok(Self {
            ways: Arc::new(ways),
            key: None,
        })
    }

    /// A client of the daemon behind this socket, with the usual limits.
    ///
    /// # Errors
    /// When the system refuses what every client needs.
    pub fn over_socket(socket: impl Into<PathBuf>) -> Result<Self, ClientError> {
        Self::new(Endpoint {
            socket: socket.into(),
            tcp: None,
            timeout: None,
        })
    }

    /// The same client; its next change is made under this key, however often it is asked for.
    #[must_use]
    pub fn keyed(&self, key: IdempotencyKey) -> Self {
        Self {
            ways: Arc::clone(&self.ways),
            key: Some(key),
        }
    }

    async fn json<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, ClientError> {
        let bytes = self.bytes(ask).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| ClientError::Protocol(format!("the answer is not what was expected: {error}")))
    }

    async fn text(&self, ask: Ask<'_>) -> Result<String, ClientError> {
        let bytes = self.bytes(ask).await?;
        String::from_utf8(bytes).map_err(|_| ClientError::Protocol("the answer is not text".to_owned()))
    }

    async fn nothing(&self, ask: Ask<'_>) -> Result<(), ClientError> {
        self.bytes(ask).await.map(drop)
    }

    /// Asks, once more when the answer was lost on the way: what changes something carries a key, so that asking twice
    /// is safe.
    async fn bytes(&self, ask: Ask<'_>) -> Result<Vec<u8>, ClientError> {
        let key = (!ask.is_safe()).then(|| self.key.clone().unwrap_or_else(IdempotencyKey::fresh));
        match self.once(&ask, key.as_ref()).await {
            Err(ClientError::Lost(_)) => self.once(&ask, key.as_ref()).await,
            other => other,
        }
    }

    async fn once(&self, ask: &Ask<'_>, key: Option<&IdempotencyKey>) -> Result<Vec<u8>, ClientError> {
        let timeout = match (ask.timeout, self.ways.endpoint.timeout) {
            (Some(long), Some(usual)) => long.max(usual),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => ANSWER_TIMEOUT,
        };
        let send = |pair: &Pair, base: &str, token: Option<&str>| {
            let mut request = self.request(&pair.answers, ask, base, token)?.timeout(timeout);
            if let Some(key) = key {
                request = request.header("idempotency-key", key.as_str());
            }
            Ok(request)
        };
        let response = self.send(send).await?;
        let status = response.status();
        let mut bytes = Vec::new();
        let mut response = response;
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error))? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(ClientError::Protocol("the answer is too long".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() {
            Ok(bytes)
        } else {
            Err(error::refused(status, &bytes))
        }
    }

    /// Sends over the socket, or over TCP when nobody listens there and TCP was configured.
    async fn send(
        &self,
        request: impl Fn(&Pair, &str, Option<&str>) -> Result<RequestBuilder, ClientError>,
    ) -> Result<Response, ClientError> {
        let over_socket = request(&self.ways.socket, "http://localhost", None)?.send().await;
        let not_there = match over_socket {
            Ok(response) => return Ok(response),
            Err(error) if error.is_connect() => error,
            Err(error) => return Err(self.failed(&error)),
        };
        let (Some(tcp), Some(pair)) = (&self.ways.endpoint.tcp, &self.ways.tcp) else {
            return Err(self.failed(&not_there));
        };
        let base = format!("http://{}", tcp.address);
        match request(pair, &base, Some(&tcp.token))?.send().await {
            Err(error) if error.is_connect() => Err(ClientError::NotRunning {
                socket: self.ways.endpoint.socket.clone(),
                because: format!(
                    "{}; and {}: {}",
                    error::root(&not_there),
                    tcp.address,
                    error::root(&error)
                ),
            }),
            other => other.map_err(|error| self.failed(&error)),
        }
    }

    fn request(
        &self,
        http: &reqwest::Client,
        ask: &Ask<'_>,
        base: &str,
        token: Option<&str>,
    ) -> Result<RequestBuilder, ClientError> {
        let mut request = http
            .request(ask.method.clone(), format!("{base}/api{}", ask.path))
            .query(&ask.query)
            .header(header::ACCEPT, ask.accept);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = ask.body {
            let body = body
                .json()
                .map_err(|error| ClientError::Protocol(format!("the request cannot be written: {error}")))?;
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        Ok(request)
    }

    fn failed(&self, error: &reqwest::Error) -> ClientError {
        error::failed(error, &self.ways.endpoint.socket)
    }
}

impl Pair {
    fn new(builder: impl Fn() -> reqwest::ClientBuilder) -> Result<Self, ClientError> {
        // A proxy of the environment must never see what is meant for the own machine.
        let plain = || {
            builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
        };
        let build = |builder: reqwest::ClientBuilder| {
            builder
                .build()
                .map_err(|error| ClientError::Protocol(error.to_string()))
        };
        Ok(Self {
            answers: build(plain())?,
            feeds: build(plain().read_timeout(SILENCE_MAX))?,
        })
    }
}

/// One part of a path: what people name things may hold anything.
fn part(text: impl fmt::Display) -> String {
    let mut escaped = String::new();
    for byte in text.to_string().bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_stays_one_part() {
        assert_eq!(part("angles[2]"), "angles%5B2%5D");
        assert_eq!(part("../x y"), "%2E%2E%2Fx%20y");
    }

    #[tokio::test]
    async fn s3_32_nobody_listening_is_said_with_the_socket() {
        let client = Client::over_socket("/nonexistent/orchestrator.sock").unwrap();
        let error = client.status().await.unwrap_err();
        let ClientError::NotRunning { socket, because } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(socket, std::path::Path::new("/nonexistent/orchestrator.sock"));
        assert!(because.contains("No such file"), "{because}");
    }
}
