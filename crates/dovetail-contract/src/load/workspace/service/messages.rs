//! `provides.events`, `provides.commands` and `consumes`: the messages of one service.

mod imported;

use std::collections::HashMap;

use indexmap::IndexMap;

use super::super::super::files::{Document, Files};
use super::super::super::lower::{self, Keys};
use super::super::super::openapi;
use super::super::super::tree::{Entry, Node};
use super::super::delivery;
use crate::codes;
use crate::contract::{
    Channel, Consumption, InboxSettings, Message, MessageId, MessageKind, Messaging, OrderBy,
};
use crate::finding::Finding;
use crate::schema::Schemas;
use crate::source::{Span, Spanned};

use imported::imported;

pub(crate) const MESSAGE: Keys = Keys {
    what: "a message",
    known: &[
        "schema",
        "key",
        "channel",
        "description",
        "content_type",
        "deprecated",
    ],
    required: &["schema", "channel"],
};
pub(crate) const CONSUMPTION: Keys = Keys {
    what: "a message that is consumed",
    known: &[
        "handler",
        "order_by",
        "idempotency",
        "retry",
        "dead_letter",
        "deadline",
    ],
    required: &["handler"],
};
pub(crate) const IDEMPOTENCY: Keys = Keys {
    what: "how duplicates are told",
    known: &["key", "retain", "mode"],
    required: &[],
};

/// Most messages of one kind, or consumed messages, of one service.
const MESSAGES_MAX: usize = 10_000;

/// Longest JSON pointer to an id.
const POINTER_BYTES_MAX: usize = 1_000;

/// Reads all that a service says of messages: `provides` is what it provides, and `channels` are those that the workspace declares.
pub(super) fn read(
    files: &mut Files,
    document: &Document,
    provides: Option<&Node>,
    channels: &IndexMap<String, Channel>,
) -> Messaging {
    let imported = provides.and_then(|node| imported(files, document, node, channels));
    let messaging = match imported {
        Some(imported) => imported,
        None => own(files, document, provides),
    };
    let consumes = document.root.get("consumes");
    Messaging {
        consumes: consumes.map_or_else(IndexMap::new, |node| consumes_of(files, node)),
        ..messaging
    }
}

/// The messages of `events` and `commands`.
fn own(files: &mut Files, document: &Document, provides: Option<&Node>) -> Messaging {
    let mut messages = IndexMap::new();
    let mut named = Vec::new();
    for (key, kind, what) in [
        ("events", MessageKind::Event, "events by name"),
        ("commands", MessageKind::Command, "commands by name"),
    ] {
        let node = provides.and_then(|node| node.get(key));
        for entry in node.map_or(&[][..], |node| entries(files, node, what)) {
            if let Some((message, schema)) = provided(files, entry, kind)
                && is_first(files, &messages, entry, kind)
            {
                messages.insert(entry.key.clone(), message);
                named.push(schema);
            }
        }
    }
    let schemas = schemas(files, document, &mut messages, &named);
    Messaging {
        provides: messages,
        schemas,
        ..Messaging::default()
    }
}

/// The entries of a mapping, unless they are more than anybody would write.
fn entries<'n>(files: &mut Files, node: &'n Node, what: &str) -> &'n [Entry] {
    let entries = lower::free_mapping(files, node, what).unwrap_or_default();
    if entries.len() > MESSAGES_MAX {
        let message = format!("more than {MESSAGES_MAX} messages of one service are named");
        files.push(Finding::new(&codes::TOO_LARGE, node.span, message));
        return &[];
    }
    entries
}

