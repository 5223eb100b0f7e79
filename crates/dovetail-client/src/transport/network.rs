//! The real network, by way of `reqwest`; the only module that names it, with those below it.
//!
//! Its own retries, redirects and proxies are off: retries live in one place, a redirect could carry credentials away, and
//! a proxy is somebody's decision.

#[cfg(feature = "tls")]
mod tls;

use std::{
    error::Error as StdError,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Frame, SizeHint};
use reqwest::{Client, ClientBuilder, redirect, retry};

#[cfg(feature = "tls")]
pub(crate) use self::tls::TlsOptions;
use super::{
    Opened, Opening, Request, Sending, Transport, TransportError, TransportErrorKind, Whole,
};
use crate::{
    body::{Body, BodyReader},
    error::ConfigError,
    operation::Method,
    response::Response,
};

/// Connections to services, pooled and shared by clones.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    client: Client,
}

/// What may be chosen about connections.
#[derive(Debug, Clone)]
pub(crate) struct NetworkOptions {
    pub(crate) connect_timeout: Duration,
    /// Whether to speak HTTP/2 without asking whether the service does.
    pub(crate) http2_only: bool,
    /// Whether the proxies that the environment names are used.
    pub(crate) system_proxy: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: TlsOptions,
}

impl Network {
    pub(crate) fn new(options: &NetworkOptions) -> Result<Self, ConfigError> {
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
        #[cfg(feature = "tls")]
        let builder = options.tls.apply(builder);
        let client = builder
            .build()
            .map_err(|error| ConfigError::Transport(error.into()))?;
        Ok(Self { client })
    }

    /// Sends the request. The answer has come up to the end of its head.
    async fn execute(&self, request: Request) -> Result<reqwest::Response, TransportError> {
        let Request {
            method,
            url,
            headers,
            body,
        } = request;
        let mut outgoing = reqwest::Request::new(self::method(method), url);
        *outgoing.headers_mut() = headers;
        if !body.is_empty() {
            *outgoing.body_mut() = Some(match body.as_bytes() {
                Some(bytes) => bytes.clone().into(),
                None => reqwest::Body::wrap(Upload::new(&body)),
            });
        }
        let answer = self.client.execute(outgoing).await;
        answer.map_err(|error| sending_failed(error, &body))
    }

    async fn exchange(
        &self,
        request: Request,
        body_max: usize,
    ) -> Result<Response, TransportError> {
        let mut answer = self.execute(request).await?;
        let response = head(&mut answer);
        let mut whole = Whole::new(body_max);
        if answer.content_length().unwrap_or(0) > body_max as u64 {
            return Err(whole.too_large());
        }
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            whole.push(chunk)?;
        }
        Ok(response.with_body(whole.into_bytes()))
    }

    async fn open(&self, request: Request) -> Result<Opened, TransportError> {
        let mut answer = self.execute(request).await?;
        let head = head(&mut answer);
        let chunks = Box::pin(Download(Some(answer.into())));
        Ok(Opened { head, chunks })
    }
}

fn head(answer: &mut reqwest::Response) -> Response {
    let headers = std::mem::take(answer.headers_mut());
    Response::new(answer.status().as_u16()).with_headers(headers)
}

impl Transport for Network {
    fn open(&self, request: Request) -> Opening<'_> {
        Box::pin(self.open(request))
    }

    fn send(&self, request: Request, body_max: usize) -> Sending<'_> {
        Box::pin(self.exchange(request, body_max))
    }
}

/// A streamed body on its way out.
struct Upload {
    reader: BodyReader,
    length: Option<u64>,
}

impl Upload {
    fn new(body: &Body) -> Self {
        let (reader, length) = (body.read(), body.length());
        Self { reader, length }
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = ready!(Pin::new(&mut self.reader).poll_next(context));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

/// A streamed body on its way in; nothing once it has ended.
struct Download(Option<reqwest::Body>);

impl Stream for Download {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Some(body) = &mut self.0 {
            match ready!(http_body::Body::poll_frame(Pin::new(body), context)) {
                Some(Ok(frame)) => {
                    // Trailers are of no use to anyone here.
                    if let Ok(chunk) = frame.into_data() {
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                }
                ended => {
                    self.0 = None;
                    return Poll::Ready(
                        ended.and_then(Result::err).map(|error| Err(broken(error))),
                    );
                }
            }
        }
        Poll::Ready(None)
    }
}

fn sending_failed(error: reqwest::Error, body: &Body) -> TransportError {
    // The URL may hold a key.
    let error = error.without_url();
    if body.has_failed() {
        TransportError::new(TransportErrorKind::RequestBody, error)
    } else if error.is_connect() {
        TransportError::new(TransportErrorKind::Connect, error)
    } else if was_refused(&error) {
        TransportError::new(TransportErrorKind::NotProcessed, error)
    } else {
        broken(error)
    }
}

fn broken(error: reqwest::Error) -> TransportError {
    TransportError::new(TransportErrorKind::Interrupted, error.without_url())
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
