//! What one service handles, held against what others provide.

use std::collections::{HashMap, HashSet};

use super::super::super::files::Files;
use super::super::super::lower;
use super::payloads::Payloads;
use super::{laws, provided};
use crate::codes;
use crate::contract::{
    Channel, ChannelKind, ConsumeSettings, Consumption, Handled, InboxMode, Message, MessageKind,
    OrderBy, Service, Workspace,
};
use crate::finding::Finding;
use crate::policy::Duration;
use crate::source::Span;

/// What is known while the handled messages are looked at one by one.
pub(super) struct Consumers<'w> {
    workspace: &'w Workspace,
    /// The first service that provides a message of each name.
    providers: HashMap<&'w str, &'w str>,
    /// Who takes each command that one service only may take, by provider and message.
    takers: HashMap<(&'w str, &'w str), Taker<'w>>,
    /// Who takes the messages of each queue, by its name.
    queues: HashMap<&'w str, Taker<'w>>,
    /// The services that were told of a queue that another one has.
    told: HashSet<(&'w str, &'w str)>,
}

/// The first service that takes something, and where it says so.
type Taker<'w> = (&'w Service, Span);

impl<'w> Consumers<'w> {
    /// Nothing looked at yet.
    pub(super) fn new(workspace: &'w Workspace) -> Self {
        let mut providers = HashMap::new();
        for (service, name, _) in provided(workspace) {
            providers.entry(name).or_insert(service.name.value.as_str());
        }
        Self {
            workspace,
            providers,
            takers: HashMap::new(),
            queues: HashMap::new(),
            told: HashSet::new(),
        }
    }

    /// Looks at one message that a service handles.
    pub(super) fn check(
        &mut self,
        files: &mut Files,
        payloads: &mut Payloads<'w>,
        handled: &Handled<'w>,
    ) {
        let channel = self.workspace.channel(handled.message);
        let is_told = match channel {
            Some(channel) if channel.kind == ChannelKind::Queue => self.sharing(files, handled),
            _ => false,
        };
        if !is_told {
            self.competing(files, handled);
        }
        let settings = handled.settings(self.workspace);
        let policy = settings.resolve();
        if let Some(consumption) = handled.consumption {
            order(files, consumption, handled.message);
            payloads.identity(files, consumption, (handled.provider, handled.message));
        }
        if let Some(channel) = channel {
            laws::check(files, handled, (channel, &policy));
        }
        if matches!(policy.mode, InboxMode::Offset | InboxMode::Both) {
            offsets(files, handled, channel);
        }
        if policy.mode != InboxMode::Offset {
            retention(files, handled, channel, &settings);
        }
    }

    /// Says that nobody provides it, and what was meant.
    pub(super) fn unknown(&self, files: &mut Files, consumption: &Consumption) {
        let (provider, name) = (&consumption.provider, &consumption.message);
        let elsewhere = self.providers.get(name.as_str());
        let elsewhere = elsewhere.map(|other| format!("did you mean `{other}/{name}`?"));
        let said = lower::shorten(name);
        let finding = match self.workspace.services.get(provider) {
            None => {
                let text = format!("there is no service `{}`", lower::shorten(provider));
                let finding = Finding::new(&codes::UNKNOWN_MESSAGE, consumption.span, text)
                    .expected("a service of this workspace, and a message that it provides");
                let known = self.workspace.services.keys().map(String::as_str);
                lower::suggest(files, finding, provider, known)
            }
            Some(service) => {
                let text = format!("`{provider}` provides no message `{said}`");
                let finding = Finding::new(&codes::UNKNOWN_MESSAGE, consumption.span, text)
                    .related(service.name.span, "what it provides is said here")
                    .expected("one of its events or commands");
                let known = service.messaging.provides.keys().map(String::as_str);
                lower::suggest(files, finding, name, known)
            }
        };
        files.push(match (elsewhere, &finding.help) {
            (Some(elsewhere), None) => finding.help(elsewhere),
            _ => finding,
        });
    }

    /// What a queue carries goes to one service, whatever it is: one that has no handler for a message takes it all the same. Whether anything
    /// was wrong.
    fn sharing(&mut self, files: &mut Files, handled: &Handled<'w>) -> bool {
        let Some(channel) = &handled.message.channel else {
            return false;
        };
        let service = handled.service;
        let taker = (service, handled.span());
        let (first, place) = *self.queues.entry(&channel.value).or_insert(taker);
        let (one, other) = (first.name.value.as_str(), service.name.value.as_str());
        if one == other {
            return false;
        }
        if !self.told.insert((channel.value.as_str(), other)) {
            return true;
        }
        let queue = lower::shorten(&channel.value);
        let text = format!("`{one}` and `{other}` both take messages of the queue `{queue}`");
        files.push(
            Finding::new(&codes::COMPETING_CONSUMERS, handled.span(), text)
                .related(place, "the first one")
                .expected("one service for all messages of a queue, which gives each of them to whoever asks")
                .help("make the channel a topic, or give this service a queue of its own"),
        );
        true
    }