/// A message without its schema, and where that is.
fn provided(
    files: &mut Files,
    entry: &Entry,
    kind: MessageKind,
) -> Option<(Message, Option<Spanned<String>>)> {
    if !lower::is_name(files, entry, kind.described()) {
        return None;
    }
    let node = lower::mapping(files, &entry.value, &MESSAGE)?;
    let text = |files: &mut Files, key: &str, what: &str| {
        let node = node.get(key)?;
        lower::text(files, node, what)
    };
    let schema = text(
        files,
        "schema",
        "the path of a JSON Schema, of an Avro schema, or of a `.proto` file with the name of a message",
    );
    let message = Message {
        span: entry.key_span,
        kind,
        schema: None,
        key: text(files, "key", "a member of the payload"),
        channel: text(files, "channel", "the name of a channel"),
        description: text(files, "description", "a description").map(|text| text.value),
        content_type: content_type(files, node),
        deprecated: node
            .get("deprecated")
            .and_then(|node| lower::boolean(files, node, "`deprecated`"))
            .unwrap_or(false),
    };
    Some((message, schema))
}

/// The media type of payloads. What JSON Schema describes can only be JSON.
fn content_type(files: &mut Files, node: &Node) -> String {
    const DEFAULT: &str = "application/json";
    let node = node.get("content_type");
    let said = node.and_then(|node| lower::text(files, node, "a media type"));
    let Some(said) = said else {
        return DEFAULT.to_owned();
    };
    if lower::is_plain_json(&said.value) {
        return said.value;
    }
    let message = format!(
        "payloads are not written as `{}`",
        lower::shorten(&said.value)
    );
    files.push(
        Finding::new(&codes::INVALID_VALUE, said.span, message)
            .expected(
                "a media type of JSON, since payloads are written as JSON whatever describes them",
            )
            .help("write `application/json`, or one that ends in `+json`"),
    );
    DEFAULT.to_owned()
}

/// Whether no other message of the service has the name. An event and a command would be one for those who consume them.
fn is_first(
    files: &mut Files,
    known: &IndexMap<String, Message>,
    entry: &Entry,
    kind: MessageKind,
) -> bool {
    let Some(first) = known.get(&entry.key) else {
        return true;
    };
    let message = format!(
        "`{}` is {} already, and cannot be {} as well",
        entry.key,
        first.kind.described(),
        kind.described()
    );
    files.push(
        Finding::new(&codes::DUPLICATE_MESSAGE, entry.key_span, message)
            .related(first.span, "the first one")
            .expected("one message of each name, since those who consume it go by that")
            .help("name an event for what happened, and a command for what is to be done"),
    );
    false
}

/// Reads the schemas of all messages, and gives each message its own.
fn schemas(
    files: &mut Files,
    document: &Document,
    messages: &mut IndexMap<String, Message>,
    named: &[Option<Spanned<String>>],
) -> Schemas {
    let paths: Vec<Spanned<String>> = named.iter().flatten().cloned().collect();
    if paths.is_empty() {
        return Schemas::default();
    }
    let (mut schemas, ids) = openapi::read_payloads(files, document, &paths);
    let mut ids = ids.into_iter();
    for (message, named) in messages.values_mut().zip(named) {
        let Some(named) = named else {
            continue;
        };
        message.schema = ids.next().flatten();
        if openapi::is_proto(&named.value) {
            require_key(&mut schemas, message);
        }
    }
    schemas
}

/// The key of a message is in every message, which protobuf has no word for.
fn require_key(schemas: &mut Schemas, message: &Message) {
    let (Some(id), Some(key)) = (message.schema, &message.key) else {
        return;
    };
    let object = &mut schemas.schema_mut(id).object;
    if object.properties.contains_key(&key.value) && !object.required.contains(&key.value) {
        object.required.push(key.value.clone());
    }
}

