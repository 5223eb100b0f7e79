//! What is said of messages in several files, held together: who provides what others consume, and what carries it.

mod consumers;
mod laws;
mod payloads;

use std::collections::{HashMap, HashSet};

use super::super::files::Files;
use super::super::lower;
use crate::codes;
use crate::contract::{Handled, Message, Service, Workspace};
use crate::finding::{Finding, Severity};
use crate::source::Span;

use consumers::Consumers;
use payloads::Payloads;

/// Says what does not go together in the messages of a workspace.
pub(super) fn check(files: &mut Files, workspace: &Workspace) {
    channels(files, workspace);
    names(files, workspace);
    let mut payloads = Payloads::default();
    for (service, name, message) in provided(workspace) {
        payloads.key(files, service, (name, message));
    }
    let mut consumers = Consumers::new(workspace);
    for service in workspace.services.values() {
        let consumes = service.messaging.consumes.values();
        for consumption in consumes.filter(|one| workspace.message(one).is_none()) {
            consumers.unknown(files, consumption);
        }
        let handled = workspace.handled(service);
        for one in &handled {
            consumers.check(files, &mut payloads, one);
        }
        handlers(files, &handled);
        transports(files, workspace, (service, &handled));
    }
}

/// A command that nobody names has its own name as that of its handler, and duplicates are told by that.
fn handlers(files: &mut Files, handled: &[Handled<'_>]) {
    let is_implicit = |one: &&Handled<'_>| one.consumption.is_none();
    if !handled.iter().any(|one| is_implicit(&one)) {
        return;
    }
    let own = |one: &Handled<'_>| {
        let handler = &one.consumption?.handler;
        let is_own = one.provider.name.value == one.service.name.value;
        is_own.then_some((handler.value.clone(), handler.span))
    };
    let named: HashMap<String, Span> = handled.iter().filter_map(own).collect();
    for one in handled.iter().filter(is_implicit) {
        let Some(place) = named.get(one.name) else {
            continue;
        };
        let text = format!("two messages have the handler `{}`", one.name);
        files.push(
            Finding::new(&codes::INVALID_VALUE, *place, text)
                .related(
                    one.message.span,
                    "this command is handled under its own name",
                )
                .expected("a handler for each message: duplicates are told by its name")
                .help("give this one another name, or name the command under `consumes`"),
        );
    }
}

/// All channels of one service live in one kind of broker, because it runs on one transport.
fn transports(files: &mut Files, workspace: &Workspace, of: (&Service, &[Handled<'_>])) {
    let (service, handled) = of;
    let provided = service.messaging.provides.values();
    let published = provided.filter_map(|message| {
        let place = message.channel.as_ref()?.span;
        Some((workspace.channel(message)?, place))
    });
    let consumed = handled.iter().filter_map(|one| {
        let channel = workspace.channel(one.message)?;
        Some((channel, one.span()))
    });
    let mut channels = published.chain(consumed);
    let Some((first, place)) = channels.next() else {
        return;
    };
    let Some((other, second)) = channels.find(|(one, _)| one.transport != first.transport) else {
        return;
    };
    let text = format!(
        "`{}` has channels in {} and in {}",
        service.name.value,
        first.transport.described(),
        other.transport.described()
    );
    files.push(
        Finding::new(&codes::MIXED_TRANSPORTS, second, text)
            .related(place, "the first one")
            .related(other.span, "the channel is declared here")
            .expected("one kind of broker for all that a service publishes and consumes")
            .help("give its channels one `transport`"),
    );
}

/// Every message of the workspace, with the service that provides it.
fn provided(workspace: &Workspace) -> impl Iterator<Item = (&Service, &str, &Message)> {
    let services = workspace.services.values();
    services.flat_map(|service| {
        let messages = service.messaging.provides.iter();
        messages.map(move |(name, message)| (service, name.as_str(), message))
    })
}

/// Each channel that is named is declared, and each that is declared is named.
fn channels(files: &mut Files, workspace: &Workspace) {
    let declared = &workspace.settings.channels;
    let mut used: HashSet<&str> = HashSet::new();
    for (_, name, message) in provided(workspace) {
        let Some(channel) = &message.channel else {
            continue;
        };
        if declared.contains_key(&channel.value) {
            used.insert(&channel.value);
            continue;
        }
        let said = lower::shorten(&channel.value);
        let text = format!("there is no channel `{said}` to carry `{name}`");
        // An AsyncAPI document may name a channel by its address.
        let help = match lower::fits_name(&channel.value) {
            true => format!("declare it there: `channels: {{ {said}: {{ kind: topic }} }}`"),
            false => "declare a channel there that has this as its `address`".to_owned(),
        };
        let finding = Finding::new(&codes::UNKNOWN_CHANNEL, channel.span, text)
            .expected("a channel that `dovetail.yaml` declares")
            .help(help);
        let known = declared.keys().map(String::as_str);
        let finding = lower::suggest(files, finding, &channel.value, known);
        files.push(finding);
    }
    for (name, channel) in declared {
        if !used.contains(name.as_str()) {
            let text = format!("no message is carried by the channel `{name}`");
            files.push(
                Finding::new(&codes::UNUSED_CHANNEL, channel.span, text)
                    .expected("an event or a command of a service that names it")
                    .help("name it as the `channel` of a message, or remove it"),
            );
        }
    }
}

/// No two services give one name to different messages. On one channel they could not be told apart.
fn names(files: &mut Files, workspace: &Workspace) {
    let mut known: HashMap<&str, (&Service, &Message)> = HashMap::new();
    for (service, name, message) in provided(workspace) {
        let Some((other, first)) = known.get(name) else {
            known.insert(name, (service, message));
            continue;
        };
        let channel = |message: &Message| message.channel.clone().map(|channel| channel.value);
        let is_shared = channel(first).is_some() && channel(first) == channel(message);
        let text = format!(
            "`{}` and `{}` both provide a message `{name}`",
            other.name.value, service.name.value
        );
        let mut finding = Finding::new(&codes::DUPLICATE_MESSAGE, message.span, text)
            .related(first.span, "the first one")
            .help("name it for what is special about it, such as `refund.settled`");
        finding = match is_shared {
            true => finding.expected("a name of its own on the channel that both share"),
            false => finding.expected("one message of each name, since people go by that"),
        };
        if !is_shared {
            finding.severity = Severity::Warning;
        }
        files.push(finding);
    }
}
