//! A provider that follows a script, for tests of clients and of the services that use them.
//!
//! It needs no network, and goes by the clock of the test: with tokio's time paused, each hit has an exact instant.
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

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use dovetail_resilience::{Clock, Instant};
use http::{HeaderName, HeaderValue};

use crate::{
    response::Response,
    transport::{Request, Sending, Transport, TransportError, TransportErrorKind},
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

    fn take(&self, request: Request) -> Step {
        let now = self.clock.now();
        let mut state = self.lock();
        let at = now.saturating_duration_since(state.start);
        state.hits.push(Hit { at, request });
        state
            .steps
            .pop_front()
            .unwrap_or_else(|| state.last.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Script {
    fn send(&self, request: Request, body_max: usize) -> Sending<'_> {
        Box::pin(async move {
            let step = self.take(request);
            if let Some(delay) = step.delay {
                self.clock.sleep(delay).await;
            }
            let broken = |kind| Err(TransportError::new(kind, "as the script says"));
            match step.action {
                Action::Answer(answer) if answer.body().len() > body_max => {
                    broken(TransportErrorKind::BodyTooLarge { limit: body_max })
                }
                Action::Answer(answer) => Ok(answer),
                Action::Break(kind) => broken(kind),
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
    Answer(Response),
    Break(TransportErrorKind),
    Hang,
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

    /// Answers so.
    #[must_use]
    pub const fn answer(response: Response) -> Self {
        Self {
            delay: None,
            action: Action::Answer(response),
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
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        if let Action::Answer(answer) = self.action {
            let (name, value) = (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
            self.action = Action::Answer(answer.with_header(name, value));
        }
        self
    }
}
