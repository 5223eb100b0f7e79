//! A provider that follows a script, for tests of clients and of the services that use them.
//!
//! It needs no network, and goes by the clock of the test: with tokio's time paused, each hit has an exact instant, and so
//! has each [`Step::chunk`] of an answer that streams.
//!
//! ```
//! # use dovetail_client::{Http, Method, Operation, Service, Undeclared, policy::Policy, testing::{Script, Step}};
//! # use std::time::Duration;
//! # const SERVICE: Service = Service::new("orders", &["getOrder"]);
//! # const GET_ORDER: Operation =
//! #     Operation::new(&SERVICE, "getOrder", Method::Get, "/orders/{id}", Policy::new(Duration::from_secs(5)));
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let script = Script::new([Step::status(503), Step::json(200, r#"{"id":"o-1"}"#)]);
//! let http = Http::builder(&SERVICE).base_url("http://orders").transport(script.clone()).build()?;
//! let order: serde_json::Value = http.call(&GET_ORDER).path("id", "o-1").send_json::<_, Undeclared>().await?;
//! assert_eq!(order["id"], "o-1");
//! assert_eq!(script.hits().len(), 2);
//! # Ok(())
//! # }
//! ```

mod playing;

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use dovetail_resilience::{Clock, Instant};
use futures_core::Stream;
use http::{HeaderName, HeaderValue};

use self::playing::{Chunk, Last, Playing};
use crate::{
    body::Body,
    response::Response,
    transport::{Opened, Opening, Request, Transport, TransportError, TransportErrorKind},
};

/// A scripted provider. Clones share the script and what was hit.
#[derive(Debug, Clone)]
pub struct Script {
    state: Arc<Mutex<State>>,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    steps: VecDeque<Step>,
    /// What happens once the steps are used up.
    last: Step,
    hits: Vec<Hit>,
    start: Instant,
}

/// One request that came.
#[derive(Debug, Clone)]
pub struct Hit {
    /// When, counted from the making of the script.
    pub at: Duration,
    /// What came.
    pub request: Request,
}

impl Hit {
    /// The body of the request. One that was a stream has been read whole, unless the step refused the connection.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.request.body.as_bytes().map_or(&[], |bytes| bytes)
    }

    /// A header of the request as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    }
}

impl Script {
    /// A provider that takes these steps, one for each request, and then breaks connections.
    #[must_use]
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::with(steps.into_iter().collect(), Step::reset())
    }

    /// A provider that does the same for every request.
    #[must_use]
    pub fn always(step: Step) -> Self {
        Self::with(VecDeque::new(), step)
    }

    fn with(steps: VecDeque<Step>, last: Step) -> Self {
        let clock = Clock::system();
        let state = State {
            steps,
            last,
            hits: Vec::new(),
            start: clock.now(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
        }
    }

    /// All requests so far.
    #[must_use]
    pub fn hits(&self) -> Vec<Hit> {
        self.lock().hits.clone()
    }

    /// Notes the request with all of its body, unless the step is to send nothing of it.
    async fn take(&self, mut request: Request) -> Result<Step, TransportError> {
        let at = self.clock.now();
        let step = {
            let mut state = self.lock();
            state
                .steps
                .pop_front()
                .unwrap_or_else(|| state.last.clone())
        };
        let body = match step.action {
            Action::Break(TransportErrorKind::Connect) => Ok(request.body),
            _ => read(&request.body).await,
        };
        let (body, result) = match body {
            Ok(body) => (body, Ok(step)),
            Err(error) => {
                let kind = TransportErrorKind::RequestBody;
                (Body::default(), Err(TransportError::new(kind, error)))
            }
        };
        request.body = body;
        let mut state = self.lock();
        let at = at.saturating_duration_since(state.start);
        state.hits.push(Hit { at, request });
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a streamed body into one of bytes.
async fn read(body: &Body) -> io::Result<Body> {
    if body.as_bytes().is_some() {
        return Ok(body.clone());
    }
    let (mut reader, mut bytes) = (body.read(), Vec::new());
    while let Some(piece) = poll_fn(|context| Pin::new(&mut reader).poll_next(context)).await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes.into())
}

impl Transport for Script {
    fn open(&self, request: Request) -> Opening<'_> {
        Box::pin(async move {
            let step = self.take(request).await?;
            if let Some(delay) = step.delay {
                self.clock.sleep(delay).await;
            }
            match step.action {
                Action::Answer(answer) => {
                    let Answer { head, chunks, last } = *answer;
                    let chunks = Box::pin(Playing::new(self.clock, chunks, last));
                    Ok(Opened { head, chunks })
                }
                Action::Break(kind) => Err(TransportError::new(kind, "as the script says")),
                Action::Hang => std::future::pending().await,
            }
        })
    }
}

/// What a scripted provider does with one request.
#[derive(Debug, Clone)]
pub struct Step {
    delay: Option<Duration>,
    action: Action,
}

#[derive(Debug, Clone)]
enum Action {
    Answer(Box<Answer>),
    Break(TransportErrorKind),
    Hang,
}

#[derive(Debug, Clone)]
struct Answer {
    head: Response,
    chunks: Vec<Chunk>,
    last: Last,
}

impl Step {
    /// Answers with a status and nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::answer(Response::new(status))
    }

    /// Answers with a body of JSON.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        let json = HeaderValue::from_static("application/json");
        Self::answer(
            Response::new(status)
                .with_header(http::header::CONTENT_TYPE, json)
                .with_body(body),
        )
    }

    /// Answers with server-sent events, as they stand in the stream.
    #[must_use]
    pub fn events(events: impl Into<Bytes>) -> Self {
        let event_stream = HeaderValue::from_static("text/event-stream");
        Self::answer(
            Response::new(200)
                .with_header(http::header::CONTENT_TYPE, event_stream)
                .with_body(events),
        )
    }

    /// Answers so.
    #[must_use]
    pub fn answer(response: Response) -> Self {
        let bytes = response.body().clone();
        let body = Chunk {
            delay: Duration::ZERO,
            bytes,
        };
        let answer = Answer {
            head: response.with_body(Bytes::new()),
            chunks: vec![body],
            last: Last::End,
        };
        Self {
            delay: None,
            action: Action::Answer(Box::new(answer)),
        }
    }

    /// Never answers.
    #[must_use]
    pub const fn hang() -> Self {
        Self {
            delay: None,
            action: Action::Hang,
        }
    }

    /// Refuses the connection: nothing was sent.
    #[must_use]
    pub const fn refuse() -> Self {
        Self {
            delay: None,
            action: Action::Break(TransportErrorKind::Connect),
        }
    }

    /// Says that it did not begin, as a server of HTTP/2 can.
    #[must_use]
    pub const fn not_processed() -> Self {
        Self {
            delay: None,
            action: Action::Break(TransportErrorKind::NotProcessed),
        }
    }

    /// Breaks the connection after the request was sent.
    #[must_use]
    pub const fn reset() -> Self {
        Self {
            delay: None,
            action: Action::Break(TransportErrorKind::Interrupted),
        }
    }

    /// The same, after a while.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self {
            delay: Some(delay),
            ..self
        }
    }

    /// The same with a header, if it is an answer.
    #[must_use]
    pub fn header(self, name: &'static str, value: &'static str) -> Self {
        self.with_answer(|answer| {
            let head = std::mem::take(&mut answer.head);
            let (name, value) = (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
            answer.head = head.with_header(name, value);
        })
    }

    /// The same with one more piece of its body, if it is an answer.
    #[must_use]
    pub fn chunk(self, bytes: impl Into<Bytes>) -> Self {
        self.chunk_after(Duration::ZERO, bytes)
    }

    /// The same with one more piece of its body that comes after a while, if it is an answer.
    #[must_use]
    pub fn chunk_after(self, delay: Duration, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        self.with_answer(|answer| answer.chunks.push(Chunk { delay, bytes }))
    }

    /// The same, but the connection breaks after the body, if it is an answer.
    #[must_use]
    pub fn then_reset(self) -> Self {
        self.with_answer(|answer| answer.last = Last::Break)
    }

    /// The same, but nothing comes after the body and it never ends, if it is an answer.
    #[must_use]
    pub fn then_hang(self) -> Self {
        self.with_answer(|answer| answer.last = Last::Hang)
    }

    fn with_answer(mut self, change: impl FnOnce(&mut Answer)) -> Self {
        if let Action::Answer(answer) = &mut self.action {
            change(answer);
        }
        self
    }
}
