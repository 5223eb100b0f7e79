//! How messages are consumed: what contracts say, layer by layer, and what holds once the layers are merged.
//!
//! The runtime that consumes them (`dovetail-messaging`) is never depended on: what holds crosses over as generated constants.

use crate::policy::Duration;
use crate::source::Spanned;

/// What one layer says of consuming; what it leaves out comes from the layer below.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConsumeSettings {
    /// How duplicates are told.
    pub inbox: InboxSettings,
    /// Trying again.
    pub retry: ConsumeRetrySettings,
    /// What becomes of a message that no attempt could handle.
    pub dead_letter: DeadLetterSettings,
    /// Longest time of one attempt to handle a message.
    pub deadline: Option<Spanned<Duration>>,
}

/// How duplicates are told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InboxSettings {
    /// What is remembered, and when.
    pub mode: Option<Spanned<InboxMode>>,
    /// How long a handled message is remembered.
    pub retain: Option<Spanned<Duration>>,
}

/// What is remembered of a handled message, and when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InboxMode {
    /// The message, in the transaction of its effect: the effect happens once.
    #[default]
    Transaction,
    /// The message, under a lease: for effects outside of the database, which happen at least once and never in two places at a time.
    Lease,
    /// How far the consumer came, in the transaction of the effect. A message that its producer sent twice is handled twice.
    Offset,
    /// The message and how far the consumer came, in the transaction of its effect.
    Both,
}

/// Trying to handle a message again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConsumeRetrySettings {
    /// Attempts in all, the first one included.
    pub attempts: Option<Spanned<u32>>,
    /// Upper bound of the first wait; doubled for each further one.
    pub base: Option<Spanned<Duration>>,
    /// Upper bound of any wait.
    pub max: Option<Spanned<Duration>>,
}

/// What becomes of a message that no attempt could handle.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeadLetterSettings {
    /// How many dead letters raise an alert.
    pub alert_depth: Option<Spanned<u32>>,
    /// How old the oldest may become before it raises an alert.
    pub alert_oldest: Option<Spanned<Duration>>,
    /// How long dead letters are kept.
    pub retain: Option<Spanned<Duration>>,
}

/// How messages are consumed, with nothing left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumePolicy {
    /// What is remembered of a handled message, and when.
    pub mode: InboxMode,
    /// How long it is remembered; of no meaning for [`InboxMode::Offset`].
    pub retain: Duration,
    /// Attempts in all, the first one included.
    pub attempts: u32,
    /// Upper bound of the first wait.
    pub base: Duration,
    /// Upper bound of any wait; never below `base`.
    pub max: Duration,
    /// How many dead letters raise an alert.
    pub alert_depth: u32,
    /// How old the oldest may become before it raises an alert.
    pub alert_oldest: Duration,
    /// How long dead letters are kept.
    pub dead_letter_retain: Duration,
    /// Longest time of one attempt.
    pub deadline: Duration,
}

impl ConsumeSettings {
    /// These settings, and what they leave out from `below`.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        Self {
            inbox: InboxSettings {
                mode: first(&self.inbox.mode, &below.inbox.mode),
                retain: first(&self.inbox.retain, &below.inbox.retain),
            },
            retry: ConsumeRetrySettings {
                attempts: first(&self.retry.attempts, &below.retry.attempts),
                base: first(&self.retry.base, &below.retry.base),
                max: first(&self.retry.max, &below.retry.max),
            },
            dead_letter: DeadLetterSettings {
                alert_depth: first(
                    &self.dead_letter.alert_depth,
                    &below.dead_letter.alert_depth,
                ),
                alert_oldest: first(
                    &self.dead_letter.alert_oldest,
                    &below.dead_letter.alert_oldest,
                ),
                retain: first(&self.dead_letter.retain, &below.dead_letter.retain),
            },
            deadline: first(&self.deadline, &below.deadline),
        }
    }

    /// These settings, and the defaults for what they leave out.
    #[must_use]
    pub fn resolve(&self) -> ConsumePolicy {
        let default = ConsumePolicy::default();
        let base = or(&self.retry.base, default.base);
        let dead_letter_retain = or(&self.dead_letter.retain, default.dead_letter_retain);
        // Half of the time that a dead letter is kept is left to look at it.
        let half = Duration::from_millis(dead_letter_retain.millis / 2);
        ConsumePolicy {
            mode: or(&self.inbox.mode, default.mode),
            retain: or(&self.inbox.retain, default.retain),
            attempts: or(&self.retry.attempts, default.attempts),
            base,
            max: or(&self.retry.max, default.max).max(base),
            alert_depth: or(&self.dead_letter.alert_depth, default.alert_depth),
            alert_oldest: or(&self.dead_letter.alert_oldest, half),
            dead_letter_retain,
            deadline: or(&self.deadline, default.deadline),
        }
    }
}

