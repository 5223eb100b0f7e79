//! Answers that are handed out while they are still coming: bytes, events and lines.
//!
//! Retries, breaker and deadline end with the head of the answer; the slot of a bulkhead is given back there, too, since
//! a stream may last for days. From then on, the only bound in time is how long it may pause.

mod events;
mod lines;

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use dovetail_resilience::{Clock, Instant};
use futures_core::Stream;
use http::HeaderMap;

pub(crate) use self::events::Origin;
pub use self::{
    events::{Event, EventStream},
    lines::LineStream,
};
use crate::{
    error::{DecodeError, Failure, FailureKind},
    http::Http,
    operation::Operation,
    response::Response,
    transport::{Chunks, Whole},
};

/// The body of an answer, piece by piece as the network brings it.
///
/// It ends with the answer, or with one error: the connection broke, or nothing came for too long. Dropping it abandons
/// the answer and its connection.
pub struct ByteStream {
    operation: &'static Operation,
    attempts: u32,
    head: Response,
    /// Nothing once it has ended.
    chunks: Option<Chunks>,
    pause: Pause,
}

impl ByteStream {
    pub(crate) fn new(
        http: &Http,
        operation: &'static Operation,
        attempts: u32,
        head: Response,
        chunks: Chunks,
    ) -> Self {
        let inner = http.inner();
        Self {
            operation,
            attempts,
            head,
            chunks: Some(chunks),
            pause: Pause::new(inner.clock, inner.stream_idle_timeout),
        }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.head.status()
    }

    /// The headers of the answer.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        self.head.headers()
    }

    /// The media type without its parameters, in lower case: `image/png`.
    #[must_use]
    pub fn content_type(&self) -> Option<String> {
        self.head.media_type()
    }

    /// The next piece, or nothing at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        poll_fn(|context| self.poll(context)).await
    }

    /// Reads all that is still to come, if it is no longer than `bytes_max`.
    ///
    /// # Errors
    ///
    /// [`FailureKind::BodyTooLarge`] where it is longer, and whatever else ended the stream.
    pub async fn collect_bytes(mut self, bytes_max: usize) -> Result<Bytes, Failure> {
        let mut whole = Whole::new(bytes_max);
        while let Some(chunk) = self.next().await {
            whole.push(chunk?).map_err(|error| self.failure(error))?;
        }
        Ok(whole.into_bytes())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        let Some(chunks) = &mut self.chunks else {
            return Poll::Ready(None);
        };
        let mut polled = chunks.as_mut().poll_next(context);
        // A frame may be empty, which must not pass for a sign of life.
        while matches!(&polled, Poll::Ready(Some(Ok(chunk))) if chunk.is_empty()) {
            polled = chunks.as_mut().poll_next(context);
        }
        let item = match polled {
            Poll::Ready(item) => {
                self.pause.end();
                item.map(|item| item.map_err(|error| self.failure(error)))
            }
            Poll::Pending if self.pause.is_too_long(context) => {
                let idle = self.pause.pause_max;
                Some(Err(self.failure(FailureKind::Stalled { idle })))
            }
            Poll::Pending => return Poll::Pending,
        };
        if !matches!(item, Some(Ok(_))) {
            // The connection is of no further use, whoever keeps the stream.
            self.chunks = None;
        }
        Poll::Ready(item)
    }

    fn failure(&self, kind: impl Into<FailureKind>) -> Failure {
        Failure::new(self.operation, kind.into()).after(self.attempts, false)
    }

    /// A piece of the answer is not what the contract says.
    pub(crate) fn undecodable(&self, source: DecodeError) -> Failure {
        let status = self.status();
        self.failure(FailureKind::Decode { status, source })
    }

    /// Ends it before its end.
    fn close(&mut self) {
        self.chunks = None;
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ByteStream")
            .field("operation", &self.operation.id)
            .field("head", &self.head)
            .field("has_ended", &self.chunks.is_none())
            .finish_non_exhaustive()
    }
}

/// How long a stream has brought nothing while somebody waited for it.
struct Pause {
    clock: Clock,
    pause_max: Duration,
    since: Option<Instant>,
    /// Rings no later than the pause becomes too long. Kept over pauses, so that there is one timer for each
    /// `pause_max` rather than one for each piece.
    timer: Option<Timer>,
}

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Pause {
    fn new(clock: Clock, pause_max: Duration) -> Self {
        Self {
            clock,
            pause_max,
            since: None,
            timer: None,
        }
    }

    fn end(&mut self) {
        self.since = None;
    }

    /// Whether the pause, which begins now if none was under way, has lasted too long. If not, the task is woken when it
    /// may have.
    fn is_too_long(&mut self, context: &mut Context<'_>) -> bool {
        let (clock, pause_max) = (self.clock, self.pause_max);
        let since = *self.since.get_or_insert_with(|| clock.now());
        loop {
            let timer = self.timer.get_or_insert_with(|| {
                let lasted = clock.now().saturating_duration_since(since);
                let left = pause_max.saturating_sub(lasted);
                Box::pin(async move { clock.sleep(left).await })
            });
            if timer.as_mut().poll(context).is_pending() {
                return false;
            }
            self.timer = None;
            if clock.now().saturating_duration_since(since) >= pause_max {
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests;
