//! From a delivery to what the transport is to do with it.
//!
//! ```text
//! received ─┬─ no identity, expired, does not decode ──────────────────────────────▶ dead letter ─▶ acknowledged
//!           ├─ a duplicate, or of a kind for others ────────────────────────────────────────────▶ acknowledged
//!           ├─ behind a parked message of its key ─▶ parked ────────────────────────────────────▶ acknowledged
//!           └─ claimed ─▶ handled ─┬─ committed ────────────────────────────────────────────────▶ acknowledged
//!                                  ├─ infrastructure failed ─▶ rolled back ─▶ the consumer pauses
//!                                  ├─ the message failed ────▶ rolled back ─▶ counted ─▶ retried, parked or a dead letter
//!                                  └─ no attempt can succeed ▶ rolled back ─▶ dead letter ─────▶ acknowledged
//! ```
//!
//! Nothing is acknowledged before it is durable, and a duplicate only once the first delivery is decided. What a handler does outside of its
//! transaction can happen again on each attempt.

mod attempt;
mod leased;
mod payload;
mod route;
mod rules;
mod run;
mod split;
mod transactional;

use std::{fmt, time::Duration};

use dovetail_resilience::backoff;

pub(crate) use self::rules::with_causes;
pub use self::{
    leased::{Held, LeaseConsumer},
    payload::{Context, payload, unhandled},
    route::{Identity, Route},
    run::{Pace, Process, run},
    split::Split,
    transactional::{Consumer, Drained},
};
use crate::{
    dead_letter::Reason,
    inbox::Position,
    message::Message,
    store::{ErrorKind, StoreError},
};

/// One message as a transport hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// Where it stands in a partitioned log, if it does.
    pub position: Option<Position>,
    /// Why its envelope cannot be read. Such a message has no identity, and is a dead letter from the start.
    pub problem: Option<String>,
}

impl From<Message> for Delivery {
    fn from(message: Message) -> Self {
        Self {
            message,
            position: None,
            problem: None,
        }
    }
}

/// What the transport is to do with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Acknowledge it.
    Ack(Done),
    /// Deliver it again after the time.
    Retry {
        /// How long to wait.
        after: Duration,
        /// Why.
        cause: RetryCause,
    },
    /// Deliver it again, and nothing to this consumer before the time has passed: it would fare no better.
    Pause {
        /// How long to wait.
        after: Duration,
    },
}

/// How the life of a message ended, as far as the transport is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Done {
    /// It was handled.
    Handled,
    /// It had been handled before.
    Duplicate,
    /// It is of a kind that others handle.
    Ignored,
    /// It waits in the store for an earlier message of its key, or for its own next attempt.
    Parked,
    /// It is a dead letter.
    Dead(Reason),
}

/// Why a delivery comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryCause {
    /// The attempt failed.
    Failed,
    /// Somebody else is at work on it, or held the lock for too long.
    Contended,
    /// An earlier message of its partition has yet to be handled.
    NotNext,
    /// The lease was lost while the handler ran; what it did not publish is not published.
    Fenced,
}

/// What a service does with the messages of one kind. `T` is what it is given to do it with: the open transaction of a [`Consumer`], or the
/// [`Held`] lease of a [`LeaseConsumer`].
pub trait Handler<T>: Send + Sync {
    /// What a message says.
    type Event: Send;

    /// Reads a message and holds it against its contract, outside of any transaction.
    ///
    /// # Errors
    ///
    /// A message that is rejected here becomes a dead letter at once: its next delivery would say the same.
    fn decode(&self, message: &Message) -> Result<Self::Event, Rejection>;

    /// Does what the message asks for. Everything that must happen once goes through `means`.
    ///
    /// It may be stopped at any `await` when its time is up. A panic counts as a failed attempt.
    fn handle(
        &self,
        means: &mut T,
        event: Self::Event,
        message: &Message,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

/// A message that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

impl Rejection {
    /// Its bytes are not of the format that they claim.
    #[must_use]
    pub fn decode(detail: impl fmt::Display) -> Self {
        Self {
            reason: Reason::Decode,
            detail: detail.to_string(),
        }
    }

    /// It is well-formed, and not what the contract says.
    #[must_use]
    pub fn contract(detail: impl fmt::Display) -> Self {
        Self {
            reason: Reason::Contract,
            detail: detail.to_string(),
        }
    }
}

/// Why a handler failed, which decides what follows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// Something that every message needs is down: the consumer pauses, and no attempt is counted.
    #[error("something that every message needs is down: {0}")]
    Infrastructure(String),
    /// This message failed, and may succeed later.
    #[error("{0}")]
    Message(String),
    /// This message will never succeed.
    #[error("no attempt can succeed: {0}")]
    Fatal(String),
}

/// Where the store is down the consumer pauses; what it says of the statements is the message's. So is a lock that somebody else held for
/// too long: it is of the rows that this message asks for.
impl From<StoreError> for HandlerError {
    fn from(error: StoreError) -> Self {
        let text = with_causes(&error);
        if error.kind() == ErrorKind::Unavailable {
            Self::Infrastructure(text)
        } else {
            Self::Message(text)
        }
    }
}

/// How a consumer treats its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How many times a message is tried. 5.
    pub attempts_max: u32,
    /// How long one attempt may take. 30 s. With the embedded store nobody else writes meanwhile: keep it short there.
    pub deadline: Duration,
    /// Waits between attempts: 1 s, doubling up to 1 min.
    pub backoff: backoff::Config,
    /// How long the consumer pauses when what all messages need is down: 1 s, doubling up to 4 s, and never less than half of that. What was
    /// down is back at work within the last pause.
    pub pause: backoff::Config,
    /// What tells that two messages are the same.
    pub identity: Identity,
    /// What tells duplicates.
    pub dedupe: Dedupe,
    /// Whether messages of one key keep their order while one of them fails, and how many may wait.
    pub order: Option<Order>,
    /// The version of the contract, for dead letters.
    pub contract: Option<String>,
}

/// What tells duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dedupe {
    /// The identity of the message: whoever sent it twice, it is handled once.
    Id,
    /// The offset in its partition: one row for each partition instead of one for each message. What a producer sent twice is handled twice.
    Offset,
    /// Both.
    Both,
}

/// How many messages may wait so that the order of their keys is kept. When that is full, the consumer pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Keys that may be parked. 1,000.
    pub keys_max: u32,
    /// Messages that may wait in one key. 1,000.
    pub length_max: u32,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            keys_max: 1_000,
            length_max: 1_000,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let minute = backoff::Config {
            base: Duration::from_secs(1),
            throttled_base: Duration::from_secs(1),
            max: Duration::from_secs(60),
        };
        Self {
            attempts_max: 5,
            deadline: Duration::from_secs(30),
            backoff: minute,
            pause: backoff::Config {
                max: Duration::from_secs(4),
                ..minute
            },
            identity: Identity::Envelope,
            dedupe: Dedupe::Id,
            order: None,
            contract: None,
        }
    }
}
