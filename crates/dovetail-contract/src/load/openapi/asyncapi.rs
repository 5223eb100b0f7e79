//! AsyncAPI 2.0 to 3.1 as a source of messages: what an application sends and receives, on which channels, and what that looks like.
//!
//! It shares its references and schemas with OpenAPI, and so the reader. What says how to connect (addresses of servers, security) is not read: the
//! channels of `dovetail.yaml` do. What servers and bindings tell of the kind of broker is a hint.

mod brokers;
mod names;
mod operations;

use std::collections::HashMap;

use indexmap::IndexMap;

use super::at::{At, place};
use super::reference::Kind;
use super::{Documents, Reader};
use crate::codes;
use crate::contract::{AsyncApi, AsyncChannel, Message, MessageKind, Messaging};
use crate::finding::Finding;
use crate::load::files::{Document, Files};
use crate::load::lower;
use crate::load::tree::NodeValue;
use crate::schema::{SchemaId, Types};
use crate::source::{Span, Spanned};

use brokers::Servers;
use names::{name_of, qualified};
use operations::Directions;

/// Media type of payloads that nothing is said of.
const JSON: &str = "application/json";

/// Most messages of one document.
const MESSAGES_MAX: usize = 10_000;

/// Reads a document, as far as it can be read. What is wrong with it is kept in `files`.
pub(crate) fn read_async_api(files: &mut Files, document: &Document) -> AsyncApi {
    let documents = Documents::gather(files, [document]);
    let root = At::root(document.file, &document.root);
    Reader::new(files, &documents, document.file).async_api(&root)
}

/// The versions that differ in where messages stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// Channels are addresses, and hold the operations that hold the messages.
    Two,
    /// Channels hold their messages, and operations stand apart.
    Three,
}

/// What was read so far.
struct Draft {
    version: Version,
    /// Media type of payloads that say none.
    content_type: Option<String>,
    messages: IndexMap<String, Message>,
    /// The message that has each name: the place of what declares it, and its channel.
    taken: HashMap<String, (usize, String)>,
    channels: IndexMap<String, AsyncChannel>,
    directions: Directions,
    servers: Servers,
    /// Whether there are more messages than are read.
    is_full: bool,
}

/// A message where a channel names it.
struct Named<'d> {
    name: String,
    span: Span,
    message: At<'d>,
    kind: MessageKind,
}

