//! What generated docs say of the broker of a channel: which laws it does not keep.

use dovetail_contract::contract::{Channel, Transport};
use dovetail_contract::transport_laws::{Law, unkept};

use crate::doc;

/// Whether the broker keeps the order of keys on a channel.
pub(super) fn keeps_keys(channel: &Channel) -> bool {
    !unkept_of(channel).contains(&Law::KeysKeepTheirOrder)
}

fn unkept_of(channel: &Channel) -> &'static [Law] {
    unkept(channel.transport, channel.keeps_keys())
}

/// What the broker of a channel keeps and does not keep, in whole sentences.
pub(super) fn broker(channel: &Channel) -> String {
    let laws = match exceptions(channel) {
        None => "It keeps every law of `dovetail_messaging::transport`".to_owned(),
        Some(exceptions) => {
            format!("Of the laws of `dovetail_messaging::transport` it does not keep {exceptions}")
        }
    };
    let name = match (channel.transport, channel.is_fifo()) {
        (Transport::Sqs, true) => "Amazon SQS, first in, first out",
        (Transport::Sqs, false) => "Amazon SQS, with standard queues",
        (transport, _) => transport.described(),
    };
    match more(channel) {
        Some(more) => format!("{name}. {laws}; {more}."),
        None => format!("{name}. {laws}."),
    }
}

/// What else there is to know.
fn more(channel: &Channel) -> Option<&'static str> {
    match (channel.transport, keeps_keys(channel)) {
        (Transport::Embedded, _) => None,
        (Transport::RabbitMq, false) => Some(
            "the transport has to be set up without `keeps_keys`, as queues are declared by it",
        ),
        (Transport::RabbitMq, true) => Some(
            "one process of the service handles the channel at a time, and the others stand by",
        ),
        (Transport::Kafka, _) => Some(
            "what was acknowledged may come again when members of the group come and go, and messages of one partition come in their order",
        ),
        (Transport::Nats, true) => Some(
            "the transport has to be set up with `keeps_keys`, and then one message of the channel is handled at a time in all processes \
             of the service; what is published again under its id within two minutes is dropped",
        ),
        (Transport::Nats, false) => {
            Some("what is published again under its id within two minutes is dropped")
        }
        (Transport::Sqs, true) => Some(
            "the transport has to be set up with `Order::Fifo`; what is given back comes after its time only up to twelve hours, and a \
             message has up to 1 MiB, or 256 KiB through a topic",
        ),
        (Transport::Sqs, false) => Some(
            "what is given back comes after its time only up to twelve hours, and a message has up to 1 MiB, or 256 KiB through a topic",
        ),
    }
}

/// Why the order of keys is not kept, for those who ask for it.
pub(super) fn disorder(channel: &Channel) -> &'static str {
    match channel.transport {
        Transport::Sqs => "The queue is a standard one, which can bring them in any order",
        Transport::RabbitMq => "Without one active consumer RabbitMQ does not keep their order",
        _ => "NATS does not keep their order",
    }
}

/// The laws that are not kept on a channel, as a list in Markdown.
fn exceptions(channel: &Channel) -> Option<String> {
    let unkept = unkept_of(channel).iter();
    let words: Vec<String> = unkept.map(|law| format!("**{}**", law.as_str())).collect();
    let (last, others) = words.split_last()?;
    Some(match others {
        [] => last.clone(),
        others => format!("{} and {last}", others.join(", ")),
    })
}

/// A sentence for the docs of a channel; none where every law is kept.
pub(super) fn exception(channel: &Channel) -> Option<String> {
    let exceptions = exceptions(channel)?;
    Some(format!(
        "Of the laws of `dovetail_messaging::transport` the broker does not keep {exceptions} here."
    ))
}

/// A list for a README, an item for each channel whose broker does not keep every law.
pub(super) fn list<'a>(channels: impl IntoIterator<Item = (&'a str, &'a Channel)>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, channel) in channels {
        if let Some(exceptions) = exceptions(channel) {
            let broker = channel.transport.described();
            let item = format!("{}, in {broker}: {exceptions}", doc::code(name));
            lines.extend(bullet(&item));
        }
    }
    lines
}

/// An item of a list.
pub(super) fn bullet(text: &str) -> Vec<String> {
    let lines = doc::wrap(text).into_iter().enumerate();
    let lines = lines.map(|(at, line)| match at {
        0 => format!("- {line}"),
        _ => format!("  {line}"),
    });
    lines.collect()
}
