//! Server-sent events, each with JSON or text as its data.

mod parser;

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use dovetail_resilience::backoff;
use dovetail_wire::read_json;
use futures_core::Stream;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;

use self::parser::{Parser, RawEvent, TooLong};
use super::ByteStream;
use crate::{
    call::{Draft, reopen},
    error::{DecodeError, Failure, FailureKind},
    http::Http,
    operation::Idempotency,
};

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<T> {
    /// What it says.
    pub data: T,
    /// Its type, if it names one.
    pub event: Option<String>,
    /// Its own identifier, if it names one.
    pub id: Option<String>,
}

/// The server-sent events of an answer, as the HTML standard reads them (section 9.2.6, "Interpreting an event stream").
///
/// Data that does not decode is an error item, and the stream goes on. A broken connection, a pause that is too long and
/// an event that is longer than the client allows are error items, too, and the last ones. What came of an event before
/// the end is dropped.
pub struct EventStream<T> {
    bytes: ByteStream,
    parser: Parser,
    read: Read<T>,
    /// Data of `[DONE]` is the end.
    ends_at_done: bool,
    has_ended: bool,
    reconnects: Reconnects,
}

type Read<T> = fn(String) -> Result<T, DecodeError>;

/// The request of a stream that may be made again.
#[derive(Clone)]
pub(crate) struct Origin {
    http: Http,
    draft: Draft,
}

/// Connecting again.
struct Reconnects {
    /// Nothing where the operation is not safe.
    origin: Option<Origin>,
    in_a_row: u32,
    in_a_row_max: u32,
    under_way: Option<Reopening>,
}

type Reopening = Pin<Box<dyn Future<Output = Result<ByteStream, Failure>> + Send>>;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// No server is asked again sooner, or one that ends each stream after an event would be asked without end.
const RETRY_AFTER_MIN: Duration = Duration::from_millis(100);

/// No server is waited for longer before connecting again.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// The waits before connecting again to a server that names none: those of browsers, which are a few seconds.
const BACKOFF: backoff::Config = backoff::Config {
    base: Duration::from_secs(1),
    throttled_base: Duration::from_secs(1),
    max: Duration::from_secs(30),
};

impl Origin {
    /// Keeps the request of a safe operation.
    pub(crate) fn of(http: &Http, draft: &Draft) -> Option<Self> {
        let is_safe = draft.operation.idempotency == Idempotency::Safe;
        let can_repeat = is_safe && draft.body.as_bytes().is_some();
        can_repeat.then(|| Self {
            http: http.clone(),
            draft: draft.clone(),
        })
    }

    fn reopen(&self, last_event_id: &str, wait: Duration) -> Reopening {
        let Self { http, mut draft } = self.clone();
        // Whatever stands in a line can stand in a header, but for control characters.
        match HeaderValue::from_bytes(last_event_id.as_bytes()) {
            Ok(id) if !last_event_id.is_empty() => draft.headers.insert(LAST_EVENT_ID, id),
            _ => None,
        };
        Box::pin(async move {
            http.inner().clock.sleep(wait).await;
            reopen(&http, draft).await
        })
    }
}

impl<T: DeserializeOwned> EventStream<T> {
    pub(crate) fn json(
        bytes: ByteStream,
        event_max: usize,
        origin: Option<Origin>,
    ) -> Result<Self, Failure> {
        Self::new(
            bytes,
            event_max,
            origin,
            |data| read_json(data.as_bytes()),
            true,
        )
    }
}

impl EventStream<String> {
    pub(crate) fn text(
        bytes: ByteStream,
        event_max: usize,
        origin: Option<Origin>,
    ) -> Result<Self, Failure> {
        Self::new(bytes, event_max, origin, Ok, false)
    }
}

impl<T> EventStream<T> {
    fn new(
        bytes: ByteStream,
        event_max: usize,
        origin: Option<Origin>,
        read: Read<T>,
        ends_at_done: bool,
    ) -> Result<Self, Failure> {
        check(&bytes)?;
        Ok(Self {
            bytes,
            parser: Parser::new(event_max),
            read,
            ends_at_done,
            has_ended: false,
            reconnects: Reconnects {
                origin,
                in_a_row: 0,
                in_a_row_max: 0,
                under_way: None,
            },
        })
    }

    /// Connects again where the stream ends or breaks, as browsers do: after the wait that the service named, with the
    /// identifier of the last event, up to `max` times in a row without an event. An answer with status 204 is the end.
    ///
    /// Only an operation that changes nothing is called again; the stream of any other stays as it is.
    #[must_use]
    pub fn reconnecting(mut self, max: u32) -> Self {
        self.reconnects.in_a_row_max = max;
        self
    }

