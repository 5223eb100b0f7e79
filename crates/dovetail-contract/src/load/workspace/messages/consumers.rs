//! What one service consumes, held against what others provide.

use std::collections::HashMap;

use super::super::super::files::Files;
use super::super::super::lower;
use super::payloads::Payloads;
use super::provided;
use crate::codes;
use crate::contract::{
    Channel, ChannelKind, ConsumeSettings, Consumption, InboxMode, Message, MessageKind, OrderBy,
    Service, Workspace,
};
use crate::finding::Finding;
use crate::policy::Duration;
use crate::source::Span;

/// What is known while the consumed messages are looked at one by one.
pub(super) struct Consumers<'w> {
    workspace: &'w Workspace,
    /// The first service that provides a message of each name.
    providers: HashMap<&'w str, &'w str>,
    /// Who takes first what only one may take.
    takers: HashMap<Taken<'w>, Taker<'w>>,
}

/// What only one service may take.
#[derive(PartialEq, Eq, Hash)]
enum Taken<'w> {
    /// All that a queue carries: each of its messages goes to one of those who take from it, whichever it is.
    Queue(&'w str),
    /// A command, by who provides it.
    Command(&'w str, &'w str),
}

/// A service that takes something, and where it says so.
#[derive(Clone, Copy)]
struct Taker<'w> {
    service: &'w str,
    message: &'w str,
    span: Span,
}

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
        }
    }

    /// Looks at one message that a service consumes.
    pub(super) fn check(
        &mut self,
        files: &mut Files,
        payloads: &mut Payloads<'w>,
        (service, consumption): (&'w Service, &'w Consumption),
    ) {
        let Some((provider, message)) = self.workspace.message(consumption) else {
            self.unknown(files, consumption);
            return;
        };
        self.competing(files, service, consumption, message);
        order(files, consumption, message);
        payloads.identity(files, consumption, (provider, message));
        let settings = consumption
            .settings
            .over(&self.workspace.settings.messaging);
        let channel = self.workspace.channel(message);
        match settings.resolve().mode {
            InboxMode::Offset => offsets(files, consumption, channel),
            _ => retention(files, consumption, channel, &settings),
        }
    }

    /// Says that nobody provides it, and what was meant.
    fn unknown(&self, files: &mut Files, consumption: &Consumption) {
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

    /// A command, and what a queue carries, goes to one service.
    fn competing(
        &mut self,
        files: &mut Files,
        service: &'w Service,
        consumption: &'w Consumption,
        message: &'w Message,
    ) {
        let channel = self.workspace.channel(message);
        let is_queue = channel.is_some_and(|channel| channel.kind == ChannelKind::Queue);
        let queue = message.channel.as_ref().filter(|_| is_queue);
        let (provider, name) = (consumption.provider.as_str(), consumption.message.as_str());
        let taken = match (queue, message.kind) {
            (Some(queue), _) => Taken::Queue(&queue.value),
            (None, MessageKind::Command) => Taken::Command(provider, name),
            (None, MessageKind::Event) => return,
        };
        let taker = Taker {
            service: &service.name.value,
            message: name,
            span: consumption.span,
        };
        let first = *self.takers.entry(taken).or_insert(taker);
        if first.service == taker.service {
            return;
        }
        let (one, other) = (first.service, taker.service);
        let (text, why, help) = match queue.filter(|_| first.message != name) {
            Some(queue) => (
                format!(
                    "`{one}` and `{other}` both consume from the queue `{}`",
                    queue.value
                ),
                "a queue gives each message to one of them, also a message that only the other one handles",
                "give each service a queue of its own, or make the channel a topic",
            ),
            None if message.kind == MessageKind::Command => (
                format!("`{one}` and `{other}` both consume `{name}`"),
                "a command has exactly one consumer service",
                "let one of them publish an event that the other consumes",
            ),
            None => (
                format!("`{one}` and `{other}` both consume `{name}`"),
                "a queue gives each message to one of them",
                "make the channel a topic, or consume it in one service",
            ),
        };
        files.push(
            Finding::new(&codes::COMPETING_CONSUMERS, consumption.span, text)
                .related(first.span, "the first one")
                .expected(why)
                .help(help),
        );
    }
}

/// Only where messages have places that count up can a consumer remember how far it came.
fn offsets(files: &mut Files, consumption: &Consumption, channel: Option<&Channel>) {
    let Some(channel) = channel.filter(|channel| !channel.transport.has_offsets()) else {
        return;
    };
    let said = consumption.settings.inbox.mode.as_ref();
    let place = said.map_or(consumption.span, |mode| mode.span);
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
    consumption: &Consumption,
    channel: Option<&Channel>,
    settings: &ConsumeSettings,
) {
    let policy = settings.resolve();
    let kept = channel.and_then(|channel| channel.retention.as_ref());
    let dead = settings.dead_letter.retain.as_ref();
    let horizons = [
        (policy.retry_horizon(), None, "it may be tried again"),
        (
            kept.map_or(Duration::from_millis(0), |kept| kept.value),
            kept.map(|kept| kept.span),
            "the broker may deliver it again",
        ),
        (
            policy.dead_letter_retain,
            dead.map(|retain| retain.span),
            "its dead letter may be replayed",
        ),
    ];
    let longest = horizons.into_iter().max_by_key(|(time, ..)| *time);
    let Some((time, span, why)) = longest.filter(|(time, ..)| *time > policy.retain) else {
        return;
    };
    let time = rounded(time);
    let said = consumption.settings.inbox.retain.as_ref();
    let place = said.map_or(consumption.span, |retain| retain.span);
    let text = format!(
        "`{}` is forgotten after {}, and {why} for up to {time}",
        consumption.message, policy.retain
    );
    let mut finding = Finding::new(&codes::SHORT_RETENTION, place, text)
        .expected(format!("`idempotency.retain` of {time} or more"))
        .help(format!("write `idempotency: {{ retain: {time} }}`"));
    if let Some(span) = span {
        finding = finding.related(span, "this is longer");
    }
    files.push(finding);
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
