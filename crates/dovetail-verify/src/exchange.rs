//! One request and its answer, with every bound that a hostile provider would test.
//!
//! One client serves a whole run. It follows no redirect, uses no proxy, decompresses nothing and stops reading at the limit.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect;
use tokio::time::{Instant, timeout_at};

use crate::request::Prepared;
use crate::target::Pinned;

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why nothing came back that could be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SendError {
    /// No connection was made.
    Unreachable(String),
    /// The time was up.
    Timeout,
    /// The connection broke, or what came over it was not HTTP.
    Broken(String),
    /// The body went on beyond the limit, in bytes.
    TooLarge(usize),
}

/// A client for one run.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    body_max: usize,
}

/// Headers of one answer; `hyper` refuses more.
const HEADERS_MAX: usize = 100;

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

impl Client {
    pub(crate) fn new(
        pinned: &[Pinned],
        headers: HeaderMap,
        body_max: usize,
        tls: bool,
    ) -> Result<Self, String> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("dovetail-verify/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .tcp_nodelay(true)
            .http1_max_headers(HEADERS_MAX)
            .connect_timeout(CONNECT_TIMEOUT);
        if !tls {
            // Reading the certificates of the system takes longer than a hundred interactions.
            builder = builder.tls_certs_only([]);
        }
        for Pinned { host, addresses } in pinned {
            builder = builder.resolve_to_addrs(host, addresses);
        }
        let http = builder.build().map_err(|error| chain(&error))?;
        Ok(Self { http, body_max })
    }

    /// Sends a request and reads the whole answer, until `deadline` at most.
    pub(crate) async fn send(
        &self,
        request: &Prepared,
        deadline: Instant,
    ) -> Result<Answer, SendError> {
        timeout_at(deadline, self.exchange(request))
            .await
            .unwrap_or(Err(SendError::Timeout))
    }

    async fn exchange(&self, request: &Prepared) -> Result<Answer, SendError> {
        let headers: HeaderMap<HeaderValue> = request
            .headers
            .iter()
            .map(|(name, value): &(HeaderName, HeaderValue)| (name.clone(), value.clone()))
            .collect();
        let mut builder = self
            .http
            .request(request.method.clone(), request.url.clone())
            .headers(headers);
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let mut response = builder.send().await.map_err(|error| of(&error))?;
        let too_large = SendError::TooLarge(self.body_max);
        let announced = response.content_length().unwrap_or(0);
        let body_max = u64::try_from(self.body_max).unwrap_or(u64::MAX);
        // The answer to a HEAD announces a length without a body.
        if announced > body_max && request.method != http::Method::HEAD {
            return Err(too_large);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| of(&error))? {
            if body.len() + chunk.len() > self.body_max {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }
}

impl Answer {
    /// A header as text, the lines of a list joined; `None` where it is not there. Bytes that are not text become `�`.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<String> = self
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

fn of(error: &reqwest::Error) -> SendError {
    if error.is_connect() {
        SendError::Unreachable(chain(error))
    } else if error.is_timeout() {
        SendError::Timeout
    } else {
        SendError::Broken(chain(error))
    }
}

/// What went wrong, innermost cause only: the outer layers repeat the address.
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