    pub(crate) const fn bytes(&self) -> &ByteStream {
        &self.bytes
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.bytes.status()
    }

    /// The headers of the answer.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        self.bytes.headers()
    }

    /// The identifier of the last event that had one: where to go on from.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        Some(self.parser.last_id()).filter(|id| !id.is_empty())
    }

    /// How long the service asks to wait before connecting again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.parser.retry_after()
    }

    /// The next event, or nothing at the end.
    pub async fn next(&mut self) -> Option<Result<Event<T>, Failure>> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Event<T>, Failure>>> {
        while !self.has_ended {
            if let Some(failure) = ready!(self.poll_reopening(context)) {
                return Poll::Ready(self.end(Some(failure)));
            }
            if self.has_ended {
                break;
            }
            match self.parser.next() {
                Ok(Some(event)) if self.ends_at_done && event.data == "[DONE]" => {
                    return Poll::Ready(self.end(None));
                }
                Ok(Some(event)) => {
                    self.reconnects.in_a_row = 0;
                    return Poll::Ready(Some(self.decode(event)));
                }
                Ok(None) => {}
                Err(TooLong { limit }) => {
                    let failure = self.bytes.failure(FailureKind::BodyTooLarge { limit });
                    return Poll::Ready(self.end(Some(failure)));
                }
            }
            match ready!(self.bytes.poll(context)) {
                Some(Ok(chunk)) => self.parser.push(chunk),
                ended => {
                    let failure = ended.and_then(Result::err);
                    if !self.reconnect(failure.as_ref()) {
                        return Poll::Ready(self.end(failure));
                    }
                }
            }
        }
        Poll::Ready(None)
    }

    /// Waits for the connection that is being made, if one is. A failure is the last thing that the stream says.
    fn poll_reopening(&mut self, context: &mut Context<'_>) -> Poll<Option<Failure>> {
        while let Some(reopening) = &mut self.reconnects.under_way {
            let reopened = ready!(reopening.as_mut().poll(context));
            self.reconnects.under_way = None;
            match reopened.and_then(|bytes| check(&bytes).map(|()| bytes)) {
                Ok(bytes) => {
                    self.has_ended = bytes.status() == NO_CONTENT;
                    self.bytes = bytes;
                    self.parser.restart();
                }
                Err(failure) if failure.is_retryable() && self.reconnect(Some(&failure)) => {}
                Err(failure) => return Poll::Ready(Some(failure)),
            }
        }
        Poll::Ready(None)
    }

    /// Begins to connect again, if that may be done.
    fn reconnect(&mut self, failure: Option<&Failure>) -> bool {
        let reconnects = &mut self.reconnects;
        let may_reconnect = reconnects.in_a_row < reconnects.in_a_row_max;
        let Some(origin) = reconnects.origin.as_ref().filter(|_| may_reconnect) else {
            return false;
        };
        if self.bytes.status() == NO_CONTENT {
            return false;
        }
        let fraction = origin.http.inner().chance.fraction();
        let backoff = || BACKOFF.delay(reconnects.in_a_row, false, BACKOFF.max, fraction);
        let asked = failure.and_then(Failure::retry_after).unwrap_or_default();
        let wait = self.parser.retry_after().unwrap_or_else(backoff);
        let wait = wait.max(asked).clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX);
        reconnects.in_a_row += 1;
        reconnects.under_way = Some(origin.reopen(self.parser.last_id(), wait));
        true
    }

    fn end(&mut self, failure: Option<Failure>) -> Option<Result<Event<T>, Failure>> {
        self.has_ended = true;
        self.bytes.close();
        failure.map(Err)
    }

    fn decode(&self, event: RawEvent) -> Result<Event<T>, Failure> {
        let RawEvent { data, event, id } = event;
        let data = (self.read)(data).map_err(|error| self.bytes.undecodable(error))?;
        Ok(Event { data, event, id })
    }
}

/// The status that tells a client not to connect again.
const NO_CONTENT: u16 = 204;

/// Refuses an answer that calls itself something else.
fn check(bytes: &ByteStream) -> Result<(), Failure> {
    match bytes.content_type() {
        Some(other) if other != "text/event-stream" => {
            let message = format!("the body is {other} instead of an event stream");
            Err(bytes.undecodable(DecodeError::new(".", message)))
        }
        _ => Ok(()),
    }
}

impl<T> Stream for EventStream<T> {
    type Item = Result<Event<T>, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EventStream")
            .field("bytes", &self.bytes)
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}
