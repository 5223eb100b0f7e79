//! Messages: the events and commands that a service provides, those that it consumes, and the channels that carry them.

use indexmap::IndexMap;

use super::{ConsumeSettings, Service, Workspace};
use crate::policy::Duration;
use crate::schema::{SchemaId, Schemas};
use crate::source::{FileId, Span, Spanned};

/// How addresses of first-in-first-out queues and topics of Amazon end.
const FIFO: &str = ".fifo";

/// Everything that a service says of messages.
#[derive(Debug, Clone, Default)]
pub struct Messaging {
    /// The messages that it provides, by name, events before commands and each in the order of the file.
    pub provides: IndexMap<String, Message>,
    /// The messages that it consumes, by `service/message`, in the order of the file.
    pub consumes: IndexMap<String, Consumption>,
    /// Every schema that anything in `provides` names.
    pub schemas: Schemas,
}

/// An event or a command: what it carries and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Where its name stands.
    pub span: Span,
    /// Whether it is an event or a command.
    pub kind: MessageKind,
    /// The schema of its payload. `None` where that cannot be read; a finding says why.
    pub schema: Option<SchemaId>,
    /// The member of the payload that messages are kept in order and partitioned by. It is required there.
    pub key: Option<Spanned<String>>,
    /// The channel that carries it, by name. `None` where none is said; a finding says so.
    pub channel: Option<Spanned<String>>,
    /// What it is for, as Markdown.
    pub description: Option<String>,
    /// Media type of the payload: JSON, or one that is written as JSON.
    pub content_type: String,
    /// Whether it should no longer be used.
    pub deprecated: bool,
}

/// What a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKind {
    /// A fact that was published, for any number of consumers.
    Event,
    /// Something to be done, for exactly one consumer service.
    Command,
}

/// A message of a service that another consumes.
#[derive(Debug, Clone, PartialEq)]
pub struct Consumption {
    /// Where it was named.
    pub span: Span,
    /// The service that provides it.
    pub provider: String,
    /// Its name there.
    pub message: String,
    /// The handler's name: part of what duplicates are told by, so it stays the same for ever.
    pub handler: Spanned<String>,
    /// Whether messages of one key are handled in their order, where it is said. See [`Consumption::is_ordered`].
    pub order_by: Option<Spanned<OrderBy>>,
    /// What tells that two messages are the same.
    pub id: MessageId,
    /// How it is consumed, as far as it is said here.
    pub settings: ConsumeSettings,
}

/// What the order of handling goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderBy {
    /// Messages of one key are handled one after the other.
    Key,
    /// Messages are handled as they come.
    None,
}

/// What tells that two messages of one provider are the same.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum MessageId {
    /// The id in the envelope, which every producer gives.
    #[default]
    Event,
    /// What this JSON pointer (RFC 6901) leads to in the payload.
    Pointer(Spanned<String>),
}

/// What carries messages: a topic, a queue, a subject or a bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// Where its name stands.
    pub span: Span,
    /// The kind of broker that it lives in.
    pub transport: Transport,
    /// Who gets a message of it.
    pub kind: ChannelKind,
    /// Its name in the broker.
    pub address: String,
    /// Into how many parts it is split, where that is said.
    pub partitions: Option<Spanned<u32>>,
    /// How long the broker keeps messages, where that is said.
    pub retention: Option<Spanned<Duration>>,
    /// Whether the order of keys is kept, where that is said. See [`Channel::keeps_keys`].
    pub keeps_keys: Option<Spanned<bool>>,
}

/// What an AsyncAPI document says of messages.
#[derive(Debug, Clone)]
pub struct AsyncApi {
    /// The document.
    pub file: FileId,
    /// Title, as declared.
    pub title: String,
    /// Version as declared, which may be any text.
    pub version: String,
    /// Its messages, by the names that the document has for them; nothing is consumed. What the application sends is an event, and what it only
    /// receives is a command.
    pub messaging: Messaging,
    /// Its channels, by the names that the document has for them.
    pub channels: IndexMap<String, AsyncChannel>,
}

/// A channel of an AsyncAPI document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsyncChannel {
    /// Where its name stands.
    pub span: Span,
    /// Its name in the broker, which may hold parameters in braces; none where it is known at run time only.
    pub address: Option<String>,
    /// What it is for, as Markdown.
    pub description: Option<String>,
    /// Who gets a message of it, where the document says.
    pub kind: Option<ChannelKind>,
    /// The kind of broker that it lives in, where the document leaves no choice.
    pub transport: Option<Transport>,
}

/// A kind of broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// A store of the service's own, without a broker.
    #[default]
    Embedded,
    /// RabbitMQ.
    RabbitMq,
    /// Apache Kafka, or what speaks its protocol.
    Kafka,
    /// NATS, with its streams.
    Nats,
    /// Amazon SQS.
    Sqs,
}

