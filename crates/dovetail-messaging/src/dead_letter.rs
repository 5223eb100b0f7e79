//! Messages that will not be handled without a person: what they were, byte for byte, and why.

mod audit;
mod edit;
mod selection;

use std::{fmt, str::FromStr, time::SystemTime};

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use self::audit::purged;
pub use self::{
    audit::{Act, Action, Closed, Entry, Restored},
    edit::{BODY_BYTES_MAX, CAUSE, EDITED, Edit, EditError, SOURCE, copy},
    selection::{By, Group, Listed, Matches, Search, Selection, pattern},
};
use crate::{
    inbox::{Fingerprint, Key},
    message::Message,
};

/// Why a message became a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// Its bytes are not of the format that they claim.
    Decode,
    /// It is well-formed, and not what the contract says.
    Contract,
    /// It has no identity, so that handling it once cannot be promised.
    IdMissing,
    /// Another message had its identity.
    IdReuse,
    /// The handler said that no attempt can succeed.
    Handler,
    /// The handler panicked, and did so again.
    Panic,
    /// The handler did not finish in time, again and again.
    Timeout,
    /// Every attempt failed.
    RetriesExhausted,
    /// An earlier message of its key became a dead letter, so the order could not be kept.
    KeyBlocked,
    /// It was too late for it.
    Expired,
    /// The broker would not take it.
    PublishRejected,
}

impl Reason {
    /// All reasons, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::Decode,
        Self::Contract,
        Self::IdMissing,
        Self::IdReuse,
        Self::Handler,
        Self::Panic,
        Self::Timeout,
        Self::RetriesExhausted,
        Self::KeyBlocked,
        Self::Expired,
        Self::PublishRejected,
    ];

    /// The word for it in tables, metrics and commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Contract => "contract",
            Self::IdMissing => "id_missing",
            Self::IdReuse => "id_reuse",
            Self::Handler => "handler",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::RetriesExhausted => "retries_exhausted",
            Self::KeyBlocked => "key_blocked",
            Self::Expired => "expired",
            Self::PublishRejected => "publish_rejected",
        }
    }

    /// Whether the message can be sent again as it is. Without an identity of its own it would come back at once.
    #[must_use]
    pub const fn can_replay(self) -> bool {
        !matches!(self, Self::IdMissing | Self::IdReuse)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A word that is not one of the reasons.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reason of dead letters")]
pub struct UnknownReason(pub String);

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| UnknownReason(text.to_owned()))
    }
}

/// What tells the messages of dead letters apart, beside the fingerprint of their bodies: those of one digest and fingerprint are one.
///
/// A consumer knows a message by its identity. What has none is known by all that is said of it. So is what no broker took: the same message
/// may have been on its way to several consumers.
pub(crate) fn digest(consumer: &str, message: &Message, reason: Reason) -> String {
    if let Some(key) = Key::of(consumer, message)
        && reason != Reason::PublishRejected
    {
        return key.idempotency_key();
    }
    let mut hasher = blake3::Hasher::new();
    let mut add = |part: Option<&str>| {
        // Lengths first, so that no two messages read alike; and nothing is not the empty text.
        let length = part.map_or(u64::MAX, |text| text.len() as u64);
        hasher.update(&length.to_le_bytes());
        hasher.update(part.unwrap_or_default().as_bytes());
    };
    add(Some(consumer));
    add(Some(&message.channel));
    for part in [&message.source, &message.id, &message.kind, &message.key] {
        add(part.as_deref());
    }
    // Brokers bring headers in any order.
    let mut headers: Vec<_> = message.headers.iter().collect();
    headers.sort();
    for (name, value) in headers {
        add(Some(name));
        add(Some(value));
    }
    let hex = hasher.finalize().to_hex();
    hex.as_str().chars().take(32).collect()
}

/// A message on its way to the dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burial {
    /// The consumer that could not handle it; for what could not be published, the relay.
    pub consumer: String,
    /// The message, byte for byte.
    pub message: Message,
    /// Why.
    pub reason: Reason,
    /// What the last attempt said.
    pub detail: String,
    /// The version of the contract that it was held against.
    pub contract: Option<String>,
    /// When.
    pub at: SystemTime,
}

/// A dead letter as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// What commands call it.
    pub number: i64,
    /// The consumer that could not handle it.
    pub consumer: String,
    /// The message, byte for byte.
    pub message: Message,
    /// Why.
    pub reason: Reason,
    /// What the last attempt said.
    pub detail: String,
    /// The version of the contract that it was held against.
    pub contract: Option<String>,
    /// The fingerprint of its body.
    pub fingerprint: Fingerprint,
    /// How many attempts to handle it were made.
    pub attempts: u32,
    /// How many times it came here; more than one where an acknowledgement was lost.
    pub seen: u32,
    /// What became of it.
    pub state: State,
    /// When it came here first.
    pub first_at: SystemTime,
    /// When it came here last.
    pub last_at: SystemTime,
}

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It waits for somebody.
    Open,
    /// It was sent again.
    Replayed,
    /// Somebody decided that it does not matter.
    Discarded,
    /// An edited copy was sent in its place.
    Resolved,
}

impl State {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Open, Self::Replayed, Self::Discarded, Self::Resolved];

    /// The state of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The word for it in tables and commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
            Self::Resolved => "resolved",
        }
    }
}

/// Which dead letters metrics count. What is `None` does not matter. People choose by a [`Selection`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Those of this consumer.
    pub consumer: Option<String>,
    /// Those of this reason.
    pub reason: Option<Reason>,
    /// Those in this state.
    pub state: Option<State>,
}

/// How many dead letters there are, for metrics and alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// All that the filter meant.
    pub count: u64,
    /// When the oldest of them came.
    pub oldest_at: Option<SystemTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_read_back_from_its_word() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse::<Reason>(), Ok(reason));
        }
        assert_eq!(
            "because".parse::<Reason>(),
            Err(UnknownReason("because".to_owned()))
        );
    }
}
