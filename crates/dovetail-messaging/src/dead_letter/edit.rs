//! An edited copy of a dead letter: a message of its own, which says where it comes from.

use bytes::Bytes;
use dovetail_resilience::Chance;
use thiserror::Error;

use super::DeadLetter;
use crate::{cloudevents::EventError, message::Message};

/// The header by which a copy says which message it is a copy of, as the `CloudEvents` extension for correlation has it.
pub const CAUSE: &str = "causationid";

/// The header by which a copy says which dead letter it is a copy of, so that it goes by the identity of its envelope everywhere.
pub const EDITED: &str = "dovetailletter";

/// The source of a copy of a message that had none.
pub const SOURCE: &str = "urn:dovetail:dead-letters";

/// The longest body that a copy may be given.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// The longest value that a header may be given.
const VALUE_BYTES_MAX: usize = 4_096;

/// The longest name that a header may be given.
const NAME_BYTES_MAX: usize = 100;

/// What a copy keeps of its original, or is given by us: its identity, its kind, its key, and whom it is for.
const LOCKED: [&str; 10] = [
    "specversion",
    "id",
    "source",
    "type",
    "partitionkey",
    "expirytime",
    CAUSE,
    "correlationid",
    "dovetailconsumer",
    EDITED,
];

/// What some bindings write in front of the names of attributes.
const PREFIXES: [&str; 5] = ["ce-", "ce_", "cloudevents_", "cloudevents-", "cloudevents:"];

/// What is to be another one in a copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edit {
    /// The body, if it changes.
    pub body: Option<Bytes>,
    /// Headers, and the `type` of a message that came without one, that get these values, in the place of the old ones of the same name.
    pub set: Vec<(String, String)>,
    /// Headers that go.
    pub remove: Vec<String>,
}

/// Why a copy cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EditError {
    /// Nothing is different, so that nothing would be better. A letter can be sent again as it is.
    #[error("nothing is edited; a letter that is right as it is can be replayed")]
    Nothing,
    /// A header that says who the message is, or whom it is for.
    #[error("the header `{0}` cannot be edited: it is part of what the message is")]
    Locked(String),
    /// A name or a value that no broker would carry.
    #[error(
        "`{0}` cannot be a header: names are visible ASCII without spaces, values have no control characters, and both are short"
    )]
    Header(String),
    /// The body is too long.
    #[error("the body has more than {BODY_BYTES_MAX} bytes")]
    Body,
    /// No broker could carry the copy.
    #[error("the copy would be no CloudEvent, and could not be sent")]
    Event(#[source] EventError),
}

/// Makes an edited copy of a message: with a new id, so that no inbox takes it for the original, and with the original's id as its cause.
///
/// # Errors
///
/// Where the edit is none, or touches what is locked, or what comes of it is no event.
pub fn copy(letter: &DeadLetter, edit: &Edit, chance: &Chance) -> Result<Message, EditError> {
    let original = &letter.message;
    let is_same_body = edit.body.as_ref().is_none_or(|body| *body == original.body);
    if is_same_body && edit.set.is_empty() && edit.remove.is_empty() {
        return Err(EditError::Nothing);
    }
    let body = edit.body.as_ref().unwrap_or(&original.body).clone();
    if body.len() > BODY_BYTES_MAX {
        return Err(EditError::Body);
    }
    let mut headers = if original.kind.is_none() {
        attributes(&original.headers)
    } else {
        original.headers.clone()
    };
    let mut kind = original.kind.clone();
    for name in &edit.remove {
        check_name(name)?;
        headers.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
    }
    for (name, value) in &edit.set {
        let is_kind = original.kind.is_none() && name == "type";
        if !is_kind {
            check_name(name)?;
        }
        if value.len() > VALUE_BYTES_MAX || value.chars().any(char::is_control) {
            return Err(EditError::Header(name.clone()));
        }
        if is_kind {
            kind = Some(value.clone());
            continue;
        }
        headers.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
        headers.push((name.clone(), value.clone()));
    }
    headers.retain(|(present, _)| present != CAUSE && present != EDITED);
    headers.push((EDITED.to_owned(), letter.number.to_string()));
    if let Some((_, id)) = original.identity() {
        headers.push((CAUSE.to_owned(), id.to_owned()));
    }
    let source = original.identity().map_or(SOURCE, |(source, _)| source);
    let copied = Message {
        source: Some(source.to_owned()),
        id: Some(format!("{:016x}{:016x}", chance.bits(), chance.bits())),
        // What was too late once would be so again.
        expires_at: None,
        kind,
        headers,
        body,
        ..original.clone()
    };
    // Before anything is closed: what no broker takes would be a letter once more.
    copied.to_event().map_err(EditError::Event)?;
    Ok(copied)
}

/// What a message that came as no event has of attributes: its protocol wrote them with a prefix, beside headers that no event can have.
fn attributes(headers: &[(String, String)]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        let bare = match lower.as_str() {
            "content-type" | "content_type" => "datacontenttype",
            name => bare(name),
        };
        let is_attribute = bare
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let is_new = !found.iter().any(|(present, _)| present == bare);
        if !bare.is_empty() && is_attribute && is_new && !LOCKED.contains(&bare) && bare != "data" {
            found.push((bare.to_owned(), value.clone()));
        }
    }
    found
}

/// A name without what a binding writes in front of it.
fn bare(name: &str) -> &str {
    let without = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
    without.unwrap_or(name)
}

