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
use crate::source::Span;

pub(crate) const CHANNEL: Keys = Keys {
    what: "a channel",
    known: &["transport", "kind", "address", "partitions", "retention"],
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
        let place = (channel.transport, channel.address.as_str());
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
    Some(Channel {
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
    })
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
            (
                address.len() <= 255 && address.split('.').all(is_token),
                "a subject without wildcards, such as `orders.created`",
            )
        }
        Transport::Embedded | Transport::RabbitMq => {
            let is_fit = |c: char| !c.is_whitespace() && !c.is_control();
            (
                address.len() <= 255 && address.chars().all(is_fit),
                "up to 255 bytes without spaces",
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
