//! From the messages that a service provides to the crate that is generated from them: payloads, constants, and what publishes.

mod producers;

use std::collections::BTreeMap;

use dovetail_contract::contract::{ChannelKind, Message, Messaging, RuntimeSource};
use dovetail_contract::finding::Finding;
use dovetail_contract::policy::Duration;
use dovetail_contract::schema::{SchemaId, Schemas};
use indexmap::IndexMap;

use super::graph::Graph;
use super::items::Items;
use super::spell::{Speller, Uses};
use super::types::Types;
use super::{OpenEnded, RESERVED, laws, manifest, policies, renames};
use crate::rust_name::{self, Casing, Scope, Wanted};
use crate::{doc, ir, literal};

/// Names that files of messages import, or that the traits of who handles them have.
const RESERVED_HERE: &[&str] = &[
    "Chance",
    "Channel",
    "Clock",
    "Consumption",
    "Context",
    "EventId",
    "Handler",
    "HandlerError",
    "Held",
    "Inbox",
    "Kind",
    "Message",
    "MessageType",
    "Outgoing",
    "Producer",
    "ProducerError",
    "Rejection",
];

/// What a crate of messages is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) service: &'a str,
    pub(crate) version: &'a semver::Version,
    pub(crate) summary: Option<&'a str>,
    pub(crate) messaging: &'a Messaging,
    pub(crate) channels: &'a IndexMap<String, dovetail_contract::contract::Channel>,
    pub(crate) source: &'a str,
    pub(crate) runtime: &'a RuntimeSource,
}

/// What other crates name of a crate of messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Provided {
    /// Name of the package.
    pub(crate) package: String,
    /// Its messages, by what contracts call them.
    pub(crate) messages: BTreeMap<String, ProvidedMessage>,
}

/// What other crates name of one message.
#[derive(Debug, Clone)]
pub(crate) struct ProvidedMessage {
    /// Name of its constant.
    pub(crate) constant: String,
    /// Name of its payload's type.
    pub(crate) payload: String,
    /// Name of its channel's constant.
    pub(crate) channel: String,
}

/// A message with all its names.
#[derive(Debug)]
struct Draft<'a> {
    name: &'a str,
    message: &'a Message,
    /// Name of the channel, as the contract has it.
    channel: &'a str,
    /// Whether that keeps the order of keys.
    keeps_keys: bool,
    constant: String,
    /// Number of the payload's type.
    payload: usize,
}

/// Everything about one crate of messages.
pub(crate) struct Lowered {
    pub(crate) krate: ir::Messages,
    pub(crate) provided: Provided,
    pub(crate) findings: Vec<Finding>,
    pub(crate) open_ended: Vec<OpenEnded>,
}

/// The name of the crate of a service's messages.
pub(crate) fn package_name(service: &str) -> String {
    format!("{}-messages", super::slug(service))
}

/// Decides everything about one crate of messages.
pub(crate) fn lower(request: &Request<'_>) -> Lowered {
    let schemas = without_ways(&request.messaging.schemas);
    let own = producers::Names::of(request.service);
    let reserved: Vec<&str> = [RESERVED, RESERVED_HERE, &own.all()].concat();
    let mut types = Types::new(&schemas, &Default::default(), &reserved);
    let drafts = draft(request, &mut types);
    types.finish();
    renames::members(&mut types, &Default::default());
    let graph = Graph::new(&types.drafts);
    let speller = Speller {
        drafts: &types.drafts,
        graph: &graph,
    };
    // Who publishes sends them, and who consumes receives them.
    let roots: Vec<usize> = drafts.iter().map(|draft| draft.payload).collect();
    let items = Items::new(&types, speller, (roots.clone(), roots));
    let written = types_of(&items, types.drafts.len());
    let payload = |draft: &Draft<'_>| name_of(&types, draft.payload);
    let producers = producers::producers(request, &own, &drafts, &payload);
    let channels = channels(request, &drafts);
    let provided = provided(request, &drafts, &channels, &payload);
    let constants = drafts
        .iter()
        .map(|draft| constant(request, draft, &channels));
    let krate = ir::Messages {
        source: literal::visible(request.source),
        manifest: manifest_of(request, &written.uses),
        readme: readme(request, &drafts, &producers),
        docs: docs(request),
        recursion_limit: super::recursion_limit(graph.depth),
        exports: exports(&producers),
        channel_uses: channel_uses(&channels),
        messages: constants.collect(),
        channels: channels.into_values().collect(),
        producers,
        has_flags: written.types.items.iter().any(super::has_flags),
        types: written.types,
        tables: written.tables,
    };
    let open_ended = super::open_ended(&types);
    Lowered {
        krate,
        provided,
        open_ended,
        findings: types.findings,
    }
}

/// What other crates may name.
fn provided<'a>(
    request: &Request<'_>,
    drafts: &[Draft<'a>],
    channels: &IndexMap<&str, ir::Channel>,
    payload: &dyn Fn(&Draft<'a>) -> String,
) -> Provided {
    let message = |draft: &Draft<'a>| {
        let message = ProvidedMessage {
            constant: draft.constant.clone(),
            payload: payload(draft),
            channel: channel_constant(draft, channels),
        };
        (draft.name.to_owned(), message)
    };
    Provided {
        package: package_name(request.service),
        messages: drafts.iter().map(message).collect(),
    }
}