fn check_name(name: &str) -> Result<(), EditError> {
    let is_sound = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b':' && byte != b'"');
    if LOCKED.contains(&bare(&name.to_ascii_lowercase())) {
        return Err(EditError::Locked(name.to_owned()));
    }
    if is_sound {
        Ok(())
    } else {
        Err(EditError::Header(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::{
        dead_letter::{Reason, State},
        inbox::Fingerprint,
    };

    fn letter(message: Message) -> DeadLetter {
        DeadLetter {
            number: 7,
            consumer: "billing/orders/charge".to_owned(),
            fingerprint: Fingerprint::of(&message.body),
            message,
            reason: Reason::Contract,
            detail: String::new(),
            contract: None,
            attempts: 1,
            seen: 1,
            state: State::Open,
            first_at: SystemTime::UNIX_EPOCH,
            last_at: SystemTime::UNIX_EPOCH,
        }
    }

    fn edit(set: &[(&str, &str)], remove: &[&str]) -> Edit {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Edit {
            body: None,
            set: set.iter().map(owned).collect(),
            remove: remove.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_copy_is_a_message_of_its_own_that_names_its_original() {
        let mut original = Message::new("orders", "shop", "1", "{")
            .with_key("k")
            .with_kind("created");
        original.headers = vec![
            ("Subject".to_owned(), "a".to_owned()),
            ("x".to_owned(), "y".to_owned()),
        ];
        let edit = Edit {
            body: Some(Bytes::from_static(b"{}")),
            ..edit(&[("subject", "b")], &["X"])
        };
        let (one, other) = (Chance::seeded(1), Chance::seeded(2));
        let copied = copy(&letter(original.clone()), &edit, &one).unwrap();
        assert_eq!(
            (copied.key.as_deref(), copied.kind.as_deref()),
            (Some("k"), Some("created"))
        );
        assert_eq!(copied.source.as_deref(), Some("shop"));
        assert_eq!(copied.body, "{}");
        let headers = [("subject", "b"), (EDITED, "7"), (CAUSE, "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(copied.headers, headers);
        let again = copy(&letter(original), &edit, &other).unwrap();
        assert_ne!(copied.id, again.id);
        assert_ne!(copied.id.as_deref(), Some("1"));
        assert!(copied.identity().is_some());
    }

    #[test]
    fn a_message_without_identity_gets_one() {
        let anonymous = Message {
            source: None,
            id: None,
            ..Message::new("orders", "", "", "a").with_kind("created")
        };
        let copied = copy(
            &letter(anonymous),
            &edit(&[("subject", "b")], &[]),
            &Chance::seeded(1),
        )
        .unwrap();
        assert_eq!(copied.identity().map(|(source, _)| source), Some(SOURCE));
        assert!(!copied.headers.iter().any(|(name, _)| name == CAUSE));
    }

    #[test]
    fn what_came_as_no_event_becomes_one() {
        let raw = Message {
            channel: "orders".to_owned(),
            headers: [
                ("Content-Type", "application/json"),
                ("ce_specversion", "0.3"),
                ("ce_id", "1"),
                ("ce_subject", "a"),
                ("X-Trace", "b"),
                ("subject", "c"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
            body: Bytes::from_static(b"{}"),
            ..Message::default()
        };
        let chance = Chance::seeded(1);
        let without = copy(
            &letter(raw.clone()),
            &edit(&[("subject", "b")], &[]),
            &chance,
        );
        assert_eq!(without, Err(EditError::Event(EventError::Missing("type"))));
        let set = [("type", "order.created"), ("subject", "b")];
        let copied = copy(&letter(raw), &edit(&set, &[]), &chance).unwrap();
        assert_eq!(copied.kind.as_deref(), Some("order.created"));
        let headers = [
            ("datacontenttype", "application/json"),
            ("subject", "b"),
            (EDITED, "7"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(copied.headers, headers);
        assert!(copied.to_event().is_ok());
    }

    #[test]
    fn what_no_event_can_have_is_said_before_anything_is_closed() {
        let original = Message::new("orders", "shop", "1", "{").with_kind("created");
        let copied = copy(
            &letter(original),
            &edit(&[("x-trace", "b")], &[]),
            &Chance::seeded(1),
        );
        assert!(matches!(copied, Err(EditError::Event(_))), "{copied:?}");
    }

    #[test]
    fn what_a_message_is_cannot_be_edited() {
        let letter = letter(Message::new("orders", "shop", "1", "{").with_kind("created"));
        let chance = Chance::seeded(1);
        for name in [
            "id",
            "Source",
            "ce-id",
            "CE_source",
            "type",
            "partitionkey",
            "causationid",
            "dovetailconsumer",
        ] {
            let set = copy(&letter, &edit(&[(name, "x")], &[]), &chance);
            assert_eq!(set, Err(EditError::Locked(name.to_owned())));
            let removed = copy(&letter, &edit(&[], &[name]), &chance);
            assert_eq!(removed, Err(EditError::Locked(name.to_owned())));
        }
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("a", "x\r\ny: z"),
            ("ä", "x"),
            ("a:", "x"),
        ] {
            let set = copy(&letter, &edit(&[(name, value)], &[]), &chance);
            assert_eq!(
                set,
                Err(EditError::Header(name.to_owned())),
                "{name:?} {value:?}"
            );
        }
        assert_eq!(
            copy(&letter, &Edit::default(), &chance),
            Err(EditError::Nothing)
        );
        let same = Edit {
            body: Some(Bytes::from_static(b"{")),
            ..Edit::default()
        };
        assert_eq!(copy(&letter, &same, &chance), Err(EditError::Nothing));
    }
}
