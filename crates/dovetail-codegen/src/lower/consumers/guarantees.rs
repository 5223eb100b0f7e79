//! What documentation of handlers promises, and what it does not.

use dovetail_contract::contract::{InboxMode, MessageKind};

use super::Draft;
use crate::doc;
use crate::lower::laws;
use crate::lower::messages::spoken;

/// What a trait of handlers is.
pub(super) fn about(provider: &str, drafts: &[&Draft<'_>]) -> Vec<String> {
    let is_leased = drafts.iter().any(|draft| draft.is_leased());
    let has_places = drafts
        .iter()
        .any(|draft| draft.policy.mode == InboxMode::Offset);
    let provider = doc::code(provider);
    let first = format!("What is done with the messages of {provider}.");
    let then = if is_leased {
        "A handler works under a lease: it has no transaction, because its effect is elsewhere. No two handlers work on one \
         message at a time, and the effect happens at least once; a handler that was too slow or died is followed by another \
         one. Give `Held::idempotency_key` to whoever does the work, so that it can tell a second attempt."
    } else if has_places {
        "A handler gets the transaction in which its message is marked as handled. What it writes and publishes through that \
         happens once for each message, whatever is delivered twice and whatever crashes, or once for each place of the channel where the \
         documentation of its method says so. All else that it does can happen again on each attempt."
    } else {
        "A handler gets the transaction in which its message is marked as handled. What it writes and publishes through that \
         happens once for each message, whatever is delivered twice and whatever crashes. All else that it does can happen \
         again on each attempt."
    };
    let mut docs = doc::wrap(&first);
    docs.push(String::new());
    docs.extend(doc::wrap(then));
    docs
}

/// What a method of a handler is for, and what holds for it.
pub(super) fn docs(draft: &Draft<'_>) -> Vec<String> {
    let description = draft.message.description.as_deref();
    let kind = match draft.message.kind {
        MessageKind::Event => "an event",
        MessageKind::Command => "a command",
    };
    let first = format!(
        "Handles {}, {kind} on the channel {}.",
        doc::code(draft.name),
        doc::code(draft.channel_name)
    );
    let mut docs = doc::wrap(&first);
    let description = doc::lines(description.unwrap_or_default());
    if !description.is_empty() {
        docs.push(String::new());
        docs.extend(description);
    }
    docs.push(String::new());
    let broker = format!("Broker: {}", laws::broker(draft.channel));
    for promise in [effect(draft), order(draft), failures(draft), broker] {
        docs.extend(laws::bullet(&promise));
    }
    docs
}

/// How often the effect happens, and what tells that two messages are the same.
fn effect(draft: &Draft<'_>) -> String {
    let same = match draft.pointer {
        None => "the source and the id of its envelope tell duplicates".to_owned(),
        Some(pointer) => format!("{} of the payload tells duplicates", doc::code(pointer)),
    };
    let retain = spoken(draft.policy.retain);
    match draft.policy.mode {
        InboxMode::Transaction | InboxMode::Both => format!(
            "Effect: what goes through the transaction happens once; {same}, for {retain}. What does not go through it can happen on each \
             attempt."
        ),
        InboxMode::Lease => format!(
            "Effect: at least once, and in one place at a time; {same}, for {retain}. What is published through `held` is published once."
        ),
        InboxMode::Offset => {
            "Effect: what goes through the transaction happens once for each place of the channel. What its producer sent twice \
             is handled twice, and what does not go through the transaction can happen on each attempt."
                .to_owned()
        }
    }
}

fn order(draft: &Draft<'_>) -> String {
    let key = draft.message.key.as_ref().filter(|_| draft.is_ordered);
    let Some(key) = key.filter(|_| !draft.is_leased()) else {
        return "Order: none. Messages are handled side by side, and as they come.".to_owned();
    };
    let key = doc::code(&key.value);
    if !laws::keeps_keys(draft.channel) {
        return format!(
            "Order: messages of one {key} are handled as they come. {}, and two of them may be under way at once. While one of them is \
             tried again, those that come later wait, and other keys go on.",
            laws::disorder(draft.channel)
        );
    }
    format!(
        "Order: messages of one {key} are handled in the order in which they were sent. While one of them is tried again, those behind it \
         wait, and other keys go on."
    )
}

fn failures(draft: &Draft<'_>) -> String {
    let policy = &draft.policy;
    let (base, max) = (spoken(policy.base), spoken(policy.max));
    let deadline = spoken(policy.deadline);
    let attempts = match policy.attempts {
        0 | 1 => format!("one attempt of {deadline} at most"),
        many if base == max => format!("{many} attempts of {deadline} at most, up to {base} apart"),
        many => format!("{many} attempts of {deadline} at most, from {base} up to {max} apart"),
    };
    let key = draft.message.key.as_ref().filter(|_| draft.is_ordered);
    let rest = match key.filter(|_| !draft.is_leased()) {
        Some(_) => " with all that waits behind it",
        None => "",
    };
    format!(
        "Failures: {attempts}; a panic is one. Then the message becomes a dead letter{rest}, which is kept for {}. \
         `HandlerError::Fatal` makes it one at once, and `HandlerError::Infrastructure` counts no attempt, but pauses all of the channel. A message \
         that the type of its payload cannot hold becomes a dead letter without any attempt. What a type does not say is not checked: \
         patterns, lengths, limits and whatever else the schema asks of values.",
        spoken(policy.dead_letter_retain)
    )
}
