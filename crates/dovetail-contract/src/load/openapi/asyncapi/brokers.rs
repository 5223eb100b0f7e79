//! What a document tells of brokers: the kind of each channel, who gets its messages, and by what they are kept in order.
//!
//! Extensions of ours decide. Where there are none, bindings and servers are hints, which are taken only where they can mean but one thing.

use std::collections::HashMap;

use super::super::Reader;
use super::super::at::{At, place};
use super::super::reference::Kind;
use crate::codes;
use crate::contract::{ChannelKind, Transport};
use crate::finding::Finding;
use crate::json_pointer::unescape;
use crate::load::lower;
use crate::source::Spanned;

/// The kinds of brokers that the servers of a document are, by the places of the servers in memory.
#[derive(Debug, Default)]
pub(super) struct Servers {
    known: HashMap<usize, Option<Transport>>,
    /// The kinds of all servers, each once.
    kinds: Vec<Option<Transport>>,
}

/// What bindings and servers call the brokers that are known.
const PROTOCOLS: [(&str, Transport); 9] = [
    ("kafka", Transport::Kafka),
    ("kafka-secure", Transport::Kafka),
    ("amqp", Transport::RabbitMq),
    ("amqps", Transport::RabbitMq),
    ("nats", Transport::Nats),
    ("nats+tls", Transport::Nats),
    ("sqs", Transport::Sqs),
    ("sns", Transport::Sqs),
    ("tls+nats", Transport::Nats),
];

