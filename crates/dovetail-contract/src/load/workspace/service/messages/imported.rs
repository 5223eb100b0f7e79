//! The messages of an AsyncAPI document, on the channels that the workspace declares.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::super::super::super::files::{Document, Files};
use super::super::super::super::lower;
use super::super::super::super::openapi;
use super::super::super::super::tree::Node;
use crate::codes;
use crate::contract::{AsyncChannel, Channel, ChannelKind, Messaging, Transport};
use crate::finding::Finding;

/// The messages of the AsyncAPI document that is named, if one is. It stands alone: two lists of messages could disagree.
pub(super) fn imported(
    files: &mut Files,
    document: &Document,
    provides: &Node,
    channels: &IndexMap<String, Channel>,
) -> Option<Messaging> {
    let entry = provides.entry("asyncapi")?;
    let path = lower::text(files, &entry.value, "the path of an AsyncAPI document")?;
    let others = ["events", "commands"];
    if let Some(other) = others.into_iter().find_map(|key| provides.entry(key)) {
        let text = format!("`asyncapi` and `{}` both list messages", other.key);
        files.push(
            Finding::new(&codes::INVALID_VALUE, other.key_span, text)
                .related(entry.key_span, "the document lists them already")
                .expected("one of both")
                .help("keep the document, or list all messages here"),
        );
        return None;
    }
    let from = &files.sources().file(document.file).path;
    let file = match Files::join(from, &path.value) {
        Ok(file) => file,
        Err(problem) => {
            files.push(problem.finding(path.span, &path.value));
            return None;
        }
    };
    let document = files.read(&file, Some(path.span))?;
    let mut api = openapi::read_async_api(files, &document);
    let by_address: HashMap<&str, &String> = channels
        .iter()
        .rev()
        .map(|(name, channel)| (channel.address.as_str(), name))
        .collect();
    let mut compared: HashSet<String> = HashSet::new();
    for message in api.messaging.provides.values_mut() {
        let Some(said) = message.channel.as_mut() else {
            continue;
        };
        let read = api.channels.get(&said.value);
        if !channels.contains_key(&said.value) {
            let address = read.and_then(|channel| channel.address.as_deref());
            if let Some(name) = address.and_then(|address| by_address.get(address)) {
                said.value.clone_from(name);
            }
        }
        let declared = channels.get(&said.value);
        if let (Some(read), Some(declared)) = (read, declared)
            && compared.insert(said.value.clone())
        {
            compare(files, &said.value, read, declared);
        }
    }
    Some(api.messaging)
}

/// Says where a document and `dovetail.yaml` do not tell the same of a channel. The latter holds, as it may differ between environments.
fn compare(files: &mut Files, name: &str, read: &AsyncChannel, declared: &Channel) {
    let transports = (
        read.transport.map(Transport::as_str),
        declared.transport.as_str(),
    );
    let kinds = (read.kind.map(ChannelKind::as_str), declared.kind.as_str());
    for (what, (said, holds)) in [("transport", transports), ("kind", kinds)] {
        let Some(said) = said.filter(|said| *said != holds) else {
            continue;
        };
        let text = format!(
            "the {what} of the channel `{name}` is `{said}` here, and `{holds}` is what holds"
        );
        files.push(
            Finding::new(&codes::UNREAD_BINDING, read.span, text)
                .related(declared.span, "the channel is declared here")
                .expected("the same in both, unless they tell of different environments"),
        );
    }
}
