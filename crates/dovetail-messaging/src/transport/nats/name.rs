//! Names of channels and groups, as subjects, streams and consumers may have them.

use std::fmt::Write;

use super::link::Problem;
use crate::transport::{Kind, Subscription};

/// No name of a stream or consumer is longer.
const NAME_BYTES_MAX: usize = 200;
/// The consumer of a queue: whoever subscribes, it is the same.
const QUEUE_GROUP: &str = "queue";

/// The consumer of a group.
pub(super) fn group(kind: Kind, subscription: &Subscription) -> Result<String, Problem> {
    match kind {
        Kind::Topic => escaped(&subscription.group),
        Kind::Queue => Ok(QUEUE_GROUP.to_owned()),
    }
}

/// The subject of a channel: its name, unless that means something else there.
pub(super) fn subject(channel: &str) -> Result<String, Problem> {
    let is_sound = channel.split('.').all(|token| {
        !token.is_empty()
            && !token.contains(|letter: char| letter.is_whitespace() || letter.is_control())
            && token != "*"
            && token != ">"
    });
    let is_reserved = channel.starts_with('$') || channel.starts_with("_INBOX");
    if is_sound && !is_reserved {
        Ok(channel.to_owned())
    } else {
        Err(Problem::Refused(
            "the name of the channel is no subject".to_owned(),
        ))
    }
}

/// A name as streams and consumers may have it, which holds no dots.
pub(super) fn escaped(name: &str) -> Result<String, Problem> {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "={byte:02X}");
        }
    }
    if escaped.is_empty() || escaped.len() > NAME_BYTES_MAX {
        return Err(Problem::Refused("the name is empty or too long".to_owned()));
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_never_the_same() {
        let rows = [
            ("orders", "orders"),
            ("billing/orders", "billing=2Forders"),
            ("orders.v1", "orders=2Ev1"),
            ("a=2Eb", "a=3D2Eb"),
            ("ß", "=C3=9F"),
        ];
        for (name, expected) in rows {
            assert_eq!(escaped(name).unwrap(), expected);
        }
        assert!(escaped("").is_err());
        assert!(escaped(&"x".repeat(300)).is_err());
    }

    #[test]
    fn what_means_something_else_is_no_subject() {
        for sound in ["orders", "orders.v1", "billing/orders", "größe"] {
            assert_eq!(subject(sound).unwrap(), sound);
        }
        for wrong in [
            "", "a.", ".a", "a..b", "a.*", ">", "a b", "$JS.API", "_INBOX.x", "a\r\nb",
        ] {
            assert!(subject(wrong).is_err(), "{wrong}");
        }
    }
}