fn consumes_of(files: &mut Files, node: &Node) -> IndexMap<String, Consumption> {
    let mut consumes: IndexMap<String, Consumption> = IndexMap::new();
    let mut handlers: HashMap<String, Span> = HashMap::new();
    for entry in entries(files, node, "consumed messages by `service/message`") {
        let Some(consumption) = consumed(files, entry) else {
            continue;
        };
        let handler = &consumption.handler;
        let first = *handlers
            .entry(handler.value.clone())
            .or_insert(handler.span);
        if first != handler.span {
            let message = format!("two messages have the handler `{}`", handler.value);
            files.push(
                Finding::new(&codes::INVALID_VALUE, handler.span, message)
                    .related(first, "the first one")
                    .expected("a handler for each message: duplicates are told by its name")
                    .help("give this one a name of its own"),
            );
        }
        consumes.insert(entry.key.clone(), consumption);
    }
    consumes
}

fn consumed(files: &mut Files, entry: &Entry) -> Option<Consumption> {
    let name = entry.key.split_once('/');
    let name = name.filter(|(provider, message)| !provider.is_empty() && !message.is_empty());
    let node = lower::mapping(files, &entry.value, &CONSUMPTION);
    let Some((provider, message)) = name else {
        let said = lower::shorten(&entry.key);
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                entry.key_span,
                format!("`{said}` does not say whose message it is"),
            )
            .expected("the name of a service, `/`, and the name of its event or command")
            .help("write it like `payments/payment.settled`"),
        );
        return None;
    };
    let node = node?;
    let handler = node.get("handler").and_then(|node| handler(files, node));
    let orders = [("key", OrderBy::Key), ("none", OrderBy::None)];
    let order_by = node.get("order_by").and_then(|node| {
        let order = lower::word(files, node, "what handling is ordered by", &orders)?;
        Some(Spanned::new(order, node.span))
    });
    let idempotency = node.get("idempotency");
    let (id, inbox) = idempotency
        .and_then(|node| lower::mapping(files, node, &IDEMPOTENCY))
        .map_or_else(Default::default, |node| idempotency_of(files, node));
    let settings = delivery::read(files, node, inbox);
    Some(Consumption {
        span: entry.key_span,
        provider: provider.to_owned(),
        message: message.to_owned(),
        handler: handler?,
        order_by,
        id,
        settings,
    })
}

fn handler(files: &mut Files, node: &Node) -> Option<Spanned<String>> {
    const LENGTH_MAX: usize = 64;
    let name = lower::text(files, node, "the name of a handler")?;
    let text = &name.value;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if text.len() <= LENGTH_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(fits)
    {
        return Some(name);
    }
    let message = format!("`{}` is not the name of a handler", lower::shorten(text));
    files.push(
        Finding::new(&codes::INVALID_VALUE, name.span, message)
            .expected("up to 64 lower-case letters, digits and `_`, beginning with a letter")
            .help("write it like `mark_paid`"),
    );
    None
}

fn idempotency_of(files: &mut Files, node: &Node) -> (MessageId, InboxSettings) {
    const WORD: &str = "event_id";
    let key = node
        .get("key")
        .and_then(|node| lower::text(files, node, "what tells duplicates apart"));
    let inbox = delivery::inbox(files, node);
    let id = match key {
        Some(key) if key.value.len() > POINTER_BYTES_MAX => {
            let text = "the JSON pointer is longer than any payload is deep";
            let finding = Finding::new(&codes::INVALID_VALUE, key.span, text);
            files.push(finding.expected(format!("up to {POINTER_BYTES_MAX} bytes")));
            MessageId::Event
        }
        Some(key) if key.value.starts_with('/') => MessageId::Pointer(key),
        Some(key) if key.value != WORD => {
            let said = lower::shorten(&key.value);
            let finding = Finding::new(
                &codes::INVALID_VALUE,
                key.span,
                format!("`{said}` does not tell duplicates apart"),
            )
            .expected(format!("`{WORD}`, or a JSON pointer into the payload"))
            .help(format!(
                "write `/{said}` if a member of the payload is meant"
            ))
            .did_you_mean(&key.value, [WORD]);
            files.push(finding);
            MessageId::Event
        }
        _ => MessageId::Event,
    };
    (id, inbox)
}