impl<'d> Reader<'d, '_> {
    fn async_api(&mut self, root: &At<'d>) -> AsyncApi {
        let mut api = AsyncApi {
            file: self.root,
            title: String::new(),
            version: String::new(),
            messaging: Messaging::default(),
            channels: IndexMap::new(),
        };
        let Some(version) = self.async_version(root) else {
            return api;
        };
        if let Some(info) = root.get("info") {
            api.title = self.text(&info, "title").unwrap_or_default();
            api.version = self.text(&info, "version").unwrap_or_default();
        }
        let mut draft = Draft {
            version,
            content_type: self.text(root, "defaultContentType"),
            messages: IndexMap::new(),
            taken: HashMap::new(),
            channels: IndexMap::new(),
            directions: Directions::default(),
            servers: self.server_transports(root),
            is_full: false,
        };
        if version == Version::Three {
            draft.directions = self.directions(root);
        }
        for (entry, channel) in self.entries(root, "channels") {
            if entry.key.starts_with("x-") || self.is_spent() || draft.is_full {
                continue;
            }
            if let Some(channel) = self.follow(channel, Kind::Channel) {
                let name = Spanned::new(entry.key.clone(), entry.key_span);
                self.async_channel(&name, &channel, &mut draft);
            }
        }
        let (mut events, commands): (IndexMap<_, _>, IndexMap<_, _>) = draft
            .messages
            .into_iter()
            .partition(|(_, message)| message.kind == MessageKind::Event);
        events.extend(commands);
        api.messaging.provides = events;
        api.messaging.schemas = self.finish_schemas();
        api.channels = draft.channels;
        api
    }

    /// The version, if it is one that is read. Says so if not.
    fn async_version(&mut self, root: &At<'d>) -> Option<Version> {
        let expected = "AsyncAPI 2.0 to 3.1";
        let said = self.text(root, "asyncapi");
        let Some(text) = said else {
            let span = Span::start_of(self.root);
            let message = "the document does not say `asyncapi`";
            self.files.push(
                Finding::new(&codes::MISSING_KEY, span, message)
                    .expected("`asyncapi: 3.1.0`, or another version that is read"),
            );
            return None;
        };
        let mut parts = text.split('.');
        match (parts.next(), parts.next()) {
            (Some("2"), Some("0" | "1" | "2" | "3" | "4" | "5" | "6")) => Some(Version::Two),
            (Some("3"), Some("0" | "1")) => Some(Version::Three),
            _ => {
                let span = root.get("asyncapi").map_or(root.place(), |at| at.place());
                let message = format!("AsyncAPI `{text}` is not a version that is read");
                self.files.push(
                    Finding::new(&codes::UNSUPPORTED_VERSION, span, message).expected(expected),
                );
                None
            }
        }
    }

    fn async_channel(&mut self, name: &Spanned<String>, channel: &At<'d>, draft: &mut Draft) {
        let address = match draft.version {
            Version::Two => Some(name.value.clone()),
            Version::Three => self.text(channel, "address"),
        };
        let transport = self.channel_transport(channel, &draft.servers);
        let read = AsyncChannel {
            span: name.span,
            address,
            description: self.text(channel, "description"),
            kind: self.channel_kind(channel, transport),
            transport,
        };
        draft.channels.insert(name.value.clone(), read);
        let named = match draft.version {
            Version::Two => self.messages_of_operations(name, channel),
            Version::Three => self.messages_of_channel(channel, &draft.directions),
        };
        for named in named {
            if self.is_spent() || draft.is_full {
                return;
            }
            self.async_message(name, named, draft);
        }
    }

    /// The messages of a channel of version 3, by their keys.
    fn messages_of_channel(&mut self, channel: &At<'d>, directions: &Directions) -> Vec<Named<'d>> {
        let mut named = Vec::new();
        for (entry, message) in self.entries(channel, "messages") {
            if !self.spend(&message, size_of::<Named<'_>>() + entry.key.len()) {
                break;
            }
            if let Some(message) = self.follow(message, Kind::Message) {
                named.push(Named {
                    name: name_of(&entry.key),
                    span: entry.key_span,
                    kind: directions.kind(channel, &message),
                    message,
                });
            }
        }
        named
    }

    /// Keeps a message under its name, or under that of its channel as well where another has it.
    fn async_message(&mut self, channel: &Spanned<String>, named: Named<'d>, draft: &mut Draft) {
        // What an application consumes is told of in its document as well, and is somebody else's to provide.
        if named.message.get("x-dovetail-provider").is_some() {
            return;
        }
        let identity = (place(named.message.node), channel.value.clone());
        let mut name = named.name;
        for _ in 0..2 {
            match draft.taken.get(&name) {
                // Sent as well as received: those who consume it need to know.
                Some(taken) if *taken == identity => {
                    if let Some(known) = draft.messages.get_mut(&name) {
                        known.kind = known.kind.min(named.kind);
                    }
                    return;
                }
                Some(_) => name = qualified(&channel.value, &name),
                None => break,
            }
        }
        if draft.taken.contains_key(&name) {
            let text = format!("the name `{name}` is given to two messages");
            self.warn(&codes::DUPLICATE_MESSAGE, named.span, text);
            return;
        }
        if draft.messages.len() >= MESSAGES_MAX {
            draft.is_full = true;
            let text = format!("more than {MESSAGES_MAX} messages of one document are named");
            self.files
                .push(Finding::new(&codes::TOO_LARGE, named.span, text));
            return;
        }
        let at = &named.message;
        let content_type = self.message_content_type(at, draft);
        let description = ["description", "summary", "title"];
        let message = Message {
            span: named.span,
            kind: named.kind,
            schema: content_type
                .is_some()
                .then(|| self.message_schema(at, draft.version))
                .flatten(),
            key: self.message_key(at),
            channel: Some(channel.clone()),
            description: description
                .into_iter()
                .find_map(|key| self.message_text(at, key)),
            content_type: content_type.unwrap_or_else(|| JSON.to_owned()),
            deprecated: self.note_flag(at, "x-dovetail-deprecated"),
        };
        draft.taken.insert(name.clone(), identity);
        draft.messages.insert(name, message);
    }

    /// The media type of the payload. `None` where it is none of JSON; a finding says so.
    fn message_content_type(&mut self, at: &At<'d>, draft: &Draft) -> Option<String> {
        let said = self.message_text(at, "contentType");
        let said = said.or_else(|| draft.content_type.clone());
        let said = said.unwrap_or_else(|| JSON.to_owned());
        if lower::is_plain_json(&said) {
            return Some(said);
        }
        let text = format!("a payload of `{}` is not read", lower::shorten(&said));
        self.files.push(
            Finding::new(&codes::UNSUPPORTED_VERSION, at.declared(), text)
                .expected("a media type of JSON, such as `application/json`"),
        );
        None
    }

    /// A text that a message says itself, or by one of its traits.
    fn message_text(&mut self, at: &At<'d>, key: &str) -> Option<String> {
        if at.get(key).is_some() {
            return self.text(at, key);
        }
        let traits = self.list(at, "traits");
        traits.into_iter().find_map(|part| {
            self.spend(&part, 1).then_some(())?;
            let part = self.follow(part, Kind::MessageTrait)?;
            self.text(&part, key)
        })
    }

    /// The schema of the payload. A message without payload may carry anything.
    fn message_schema(&mut self, at: &At<'d>, version: Version) -> Option<SchemaId> {
        let Some(payload) = at.get("payload") else {
            return Some(self.unsaid_schema(at.declared(), at, "payload", Types::default()));
        };
        let wrapped = match version {
            Version::Two => None,
            Version::Three => self.wrapped(&payload),
        };
        let (format, schema) = match (&wrapped, version) {
            (Some(wrapped), _) => (wrapped.get("schemaFormat"), wrapped.get("schema")),
            (None, Version::Two) => (at.get("schemaFormat"), Some(payload)),
            (None, Version::Three) => (None, Some(payload)),
        };
        if let Some(format) = format.filter(|format| !is_of(format, &JSON_SCHEMA)) {
            if is_of(&format, &AVRO) {
                return self.avro_of_message(&schema?, &format);
            }
            let text = format.node.as_str().unwrap_or_default().to_owned();
            let message = format!("a payload in the format `{text}` is not read");
            self.files.push(
                Finding::new(&codes::UNSUPPORTED_VERSION, format.place(), message)
                    .expected("a JSON Schema or an Avro schema")
                    .help("describe the payload by a JSON Schema"),
            );
            return None;
        }
        Some(self.schema(&schema?))
    }

    /// The schema of a payload that is an Avro schema, here or in a file of its own.
    fn avro_of_message(&mut self, schema: &At<'d>, format: &At<'d>) -> Option<SchemaId> {
        let mut schema = schema.clone();
        if let Some(reference) = schema.get("$ref") {
            let text = reference.node.as_str().unwrap_or_default();
            schema = self.resolve(&schema, text, reference.node.span, Kind::Schema)?;
        }
        let text = "the payload is described by an Avro schema, and is written as JSON";
        let finding = Finding::new(&codes::WRITTEN_AS_JSON, format.place(), text);
        self.files.push(finding);
        Some(self.avro(&schema))
    }

    /// The object that holds a schema beside the name of its format, if the payload is or refers to one.
    fn wrapped(&mut self, payload: &At<'d>) -> Option<At<'d>> {
        let has_format = |at: &At<'d>| at.get("schemaFormat").is_some();
        if has_format(payload) {
            return Some(payload.clone());
        }
        let reference = payload.get("$ref")?;
        let target = self.locate_quietly(payload, reference.node.as_str()?)?;
        has_format(&target).then_some(target)
    }
}

/// What the names of formats begin with that are JSON Schema, or are read as such.
const JSON_SCHEMA: [&str; 5] = [
    "application/schema+json",
    "application/schema+yaml",
    "application/vnd.aai.asyncapi",
    "application/vnd.oai.openapi",
    "application/json",
];

/// The same of Avro schemas.
const AVRO: [&str; 1] = ["application/vnd.apache.avro"];

/// Whether the name of a format begins as one of those that are known.
fn is_of(format: &At<'_>, known: &[&str]) -> bool {
    let NodeValue::String(text) = &format.node.value else {
        return false;
    };
    let text = text.trim().to_ascii_lowercase();
    known.iter().any(|known| text.starts_with(known))
}

#[cfg(test)]
mod tests;
