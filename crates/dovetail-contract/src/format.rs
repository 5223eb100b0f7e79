//! Formats of text, as `format` of a schema and of an expectation name them.
//!
//! One table for both, so that what a provider promises and what a consumer reads never mean two things by one word.

use std::sync::LazyLock;

/// Formats that are checked. Others say something to people only.
pub const KNOWN: [&str; 17] = [
    "byte",
    "date",
    "date-time",
    "decimal",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "json-pointer",
    "regex",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
    "iri",
];

/// Whether the text has the format; `None` where the format is not one that is checked.
#[must_use]
pub fn accepts(format: &str, text: &str) -> Option<bool> {
    match format {
        "decimal" => Some(is_decimal(text)),
        "byte" => Some(is_base64(text)),
        _ => {
            let at = KNOWN.iter().position(|known| *known == format)?;
            let validator = VALIDATORS.get(at)?.as_ref()?;
            Some(validator.is_valid(&serde_json::Value::from(text)))
        }
    }
}

/// What text of the format looks like, for messages.
#[must_use]
pub fn example(format: &str) -> Option<&'static str> {
    Some(match format {
        "byte" => "aGVsbG8=",
        "date" => "2024-02-29",
        "date-time" => "2024-02-29T12:30:00Z",
        "decimal" => "12.50",
        "duration" => "PT1H30M",
        "email" => "someone@example.com",
        "hostname" => "api.example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "json-pointer" => "/items/0",
        "regex" => "^a+$",
        "time" => "12:30:00Z",
        "uri" | "iri" => "https://example.com/a",
        "uri-reference" => "/a?b=c",
        "uri-template" => "/a/{b}",
        "uuid" => "0b6f4c1e-8f5b-4c0e-9d57-3a1f0a9c2d11",
        _ => return None,
    })
}

/// The validator's own checks of the formats that it knows, compiled once.
static VALIDATORS: LazyLock<Vec<Option<jsonschema::Validator>>> = LazyLock::new(|| {
    let compile = |format: &&str| {
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .build(&serde_json::json!({ "format": format }))
            .ok()
    };
    KNOWN.iter().map(compile).collect()
});

/// A decimal number as text: digits, at most one point with digits on both sides, an optional sign.
pub(crate) fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(unsigned),
    }
}

/// Base64 with the standard alphabet and its padding (RFC 4648, section 4).
pub(crate) fn is_base64(text: &str) -> bool {
    let content = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - content.len() <= 2
        && content
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_accepts_its_example_and_refuses_other_text() {
        for format in KNOWN {
            let example = example(format).expect("every known format has an example");
            assert_eq!(accepts(format, example), Some(true), "{format}: {example}");
            let other = match format {
                "regex" => "(",
                "uri-reference" => "%zz",
                "uri-template" => "{",
                _ => "not one of these, surely",
            };
            assert_eq!(accepts(format, other), Some(false), "{format}: {other}");
        }
        assert_eq!(accepts("colour", "red"), None);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let rows = [
            ("date", "2023-02-29", false),
            ("date-time", "2024-02-29 12:30:00", false),
            ("date-time", "2024-02-29T12:30:00+02:00", true),
            ("time", "25:00:00Z", false),
            ("uuid", "0b6f4c1e8f5b4c0e9d573a1f0a9c2d11", false),
            ("decimal", "1.", false),
            ("decimal", "-0.10", true),
            ("decimal", "1e3", false),
            ("byte", "aGVsbG8", false),
            ("byte", "", true),
            ("ipv4", "256.0.0.1", false),
        ];
        for (format, text, accepted) in rows {
            assert_eq!(accepts(format, text), Some(accepted), "{format}: {text}");
        }
    }
}
