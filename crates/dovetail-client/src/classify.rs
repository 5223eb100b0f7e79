//! What HTTP says, in the words of the policies: the table of which answer counts how.

use std::time::{Duration, SystemTime};

use dovetail_resilience::{Outcome, Repeat, Sample, stack::Ended};

use crate::{
    operation::Idempotency,
    policy::{Trigger, Triggers},
    response::Response,
    transport::{TransportError, TransportErrorKind},
};

/// What an outcome depends on beside the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Classifier {
    pub(crate) on: Triggers,
    pub(crate) idempotency: Idempotency,
}

impl Classifier {
    /// Judges how attempt `number` ended. `wall` is asked for the date only where the answer names one.
    pub(crate) fn judge(
        &self,
        number: u32,
        ended: Ended<'_, Response, TransportError>,
        wall: impl Fn() -> SystemTime,
    ) -> Outcome {
        match ended {
            Ended::Answered(response) => self.answer(number, response, wall),
            Ended::Failed(error) => self.failure(error.kind),
            Ended::TimedOut => Outcome::new(
                Sample::Failure,
                self.repeat(Trigger::AttemptTimeout, Repeat::IfIdempotent),
            ),
        }
    }

    fn failure(&self, kind: TransportErrorKind) -> Outcome {
        match kind {
            TransportErrorKind::Connect => Outcome::new(
                Sample::Failure,
                self.repeat(Trigger::Connect, Repeat::Always),
            ),
            TransportErrorKind::NotProcessed => Outcome::new(Sample::Ignored, Repeat::Free),
            TransportErrorKind::Interrupted => Outcome::new(
                Sample::Failure,
                self.repeat(Trigger::Reset, Repeat::IfIdempotent),
            ),
            // The caller's own stream broke.
            TransportErrorKind::RequestBody => Outcome::IGNORED,
            // The service answered; that we do not take the answer is our decision.
            TransportErrorKind::BodyTooLarge { .. } => Outcome::SUCCESS,
        }
    }

    fn answer(&self, number: u32, response: &Response, wall: impl Fn() -> SystemTime) -> Outcome {
        let status = response.status();
        let sample = match status {
            408 | 425 | 429 => Sample::Ignored,
            // The service works: it does not know the method, or the version.
            501 | 505 => Sample::Success,
            500..=599 => Sample::Failure,
            _ => Sample::Success,
        };
        let repeat = match Trigger::of_status(status) {
            Some(trigger) => self.repeat(trigger, Repeat::IfIdempotent),
            // An earlier attempt with the same key is still being worked on.
            None if status == 409 && number > 1 && self.has_key() => Repeat::IfIdempotent,
            None => Repeat::Never,
        };
        let retry_after = retry_after(response, wall);
        let throttled = status == 429 || (status == 503 && retry_after.is_some());
        Outcome {
            sample,
            repeat,
            throttled,
            retry_after,
        }
    }

    fn repeat(&self, trigger: Trigger, repeat: Repeat) -> Repeat {
        if self.on.contains(trigger) {
            repeat
        } else {
            Repeat::Never
        }
    }

    fn has_key(&self) -> bool {
        matches!(self.idempotency, Idempotency::Key { .. })
    }
}

/// How long the answer asks to wait: seconds, or a date. A date in the past means not at all.
pub(crate) fn retry_after(response: &Response, wall: impl Fn() -> SystemTime) -> Option<Duration> {
    /// 136 years. Longer waits come to the same, and may be more than a caller's clock can add.
    const SECONDS_MAX: u32 = u32::MAX;
    let text = response.header("retry-after")?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().unwrap_or(SECONDS_MAX);
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(wall()).unwrap_or_default())
}

#[cfg(test)]
mod tests;