    /// A command goes to one service.
    fn competing(&mut self, files: &mut Files, handled: &Handled<'w>) {
        if handled.message.kind != MessageKind::Command {
            return;
        }
        let service = handled.service;
        let (provider, name) = (handled.provider.name.value.as_str(), handled.name);
        let taker = self.takers.entry((provider, name));
        let (first, place) = *taker.or_insert((service, handled.span()));
        if first.name.value == service.name.value {
            return;
        }
        let text = format!(
            "`{}` and `{}` both consume `{name}`",
            first.name.value, service.name.value
        );
        files.push(
            Finding::new(&codes::COMPETING_CONSUMERS, handled.span(), text)
                .related(place, "the first one")
                .expected("a command has exactly one consumer service")
                .help("let one of them publish an event that the other consumes"),
        );
    }
}

/// Only where messages have places that count up can a consumer remember how far it came.
fn offsets(files: &mut Files, handled: &Handled<'_>, channel: Option<&Channel>) {
    let Some(channel) = channel.filter(|channel| !channel.transport.has_offsets()) else {
        return;
    };
    let said = handled.consumption;
    let said = said.and_then(|said| said.settings.inbox.mode.as_ref());
    let place = said.map_or(handled.span(), |mode| mode.span);
    let text = format!(
        "messages of `{}` have no offsets to remember",
        channel.transport.as_str()
    );
    files.push(
        Finding::new(&codes::UNFIT_IDEMPOTENCY, place, text)
            .related(channel.span, "the channel is declared here")
            .expected("`transaction` or `lease`")
            .help("remember each message: `mode: transaction`"),
    );
}

/// A message is remembered for as long as it may come again.
fn retention(
    files: &mut Files,
    handled: &Handled<'_>,
    channel: Option<&Channel>,
    settings: &ConsumeSettings,
) {
    let policy = settings.resolve();
    let dead = settings.dead_letter.retain.as_ref();
    let (kept, kept_at) = kept(channel);
    let horizons = [
        (policy.retry_horizon(), None, "it may be tried again"),
        (kept, kept_at, "the broker may deliver it again"),
        (
            policy.dead_letter_retain,
            dead.map(|retain| (retain.span, "this is longer")),
            "its dead letter may be replayed",
        ),
    ];
    let longest = horizons.into_iter().max_by_key(|(time, ..)| *time);
    let Some((time, span, why)) = longest.filter(|(time, ..)| *time > policy.retain) else {
        return;
    };
    let time = rounded(time);
    let said = handled.consumption;
    let said = said.and_then(|said| said.settings.inbox.retain.as_ref());
    let place = said.map_or(handled.span(), |retain| retain.span);
    let text = format!(
        "`{}` is forgotten after {}, and {why} for up to {time}",
        handled.name, policy.retain
    );
    let mut finding = Finding::new(&codes::SHORT_RETENTION, place, text)
        .expected(format!("`idempotency.retain` of {time} or more"))
        .help(format!("write `idempotency: {{ retain: {time} }}`"));
    if let Some((span, text)) = span {
        finding = finding.related(span, text);
    }
    files.push(finding);
}

/// How long the broker keeps messages of a channel: as it is said, or as that kind of broker does.
fn kept(channel: Option<&Channel>) -> (Duration, Option<(Span, &'static str)>) {
    let nothing = (Duration::from_millis(0), None);
    let Some(channel) = channel else {
        return nothing;
    };
    match (&channel.retention, channel.transport.retention()) {
        (Some(said), _) => (said.value, Some((said.span, "this is longer"))),
        (None, Some(usual)) => {
            let place = (
                channel.span,
                "it says no `retention`, so the broker's own counts",
            );
            (usual, Some(place))
        }
        (None, None) => nothing,
    }
}

/// Only what has a key can be kept in its order.
fn order(files: &mut Files, consumption: &Consumption, message: &Message) {
    let order_by = consumption.order_by.as_ref();
    let Some(order_by) = order_by.filter(|order_by| order_by.value == OrderBy::Key) else {
        return;
    };
    if message.key.is_some() {
        return;
    }
    let text = format!("`{}` has no key to be ordered by", consumption.message);
    files.push(
        Finding::new(&codes::UNFIT_KEY, order_by.span, text)
            .related(message.span, "the message is declared here")
            .expected("a message that says `key`")
            .help("give the message a `key`, or write `order_by: none`"),
    );
}

/// A time that is no shorter and reads well.
fn rounded(time: Duration) -> Duration {
    const HOUR: u64 = 3_600_000;
    let unit = match time.millis {
        days if days > 48 * HOUR => 24 * HOUR,
        hours if hours > 2 * HOUR => HOUR,
        minutes if minutes > 120_000 => 60_000,
        _ => 1,
    };
    Duration::from_millis(time.millis.div_ceil(unit).saturating_mul(unit))
}