fn exports(producers: &[ir::Producer]) -> Vec<String> {
    let mut exports = Uses::default();
    for producer in producers {
        exports.add("producer", &producer.name);
    }
    exports.paths()
}

fn channel_uses(channels: &IndexMap<&str, ir::Channel>) -> Vec<String> {
    let mut uses = Uses::default();
    uses.add("dovetail_messaging::declared", "Channel");
    uses.add("dovetail_messaging::transport", "Kind");
    if channels.values().any(|channel| channel.retention != "None") {
        uses.add("std::time", "Duration");
    }
    uses.lines()
}

fn channel_constant(draft: &Draft<'_>, channels: &IndexMap<&str, ir::Channel>) -> String {
    let channel = channels.get(draft.channel);
    channel.map_or_else(String::new, |channel| channel.constant.clone())
}

/// Messages go one way, and no member of them is known to one side only.
fn without_ways(schemas: &Schemas) -> Schemas {
    let mut both = schemas.clone();
    let ids: Vec<SchemaId> = schemas.iter().map(|(id, _)| id).collect();
    for id in ids {
        let notes = &mut both.schema_mut(id).notes;
        notes.read_only = false;
        notes.write_only = false;
    }
    both
}

/// Names every message, and decides its payload.
fn draft<'a>(request: &Request<'a>, types: &mut Types<'_>) -> Vec<Draft<'a>> {
    let known = request
        .messaging
        .provides
        .iter()
        .filter_map(|(name, message)| {
            let channel = message.channel.as_ref()?.value.as_str();
            let keeps_keys = laws::keeps_keys(request.channels.get(channel)?);
            Some((
                name.as_str(),
                message,
                (channel, keeps_keys),
                message.schema?,
            ))
        });
    let known: Vec<_> = known.collect();
    let wanted: Vec<Wanted<'_>> = known
        .iter()
        .map(|(name, ..)| wanted(name, Casing::Constant))
        .collect();
    let constants = Scope::default().claim_all(&wanted, Casing::Constant);
    let draft = |((name, message, (channel, keeps_keys), schema), constant)| Draft {
        name,
        message,
        channel,
        keeps_keys,
        constant,
        payload: types.named(schema, &rust_name::identifier(name, Casing::Type)),
    };
    known.into_iter().zip(constants).map(draft).collect()
}

/// A name like what contracts call something.
fn wanted(text: &str, casing: Casing) -> Wanted<'_> {
    Wanted {
        text,
        place: "",
        name: rust_name::identifier(text, casing),
        is_given: false,
    }
}

fn name_of(types: &Types<'_>, index: usize) -> String {
    let draft = types.drafts.get(index);
    draft.map(|draft| draft.name.clone()).unwrap_or_default()
}

/// The payloads as they are written out.
struct Written {
    types: ir::Section<ir::TypeItem>,
    tables: ir::Section<ir::Table>,
    /// All that they stand on.
    uses: Uses,
}

fn types_of(items: &Items<'_>, count: usize) -> Written {
    let (mut uses, mut wire) = (Uses::default(), Uses::default());
    let (mut types, mut tables) = (Vec::new(), Vec::new());
    for index in 0..count {
        if let Some((item, table)) = items.item(index, &mut uses, &mut wire) {
            types.push(item);
            tables.extend(table);
        }
    }
    uses.forget("crate::types", |_| true);
    let [uses, wire] = [uses, wire].map(|uses| uses.of_runtime("dovetail_messaging"));
    let types = ir::Section {
        uses: uses.lines(),
        items: types,
    };
    let tables = ir::Section {
        uses: wire.wrapped(),
        items: tables,
    };
    let mut all = uses;
    all.take(&wire);
    Written {
        types,
        tables,
        uses: all,
    }
}

/// The channels that carry something, by name.
fn used<'a>(
    request: &Request<'a>,
    drafts: &[Draft<'a>],
) -> IndexMap<&'a str, &'a dovetail_contract::contract::Channel> {
    let channel = |draft: &Draft<'a>| Some((draft.channel, request.channels.get(draft.channel)?));
    drafts.iter().filter_map(channel).collect()
}

