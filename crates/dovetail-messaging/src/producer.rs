//! What generated producers stand on: a typed payload becomes an event in the outbox of the caller's transaction.
//!
//! There is no other way to publish. An event that was sent before its cause is committed may tell of what never happened, and one that is
//! sent after it may never be sent.

mod scalar;

use std::{fmt, time::Duration};

use bytes::Bytes;
use dovetail_resilience::{Chance, Clock};
use serde::Serialize;
use thiserror::Error;
use uuid::Uuid;

use crate::{
    cloudevents::EventError,
    consumer::Held,
    declared::MessageType,
    envelope,
    message::{IDENTITY_BYTES_MAX, Message},
    store::{self, StoreError},
};

/// What messages are published in: the open transaction of a handler, the lease of one whose effect is elsewhere, or a transaction that a
/// service opens for itself.
pub trait Outgoing {
    /// Adds a message, which exists once all else that belongs to it does.
    ///
    /// # Errors
    ///
    /// Where the message has no identity, or too much was published already.
    fn add(&mut self, message: Message) -> Result<(), StoreError>;
}

impl<T: store::Transaction> Outgoing for T {
    fn add(&mut self, message: Message) -> Result<(), StoreError> {
        self.publish(message)
    }
}

impl Outgoing for Held {
    fn add(&mut self, message: Message) -> Result<(), StoreError> {
        self.publish(message)
    }
}

/// What makes events of payloads, for one source. Clones share the chance that ids come from.
#[derive(Debug, Clone)]
pub struct Producer {
    source: String,
    clock: Clock,
    chance: Chance,
}

/// What identifies an event within its source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(String);

/// A message was not published, and nothing of it remains.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProducerError {
    /// The payload holds what JSON cannot say.
    #[error("the payload of `{message}` cannot be written")]
    Payload {
        /// The kind of message.
        message: &'static str,
        /// What JSON cannot say.
        #[source]
        source: serde_json::Error,
    },
    /// The payload has no text and no whole number where the contract has the key of the message.
    #[error("the payload of `{message}` has no key at `{member}`")]
    Key {
        /// The kind of message.
        message: &'static str,
        /// The member of the payload.
        member: &'static str,
    },
    /// The id is empty, or longer than an id may be.
    #[error("an id has 1 to {IDENTITY_BYTES_MAX} bytes")]
    Id,
    /// The envelope is none that brokers carry.
    #[error("the envelope of `{message}` cannot be written")]
    Envelope {
        /// The kind of message.
        message: &'static str,
        /// What is wrong with it.
        #[source]
        source: EventError,
    },
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventId {
    /// An id of the caller's own, such as the id of what the event tells of. Another event must not have it: those who know it already take
    /// that for a duplicate, or for a mistake.
    ///
    /// # Errors
    ///
    /// Where the text is empty, or longer than an id may be.
    pub fn new(id: impl Into<String>) -> Result<Self, ProducerError> {
        let id = id.into();
        match id.len() {
            1..=IDENTITY_BYTES_MAX => Ok(Self(id)),
            _ => Err(ProducerError::Id),
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Producer {
    /// A producer for a source: the name of a service.
    #[must_use]
    pub fn new(source: impl Into<String>, clock: Clock, chance: Chance) -> Self {
        Self {
            source: source.into(),
            clock,
            chance,
        }
    }

    /// Publishes a message under a fresh id: a UUID of version 7.
    ///
    /// # Errors
    ///
    /// Where the payload is none that the message can carry, or the store does not take it. Nothing of the message remains.
    pub fn publish(
        &self,
        outgoing: &mut impl Outgoing,
        message: &'static MessageType,
        payload: &impl Serialize,
    ) -> Result<EventId, ProducerError> {
        self.publish_with_id(outgoing, message, self.id(), payload)
    }

    /// Publishes a message under an id of the caller's.
    ///
    /// # Errors
    ///
    /// As [`Producer::publish`].
    pub fn publish_with_id(
        &self,
        outgoing: &mut impl Outgoing,
        message: &'static MessageType,
        id: EventId,
        payload: &impl Serialize,
    ) -> Result<EventId, ProducerError> {
        let made = self.message(message, &id, payload)?;
        outgoing.add(made)?;
        Ok(id)
    }

    fn message(
        &self,
        of: &'static MessageType,
        id: &EventId,
        payload: &impl Serialize,
    ) -> Result<Message, ProducerError> {
        let message = of.name;
        let body = serde_json::to_vec(payload)
            .map_err(|source| ProducerError::Payload { message, source })?;
        let key = match of.key {
            None => None,
            Some(member) => {
                Some(scalar::member(&body, member).ok_or(ProducerError::Key { message, member })?)
            }
        };
        let headers = [
            ("time", envelope::text(self.clock.wall())),
            ("datacontenttype", of.content_type.to_owned()),
            ("dataschema", of.schema.to_owned()),
        ];
        let made = Message {
            channel: of.channel.address.to_owned(),
            source: Some(self.source.clone()),
            id: Some(id.0.clone()),
            kind: Some(of.name.to_owned()),
            key,
            expires_at: None,
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body: Bytes::from(body),
        };
        // What no broker could carry is refused here, where somebody can act on it, and not by the relay.
        made.to_event()
            .map_err(|source| ProducerError::Envelope { message, source })?;
        Ok(made)
    }

    fn id(&self) -> EventId {
        let since = self
            .clock
            .wall()
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let [first, second] = [self.chance.bits(), self.chance.bits()].map(u64::to_le_bytes);
        let mut random = [0; 10];
        for (place, byte) in random.iter_mut().zip(first.into_iter().chain(second)) {
            *place = byte;
        }
        let id: Uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        EventId(id.to_string())
    }
}

#[cfg(test)]
mod tests;
