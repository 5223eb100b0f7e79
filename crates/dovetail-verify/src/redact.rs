//! Secrets never reach a report: not from what is sent, not from what comes back.
//!
//! Redaction happens while outcomes are made, before any renderer sees them, so that no output can forget it.

use std::sync::LazyLock;

use dovetail_contract::contract::{HttpApi, SecurityKind};
use fancy_regex::{Captures, Regex};
use serde_json::Value;

/// What stands for a secret.
pub const REDACTED: &str = "<redacted>";

/// Knows the names and values that are not shown.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// Names of headers, parameters and cookies that hold keys, in lower case.
    names: Vec<String>,
    /// Values that were given as credentials.
    values: Vec<String>,
}

/// Shorter values would redact every other word.
const VALUE_LENGTH_MIN: usize = 6;

/// Characters of a secret by which its beginning is known; more than the replacement has, so that replacing comes to an end.
const BEGINNING_MIN: usize = 12;

impl Redactor {
    /// Names that a contract declares to hold keys.
    pub(crate) fn of_keys(api: Option<&HttpApi>) -> Self {
        let schemes = api
            .into_iter()
            .flat_map(|api| api.security_schemes.values());
        let names = schemes
            .filter_map(|scheme| match &scheme.kind {
                SecurityKind::ApiKey { name, .. } => Some(name.to_lowercase()),
                _ => None,
            })
            .collect();
        Self {
            names,
            values: Vec::new(),
        }
    }

    /// Takes in a header given by the person who verifies: neither its value nor what follows its scheme is ever shown.
    pub(crate) fn hide_header(&mut self, name: &str, value: &str) {
        self.names.push(name.to_lowercase());
        let credential = value.split_once(' ').map_or(value, |(_, rest)| rest);
        for value in [value, credential] {
            self.hide_value(value);
        }
    }

    /// Takes in what stands under a name: whatever goes by the name of a secret is not shown anywhere else either, such as in the
    /// path that it is sent in, or under the name by which the provider sends it back.
    pub(crate) fn hide_secrets(&mut self, name: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (inner, field) in fields {
                    self.hide_secrets(if self.hides(name) { name } else { inner }, field);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.hide_secrets(name, item)),
            Value::String(text) if self.hides(name) => self.hide_value(text),
            Value::Number(number) if self.hides(name) => self.hide_value(&number.to_string()),
            _ => {}
        }
    }

    /// Takes in a secret in every spelling that it may be met in: as it is, within JSON text, within an address.
    fn hide_value(&mut self, value: &str) {
        let quoted = Value::from(value).to_string();
        let quoted = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        let encoded =
            percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
        let in_address = crate::request::in_address(value);
        for spelling in [value, quoted, &in_address, &encoded.to_string()] {
            let known = self.values.iter().any(|known| known == spelling);
            if spelling.len() >= VALUE_LENGTH_MIN && !known {
                self.values.push(spelling.to_owned());
            }
        }
        // Of two secrets that begin alike the longer one goes first, or its end would stay.
        self.values
            .sort_by_key(|value| std::cmp::Reverse(value.len()));
    }

    /// Whether what this name stands for is not shown.
    #[must_use]
    pub fn hides(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.names.contains(&name) || is_secret(&name)
    }

    /// The value of a header, parameter or field, unless its name says that it is a secret.
    #[must_use]
    pub fn named(&self, name: &str, value: &str) -> String {
        if self.hides(name) {
            REDACTED.to_owned()
        } else {
            self.text(value)
        }
    }

    /// Text without the secrets that can be told from other text.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for value in &self.values {
            if out.contains(value.as_str()) {
                out = out.replace(value.as_str(), REDACTED);
            }
            hide_beginnings(&mut out, value);
        }
        for pattern in PATTERNS.iter() {
            // A pattern that gives up leaves nothing that could be shown safely.
            let replaced = pattern.try_replacen(&out, 0, |found: &Captures<'_, str>| {
                let lead = found
                    .get(1)
                    .or(found.get(2))
                    .map_or("", |lead| lead.as_str());
                format!("{lead}{REDACTED}")
            });
            out = match replaced {
                Ok(replaced) => replaced.into_owned(),
                Err(_) => return REDACTED.to_owned(),
            };
        }
        out
    }

    /// A JSON value without its secrets.
    #[must_use]
    pub fn json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, field)| {
                    let hidden = self.hides(name) && !field.is_null();
                    let field = if hidden {
                        REDACTED.into()
                    } else {
                        self.json(field)
                    };
                    (self.text(name), field)
                })
                .collect(),
            other => other.clone(),
        }
    }
}

/// Replaces a secret of which only the beginning is there, as in text that was shortened before.
fn hide_beginnings(text: &mut String, value: &str) {
    let Some(beginning) = value
        .char_indices()
        .nth(BEGINNING_MIN)
        .and_then(|(end, _)| value.get(..end))
    else {
        return;
    };
    while let Some(at) = text.find(beginning) {
        let rest = text.get(at..).unwrap_or_default();
        let alike = rest.chars().zip(value.chars()).take_while(|(a, b)| a == b);
        let length: usize = alike.map(|(c, _)| c.len_utf8()).sum();
        text.replace_range(at..at + length, REDACTED);
    }
}

/// Whether a name, in lower case, is one that credentials go by.
fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 12] = [
        "authorization",
        "cookie",
        "password",
        "passwd",
        "passphrase",
        "secret",
        "credential",
        "apikey",
        "accesskey",
        "privatekey",
        "signature",
        "token",
    ];
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    PARTS.iter().any(|part| letters.contains(part))
        || matches!(&*letters, "pwd" | "jwt" | "cvv" | "cvc" | "pin" | "otp")
}

