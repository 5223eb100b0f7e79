//! `channels` of `dovetail.yaml`: what carries messages, declared once for all services.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::super::files::Files;
use super::super::lower::{self, Keys};
use super::super::tree::{Entry, Node};
use super::policy::{count, positive};
use crate::codes;
use crate::contract::{Channel, ChannelKind, Transport};
use crate::finding::Finding;
use crate::source::{Span, Spanned};

pub(crate) const CHANNEL: Keys = Keys {
    what: "a channel",
    known: &[
        "transport",
        "kind",
        "address",
        "partitions",
        "retention",
        "keeps_keys",
    ],
    required: &[],
};

/// Most parts of a channel.
const PARTITIONS_MAX: u64 = 100_000;

/// Reads the channels; `default` is the transport of those that name none.
pub(super) fn read(
    files: &mut Files,
    node: &Node,
    default: Transport,
) -> IndexMap<String, Channel> {
    let channels = lower::map(files, node, "channels by name", |files, entry| {
        channel(files, entry, default)
    });
    let mut known: HashMap<(Transport, &str), Span> = HashMap::new();
    for channel in channels.values() {
        // A queue of Amazon is ordered or not, by the end that its name gets: two channels would differ in nothing else.
        let address = match channel.transport {
            Transport::Sqs => channel
                .address
                .strip_suffix(".fifo")
                .unwrap_or(&channel.address),
            _ => channel.address.as_str(),
        };
        let place = (channel.transport, address);
        let first = *known.entry(place).or_insert(channel.span);
        if first != channel.span {
            let message = format!("two channels have the address `{}`", channel.address);
            files.push(
                Finding::new(&codes::INVALID_VALUE, channel.span, message)
                    .related(first, "the first one")
                    .expected("an address of its own, since a broker would take both for one")
                    .help("use the first channel, or give this one another `address`"),
            );
        }
    }
    channels
}

/// Reads the word for a transport.
pub(super) fn transport(files: &mut Files, node: &Node) -> Option<Transport> {
    lower::word(files, node, "a transport", &Transport::ALL)
}

fn channel(files: &mut Files, entry: &Entry, default: Transport) -> Option<Channel> {
    if !lower::is_name(files, entry, "a channel") {
        return None;
    }
    let node = lower::mapping(files, &entry.value, &CHANNEL)?;
    let kind = node.get("kind");
    let kind =
        kind.and_then(|node| lower::word(files, node, "a kind of channel", &ChannelKind::ALL));
    let transport = node
        .get("transport")
        .and_then(|node| transport(files, node))
        .unwrap_or(default);
    let address = node
        .get("address")
        .and_then(|node| lower::text(files, node, "the name of the channel in its broker"));
    let (address, place) = match address {
        Some(address) => (address.value, address.span),
        None => (entry.key.clone(), entry.key_span),
    };
    if let Some(expected) = unfit_address(transport, &address) {
        let message = format!(
            "`{}` is not an address for `{}`",
            lower::shorten(&address),
            transport.as_str()
        );
        files.push(
            Finding::new(&codes::INVALID_VALUE, place, message)
                .expected(expected)
                .help("give the channel an `address` that its broker takes"),
        );
    }
    let keeps_keys = node.get("keeps_keys").and_then(|node| {
        let keeps = lower::boolean(files, node, "whether the order of keys is kept")?;
        Some(Spanned::new(keeps, node.span))
    });
    let channel = Channel {
        span: entry.key_span,
        transport,
        kind: kind.unwrap_or_default(),
        address,
        partitions: count(
            files,
            node.get("partitions"),
            "the number of partitions",
            (1, PARTITIONS_MAX),
        ),
        retention: positive(
            files,
            node.get("retention"),
            "the time for which the broker keeps messages",
        ),
        keeps_keys,
    };
    settings(files, &channel);
    Some(channel)
}

/// What is said of a channel, and what its kind of broker does with it.
fn settings(files: &mut Files, channel: &Channel) {
    let transport = channel.transport;
    let said = [
        (
            "partitions",
            channel.partitions.as_ref().map(|said| said.span),
        ),
        (
            "retention",
            channel.retention.as_ref().map(|said| said.span),
        ),
        (
            "keeps_keys",
            channel.keeps_keys.as_ref().map(|said| said.span),
        ),
    ];
    for (key, place) in said {
        let unused = place.zip(unused_setting(transport, key));
        if let Some((place, why)) = unused {
            let name = transport.described();
            let text = format!("`{key}` does nothing on a channel of {name}");
            files.push(
                Finding::new(&codes::UNUSED_SETTING, place, text)
                    .expected(why)
                    .help(format!("remove `{key}`")),
            );
        }
    }
    if transport == Transport::Sqs {
        amazon(files, channel);
    }
}

