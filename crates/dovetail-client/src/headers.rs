//! The headers that the client adds to every attempt, and those of answers that it shows.

use std::{fmt::Write as _, time::Duration};

use dovetail_resilience::{CallContext, Chance, Clock, TraceParent, stack::Attempt};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::policy::Propagation;

/// The name of the header that tells the next service how many milliseconds it has.
pub(crate) const DEADLINE: HeaderName = HeaderName::from_static("x-request-timeout-ms");

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What the attempts of one call share.
#[derive(Debug)]
pub(crate) struct CallHeaders {
    trace: TraceParent,
    propagation: Propagation,
    /// The header for the deadline, unless it is turned off.
    deadline: Option<HeaderName>,
}

impl CallHeaders {
    pub(crate) fn new(
        propagation: Propagation,
        deadline: Option<HeaderName>,
        chance: &Chance,
    ) -> Self {
        let trace = CallContext::current()
            .trace
            .unwrap_or_else(|| TraceParent::start(chance));
        Self {
            trace,
            propagation,
            deadline: deadline.filter(|_| propagation.propagate),
        }
    }

    /// Adds what differs between attempts: the span, and the time that is left.
    pub(crate) fn add(&self, attempt: &Attempt, chance: &Chance, headers: &mut HeaderMap) {
        // A traceparent is hexadecimal digits and dashes, so this always holds.
        if let Ok(value) = HeaderValue::try_from(self.trace.child(chance).to_string()) {
            headers.insert(TRACEPARENT, value);
        }
        if let Some(name) = &self.deadline {
            headers.insert(
                name,
                timeout_ms(attempt.remaining, self.propagation.hop_allowance),
            );
        }
    }
}

/// The time for the next service: what is left here without the way back. Never nothing, which some proxies read as
/// endless.
fn timeout_ms(remaining: Duration, hop_allowance: Duration) -> HeaderValue {
    let ms = remaining.saturating_sub(hop_allowance).as_millis();
    HeaderValue::from(u64::try_from(ms).unwrap_or(u64::MAX).max(1))
}

/// Headers that help to understand an answer, and that no service puts secrets in.
const TELLING: [HeaderName; 8] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::DATE,
    header::RETRY_AFTER,
    header::SERVER,
    header::VIA,
    HeaderName::from_static("x-request-id"),
    TRACEPARENT,
];

/// Those headers of an answer that an error may show.
pub(crate) fn telling(headers: &HeaderMap) -> HeaderMap {
    let telling = |name: HeaderName| headers.get(&name).cloned().map(|value| (name, value));
    TELLING.into_iter().filter_map(telling).collect()
}

/// Makes a key for one call: a UUID of version 7, so that keys sort by time wherever they are kept.
pub(crate) fn idempotency_key(clock: &Clock, chance: &Chance) -> String {
    let since_epoch = clock
        .wall()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let mut random = [0; 10];
    random[..8].copy_from_slice(&chance.bits().to_le_bytes());
    random[8..].copy_from_slice(&chance.bits().to_le_bytes()[..2]);
    let key = uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid();
    let mut text = String::with_capacity(36);
    // Writing to a string cannot fail.
    let _ = write!(text, "{}", key.hyphenated());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_service_has_what_is_left_without_the_way_back() {
        let ms = Duration::from_millis;
        for (remaining, allowance, expected) in [
            (ms(600), ms(5), "595"),
            (Duration::from_micros(10_900), ms(5), "5"),
            (ms(5), ms(5), "1"),
            (ms(3), ms(5), "1"),
            (ms(40), ms(0), "40"),
        ] {
            assert_eq!(timeout_ms(remaining, allowance), expected);
        }
    }

    #[test]
    fn keys_sort_by_time_and_never_repeat() {
        let (clock, chance) = (Clock::system(), Chance::seeded(1));
        let keys: Vec<String> = (0..100).map(|_| idempotency_key(&clock, &chance)).collect();
        assert!(keys.windows(2).all(|pair| pair[0][..8] <= pair[1][..8]));
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), 100);
    }
}
