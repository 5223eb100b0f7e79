//! Secrets never reach a report: not from what is sent, not from what comes back.
//!
//! Redaction happens while outcomes are made, before any renderer sees them, so that no output can forget it.

use std::sync::LazyLock;

use dovetail_contract::contract::{HttpApi, SecurityKind};
use fancy_regex::{Captures, Regex};
use serde_json::Value;

/// What stands for a secret.
pub(crate) const REDACTED: &str = "<redacted>";

/// Knows the names and values that are not shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redactor {
    /// Names of headers, parameters and cookies that hold keys, in lower case.
    names: Vec<String>,
    /// Values that were given as credentials.
    values: Vec<String>,
}

/// Shorter values would redact every other word.
const VALUE_LENGTH_MIN: usize = 6;

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
            if value.len() >= VALUE_LENGTH_MIN {
                self.values.push(value.to_owned());
            }
        }
    }

    /// Whether what this name stands for is not shown.
    pub(crate) fn hides(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.names.contains(&name) || is_secret(&name)
    }

    /// The value of a header, parameter or field, unless its name says that it is a secret.
    pub(crate) fn named(&self, name: &str, value: &str) -> String {
        if self.hides(name) {
            REDACTED.to_owned()
        } else {
            self.text(value)
        }
    }

    /// Text without the secrets that can be told from other text.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for value in &self.values {
            if out.contains(value.as_str()) {
                out = out.replace(value.as_str(), REDACTED);
            }
        }
        for pattern in PATTERNS.iter() {
            // A pattern that gives up leaves nothing that could be shown safely.
            let replaced = pattern.try_replacen(&out, 0, |found: &Captures<'_, str>| {
                let lead = found.get(1).map_or("", |lead| lead.as_str());
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
    pub(crate) fn json(&self, value: &Value) -> Value {
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
                    (name.clone(), field)
                })
                .collect(),
            other => other.clone(),
        }
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
        r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?",
        r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
        r"\bgh[pousr]_[A-Za-z0-9]{20,}",
        r"\bgithub_pat_[A-Za-z0-9_]{20,}",
        r"\bxox[abposr]-[A-Za-z0-9-]{10,}",
        r"\bsk_(?:live|test)_[A-Za-z0-9]{10,}",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*-----)?",
        r#"(?i)\b(bearer |basic )[A-Za-z0-9+/=._~-]{6,}"#,
        r#"(?i)((?:password|passwd|secret|token|api[_-]?key)["']?\s*[:=]\s*["']?)[^\s"'&;,<}]+"#,
        r"(://)[^/@\s:]+:[^/@\s]+(?=@)",
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
        assert_eq!(PATTERNS.len(), 10);
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
            r#"{"token": "<redacted>"#
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
    }
}
