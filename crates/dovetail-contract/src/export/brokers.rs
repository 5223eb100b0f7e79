//! What a document tells of brokers: the bindings of channels and messages, and the headers of the envelope.

use std::collections::HashSet;

use super::schema::{Entries, put_count, put_map, put_text};
use super::text::Item;
use crate::contract::{Channel, ChannelKind, Transport};

/// What is known of a channel.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub(super) address: Option<String>,
    pub(super) description: Option<String>,
    pub(super) kind: Option<ChannelKind>,
    pub(super) transport: Option<Transport>,
    pub(super) partitions: Option<u32>,
    pub(super) retention_ms: Option<u64>,
}

/// What a workspace declares of a channel.
pub(super) fn described(channel: &Channel) -> Described {
    let retention = channel.retention.as_ref();
    Described {
        address: Some(channel.address.clone()),
        description: None,
        kind: Some(channel.kind),
        transport: Some(channel.transport),
        partitions: channel
            .partitions
            .as_ref()
            .map(|partitions| partitions.value),
        retention_ms: retention.map(|time| time.value.millis),
    }
}

impl Described {
    /// What the broker is to make of the channel.
    pub(super) fn bindings(&self) -> Entries {
        let (Some(transport), Some(address)) = (self.transport, self.address.as_deref()) else {
            return Entries::new();
        };
        let is_queue = self.kind == Some(ChannelKind::Queue);
        let mut out = Entries::new();
        let named = |name: &str| Item::Map(vec![("name".to_owned(), Item::text(name))]);
        let (protocol, version) = match transport {
            Transport::Kafka => {
                put_text(&mut out, "topic", Some(address));
                put_count(&mut out, "partitions", self.partitions.map(u64::from));
                let mut configuration = Entries::new();
                put_count(&mut configuration, "retention.ms", self.retention_ms);
                put_map(&mut out, "topicConfiguration", configuration);
                ("kafka", "0.5.0")
            }
            Transport::RabbitMq => {
                let (is, of) = match self.kind {
                    Some(ChannelKind::Queue) => ("queue", "queue"),
                    Some(ChannelKind::Topic) => ("routingKey", "exchange"),
                    None => return out,
                };
                put_text(&mut out, "is", Some(is));
                out.push((of.to_owned(), named(address)));
                ("amqp", "0.3.0")
            }
            Transport::Sqs if is_queue => {
                let mut queue = Entries::new();
                put_text(&mut queue, "name", Some(address));
                let is_ordered = address.ends_with(".fifo");
                queue.push(("fifoQueue".to_owned(), Item::Bool(is_ordered)));
                put_map(&mut out, "queue", queue);
                ("sqs", "0.2.0")
            }
            Transport::Embedded | Transport::Nats | Transport::Sqs => return out,
        };
        put_text(&mut out, "bindingVersion", Some(version));
        vec![(protocol.to_owned(), Item::Map(out))]
    }
}

/// The parts of an address that are filled in at run time. Each is declared once.
pub(super) fn parameters(address: &str) -> Entries {
    let mut seen = HashSet::new();
    let parts = address.split('{').skip(1);
    let names = parts.filter_map(|part| part.split_once('}').map(|(name, _)| name));
    names
        .filter(|name| !name.is_empty() && seen.insert(*name))
        .map(|name| (name.to_owned(), Item::Map(Vec::new())))
        .collect()
}

/// What the names of headers of an envelope begin with. `None` where the envelope has none.
pub(super) fn prefix(transport: Transport) -> Option<&'static str> {
    match transport {
        Transport::Kafka => Some("ce_"),
        Transport::RabbitMq => Some("cloudEvents:"),
        Transport::Nats => Some("ce-"),
        Transport::Embedded | Transport::Sqs => None,
    }
}

/// The name of the trait that messages of a kind of broker have.
pub(super) fn trait_name(transport: Transport) -> String {
    format!("cloudevents-{}", transport.as_str())
}

/// The headers that every message has: the attributes of CloudEvents 1.0 in binary mode.
pub(super) fn envelope(prefix: &str) -> Item {
    const ATTRIBUTES: [(&str, Option<&str>, bool); 6] = [
        ("specversion", None, true),
        ("id", None, true),
        ("source", Some("uri-reference"), true),
        ("type", None, true),
        ("time", Some("date-time"), false),
        ("partitionkey", None, false),
    ];
    let properties = ATTRIBUTES.iter().map(|(name, format, _)| {
        let mut schema = Entries::new();
        put_text(&mut schema, "type", Some("string"));
        put_text(&mut schema, "format", *format);
        put_text(
            &mut schema,
            "const",
            Some("1.0").filter(|_| *name == "specversion"),
        );
        (format!("{prefix}{name}"), Item::Map(schema))
    });
    let required = ATTRIBUTES.iter().filter(|(.., is_required)| *is_required);
    let required = required.map(|(name, ..)| Item::text(format!("{prefix}{name}")));
    let headers = vec![
        ("type".to_owned(), Item::text("object")),
        ("required".to_owned(), Item::List(required.collect())),
        ("properties".to_owned(), Item::Map(properties.collect())),
    ];
    Item::Map(vec![("headers".to_owned(), Item::Map(headers))])
}

/// The key of a record, which is text whatever the type of the member that it is taken from.
pub(super) fn kafka_key() -> Item {
    let key = Item::Map(vec![("type".to_owned(), Item::text("string"))]);
    let kafka = vec![
        ("key".to_owned(), key),
        ("bindingVersion".to_owned(), Item::text("0.5.0")),
    ];
    Item::Map(vec![("kafka".to_owned(), Item::Map(kafka))])
}
