//! What makes two deliveries the same message, and what a consumer learns when it asks for one.
//!
//! The row of the inbox is written first, in the transaction of the effect. A second delivery therefore waits until the first one is
//! decided: committed, it is a duplicate; rolled back, it becomes the owner. No lease, no expiry, nothing to clean up after a crash.

use std::fmt;

use crate::message::Message;

/// What a message is known by in an inbox. Never an identifier of the broker: redriven messages get new ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The logical consumer, `service/contract/handler`; never one instance of it.
    pub consumer: String,
    /// Who sent the message.
    pub source: String,
    /// Which message of its source it is.
    pub id: String,
}

impl Key {
    /// The key of a message for a consumer, if the message has an identity.
    #[must_use]
    pub fn of(consumer: &str, message: &Message) -> Option<Self> {
        let (source, id) = message.identity()?;
        Some(Self {
            consumer: consumer.to_owned(),
            source: source.to_owned(),
            id: id.to_owned(),
        })
    }

    /// A key for systems outside of the database that deduplicate by one: the same on each attempt, another for each consumer.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [&self.consumer, &self.source, &self.id] {
            // Lengths first: ("ab", "c") and ("a", "bc") are two keys.
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let hex = hasher.finalize().to_hex();
        hex.as_str().chars().take(32).collect()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} {}", self.consumer, self.source, self.id)
    }
}

/// What a body was: two messages of one identity and different bodies are two messages, and one of them is a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// The fingerprint of a body.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        let mut bytes = [0; 16];
        blake3::Hasher::new()
            .update(body)
            .finalize_xof()
            .fill(&mut bytes);
        Self(bytes)
    }
}

/// Where in a partitioned log a message stands, for consumers that keep their offset in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: String,
    /// The partition of the topic.
    pub partition: u32,
    /// The offset of the message.
    pub offset: u64,
    /// Where the reader stood before it read the message: `offset`, or less where the log has a gap.
    pub expected: u64,
    /// Where the reader began, or less. Where nothing is known of the partition it begins there, whichever of its messages is first to be
    /// claimed: all from there on are still to come.
    pub began: u64,
}

/// What a transactional consumer asks for, in the first statements of its transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The message.
    pub key: Key,
    /// The fingerprint of its body.
    pub fingerprint: Fingerprint,
    /// Write a row of the inbox. Off where only the offset tells duplicates.
    pub by_id: bool,
    /// What shares offsets and the order of keys: all that is consumed of one subscription.
    pub scope: String,
    /// Move the offset of its partition, too.
    pub position: Option<Position>,
    /// The key whose order is kept: while messages of this key are parked in the scope, this one is not handled.
    pub order_key: Option<String>,
}

/// What a store says to a claim.
#[derive(Debug)]
#[non_exhaustive]
pub enum Claimed<T> {
    /// The message is this transaction's to handle.
    Fresh {
        /// The open transaction, which holds the claim.
        transaction: T,
        /// How many attempts have failed before.
        attempts: u32,
    },
    /// An earlier message of the same key waits for its next attempt; so this one has to wait behind it.
    Behind(T),
    /// It was handled, or became a dead letter, before.
    Duplicate,
    /// Another message had this identity.
    IdReuse,
    /// Its offset is not the next one: an earlier message of the partition has yet to be handled.
    NotNext,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(consumer: &str, source: &str, id: &str) -> Key {
        Key {
            consumer: consumer.to_owned(),
            source: source.to_owned(),
            id: id.to_owned(),
        }
    }

    #[test]
    fn idempotency_keys_are_stable_and_one_for_each_consumer() {
        let one = key("mail", "shop", "1").idempotency_key();
        assert_eq!(one, key("mail", "shop", "1").idempotency_key());
        assert_eq!(one.len(), 32);
        for other in [
            key("bill", "shop", "1"),
            key("mail", "shop", "2"),
            key("mails", "hop", "1"),
        ] {
            assert_ne!(one, other.idempotency_key(), "{other}");
        }
    }

    #[test]
    fn a_changed_body_has_another_fingerprint() {
        assert_eq!(Fingerprint::of(b"a"), Fingerprint::of(b"a"));
        assert_ne!(Fingerprint::of(b"a"), Fingerprint::of(b"b"));
    }
}