/// The constants of the channels that carry something, by name.
fn channels<'a>(request: &Request<'a>, drafts: &[Draft<'a>]) -> IndexMap<&'a str, ir::Channel> {
    let used = used(request, drafts);
    let wanted: Vec<Wanted<'_>> = used
        .keys()
        .map(|name| wanted(name, Casing::Constant))
        .collect();
    let names = Scope::with(&["ALL"]).claim_all(&wanted, Casing::Constant);
    let channel = |((name, channel), constant): ((&'a str, _), String)| {
        (name, channel_of(name, channel, constant))
    };
    used.into_iter().zip(names).map(channel).collect()
}

fn channel_of(
    name: &str,
    channel: &dovetail_contract::contract::Channel,
    constant: String,
) -> ir::Channel {
    let (kind, what) = match channel.kind {
        ChannelKind::Topic => (
            "Topic",
            "every service that consumes from it gets each message",
        ),
        ChannelKind::Queue => ("Queue", "one service gets each message"),
    };
    let about = format!(
        "The channel {}, in {}: {what}.",
        doc::code(name),
        channel.transport.described()
    );
    let mut docs = doc::wrap(&about);
    if let Some(exception) = laws::exception(channel) {
        docs.push(String::new());
        docs.extend(doc::wrap(&exception));
    }
    let retention = channel.retention.as_ref();
    let partitions = channel.partitions.as_ref();
    ir::Channel {
        docs,
        constant,
        name: literal::rust(name),
        transport: literal::rust(channel.transport.as_str()),
        address: literal::rust(&channel.address),
        kind,
        partitions: optional(partitions.map(|count| policies::grouped(count.value.into()))),
        retention: optional(retention.map(|time| policies::duration(time.value))),
        keeps_keys: laws::keeps_keys(channel),
    }
}

/// An expression of an option.
pub(super) fn optional(value: Option<String>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| format!("Some({value})"))
}

fn constant(
    request: &Request<'_>,
    draft: &Draft<'_>,
    channels: &IndexMap<&str, ir::Channel>,
) -> ir::MessageType {
    let version = request.version.to_string();
    let kind = draft.message.kind.described();
    let about = format!(
        "{}, {kind} of {}.",
        doc::code(draft.name),
        doc::code(request.service)
    );
    let schema = format!(
        "urn:dovetail:{}:{}:{}",
        within_urn(request.service),
        within_urn(draft.name),
        within_urn(&version)
    );
    let key = draft.message.key.as_ref();
    ir::MessageType {
        docs: doc::wrap(&about),
        constant: draft.constant.clone(),
        name: literal::rust(draft.name),
        provider: literal::rust(request.service),
        version: literal::rust(&version),
        channel: channel_constant(draft, channels),
        key: optional(key.map(|key| literal::rust(&key.value))),
        content_type: literal::rust(&draft.message.content_type),
        schema: literal::rust(&schema),
    }
}

/// A text as part of a URN, with all that has a meaning there escaped (RFC 8141).
fn within_urn(text: &str) -> String {
    let mut part = String::new();
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                part.push(char::from(byte));
            }
            _ => part.push_str(&format!("%{byte:02X}")),
        }
    }
    part
}

fn manifest_of(request: &Request<'_>, uses: &Uses) -> ir::Manifest {
    let mut dependencies = vec![manifest::bare_runtime(
        request.runtime,
        "dovetail-messaging",
    )];
    dependencies.extend(manifest::others(uses));
    dependencies.sort();
    let description = format!("Messages of {}.", request.service);
    ir::Manifest {
        name: literal::toml(&package_name(request.service)),
        version: literal::toml(&request.version.to_string()),
        description: manifest::description(&description),
        features: Vec::new(),
        required: Vec::new(),
        dependencies,
    }
}

fn docs(request: &Request<'_>) -> Vec<String> {
    let mut lines = vec![format!("The messages of {}.", doc::code(request.service))];
    let summary = doc::wrap(&doc::sentence(request.summary.unwrap_or_default()));
    if !summary.is_empty() {
        lines.push(String::new());
        lines.extend(summary);
    }
    lines
}

fn readme(
    request: &Request<'_>,
    drafts: &[Draft<'_>],
    producers: &[ir::Producer],
) -> ir::MessagesReadme {
    let package = package_name(request.service);
    let methods = producers.iter().flat_map(|producer| {
        let methods = producer.methods.iter();
        methods.map(move |method| {
            (
                &method.constant,
                format!("{}::{}", producer.name, method.shown),
            )
        })
    });
    let methods: BTreeMap<&String, String> = methods.collect();
    let rows = drafts.iter().map(|draft| {
        let key = draft.message.key.as_ref();
        ir::MessageRow {
            message: doc::cell(draft.name),
            kind: draft.message.kind.described(),
            method: methods
                .get(&draft.constant)
                .map(|method| doc::cell(method))
                .unwrap_or_default(),
            channel: doc::cell(draft.channel),
            key: key.map(|key| doc::cell(&key.value)).unwrap_or_default(),
        }
    });
    ir::MessagesReadme {
        title: package.clone(),
        summary: doc::wrap(&doc::sentence(request.summary.unwrap_or_default())),
        library: package.replace('-', "_"),
        rows: rows.collect(),
        unkept: laws::list(used(request, drafts)),
    }
}

/// A time as people say it.
pub(super) fn spoken(time: Duration) -> String {
    let units = [
        (86_400_000, "day"),
        (3_600_000, "hour"),
        (60_000, "minute"),
        (1_000, "second"),
    ];
    let exact = units
        .into_iter()
        .find(|(unit, _)| time.millis > 0 && time.millis.is_multiple_of(*unit));
    let (amount, unit) = exact.map_or((time.millis, "millisecond"), |(unit, name)| {
        (time.millis / unit, name)
    });
    let plural = if amount == 1 { "" } else { "s" };
    format!("{amount} {unit}{plural}")
}
