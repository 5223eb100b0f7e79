//! What transactional and leasing consumers decide alike.

use std::{
    error::Error,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use dovetail_resilience::{Chance, Clock};

use super::{Config, Handler, Rejection, RetryCause, Settlement, attempt::guarded};
use crate::{
    dead_letter::{Burial, Reason},
    inbox::Key,
    message::{ERROR_BYTES_MAX, IDENTITY_BYTES_MAX, Message, shortened},
    store::{ErrorKind, StoreError},
};

/// The rules of one consumer, and how it fares.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) consumer: String,
    pub(super) config: Config,
    pub(super) clock: Clock,
    chance: Chance,
    /// Pauses since the last success.
    troubles: AtomicU32,
}

impl Rules {
    pub(super) fn new(consumer: String, config: Config, clock: Clock, chance: Chance) -> Self {
        Self {
            consumer,
            config,
            clock,
            chance,
            troubles: AtomicU32::new(0),
        }
    }

    pub(super) fn now(&self) -> SystemTime {
        self.clock.wall()
    }

    /// Reads a message, unless it is one that nobody could handle.
    pub(super) fn admit<T, H: Handler<T>>(
        &self,
        handler: &H,
        message: &Message,
    ) -> Result<(Key, H::Event), Rejection> {
        let Some(key) = Key::of(&self.consumer, message) else {
            return Err(no_identity(message));
        };
        if message.expires_at.is_some_and(|end| end <= self.now()) {
            return Err(Rejection {
                reason: Reason::Expired,
                detail: "it came after it had expired".to_owned(),
            });
        }
        let decoded = guarded(|| handler.decode(message)).unwrap_or_else(|panic| {
            Err(Rejection::decode(format!("the decoder panicked: {panic}")))
        });
        decoded.map(|event| (key, event))
    }

    pub(super) fn burial(&self, message: Message, reason: Reason, detail: &str) -> Burial {
        tracing::warn!(
            consumer = %self.consumer, %reason, detail, source = message.source, id = message.id,
            "a message became a dead letter"
        );
        Burial {
            consumer: self.consumer.clone(),
            message,
            reason,
            detail: shortened(detail),
            contract: self.config.contract.clone(),
            at: self.now(),
        }
    }

    /// The wait before the attempt that follows `attempts` failed ones.
    pub(super) fn backoff(&self, attempts: u32) -> Duration {
        let retry = attempts.saturating_sub(1);
        self.config
            .backoff
            .delay(retry, false, Duration::MAX, self.chance.fraction())
    }

    pub(super) fn retry(&self, attempts: u32, cause: RetryCause) -> Settlement {
        Settlement::Retry {
            after: self.backoff(attempts),
            cause,
        }
    }

    /// What every message needs is down: longer pauses while that lasts.
    pub(super) fn pause(&self, why: &str) -> Settlement {
        let troubles = self.troubles.fetch_add(1, Ordering::Relaxed);
        let ceiling = self.config.pause.ceiling(troubles, false);
        let after = ceiling.mul_f64(0.5 + self.chance.fraction() / 2.0);
        tracing::warn!(consumer = %self.consumer, ?after, why, "the consumer pauses");
        Settlement::Pause { after }
    }

    /// Something worked.
    pub(super) fn worked(&self) {
        self.troubles.store(0, Ordering::Relaxed);
    }

    /// The store did not do its part. Whatever it did is unknown, so nothing is acknowledged.
    pub(super) fn store_failed(&self, error: &StoreError) -> Settlement {
        if error.kind() == ErrorKind::Contended {
            self.retry(1, RetryCause::Contended)
        } else {
            self.pause(&with_causes(error))
        }
    }

    pub(super) fn is_exhausted(&self, attempts: u32) -> bool {
        attempts >= self.config.attempts_max.max(1)
    }
}

fn no_identity(message: &Message) -> Rejection {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    if length(&message.source) == 0 || length(&message.id) == 0 {
        Rejection {
            reason: Reason::IdMissing,
            detail: "it has no source or no id".to_owned(),
        }
    } else {
        Rejection::contract(format!(
            "its source or id is longer than {IDENTITY_BYTES_MAX} bytes"
        ))
    }
}

/// An error and its causes, as one line.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        if text.len() > ERROR_BYTES_MAX {
            break;
        }
        cause = error.source();
    }
    text
}
