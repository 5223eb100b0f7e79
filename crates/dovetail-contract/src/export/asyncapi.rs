//! AsyncAPI 3.0: what a service sends and receives, on which channels, and what that looks like.
//!
//! Events are sent. Commands that it takes are received, and so is what it consumes of others; that names its provider in `x-dovetail-provider`, which
//! tells it from what the service provides itself. The envelope is CloudEvents in binary mode, so its attributes are headers.

use std::collections::{HashMap, HashSet};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::brokers::{Described, described, envelope, kafka_key, parameters, prefix, trait_name};
use super::components::Components;
use super::schema::{Entries, put_map, put_text, put_true};
use super::text::Item;
use crate::contract::{
    AsyncApi, ChannelKind, Message, MessageKind, Messaging, Service, Transport, Workspace,
};
use crate::json_pointer::escape;
use crate::schema::Schemas;

/// Version of what stands for a contract without one.
const NO_VERSION: &str = "0.0.0";

/// What one service says of messages, as an AsyncAPI 3.0 document. `None` where it says nothing of any.
///
/// Messages whose payload could not be read are left out; findings say which.
#[must_use]
pub fn asyncapi(workspace: &Workspace, service: &Service) -> Option<Item> {
    let messaging = &service.messaging;
    let own = provided(messaging, None);
    let consumed = messaging.consumes.values().filter_map(|consumption| {
        let (provider, message) = workspace.message(consumption)?;
        Some(Carried {
            name: &consumption.message,
            message,
            schemas: &provider.messaging.schemas,
            provider: Some(&consumption.provider),
        })
    });
    let carried: Vec<Carried<'_>> = own.chain(consumed).collect();
    if carried.is_empty() {
        return None;
    }
    let mut info = Entries::new();
    put_text(&mut info, "title", Some(&service.name.value));
    let version = service
        .version
        .as_ref()
        .map(|version| version.value.to_string());
    put_text(
        &mut info,
        "version",
        Some(version.as_deref().unwrap_or(NO_VERSION)),
    );
    put_text(&mut info, "description", service.summary.as_deref());
    let mut contact = Entries::new();
    put_text(&mut contact, "name", service.owner.as_deref());
    put_map(&mut info, "contact", contact);
    let channels = &workspace.settings.channels;
    let channel = |name: &'_ str| channels.get(name).map(described).unwrap_or_default();
    Some(document(info, Vec::new(), &carried, channel))
}

/// What was read of an AsyncAPI document of any version, as a document of 3.0.
#[must_use]
pub fn asyncapi_of_document(api: &AsyncApi) -> Item {
    let carried: Vec<Carried<'_>> = provided(&api.messaging, None).collect();
    let mut info = Entries::new();
    put_text(&mut info, "title", Some(&api.title));
    put_text(&mut info, "version", Some(&api.version));
    let names = api.channels.keys().map(String::as_str).collect();
    document(info, names, &carried, |name| {
        let channel = api.channels.get(name);
        Described {
            address: channel.and_then(|channel| channel.address.clone()),
            description: channel.and_then(|channel| channel.description.clone()),
            kind: channel.and_then(|channel| channel.kind),
            transport: channel.and_then(|channel| channel.transport),
            ..Described::default()
        }
    })
}

/// A message that a document tells of.
#[derive(Debug, Clone, Copy)]
struct Carried<'a> {
    name: &'a str,
    message: &'a Message,
    schemas: &'a Schemas,
    /// Who provides it, where it is somebody else.
    provider: Option<&'a str>,
}

fn provided<'a>(
    messaging: &'a Messaging,
    provider: Option<&'a str>,
) -> impl Iterator<Item = Carried<'a>> {
    let messages = messaging.provides.iter();
    messages.map(move |(name, message)| Carried {
        name,
        message,
        schemas: &messaging.schemas,
        provider,
    })
}

/// Puts a document together.
fn document<'a>(
    info: Entries,
    channel_names: Vec<&'a str>,
    carried: &[Carried<'a>],
    describe: impl Fn(&str) -> Described,
) -> Item {
    let mut draft = Draft::default();
    for name in channel_names {
        draft.channel(name, &describe);
    }
    for (index, one) in carried.iter().enumerate() {
        if let Some(schema) = one.message.schema {
            let arena = draft.components.arena(one.schemas);
            draft.components.scan(arena, schema);
        }
        draft.add(index, one, &describe);
    }
    draft.finish(info)
}

/// What was put together so far.
#[derive(Debug, Default)]
struct Draft<'a> {
    components: Components<'a>,
    channels: Vec<ChannelDraft<'a>>,
    /// The place of each channel in `channels`.
    by_name: HashMap<&'a str, usize>,
    messages: Vec<MessageDraft<'a>>,
    taken: HashSet<String>,
}

#[derive(Debug)]
struct ChannelDraft<'a> {
    name: &'a str,
    described: Described,
    /// The keys of its messages.
    messages: Vec<String>,
}

#[derive(Debug)]
struct MessageDraft<'a> {
    key: String,
    carried: Carried<'a>,
    /// The place of its channel in `channels`.
    channel: usize,
}

impl<'a> Draft<'a> {
    fn channel(&mut self, name: &'a str, describe: &impl Fn(&str) -> Described) -> usize {
        let next = self.channels.len();
        let index = *self.by_name.entry(name).or_insert(next);
        if index == next {
            self.channels.push(ChannelDraft {
                name,
                described: describe(name),
                messages: Vec::new(),
            });
        }
        index
    }

