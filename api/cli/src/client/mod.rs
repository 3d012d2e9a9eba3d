//! The typed client of the farm's HTTP routes: one method a route, the shapes of [`flatrender_protocol::rest`]. It
//! retries what is safe to retry, never sends a token anywhere but to the farm, and knows nothing of terminals.

#![expect(
    clippy::disallowed_methods,
    reason = "a command line tells how long an answer took"
)]

use std::net::IpAddr;
use std::time::{Duration, Instant};

use flatrender_protocol::rest::Problem;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;

mod blobs;
mod error;
mod events;
mod jobs;
mod nodes;
mod snapshots;
mod sse;

pub use blobs::Sent;
pub use error::ClientError;
pub use events::Events;
pub use jobs::Film;

/// Waits before the second and third try.
const WAITS: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(1500)];
/// How long a connection may take to come about.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How long an answer that is a document may take.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);
/// How long bytes may stay away while something streams; the farm says every 15 s that it lives.
const SILENCE: Duration = Duration::from_secs(45);
/// Largest document that is read.
const MAX_DOCUMENT: usize = 64 << 20;
/// Rows asked for at once.
const PAGE: u32 = 200;

/// Where the farm is and who asks.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `https://…`, or `http://…` on this machine.
    pub server: String,
    /// The admin token.
    pub token: Option<String>,
    /// Allow `http://` to another machine: token and films can be read on the way.
    pub insecure_http: bool,
}

/// A farm to talk to.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

impl Client {
    /// Checks the address; connects only when something is asked. The process must have a default `rustls` provider.
    ///
    /// # Errors
    /// [`ClientError::Address`] when the address can't be used.
    pub fn new(settings: &Settings) -> Result<Self, ClientError> {
        let refused = |why: &str| ClientError::Address {
            server: settings.server.clone(),
            why: why.to_owned(),
        };
        let base = Url::parse(&settings.server).map_err(|error| {
            refused(&format!("{error}; write for example http://127.0.0.1:7480"))
        })?;
        match base.scheme() {
            "https" => {}
            "http" if settings.insecure_http || is_loopback(&base) => {}
            "http" => {
                return Err(refused(
                    "plain http would show the token to everybody on the way; use https, or --insecure-http on a network you trust",
                ));
            }
            _ => return Err(refused("only http and https are spoken")),
        }
        if base.host_str().is_none() || !matches!(base.path(), "" | "/") {
            return Err(refused("give scheme, host and port only"));
        }
        let mut http = reqwest::Client::builder();
        if base.scheme() == "http" {
            // Plain http needs no certificates: a machine without any must do, and reading them takes a tenth of a second.
            http = http.tls_certs_only([]);
        }
        let http = http
            .user_agent(concat!("flatctl/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_DEADLINE)
            .tcp_keepalive(Duration::from_secs(15))
            .build()
            .map_err(|error| refused(&format!("no client: {error}")))?;
        Ok(Self {
            http,
            base,
            token: settings.token.clone(),
        })
    }

    /// The farm, as people write it.
    pub fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.server());
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, ClientError> {
        let request = self
            .request(Method::GET, path)
            .query(query)
            .header(ACCEPT, "application/json")
            .timeout(ANSWER_DEADLINE);
        let response = self.send(request, Again::Always).await?;
        self.document(response, Again::Always).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let json = serde_json::to_vec(body).map_err(|error| self.odd(error))?;
        let request = self
            .request(Method::POST, path)
            .header(CONTENT_TYPE, "application/json")
            .timeout(ANSWER_DEADLINE)
            .body(json);
        let response = self.send(request, Again::IfNotSent).await?;
        self.document(response, Again::IfNotSent).await
    }

    /// Sends, and tries again what did not get through.
    async fn send(&self, request: RequestBuilder, again: Again) -> Result<Response, ClientError> {
        let started = Instant::now();
        let mut tries = 0;
        loop {
            let Some(attempt) = request.try_clone() else {
                return self.once(request, again).await;
            };
            tries += 1;
            let error = match self.once(attempt, again).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let harmless = matches!(error, ClientError::NotReached { .. });
            let wait = WAITS.get(tries as usize - 1);
            match wait {
                Some(wait) if harmless || (again == Again::Always && error.may_pass()) => {
                    tokio::time::sleep(*wait).await;
                }
                _ => return Err(counted(error, tries, started.elapsed())),
            }
        }
    }

    async fn once(&self, request: RequestBuilder, again: Again) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|source| {
            let server = self.server().to_owned();
            if source.is_connect() || source.is_builder() {
                let (tries, elapsed) = (1, Duration::ZERO);
                ClientError::NotReached {
                    server,
                    tries,
                    elapsed,
                    source,
                }
            } else {
                self.broken(source, again)
            }
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(response, again).await)
    }

    async fn refusal(&self, response: Response, again: Again) -> ClientError {
        let status = response.status();
        match self.bytes(response, again).await {
            Ok(bytes) => match serde_json::from_slice::<Problem>(&bytes) {
                Ok(problem) => ClientError::Refused(Box::new(problem)),
                Err(_) => self.bare_refusal(status),
            },
            Err(error) => error,
        }
    }

    /// A refusal without a problem: a proxy between, or an answer to HEAD.
    fn bare_refusal(&self, status: StatusCode) -> ClientError {
        let words = status.canonical_reason().unwrap_or("no reason given");
        if status.is_redirection() || status.as_u16() < 400 {
            return self.odd(format!("status {status}"));
        }
        ClientError::Refused(Box::new(Problem {
            kind: "about:blank".to_owned(),
            title: words.to_owned(),
            status: status.as_u16(),
            detail: format!("{} answered {status} without an explanation", self.server()),
            code: "unexplained".to_owned(),
            request_id: None,
            errors: Vec::new(),
        }))
    }

    async fn document<T: DeserializeOwned>(
        &self,
        response: Response,
        again: Again,
    ) -> Result<T, ClientError> {
        let bytes = self.bytes(response, again).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.odd(error))
    }

    async fn bytes(&self, mut response: Response, again: Again) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|source| self.broken(source, again))?
        {
            if bytes.len() + chunk.len() > MAX_DOCUMENT {
                return Err(self.odd(format!("more than {MAX_DOCUMENT} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn broken(&self, source: reqwest::Error, again: Again) -> ClientError {
        ClientError::Broken {
            server: self.server().to_owned(),
            unknown: again == Again::IfNotSent,
            source: Some(source),
        }
    }

    fn odd(&self, why: impl ToString) -> ClientError {
        ClientError::NotUnderstood {
            server: self.server().to_owned(),
            why: why.to_string(),
        }
    }
}

/// When a request is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// Twice does the same as once.
    Always,
    /// Only while nothing was sent.
    IfNotSent,
}

fn counted(error: ClientError, count: u32, took: Duration) -> ClientError {
    match error {
        ClientError::NotReached { server, source, .. } => {
            let (tries, elapsed) = (count, took);
            ClientError::NotReached {
                server,
                tries,
                elapsed,
                source,
            }
        }
        other => other,
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