impl ConsumePolicy {
    /// The longest time from the first attempt to the end of the last one.
    #[must_use]
    pub fn retry_horizon(&self) -> Duration {
        let mut wait = self.base.millis;
        let mut total = self.deadline.millis.saturating_mul(self.attempts.into());
        let mut waits = u64::from(self.attempts.saturating_sub(1));
        // From the longest wait on, all are alike.
        while waits > 0 && wait > 0 && wait < self.max.millis {
            total = total.saturating_add(wait);
            wait = wait.saturating_mul(2);
            waits -= 1;
        }
        let rest = self.max.millis.min(wait).saturating_mul(waits);
        Duration::from_millis(total.saturating_add(rest))
    }
}

impl Default for ConsumePolicy {
    /// Duplicates are told for as long as a dead letter may come back; both for a week, which is what brokers keep messages for.
    fn default() -> Self {
        const WEEK: Duration = Duration::from_millis(7 * 24 * 60 * 60 * 1_000);
        Self {
            mode: InboxMode::default(),
            retain: WEEK,
            attempts: 5,
            base: Duration::from_millis(1_000),
            max: Duration::from_millis(60_000),
            alert_depth: 1,
            alert_oldest: Duration::from_millis(WEEK.millis / 2),
            dead_letter_retain: WEEK,
            deadline: Duration::from_millis(30_000),
        }
    }
}

/// What is said here, or else below.
fn first<T: Clone>(here: &Option<T>, below: &Option<T>) -> Option<T> {
    here.as_ref().or(below.as_ref()).cloned()
}

fn or<T: Copy>(said: &Option<Spanned<T>>, default: T) -> T {
    said.as_ref().map_or(default, |said| said.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Sources, Span};

    /// A duration that is said somewhere.
    fn said(millis: u64) -> Option<Spanned<Duration>> {
        let file = Sources::default().add("service.yaml", "");
        let duration = Duration::from_millis(millis);
        Some(Spanned::new(duration, Span::start_of(file)))
    }

    #[test]
    fn what_is_said_nearer_wins_and_what_nobody_says_has_a_default() {
        let near = ConsumeSettings {
            retry: ConsumeRetrySettings {
                base: said(120_000),
                ..ConsumeRetrySettings::default()
            },
            ..ConsumeSettings::default()
        };
        let far = ConsumeSettings {
            retry: ConsumeRetrySettings {
                base: said(5),
                max: said(60_000),
                attempts: None,
            },
            deadline: said(10),
            ..ConsumeSettings::default()
        };
        let policy = near.over(&far).resolve();
        assert_eq!(policy.base.millis, 120_000);
        assert_eq!(policy.max.millis, 120_000, "never below the first wait");
        assert_eq!(policy.deadline.millis, 10);
        assert_eq!(policy.attempts, 5);
        assert_eq!(
            ConsumeSettings::default().resolve(),
            ConsumePolicy::default()
        );
    }

    #[test]
    fn the_horizon_of_retries_adds_up_waits_and_attempts() {
        let rows = [
            // attempts, base, max, deadline, horizon
            (1, 1_000, 60_000, 500, 500),
            (5, 1_000, 60_000, 0, 15_000),
            (5, 1_000, 2_000, 0, 1_000 + 3 * 2_000),
            (3, 3_000, 1_000, 0, 2_000),
            (u32::MAX, 1, u64::MAX, u64::MAX, u64::MAX),
            (u32::MAX, 0, 7, 0, 0),
        ];
        for (attempts, base, max, deadline, expected) in rows {
            let policy = ConsumePolicy {
                attempts,
                base: Duration::from_millis(base),
                max: Duration::from_millis(max),
                deadline: Duration::from_millis(deadline),
                ..ConsumePolicy::default()
            };
            let horizon = policy.retry_horizon().millis;
            assert_eq!(horizon, expected, "{attempts} {base} {max}");
        }
    }
}