impl<'d> Reader<'d, '_> {
    /// The servers of a document.
    pub(super) fn server_transports(&mut self, root: &At<'d>) -> Servers {
        let mut servers = Servers::default();
        for (entry, server) in self.entries(root, "servers") {
            if entry.key.starts_with("x-") || !self.spend(&server, size_of::<usize>()) {
                continue;
            }
            let Some(server) = self.follow(server, Kind::Server) else {
                continue;
            };
            let protocol = server.get("protocol");
            let protocol = protocol
                .as_ref()
                .and_then(|protocol| protocol.node.as_str());
            let kind = protocol.and_then(transport);
            servers.known.insert(place(server.node), kind);
            if !servers.kinds.contains(&kind) {
                servers.kinds.push(kind);
            }
        }
        servers
    }

    /// The kind of broker that a channel lives in, where the document leaves no choice.
    pub(super) fn channel_transport(
        &mut self,
        channel: &At<'d>,
        servers: &Servers,
    ) -> Option<Transport> {
        if channel.get("x-dovetail-transport").is_some() {
            return self.said_word(channel, "x-dovetail-transport", &Transport::ALL);
        }
        let bindings = channel.get("bindings");
        let bindings = bindings.and_then(|at| self.follow(at, Kind::ChannelBindings));
        let bindings = bindings.as_ref().and_then(|at| at.node.entries());
        let bound = bindings.unwrap_or_default().iter();
        let mut named: Vec<Option<Transport>> = bound
            .filter(|entry| !entry.key.starts_with("x-"))
            .map(|entry| transport(&entry.key))
            .collect();
        if named.is_empty() {
            named = self.servers_of(channel, servers);
        }
        named.sort();
        named.dedup();
        match named.as_slice() {
            [] => None,
            [only] => *only,
            several => {
                let words = several.iter().map(|transport| match transport {
                    Some(transport) => transport.as_str(),
                    None => "others",
                });
                let words: Vec<&str> = words.collect();
                let text = format!(
                    "the channel is in brokers of several kinds: {}",
                    words.join(", ")
                );
                self.files.push(
                    Finding::new(&codes::UNREAD_BINDING, channel.declared(), text)
                        .expected("one kind, by its servers or its bindings")
                        .help("the `transport` of the channel in `dovetail.yaml` decides"),
                );
                None
            }
        }
    }

    /// The kinds of brokers that a channel is in: those that it names, or all of the document.
    fn servers_of(&mut self, channel: &At<'d>, servers: &Servers) -> Vec<Option<Transport>> {
        if channel.get("servers").is_none() {
            return servers.kinds.clone();
        }
        let mut named = Vec::new();
        for server in self.list(channel, "servers") {
            if !self.spend(&server, size_of::<usize>()) {
                break;
            }
            // Version 2 names servers rather than referring to them.
            if let Some(name) = server.node.as_str() {
                let root = self.documents.of_file(server.file);
                let server = root.and_then(|root| root.get("servers")?.get(name));
                let known = server.and_then(|server| servers.known.get(&place(server.node)));
                named.push(known.copied().flatten());
            } else if let Some(server) = self.follow(server, Kind::Server) {
                named.push(servers.known.get(&place(server.node)).copied().flatten());
            }
        }
        named
    }

    /// Who gets a message of a channel, where the document says.
    pub(super) fn channel_kind(
        &mut self,
        channel: &At<'d>,
        transport: Option<Transport>,
    ) -> Option<ChannelKind> {
        if channel.get("x-dovetail-kind").is_some() {
            return self.said_word(channel, "x-dovetail-kind", &ChannelKind::ALL);
        }
        if transport == Some(Transport::Kafka) {
            return Some(ChannelKind::Topic);
        }
        let bindings = self.follow(channel.get("bindings")?, Kind::ChannelBindings)?;
        let is = bindings.get("amqp").and_then(|amqp| amqp.get("is"));
        let is = is.as_ref().and_then(|is| is.node.as_str());
        let said = [
            (is == Some("queue"), ChannelKind::Queue),
            (is == Some("routingKey"), ChannelKind::Topic),
            (bindings.get("sqs").is_some(), ChannelKind::Queue),
            (bindings.get("sns").is_some(), ChannelKind::Topic),
        ];
        let mut kinds = said.into_iter().filter(|(is_said, _)| *is_said);
        match (kinds.next(), kinds.next()) {
            (Some((_, only)), None) => Some(only),
            _ => None,
        }
    }

    /// The member of the payload that messages are kept in order by: as our extension says, or as the key of Kafka refers to it.
    pub(super) fn message_key(&mut self, message: &At<'d>) -> Option<Spanned<String>> {
        if let Some(said) = message.get("x-dovetail-key") {
            let key = self.text_of(&said)?;
            return Some(Spanned::new(key, said.node.span));
        }
        let bindings = self.follow(message.get("bindings")?, Kind::MessageBindings)?;
        let key = bindings.get("kafka")?.get("key")?;
        let member = self.member_of_payload(message, &key);
        if member.is_none() {
            let text = "the key is described, but not which member of the payload it is";
            self.files.push(
                Finding::new(&codes::UNREAD_BINDING, key.declared(), text)
                    .expected("`x-dovetail-key` beside `bindings`, with the name of a member")
                    .help("add `x-dovetail-key: order_id`, if that is the member"),
            );
        }
        member
    }

    /// The name of the member that a key refers to, if it is one of the payload.
    fn member_of_payload(&mut self, message: &At<'d>, key: &At<'d>) -> Option<Spanned<String>> {
        let reference = key.get("$ref")?;
        let (before, name) = reference.node.as_str()?.rsplit_once('/')?;
        before.ends_with("/properties").then_some(())?;
        let name = unescape(name).into_owned();
        let target = self.locate_quietly(key, reference.node.as_str()?)?;
        let mut payload = message.get("payload")?;
        if let Some(reference) = payload.get("$ref") {
            payload = self.locate_quietly(&payload, reference.node.as_str()?)?;
        }
        let member = payload.get("properties")?.get(&name)?;
        let is_same = place(member.node) == place(target.node);
        is_same.then(|| Spanned::new(name, reference.node.span))
    }

    /// One of a few words, if it is said. Says so where it is another.
    fn said_word<T: Copy>(
        &mut self,
        at: &At<'d>,
        key: &str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let said = at.get(key)?;
        lower::word(self.files, said.node, &format!("a value of `{key}`"), words)
    }
}

fn transport(protocol: &str) -> Option<Transport> {
    let known = PROTOCOLS
        .iter()
        .find(|(known, _)| protocol.eq_ignore_ascii_case(known));
    known.map(|(_, transport)| *transport)
}
