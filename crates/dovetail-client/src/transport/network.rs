//! The real network, by way of `reqwest`; the only module that names it.
//!
//! Its own retries, redirects and proxies are off: retries live in one place, a redirect could carry credentials away, and
//! a proxy is somebody's decision.

use std::{error::Error as StdError, time::Duration};

use bytes::Bytes;
use reqwest::{Client, ClientBuilder, redirect, retry};

use super::{Request, Sending, Transport, TransportError, TransportErrorKind};
use crate::{error::ConfigError, operation::Method, response::Response};

/// Connections to services, pooled and shared by clones.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    client: Client,
}

/// What may be chosen about connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NetworkOptions {
    pub(crate) connect_timeout: Duration,
    /// Whether to speak HTTP/2 without asking whether the service does.
    pub(crate) http2_only: bool,
    /// Whether the proxies that the environment names are used.
    pub(crate) system_proxy: bool,
}

impl Network {
    pub(crate) fn new(options: NetworkOptions) -> Result<Self, ConfigError> {
        let builder = ClientBuilder::new()
            .connect_timeout(options.connect_timeout)
            .redirect(redirect::Policy::none())
            // Another crate may turn these features on, and an answer must arrive as it was sent.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .retry(retry::never());
        let builder = if options.http2_only {
            builder.http2_prior_knowledge()
        } else {
            builder
        };
        let builder = if options.system_proxy {
            builder
        } else {
            builder.no_proxy()
        };
        let client = builder
            .build()
            .map_err(|error| ConfigError::Transport(error.into()))?;
        Ok(Self { client })
    }

    async fn exchange(
        &self,
        request: Request,
        body_max: usize,
    ) -> Result<Response, TransportError> {
        let mut outgoing = reqwest::Request::new(method(request.method), request.url);
        *outgoing.headers_mut() = request.headers;
        if !request.body.is_empty() {
            *outgoing.body_mut() = Some(request.body.into());
        }
        let mut answer = self
            .client
            .execute(outgoing)
            .await
            .map_err(sending_failed)?;
        let response = Response::new(answer.status().as_u16());
        let headers = std::mem::take(answer.headers_mut());
        let body = read_body(answer, body_max).await?;
        Ok(response.with_headers(headers).with_body(body))
    }
}

/// Reads a body, and no more of it than allowed.
async fn read_body(
    mut answer: reqwest::Response,
    body_max: usize,
) -> Result<Bytes, TransportError> {
    let too_large = || {
        let kind = TransportErrorKind::BodyTooLarge { limit: body_max };
        TransportError::new(kind, "the rest of the answer was not read")
    };
    if answer.content_length().unwrap_or(0) > body_max as u64 {
        return Err(too_large());
    }
    let (mut first, mut body) = (Bytes::new(), Vec::new());
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| broken(error.without_url()))?
    {
        if first.len() + body.len() + chunk.len() > body_max {
            return Err(too_large());
        }
        // Most bodies come in one piece, which is then used as it is.
        if first.is_empty() && body.is_empty() {
            first = chunk;
            continue;
        }
        body.extend_from_slice(&std::mem::take(&mut first));
        body.extend_from_slice(&chunk);
    }
    Ok(if body.is_empty() { first } else { body.into() })
}

impl Transport for Network {
    fn send(&self, request: Request, body_max: usize) -> Sending<'_> {
        Box::pin(self.exchange(request, body_max))
    }
}

fn sending_failed(error: reqwest::Error) -> TransportError {
    // The URL may hold a key.
    let error = error.without_url();
    if error.is_connect() {
        TransportError::new(TransportErrorKind::Connect, error)
    } else if was_refused(&error) {
        TransportError::new(TransportErrorKind::NotProcessed, error)
    } else {
        broken(error)
    }
}

fn broken(error: reqwest::Error) -> TransportError {
    TransportError::new(TransportErrorKind::Interrupted, error)
}

/// Whether the server itself said that it did not begin: a refused stream, or one above the last that it took.
fn was_refused(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            let going_away = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
            return error.is_remote() && (refused || going_away);
        }
        cause = error.source();
    }
    false
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Options => reqwest::Method::OPTIONS,
        Method::Trace => reqwest::Method::TRACE,
        Method::Put => reqwest::Method::PUT,
        Method::Delete => reqwest::Method::DELETE,
        Method::Post => reqwest::Method::POST,
        Method::Patch => reqwest::Method::PATCH,
        Method::Query | Method::Other(_) => named(method.as_str()),
    }
}

fn named(name: &str) -> reqwest::Method {
    match reqwest::Method::from_bytes(name.as_bytes()) {
        Ok(method) => method,
        Err(_) => unreachable!("the name of a method is a token by its construction"),
    }
}

#[cfg(test)]
mod tests;
