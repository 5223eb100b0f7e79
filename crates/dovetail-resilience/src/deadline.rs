//! How long a call may take, handed from callers to the calls they make.
//!
//! Apart from the policies because it outlives one call: a service that answers a request runs its handler within the
//! [`CallContext`] of that request, and each call made there takes what is left. Forgetting to pass it on is impossible;
//! work that must outlive the request says so with [`detach`].

use std::{fmt, str::FromStr, time::Duration};

use thiserror::Error;
use tokio::{task_local, time::Instant};

use crate::clock::{Chance, later};

/// The instant after which nobody waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline that is `duration` after `now`. A longer one than thirty years means in thirty years.
    #[must_use]
    pub fn after(now: Instant, duration: Duration) -> Self {
        Self(later(now, duration))
    }

    /// The deadline at an instant.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The instant itself.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// What is left of it, which is nothing once it has passed.
    #[must_use]
    pub fn remaining(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Whether it has passed.
    #[must_use]
    pub fn is_spent(self, now: Instant) -> bool {
        self.0 <= now
    }
}

/// What a call inherits from the request it is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallContext {
    /// When the request must be answered, if anyone said so.
    pub deadline: Option<Deadline>,
    /// The trace that the request belongs to, if it came with one.
    pub trace: Option<TraceParent>,
}

task_local! {
    static CONTEXT: CallContext;
}

impl CallContext {
    /// The context of the running task; an empty one where nothing set it.
    #[must_use]
    pub fn current() -> Self {
        CONTEXT.try_with(|context| *context).unwrap_or_default()
    }

    /// Runs the future within this context. An outer deadline that is sooner stays in force.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        let outer = Self::current();
        let context = Self {
            deadline: [self.deadline, outer.deadline].into_iter().flatten().min(),
            trace: self.trace.or(outer.trace),
        };
        CONTEXT.scope(context, future).await
    }
}

/// Runs work that must outlive the request: no deadline, but still part of the trace.
pub async fn detach<F: Future>(future: F) -> F::Output {
    let context = CallContext {
        deadline: None,
        ..CallContext::current()
    };
    CONTEXT.scope(context, future).await
}

/// Where a call stands in a distributed trace, as W3C Trace Context writes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

/// A text is not a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a traceparent of the form 00-<32 hex>-<16 hex>-<2 hex>")]
pub struct TraceParentError;

impl TraceParent {
    /// Starts a trace. It is marked as sampled: what is recorded stays the receiver's decision, as without a header.
    #[must_use]
    pub fn start(chance: &Chance) -> Self {
        let trace = (u128::from(chance.bits()) << 64) | u128::from(chance.bits());
        // The standard forbids the zero identifier, which chance could draw.
        Self {
            trace: trace.max(1),
            span: chance.bits().max(1),
            flags: 1,
        }
    }

    /// The same trace with a span of its own, which each attempt has.
    #[must_use]
    pub fn child(self, chance: &Chance) -> Self {
        Self {
            span: chance.bits().max(1),
            ..self
        }
    }

    /// The identifier that all calls of one trace share.
    #[must_use]
    pub const fn trace_id(self) -> u128 {
        self.trace
    }

    /// The identifier of this call within the trace.
    #[must_use]
    pub const fn span_id(self) -> u64 {
        self.span
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace, self.span, self.flags
        )
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TraceParent({self})")
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) =
            (parts.next(), parts.next(), parts.next(), parts.next());
        let version = hex(version, 2)?;
        // A later version may append parts; version 00 has exactly four, and ff is forbidden.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return Err(TraceParentError);
        }
        let trace = hex(trace, 32)?;
        let span = u64::try_from(hex(span, 16)?).map_err(|_| TraceParentError)?;
        let flags = u8::try_from(hex(flags, 2)?).map_err(|_| TraceParentError)?;
        if trace == 0 || span == 0 {
            return Err(TraceParentError);
        }
        Ok(Self { trace, span, flags })
    }
}

/// Reads exactly `digits` lower-case hexadecimal digits.
fn hex(text: Option<&str>, digits: usize) -> Result<u128, TraceParentError> {
    let text = text.ok_or(TraceParentError)?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != digits || !text.bytes().all(is_hex) {
        return Err(TraceParentError);
    }
    u128::from_str_radix(text, 16).map_err(|_| TraceParentError)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[tokio::test(start_paused = true)]
    async fn the_sooner_of_two_nested_deadlines_holds() {
        let now = Instant::now();
        let deadline = |ms| Some(Deadline::after(now, MS(ms)));
        for (outer, inner, expected) in [(700, 300, 300), (300, 700, 300)] {
            let outer = CallContext {
                deadline: deadline(outer),
                trace: None,
            };
            let inner = CallContext {
                deadline: deadline(inner),
                trace: None,
            };
            let seen = outer
                .scope(inner.scope(async { CallContext::current() }))
                .await;
            assert_eq!(seen.deadline, deadline(expected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn detached_work_keeps_the_trace_and_loses_the_deadline() {
        let trace = Some(TraceParent::start(&Chance::seeded(3)));
        let context = CallContext {
            deadline: Some(Deadline::after(Instant::now(), MS(5))),
            trace,
        };
        let seen = context
            .scope(detach(async { CallContext::current() }))
            .await;
        assert_eq!(
            seen,
            CallContext {
                deadline: None,
                trace
            }
        );
        assert_eq!(CallContext::current(), CallContext::default());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_remains_once_the_deadline_has_passed() {
        let now = Instant::now();
        let deadline = Deadline::after(now, MS(10));
        assert_eq!(deadline.remaining(now + MS(4)), MS(6));
        assert_eq!(deadline.remaining(now + MS(11)), Duration::ZERO);
        assert!(deadline.is_spent(now + MS(10)) && !deadline.is_spent(now + MS(9)));
        assert!(!Deadline::after(now, Duration::MAX).is_spent(now + MS(1_000)));
    }

    #[test]
    fn a_traceparent_reads_back_as_written() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent: TraceParent = text.parse().unwrap();
        assert_eq!(parent.to_string(), text);
        let child = parent.child(&Chance::seeded(1));
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_ne!(child.span_id(), parent.span_id());
    }

    #[test]
    fn a_malformed_traceparent_is_refused() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(TraceParentError), "{text}");
        }
    }
}
