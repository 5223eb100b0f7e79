//! Who sends what: operations, which stand apart from channels since version 3 and in them before.

use std::collections::HashSet;

use super::super::Reader;
use super::super::at::{At, place};
use super::super::reference::{Kind, split};
use super::Named;
use super::names::name_of;
use crate::contract::MessageKind;
use crate::json_pointer::unescape;
use crate::source::Spanned;

/// What the operations of a document say of the messages of its channels. Nodes are told apart by their places in memory.
#[derive(Debug, Default)]
pub(super) struct Directions {
    sent: HashSet<Use>,
    received: HashSet<Use>,
}

/// A channel, and one of its messages or all of them.
type Use = (usize, Option<usize>);

impl Directions {
    /// What a message of a channel is: what is only received is a command, and everything else an event.
    pub(super) fn kind(&self, channel: &At<'_>, message: &At<'_>) -> MessageKind {
        let channel = place(channel.node);
        let uses = [(channel, None), (channel, Some(place(message.node)))];
        let is_in = |set: &HashSet<Use>| uses.iter().any(|one| set.contains(one));
        match is_in(&self.received) && !is_in(&self.sent) {
            true => MessageKind::Command,
            false => MessageKind::Event,
        }
    }
}

impl<'d> Reader<'d, '_> {
    /// What the operations of a document of version 3 send and receive, replies included.
    pub(super) fn directions(&mut self, root: &At<'d>) -> Directions {
        let mut directions = Directions::default();
        for (entry, operation) in self.entries(root, "operations") {
            if entry.key.starts_with("x-") || self.is_spent() {
                continue;
            }
            let Some(operation) = self.follow(operation, Kind::Operation) else {
                continue;
            };
            let is_sent = self.text(&operation, "action").as_deref() == Some("send");
            let uses = self.uses(&operation);
            let replies = operation.get("reply");
            let replies = replies.map_or_else(Vec::new, |reply| self.uses(&reply));
            let (own, other) = match is_sent {
                true => (&mut directions.sent, &mut directions.received),
                false => (&mut directions.received, &mut directions.sent),
            };
            own.extend(uses);
            other.extend(replies);
        }
        directions
    }

    /// The channel and the messages of an operation or a reply.
    fn uses(&mut self, at: &At<'d>) -> Vec<Use> {
        let channel = at.get("channel");
        let Some(channel) = channel.and_then(|channel| self.follow(channel, Kind::Channel)) else {
            return Vec::new();
        };
        let channel = place(channel.node);
        if at.get("messages").is_none() {
            return vec![(channel, None)];
        }
        let messages = self.list(at, "messages");
        let messages = messages.into_iter().filter_map(|message| {
            // Many operations may refer to one with many messages.
            self.spend(&message, size_of::<Use>()).then_some(())?;
            let message = self.follow(message, Kind::Message)?;
            Some((channel, Some(place(message.node))))
        });
        messages.collect()
    }

    /// The messages of a channel of version 2. What others may subscribe to is sent by the application, and what they publish it receives.
    pub(super) fn messages_of_operations(
        &mut self,
        name: &Spanned<String>,
        channel: &At<'d>,
    ) -> Vec<Named<'d>> {
        let mut named = Vec::new();
        for (key, kind) in [
            ("subscribe", MessageKind::Event),
            ("publish", MessageKind::Command),
        ] {
            let Some(operation) = channel.get(key) else {
                continue;
            };
            let Some(written) = operation.get("message") else {
                continue;
            };
            let id = self.text(&operation, "operationId");
            let Some(message) = self.follow(written.clone(), Kind::Message) else {
                continue;
            };
            let branches = match message.get("oneOf") {
                Some(_) => self.list(&message, "oneOf"),
                None => vec![written],
            };
            let count = branches.len();
            for (index, written) in branches.into_iter().enumerate() {
                if !self.spend(&written, size_of::<Named<'_>>()) {
                    return named;
                }
                let Some(message) = self.follow(written.clone(), Kind::Message) else {
                    continue;
                };
                let fallback = || {
                    let of = id.as_deref().unwrap_or(&name.value);
                    match count {
                        1 => of.to_owned(),
                        _ => format!("{of}.{}", index + 1),
                    }
                };
                let said = self.said_name(&written, &message);
                named.push(Named {
                    name: name_of(&said.unwrap_or_else(fallback)),
                    span: written.declared(),
                    message,
                    kind,
                });
            }
        }
        named
    }

    /// The name that a message of version 2 has: its key where it is referred to, or what it says itself.
    fn said_name(&mut self, written: &At<'d>, message: &At<'d>) -> Option<String> {
        let reference = written.get("$ref");
        let key = reference.and_then(|reference| {
            let (_, fragment) = split(reference.node.as_str()?);
            let (_, key) = fragment.rsplit_once('/')?;
            Some(unescape(key).into_owned())
        });
        key.or_else(|| {
            let own = ["messageId", "name"];
            own.into_iter().find_map(|key| self.text(message, key))
        })
    }
}
