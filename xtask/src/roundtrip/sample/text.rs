//! Text of a format, of a pattern, or of any kind, as long as it must be.

use super::pattern;
use super::view::View;
use crate::roundtrip::chance::Chance;

/// Characters of texts that no one bounds.
const LENGTH_USUAL: usize = 12;
/// Characters that a text must at most have to be drawn.
const LENGTH_MAX: usize = 100_000;
/// Times that a pattern is tried again for its length.
const TRIES: usize = 20;

/// A text.
pub(super) fn text(view: &View<'_>, chance: &mut Chance) -> Result<String, String> {
    let (least, most) = view.length;
    let fits = |text: &str| {
        let count = text.chars().count();
        count >= least && most.is_none_or(|most| count <= most)
    };
    if least > LENGTH_MAX {
        return Err("its texts are too long to draw".to_owned());
    }
    if let Some(first) = view.patterns.first() {
        for _ in 0..TRIES {
            let drawn = pattern::matching_of_length(first, least, chance)?;
            if fits(&drawn) {
                return Ok(drawn);
            }
        }
        return Err("no text of its pattern was as long as it must be".to_owned());
    }
    if matches!(view.format, Some("byte" | "base64" | "base64url")) {
        return Ok(base64(least, most, chance));
    }
    let drawn = view.format.and_then(|format| formatted(format, chance));
    match drawn {
        Some(text) if fits(&text) => Ok(text),
        _ => Ok(plain(least, most, chance)),
    }
}

/// Bytes as base64 (RFC 4648, section 4) of a length that is within bounds, where any is.
fn base64(least: usize, most: Option<usize>, chance: &mut Chance) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // Each four characters are three bytes.
    let fewest = least.div_ceil(4);
    let most = most.map_or(usize::MAX, |most| most / 4).max(fewest);
    let quads = chance.between(fewest, fewest.saturating_add(3).min(most));
    let letters = (0..quads * 4).map(|_| char::from(ALPHABET[chance.below(64)]));
    let mut text: String = letters.collect();
    if quads > 0 && chance.once_in(2) {
        // One byte in the last four: its bits that no byte uses are zero.
        text.truncate(quads * 4 - 3);
        text.push_str("g==");
    }
    text
}

/// A text of a format; none where the format says nothing of the text.
fn formatted(format: &str, chance: &mut Chance) -> Option<String> {
    let mut digits = |low: usize, high: usize| chance.between(low, high);
    Some(match format {
        "date-time" => format!(
            "20{:02}-{:02}-{:02}T{:02}:{:02}:{:02}{}",
            digits(0, 99),
            digits(1, 12),
            digits(1, 28),
            digits(0, 23),
            digits(0, 59),
            digits(0, 59),
            ["Z", "+02:00", "-07:30"][digits(0, 2)]
        ),
        "date" => format!(
            "20{:02}-{:02}-{:02}",
            digits(0, 99),
            digits(1, 12),
            digits(1, 28)
        ),
        "time" => format!(
            "{:02}:{:02}:{:02}Z",
            digits(0, 23),
            digits(0, 59),
            digits(0, 59)
        ),
        "duration" => format!("P{}DT{}H", digits(1, 30), digits(1, 23)),
        "uuid" => {
            let (a, b) = (chance.next(), chance.next());
            format!(
                "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                a >> 32,
                a & 0xffff,
                (a >> 16) & 0xfff,
                b & 0xfff,
                b >> 16
            )
        }
        "email" | "idn-email" => format!("a{}@example.com", digits(0, 999)),
        "uri" | "url" | "iri" => format!("https://example.com/{}?q=1", digits(0, 999)),
        "uri-reference" | "iri-reference" => format!("/a/{}", digits(0, 999)),
        "uri-template" => format!("/a/{}/{{id}}", digits(0, 999)),
        "hostname" | "idn-hostname" => format!("h{}.example.com", digits(0, 999)),
        "ipv4" | "ip" => format!("192.0.2.{}", digits(0, 255)),
        "ipv6" => format!("2001:db8::{:x}", digits(1, 0xffff)),
        "regex" => "^a+$".to_owned(),
        "json-pointer" => format!("/a/{}", digits(0, 9)),
        "relative-json-pointer" => "1/a".to_owned(),
        "decimal" | "number" => format!("{}.{:02}", digits(1, 9999), digits(1, 99)),
        "int32" | "int64" | "integer" | "uint64" | "bigint" => digits(1, 99_999).to_string(),
        _ => return None,
    })
}

/// Any text: mostly letters, sometimes what must be escaped or takes several bytes.
fn plain(least: usize, most: Option<usize>, chance: &mut Chance) -> String {
    const LETTERS: [char; 16] = [
        'a', 'b', 'e', 'k', 'n', 'o', 's', 't', 'A', 'Z', '0', '7', '-', '_', '.', ' ',
    ];
    const OTHERS: [char; 8] = ['"', '\\', '\n', '/', 'é', '中', '🦀', '\u{1}'];
    let most = most.unwrap_or(usize::MAX).max(least);
    let count = chance.between(1, LENGTH_USUAL).max(least).min(most);
    (0..count)
        .map(|_| match chance.once_in(20) {
            true => OTHERS[chance.below(OTHERS.len())],
            false => LETTERS[chance.below(LETTERS.len())],
        })
        .collect()
}