/// Who gets a message of a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelKind {
    /// Every service that consumes from it.
    #[default]
    Topic,
    /// One of the services that consume from it.
    Queue,
}

impl Workspace {
    /// The message that a consumption names, with the service that provides it.
    #[must_use]
    pub fn message(&self, consumption: &Consumption) -> Option<(&Service, &Message)> {
        let service = self.services.get(&consumption.provider)?;
        let message = service.messaging.provides.get(&consumption.message)?;
        Some((service, message))
    }

    /// The channel that carries a message, if it is declared.
    #[must_use]
    pub fn channel(&self, message: &Message) -> Option<&Channel> {
        self.settings.channels.get(&message.channel.as_ref()?.value)
    }
}

impl Channel {
    /// Whether the broker keeps the order of keys: where that is said, or by the kind of broker.
    #[must_use]
    pub fn keeps_keys(&self) -> bool {
        let said = self.keeps_keys.as_ref().map(|said| said.value);
        said.unwrap_or_else(|| self.transport.keeps_keys(&self.address))
    }

    /// Whether it is a first-in-first-out queue or topic of Amazon.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.transport == Transport::Sqs && self.address.ends_with(FIFO)
    }
}

impl Messaging {
    /// The events that are provided, by name.
    pub fn events(&self) -> impl Iterator<Item = (&str, &Message)> {
        self.of_kind(MessageKind::Event)
    }

    /// The commands that are provided, by name.
    pub fn commands(&self) -> impl Iterator<Item = (&str, &Message)> {
        self.of_kind(MessageKind::Command)
    }

    fn of_kind(&self, kind: MessageKind) -> impl Iterator<Item = (&str, &Message)> {
        let all = self.provides.iter();
        all.filter(move |(_, message)| message.kind == kind)
            .map(|(name, message)| (name.as_str(), message))
    }
}

impl Consumption {
    /// Whether messages of one key are handled in their order: wherever the message has a key, unless `order_by: none` is said.
    #[must_use]
    pub fn is_ordered(&self, message: &Message) -> bool {
        let said = self.order_by.as_ref().map(|order_by| order_by.value);
        message.key.is_some() && said != Some(OrderBy::None)
    }
}

impl MessageKind {
    /// What it is, for messages to people: `an event`.
    #[must_use]
    pub fn described(self) -> &'static str {
        match self {
            Self::Event => "an event",
            Self::Command => "a command",
        }
    }
}

impl ChannelKind {
    /// Every kind with the word that contracts have for it.
    pub const ALL: [(&'static str, Self); 2] = [("topic", Self::Topic), ("queue", Self::Queue)];

    /// The word that contracts have for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Queue => "queue",
        }
    }
}

impl Transport {
    /// Every transport with the word that contracts have for it.
    pub const ALL: [(&'static str, Self); 5] = [
        ("embedded", Self::Embedded),
        ("rabbitmq", Self::RabbitMq),
        ("kafka", Self::Kafka),
        ("nats", Self::Nats),
        ("sqs", Self::Sqs),
    ];

    /// The word that contracts have for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::RabbitMq => "rabbitmq",
            Self::Kafka => "kafka",
            Self::Nats => "nats",
            Self::Sqs => "sqs",
        }
    }

    /// What people call it.
    #[must_use]
    pub fn described(self) -> &'static str {
        match self {
            Self::Embedded => "the embedded broker",
            Self::RabbitMq => "RabbitMQ",
            Self::Kafka => "Kafka",
            Self::Nats => "NATS",
            Self::Sqs => "Amazon SQS",
        }
    }

    /// Whether messages of it have places that count up, so that a consumer can remember how far it came.
    #[must_use]
    pub fn has_offsets(self) -> bool {
        self == Self::Kafka
    }

    /// Whether it keeps the order of keys on a channel of this address, unless a contract says otherwise.
    #[must_use]
    pub fn keeps_keys(self, address: &str) -> bool {
        match self {
            Self::Embedded | Self::RabbitMq | Self::Kafka => true,
            Self::Nats => false,
            Self::Sqs => address.ends_with(FIFO),
        }
    }

    /// How long it keeps messages where nobody says; none where that is for ever, or up to how the broker is set up.
    #[must_use]
    pub fn retention(self) -> Option<Duration> {
        const DAY: u64 = 86_400_000;
        match self {
            Self::Kafka => Some(Duration::from_millis(7 * DAY)),
            Self::Sqs => Some(Duration::from_millis(4 * DAY)),
            Self::Embedded | Self::RabbitMq | Self::Nats => None,
        }
    }
}
