//! The body of a scripted answer, chunk by chunk.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use dovetail_resilience::Clock;
use futures_core::Stream;

use crate::transport::{TransportError, TransportErrorKind};

/// One piece of a body, and how long it keeps waiting.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) delay: Duration,
    pub(super) bytes: Bytes,
}

/// What follows the last chunk.
#[derive(Debug, Clone, Copy)]
pub(super) enum Last {
    End,
    Break,
    Hang,
}

pub(super) struct Playing {
    clock: Clock,
    chunks: VecDeque<Chunk>,
    last: Last,
    wait: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Playing {
    pub(super) fn new(clock: Clock, chunks: Vec<Chunk>, last: Last) -> Self {
        Self {
            clock,
            chunks: chunks.into(),
            last,
            wait: None,
        }
    }
}

impl Stream for Playing {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let clock = self.clock;
        let Some(delay) = self.chunks.front().map(|chunk| chunk.delay) else {
            return match std::mem::replace(&mut self.last, Last::End) {
                Last::End => Poll::Ready(None),
                Last::Break => Poll::Ready(Some(Err(TransportError::new(
                    TransportErrorKind::Interrupted,
                    "as the script says",
                )))),
                Last::Hang => {
                    self.last = Last::Hang;
                    Poll::Pending
                }
            };
        };
        if !delay.is_zero() {
            let wait = self
                .wait
                .get_or_insert_with(|| Box::pin(async move { clock.sleep(delay).await }));
            ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        Poll::Ready(self.chunks.pop_front().map(|chunk| Ok(chunk.bytes)))
    }
}