    fn add(&mut self, index: usize, one: &Carried<'a>, describe: &impl Fn(&str) -> Described) {
        let (Some(channel), Some(_)) = (&one.message.channel, one.message.schema) else {
            return;
        };
        let mut key = one.name.to_owned();
        if let Some(provider) = one.provider.filter(|_| self.taken.contains(&key)) {
            key = format!("{provider}.{key}");
        }
        while self.taken.contains(&key) {
            key = format!("{key}.{index}");
        }
        self.taken.insert(key.clone());
        let channel = self.channel(&channel.value, describe);
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.messages.push(key.clone());
        }
        self.messages.push(MessageDraft {
            key,
            carried: *one,
            channel,
        });
    }

    fn finish(mut self, info: Entries) -> Item {
        let mut transports = Vec::new();
        let drafts = std::mem::take(&mut self.messages);
        let mut messages = Entries::new();
        let mut operations = Entries::new();
        for draft in &drafts {
            let Some(channel) = self.channels.get(draft.channel) else {
                continue;
            };
            let transport = channel.described.transport;
            let action = match (draft.carried.provider, draft.carried.message.kind) {
                (None, MessageKind::Event) => "send",
                _ => "receive",
            };
            let name = format!("{action}.{}", draft.key);
            operations.push((name, operation(action, channel.name, &draft.key)));
            let has_trait = transport.is_some_and(|transport| prefix(transport).is_some());
            transports.extend(transport.filter(|_| has_trait));
            let message = self.message(&draft.carried, transport, has_trait);
            messages.push((draft.key.clone(), message));
        }
        transports.sort();
        transports.dedup();
        let traits = transports
            .into_iter()
            .filter_map(|transport| Some((trait_name(transport), envelope(prefix(transport)?))));
        let channels = self
            .channels
            .iter()
            .map(|channel| (channel.name.to_owned(), channel.item()));
        let mut out = Entries::new();
        put_text(&mut out, "asyncapi", Some("3.0.0"));
        put_map(&mut out, "info", info);
        put_text(&mut out, "defaultContentType", Some("application/json"));
        put_map(&mut out, "channels", channels.collect());
        put_map(&mut out, "operations", operations);
        let mut components = Entries::new();
        put_map(&mut components, "messages", messages);
        put_map(&mut components, "messageTraits", traits.collect());
        put_map(&mut components, "schemas", self.components.finish());
        put_map(&mut out, "components", components);
        Item::Map(out)
    }

    fn message(
        &mut self,
        carried: &Carried<'a>,
        transport: Option<Transport>,
        has_trait: bool,
    ) -> Item {
        let message = carried.message;
        let mut out = Entries::new();
        put_text(&mut out, "name", Some(carried.name));
        put_text(&mut out, "description", message.description.as_deref());
        put_text(&mut out, "contentType", Some(&message.content_type));
        if let Some(transport) = transport.filter(|_| has_trait) {
            let pointer = format!("#/components/messageTraits/{}", trait_name(transport));
            out.push((
                "traits".to_owned(),
                Item::List(vec![Item::reference(&pointer)]),
            ));
        }
        if let Some(schema) = message.schema {
            let arena = self.components.arena(carried.schemas);
            let payload = self.components.part(arena, schema, 0);
            out.push(("payload".to_owned(), payload));
        }
        let key = message.key.as_ref().map(|key| key.value.as_str());
        if key.is_some() && transport == Some(Transport::Kafka) {
            out.push(("bindings".to_owned(), kafka_key()));
        }
        put_text(&mut out, "x-dovetail-key", key);
        put_text(&mut out, "x-dovetail-provider", carried.provider);
        put_true(&mut out, "x-dovetail-deprecated", message.deprecated);
        Item::Map(out)
    }
}

impl ChannelDraft<'_> {
    fn item(&self) -> Item {
        let described = &self.described;
        let mut out = Entries::new();
        match &described.address {
            Some(address) => put_text(&mut out, "address", Some(address)),
            None => out.push(("address".to_owned(), Item::Null)),
        }
        put_text(&mut out, "description", described.description.as_deref());
        let address = described.address.as_deref().unwrap_or_default();
        put_map(&mut out, "parameters", parameters(address));
        let messages = self.messages.iter();
        let messages = messages.map(|key| {
            let pointer = format!("#/components/messages/{}", step(key));
            (key.clone(), Item::reference(&pointer))
        });
        put_map(&mut out, "messages", messages.collect());
        put_map(&mut out, "bindings", described.bindings());
        let kind = described.kind.map(ChannelKind::as_str);
        put_text(&mut out, "x-dovetail-kind", kind);
        let transport = described.transport.map(Transport::as_str);
        put_text(&mut out, "x-dovetail-transport", transport);
        Item::Map(out)
    }
}

fn operation(action: &str, channel: &str, message: &str) -> Item {
    let channel = format!("#/channels/{}", step(channel));
    let message = format!("{channel}/messages/{}", step(message));
    Item::Map(vec![
        ("action".to_owned(), Item::text(action)),
        ("channel".to_owned(), Item::reference(&channel)),
        (
            "messages".to_owned(),
            Item::List(vec![Item::reference(&message)]),
        ),
    ])
}

/// One step of a pointer in a reference.
fn step(key: &str) -> String {
    const ESCAPED: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'<')
        .add(b'>')
        .add(b'[')
        .add(b'\\')
        .add(b']')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}');
    utf8_percent_encode(&escape(key), ESCAPED).to_string()
}
