//! One attempt of a handler: it ends in time, and its panics are failures like others.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use dovetail_resilience::Clock;

use super::HandlerError;
use crate::dead_letter::Reason;

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// What every message needs is down.
    Infrastructure(String),
    /// Another attempt may succeed; if none does, the message becomes a dead letter for this reason.
    Message(Reason, String),
    /// No attempt can succeed.
    Fatal(String),
}

impl From<HandlerError> for Failed {
    fn from(error: HandlerError) -> Self {
        match error {
            HandlerError::Infrastructure(text) => Self::Infrastructure(text),
            HandlerError::Message(text) => Self::Message(Reason::RetriesExhausted, text),
            HandlerError::Fatal(text) => Self::Fatal(text),
        }
    }
}

/// Runs a handler until it is done, panics, or its time is up.
pub(super) async fn attempt(
    clock: &Clock,
    deadline: Duration,
    handler: impl Future<Output = Result<(), HandlerError>>,
) -> Result<(), Failed> {
    // In a slot, so that it can be dropped while its panics are still caught.
    let mut slot = pin!(Some(handler));
    let handler = caught(slot.as_mut());
    let result = match clock.now().checked_add(deadline) {
        // A time beyond what a clock can say is none.
        None => handler.await,
        Some(end) => match clock.until(end, handler).await {
            Ok(result) => result,
            Err(_) => {
                if let Err(panic) = guarded(|| slot.set(None)) {
                    tracing::warn!(panic, "a handler panicked while it was stopped");
                }
                let text = format!("the handler was not done after {deadline:?}");
                return Err(Failed::Message(Reason::Timeout, text));
            }
        },
    };
    match result {
        Ok(result) => result.map_err(Failed::from),
        Err(panic) => Err(Failed::Message(Reason::Panic, panic)),
    }
}

/// What a panic of what is in the slot said, instead of the panic.
async fn caught<F: Future>(mut slot: Pin<&mut Option<F>>) -> Result<F::Output, String> {
    poll_fn(|context| {
        let Some(future) = slot.as_mut().as_pin_mut() else {
            return Poll::Ready(Err("it was stopped".to_owned()));
        };
        match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(said(panic.as_ref()))),
        }
    })
    .await
}

/// Runs a function, and says what its panic said.
pub(super) fn guarded<T>(function: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(function)).map_err(|panic| said(panic.as_ref()))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(handler: impl Future<Output = Result<(), HandlerError>>) -> Result<(), Failed> {
        attempt(&Clock::system(), Duration::from_secs(5), handler).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_ends_in_one_of_five_ways() {
        assert_eq!(check(async { Ok(()) }).await, Ok(()));
        assert_eq!(
            check(async { Err(HandlerError::Fatal("no".to_owned())) }).await,
            Err(Failed::Fatal("no".to_owned()))
        );
        assert_eq!(
            check(async { panic!("at {}", 7) }).await,
            Err(Failed::Message(Reason::Panic, "at 7".to_owned()))
        );
        assert_eq!(
            check(std::future::pending()).await,
            Err(Failed::Message(
                Reason::Timeout,
                "the handler was not done after 5s".to_owned()
            ))
        );
        assert_eq!(
            check(async { Err(HandlerError::Infrastructure("down".to_owned())) }).await,
            Err(Failed::Infrastructure("down".to_owned()))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_panics_while_it_is_stopped_was_stopped() {
        struct Bomb;

        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("at the end");
            }
        }

        let stopped = check(async {
            let _bomb = Bomb;
            std::future::pending().await
        });
        let stopped = stopped.await;
        assert!(
            matches!(stopped, Err(Failed::Message(Reason::Timeout, _))),
            "{stopped:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_beyond_all_clocks_is_none() {
        let clock = Clock::system();
        assert_eq!(
            attempt(&clock, Duration::MAX, async { Ok(()) }).await,
            Ok(())
        );
    }
}
