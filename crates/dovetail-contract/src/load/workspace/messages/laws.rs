//! What a consumer asks of a channel, held against the laws that its kind of broker keeps.

use super::super::super::files::Files;
use crate::codes;
use crate::contract::{Channel, ConsumePolicy, Handled, InboxMode, Transport};
use crate::finding::{Finding, Severity};
use crate::policy::Duration;
use crate::source::Span;
use crate::transport_laws::{Law, unkept};

/// The longest time for which SQS gives a message back.
const GIVEN_BACK_MAX: Duration = Duration::from_millis(12 * 3_600_000);

/// Says what is asked for and not kept.
pub(super) fn check(files: &mut Files, handled: &Handled<'_>, on: (&Channel, &ConsumePolicy)) {
    let (channel, policy) = on;
    let unkept = unkept(channel.transport, channel.keeps_keys());
    // Under a lease, messages are handled side by side.
    let is_ordered = handled.is_ordered() && policy.mode != InboxMode::Lease;
    if is_ordered && unkept.contains(&Law::KeysKeepTheirOrder) {
        order(files, handled, channel);
    }
    // What is kept in its order waits in the store.
    let is_late = channel.transport == Transport::Sqs && policy.max > GIVEN_BACK_MAX;
    if is_late && !is_ordered {
        backoff(files, handled, policy.max);
    }
    if policy.mode == InboxMode::Lease && unkept.contains(&Law::OneAtATime) {
        lease(files, handled);
    }
}

fn order(files: &mut Files, handled: &Handled<'_>, channel: &Channel) {
    let (why, help) = match channel.transport {
        Transport::Sqs => (
            "a standard queue of Amazon brings messages in any order and may bring one twice at once",
            "give the channel an `address` that ends in `.fifo` (with SNS; EventBridge keeps no order)",
        ),
        Transport::RabbitMq => (
            "without one active consumer RabbitMQ does not keep the order of keys: two messages under way at once may overtake each other",
            "remove `keeps_keys: false` from the channel",
        ),
        _ => (
            "NATS does not keep the order of keys: two messages under way at once may overtake each other",
            "set `keeps_keys: true` on the channel, which handles one message of a group at a time",
        ),
    };
    let said = handled.consumption;
    let said = said.and_then(|said| said.order_by.as_ref());
    let place = said.map_or(handled.span(), |said| said.span);
    let without = match handled.consumption {
        Some(_) => "write `order_by: none`",
        None => "name the command under `consumes` with `order_by: none`",
    };
    let text = format!("`{}` is handled by its key, and {why}", handled.name);
    files.push(
        Finding::new(&codes::UNKEPT_LAW, place, text)
            .related(channel.span, "the channel is declared here")
            .expected("a channel that keeps the order of keys")
            .help(format!("{help}, or {without}")),
    );
}

fn backoff(files: &mut Files, handled: &Handled<'_>, max: Duration) {
    let said = handled.consumption;
    let said = said.and_then(|said| said.settings.retry.max.as_ref());
    let place = said.map_or(handled.span(), |said| said.span);
    let text = format!(
        "`{}` may wait {max} for its next attempt, and Amazon SQS gives a message back after twelve hours at most",
        handled.name
    );
    files.push(
        Finding::new(&codes::UNKEPT_LAW, place, text)
            .expected("waits of up to 12h")
            .help("write a shorter `backoff`"),
    );
}

fn lease(files: &mut Files, handled: &Handled<'_>) {
    let said = handled.consumption;
    let said = said.and_then(|said| said.settings.inbox.mode.as_ref());
    let place: Span = said.map_or(handled.span(), |said| said.span);
    let text = format!(
        "a standard queue of Amazon may bring `{}` to two receivers at once: the second one waits for the lease of the first",
        handled.name
    );
    let mut finding = Finding::new(&codes::UNKEPT_LAW, place, text)
        .help("an `address` that ends in `.fifo` brings each message to one of them");
    finding.severity = Severity::Note;
    files.push(finding);
}
