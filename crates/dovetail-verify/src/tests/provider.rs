//! A provider on loopback that answers as a test says and remembers what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::Target;

/// A running provider; it stops when the test's runtime does.
pub(crate) struct Provider {
    pub(crate) target: Target,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Method and path with query.
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Provider {
    /// Answers every request with what `answer` makes of it.
    pub(crate) async fn start<F, A>(answer: F) -> Self
    where
        F: Fn(Asked) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response> + Send,
    {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let router = Router::new().fallback(move |request: Request| {
            let (answer, log) = (answer.clone(), Arc::clone(&log));
            async move {
                let asked = Asked::read(request).await;
                log.lock().expect("not poisoned").push(asked.clone());
                answer(asked).await
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let target = target_of(&listener);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { target, asked }
    }

    /// Answers every request with this text of this media type.
    pub(crate) async fn fixed(
        status: u16,
        media_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let body = body.into();
        Self::start(move |_| std::future::ready(answer(status, media_type, body.clone()))).await
    }

    /// Writes these bytes to every connection, whatever it asks, and then keeps it open.
    pub(crate) async fn raw(bytes: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let target = target_of(&listener);
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 4096];
                // What is asked does not matter here, nor whether the other side hung up.
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(bytes).await;
                open.push(stream);
            }
        });
        Self {
            target,
            asked: Arc::default(),
        }
    }

    /// The address of a provider that is not running.
    pub(crate) async fn stopped() -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        target_of(&listener)
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }

    /// Method, path and body of what was asked so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |asked: Asked| format!("{} {}", asked.line, asked.body);
        self.asked().into_iter().map(line).collect()
    }
}

impl Asked {
    async fn read(request: Request) -> Self {
        let (head, body) = request.into_parts();
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
        };
        let body = axum::body::to_bytes(body, 1 << 20)
            .await
            .expect("a small body");
        Self {
            line: format!("{} {}", head.method, head.uri),
            headers: head.headers.iter().map(header).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }
}

/// An answer with a body.
pub(crate) fn answer(status: u16, media_type: &str, body: impl Into<Body>) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", media_type)
        .body(body.into())
        .expect("a valid answer")
}

fn target_of(listener: &TcpListener) -> Target {
    let address = listener.local_addr().expect("a bound listener");
    Target::parse(&format!("http://{address}")).expect("a target")
}