/// Secrets that are known by their shape. What the first group holds stays.
static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let patterns = [
        r"eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*){0,2}",
        r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
        r"\bgh[pousr]_[A-Za-z0-9]{20,}",
        r"\bgithub_pat_[A-Za-z0-9_]{20,}",
        r"\bxox[abposr]-[A-Za-z0-9-]{10,}",
        r"\bsk_(?:live|test)_[A-Za-z0-9]{10,}",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*-----)?",
        r#"(?i)\b(bearer |basic )[A-Za-z0-9+/=._~-]{6,}"#,
        r#"(?i)((?:password|passwd|secret|token|api[_-]?key)["']?\s*[:=]\s*["']?)[^\s"'&;,<}]+"#,
        // An address that was shortened may have lost its `@`.
        r"(://)[^/@\s:]+:[^/@\s]+(?=@)|(://)[^/@\s:]+:[^/@\s]+(?=…)",
        r#"(?i)("(?:[^"]*(?:password|passwd|passphrase|secret|token|api[_-]?key|authorization|cookie|credential|signature|private[_-]?key)[^"]*|pin|otp|cvv|cvc|pwd|jwt)"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|\[[^\]]*\]?|\{[^}]*\}?|[^\s",}\]]+)"#,
        r"(?i)((?:^|[&?;\s])(?:pin|otp|cvv|cvc|pwd|jwt)=)[^&;\s]+",
    ];
    let compiled = patterns.iter().map(|pattern| Regex::new(pattern));
    compiled.filter_map(Result::ok).collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(PATTERNS.len(), 12);
    }

    #[test]
    fn names_of_secrets_are_known_in_any_spelling() {
        let redactor = Redactor::default();
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "Set-Cookie",
            "X-Api-Key",
            "api_key",
            "accessToken",
            "client_secret",
            "userPassword",
            "pwd",
        ] {
            assert_eq!(redactor.named(name, "v"), REDACTED, "{name}");
        }
        for name in ["id", "name", "content-type", "keyboard", "pinned", "author"] {
            assert_eq!(redactor.named(name, "v"), "v", "{name}");
        }
    }

    #[test]
    fn secrets_are_known_by_their_shape() {
        let redactor = Redactor::default();
        let secrets = [
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "AKIAABCDEFGHIJKLMNOP",
            "ghp_0123456789abcdefghij0123456789",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        ];
        for secret in secrets {
            assert_eq!(
                redactor.text(&format!("a {secret} b")),
                "a <redacted> b",
                "{secret}"
            );
        }
        assert_eq!(
            redactor.text("a Bearer abcdef123456"),
            "a Bearer <redacted>"
        );
        assert_eq!(
            redactor.text("user=ada&password=hunter2&x=1"),
            "user=ada&password=<redacted>&x=1"
        );
        assert_eq!(
            redactor.text(r#"{"token": "abc"#),
            r#"{"token": <redacted>"#
        );
        assert_eq!(
            redactor.text("http://ada:pw@host/"),
            "http://<redacted>@host/"
        );
        assert_eq!(redactor.text("nothing to hide"), "nothing to hide");
    }

    #[test]
    fn given_headers_are_hidden_by_name_and_by_value() {
        let mut redactor = Redactor::default();
        redactor.hide_header("X-Tenant", "Basic dGVuYW50");
        assert_eq!(redactor.named("x-tenant", "anything"), REDACTED);
        assert_eq!(redactor.text("you sent dGVuYW50!"), "you sent <redacted>!");
        let value = json!({ "echo": ["dGVuYW50"], "password": { "a": 1 }, "token": null });
        let shown = json!({ "echo": [REDACTED], "password": REDACTED, "token": null });
        assert_eq!(redactor.json(&value), shown);
        let name = json!({ "dGVuYW50": 1 });
        assert_eq!(redactor.json(&name), json!({ REDACTED: 1 }));
    }

    #[test]
    fn a_secret_is_known_in_every_spelling_and_by_its_beginning() {
        let mut redactor = Redactor::default();
        redactor.hide_header("X-Key", "quite\"secret/and\\long enough");
        for text in [
            "a quite\"secret/and\\long enough b",
            r#"a quite\"secret/and\\long enough b"#,
            "a quite%22secret%2Fand%5Clong%20enough b",
        ] {
            assert_eq!(redactor.text(text), "a <redacted> b");
        }
        assert_eq!(redactor.text("a quite\"secret/an…"), "a <redacted>…");
        assert_eq!(redactor.text("quite another thing"), "quite another thing");
    }

    #[test]
    fn what_goes_by_the_name_of_a_secret_is_hidden_everywhere() {
        let mut redactor = Redactor::default();
        let body = json!({ "user": { "password": "correct horse" }, "tokens": ["battery"], "pin": 1_234_567, "id": "visible" });
        redactor.hide_secrets("", &body);
        assert_eq!(
            redactor.text("/correct%20horse/battery?a=1234567&b=visible"),
            "/<redacted>/<redacted>?a=<redacted>&b=visible"
        );
    }

    #[test]
    fn text_that_is_not_quite_json_keeps_its_secrets() {
        let redactor = Redactor::default();
        for (text, shown) in [
            (
                r#"{"a":1,"a":2,"pin":1234}"#,
                r#"{"a":1,"a":2,"pin":<redacted>}"#,
            ),
            (
                r#"{"tokens": ["x y", "z"], "b": 1"#,
                r#"{"tokens": <redacted>, "b": 1"#,
            ),
            (
                r#"{"dbPassword": "a \" b", "c": "d"#,
                r#"{"dbPassword": <redacted>, "c": "d"#,
            ),
            ("id=1&pin=1234", "id=1&pin=<redacted>"),
        ] {
            assert_eq!(redactor.text(text), shown);
        }
    }
}
