//! What things are called at AWS, which allows fewer letters than channels, groups and keys have.

use crate::message::Message;

/// What a first-in-first-out queue or topic ends with.
pub(super) const FIFO: &str = ".fifo";
/// The longest name of a queue. Topics and buses may have longer ones, and need none.
const NAME_MAX: usize = 80;
/// The longest name of a rule.
const RULE_MAX: usize = 64;
/// The longest name of a message group.
const GROUP_MAX: usize = 128;

/// The name of a channel. `orders` and `orders.fifo` are the same one where order is kept: as it is said, and as AWS has it.
pub(super) fn of_channel(channel: &str, is_fifo: bool) -> String {
    let channel = channel.strip_suffix(FIFO).unwrap_or(channel);
    name(channel, NAME_MAX, is_fifo)
}

/// The name of the queue of a group.
pub(super) fn of_group(channel: &str, group: &str, is_fifo: bool) -> String {
    let channel = channel.strip_suffix(FIFO).unwrap_or(channel);
    // A length first: ("a", "b_c") and ("a_b", "c") are two groups.
    let whole = format!("{}_{channel}_{group}", channel.len());
    let readable = format!("{channel}_{group}");
    hashed(&readable, &whole, NAME_MAX, is_fifo)
}

/// The name of the rule that leads from a bus to the queue of a group.
pub(super) fn of_rule(queue: &str) -> String {
    name(queue, RULE_MAX, false)
}

/// The name of the queue of what could not be brought to the queue of a group.
pub(super) fn of_undelivered(queue: &str) -> String {
    let whole = format!("{queue}-undelivered");
    name(&whole, NAME_MAX, false)
}

/// The group of a message, in which order is kept: its key, or one of its own.
pub(super) fn message_group(message: &Message) -> String {
    match &message.key {
        // `~` stands before what is no key as it was said.
        Some(key) if is_group(key) && !key.starts_with('~') => key.clone(),
        Some(key) => format!("~{}", hash(&["key", key])),
        None => {
            let source = message.source.as_deref().unwrap_or_default();
            let id = message.id.as_deref().unwrap_or_default();
            format!("~{}", hash(&["id", source, id]))
        }
    }
}

/// A hash of parts, in 32 letters.
pub(super) fn hash(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(32).collect()
}

/// The text itself where it is a name, and otherwise what it reads like, with a hash so that two texts have two names.
fn name(text: &str, length_max: usize, is_fifo: bool) -> String {
    let room = length_max - if is_fifo { FIFO.len() } else { 0 };
    if !text.is_empty() && text.len() <= room && text.chars().all(is_letter) {
        let suffix = if is_fifo { FIFO } else { "" };
        return format!("{text}{suffix}");
    }
    hashed(text, text, length_max, is_fifo)
}

fn hashed(readable: &str, whole: &str, length_max: usize, is_fifo: bool) -> String {
    const HASH_LENGTH: usize = 12;
    let suffix = if is_fifo { FIFO } else { "" };
    let room = length_max - suffix.len() - HASH_LENGTH - 1;
    let letters = readable.chars();
    let readable: String = letters
        .map(|letter| if is_letter(letter) { letter } else { '-' })
        .take(room)
        .collect();
    let hash: String = hash(&[whole]).chars().take(HASH_LENGTH).collect();
    format!("{readable}-{hash}{suffix}")
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')
}

fn is_group(key: &str) -> bool {
    !key.is_empty() && key.len() <= GROUP_MAX && key.chars().all(|letter| letter.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_allowed_and_two_texts_have_two() {
        let long = "x".repeat(100);
        let longer = "x".repeat(101);
        let channels = [
            "orders", "or/ders", "or-ders", "or.ders", "", "ü", &long, &longer,
        ];
        for is_fifo in [false, true] {
            let names: BTreeSet<String> = channels
                .iter()
                .map(|channel| of_channel(channel, is_fifo))
                .collect();
            assert_eq!(names.len(), channels.len(), "{names:?}");
            for name in &names {
                assert!(name.len() <= NAME_MAX, "{name}");
                let stem = name.strip_suffix(FIFO).unwrap_or(name);
                assert_eq!(stem.len() < name.len(), is_fifo);
                assert!(stem.chars().all(is_letter), "{name}");
                assert!(of_rule(stem).len() <= RULE_MAX);
            }
        }
        assert_eq!(of_channel("orders", false), "orders");
        assert_eq!(of_channel("orders.fifo", true), "orders.fifo");
        assert_ne!(of_group("a", "b_c", false), of_group("a_b", "c", false));
        assert!(of_group("orders", "billing/orders", true).starts_with("orders_billing-orders-"));
    }

    #[test]
    fn messages_of_one_key_share_a_group_and_others_do_not() {
        let message = |key: Option<&str>, id: &str| Message {
            key: key.map(str::to_owned),
            ..Message::new("orders", "shop", id, "")
        };
        let forged = message_group(&message(Some("ü"), "1"));
        let long = "k".repeat(129);
        let groups: BTreeSet<String> = [
            message(Some("o-1"), "1"),
            message(Some("ü"), "1"),
            message(Some(&forged), "1"),
            message(Some(""), "1"),
            message(Some(&long), "1"),
            message(None, "1"),
            message(None, "2"),
        ]
        .iter()
        .map(message_group)
        .collect();
        assert_eq!(groups.len(), 7, "{groups:?}");
        assert!(groups.iter().all(|group| is_group(group)), "{groups:?}");
        assert_eq!(message_group(&message(Some("o-1"), "2")), "o-1");
    }
}