/// Why a kind of broker has no use for a setting, if it has none.
fn unused_setting(transport: Transport, key: &str) -> Option<&'static str> {
    match (transport, key) {
        (Transport::RabbitMq, "retention") => {
            Some("a policy of the broker, which is where RabbitMQ has it")
        }
        (Transport::Embedded, "retention") => {
            Some("nothing: it keeps messages until their consumers have them")
        }
        (
            Transport::Embedded | Transport::RabbitMq | Transport::Nats | Transport::Sqs,
            "partitions",
        ) => Some("nothing: only Kafka splits channels into partitions"),
        (Transport::Embedded | Transport::Kafka, "keeps_keys") => {
            Some("nothing: it always keeps the order of keys")
        }
        _ => None,
    }
}

/// What queues of Amazon cannot be.
fn amazon(files: &mut Files, channel: &Channel) {
    const MINUTE: u64 = 60_000;
    let bounds = MINUTE..=14 * 24 * 60 * MINUTE;
    let retention = channel.retention.as_ref();
    if let Some(said) = retention.filter(|said| !bounds.contains(&said.value.millis)) {
        let text = format!("Amazon SQS keeps no message for {}", said.value);
        files.push(
            Finding::new(&codes::INVALID_VALUE, said.span, text)
                .expected("`1m` to `14d`")
                .help("write a time between them"),
        );
    }
    let keeps_keys = channel.keeps_keys.as_ref();
    if let Some(said) = keeps_keys.filter(|said| said.value != channel.is_fifo()) {
        let (text, help) = match said.value {
            true => (
                "a standard queue keeps no order of keys",
                "give the channel an `address` that ends in `.fifo`",
            ),
            false => (
                "a first-in-first-out queue keeps the order of keys",
                "give the channel an `address` without `.fifo`",
            ),
        };
        files.push(
            Finding::new(&codes::INVALID_VALUE, said.span, text)
                .expected(
                    "what the address says: it ends in `.fifo` where the order of keys is kept",
                )
                .help(help),
        );
    }
}

/// What the broker takes, if it would not take this address.
fn unfit_address(transport: Transport, address: &str) -> Option<&'static str> {
    let of = |text: &str, others: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
        !text.is_empty() && text.chars().all(fits)
    };
    let (fits, expected) = match transport {
        Transport::Kafka => (
            address.len() <= 249 && of(address, "._-") && !matches!(address, "." | ".."),
            "up to 249 letters, digits, `.`, `_` and `-`",
        ),
        Transport::Sqs => {
            let name = address.strip_suffix(".fifo").unwrap_or(address);
            (
                address.len() <= 80 && of(name, "_-"),
                "up to 80 letters, digits, `_` and `-`, with `.fifo` at the end of an ordered one",
            )
        }
        Transport::Nats => {
            let is_token = |token: &str| {
                let is_fit = |c: char| !c.is_whitespace() && !c.is_control() && !"*>".contains(c);
                !token.is_empty() && token.chars().all(is_fit)
            };
            // What begins like this belongs to the server: `$JS.API`, `$SYS`, and the subjects of answers.
            let is_taken = address.starts_with('$') || address.starts_with("_INBOX");
            (
                address.len() <= 255 && address.split('.').all(is_token) && !is_taken,
                "a subject without wildcards, such as `orders.created`, that does not begin with `$` or `_INBOX`",
            )
        }
        Transport::Embedded | Transport::RabbitMq => {
            let is_fit = |c: char| !c.is_whitespace() && !c.is_control();
            let is_taken = transport == Transport::RabbitMq && address.starts_with("amq.");
            (
                address.len() <= 255 && address.chars().all(is_fit) && !is_taken,
                match transport {
                    Transport::RabbitMq => {
                        "up to 255 bytes without spaces that do not begin with `amq.`, which is the broker's own"
                    }
                    _ => "up to 255 bytes without spaces",
                },
            )
        }
    };
    (!fits).then_some(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_its_broker_takes() {
        let long = "a".repeat(256);
        let rows = [
            (Transport::Kafka, "orders.v1_x-y", true),
            (Transport::Kafka, "orders/v1", false),
            (Transport::Kafka, "..", false),
            (Transport::Sqs, "orders", true),
            (Transport::Sqs, "orders.fifo", true),
            (Transport::Sqs, ".fifo", false),
            (Transport::Sqs, "orders.created", false),
            (Transport::Nats, "orders.created", true),
            (Transport::Nats, "orders..created", false),
            (Transport::Nats, "orders.*", false),
            (Transport::Nats, "orders.>", false),
            (Transport::Nats, "$JS.API.STREAM", false),
            (Transport::Nats, "_INBOX.a", false),
            (Transport::RabbitMq, "amq.topic", false),
            (Transport::Embedded, "amq.topic", true),
            (Transport::RabbitMq, "orders/created", true),
            (Transport::RabbitMq, "orders created", false),
            (Transport::RabbitMq, &long, false),
            (Transport::Embedded, "a\u{0}", false),
        ];
        for (transport, address, fits) in rows {
            let unfit = unfit_address(transport, address);
            assert_eq!(unfit.is_none(), fits, "{transport:?} {address:?}");
        }
    }
}
