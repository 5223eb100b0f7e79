//! The same request as a command line.

use serde_json::Value;

use crate::redact::{REDACTED, Redactor};
use crate::request::Prepared;

/// A `curl` command that sends a request again, with credentials left out.
pub(super) fn command(
    redactor: &Redactor,
    request: &Prepared,
    url: &str,
    extra_headers: &[(String, String)],
) -> String {
    let mut words = vec!["curl --silent --include --globoff --path-as-is".to_owned()];
    match request.method {
        http::Method::GET => {}
        http::Method::HEAD => words.push("--head".to_owned()),
        ref method => words.push(format!("--request {method}")),
    }
    for (name, value) in &request.headers {
        let value = redactor.named(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
        words.push(format!("--header {}", quote(&format!("{name}: {value}"))));
    }
    for (name, _) in extra_headers {
        words.push(format!(
            "--header {}",
            quote(&format!("{name}: {REDACTED}"))
        ));
    }
    if let Some(body) = &request.body {
        let text = match serde_json::from_slice::<Value>(body) {
            Ok(value) => redactor.json(&value).to_string(),
            Err(_) => redactor.text(&String::from_utf8_lossy(body)),
        };
        words.push(format!("--data-raw {}", quote(&text)));
    }
    words.push(quote(url));
    words.join(" ")
}

/// One word for a shell, whatever it holds.
fn quote(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/=,%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    if text.chars().any(char::is_control) {
        // `$'…'` is the one quotation in which a control character can be written without being one.
        let mut out = String::from("$'");
        for c in text.chars() {
            match c {
                '\'' | '\\' => out.extend(['\\', c]),
                c if c.is_control() => {
                    let mut bytes = [0; 4];
                    for byte in c.encode_utf8(&mut bytes).bytes() {
                        out.push_str(&format!("\\x{byte:02x}"));
                    }
                }
                c => out.push(c),
            }
        }
        return out + "'";
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_to_a_shell_what_they_are() {
        let rows = [
            ("http://127.0.0.1/a", "http://127.0.0.1/a"),
            ("a b", "'a b'"),
            ("it's $(rm -rf ~) `x`", r"'it'\''s $(rm -rf ~) `x`'"),
            ("", "''"),
            ("a\nb\u{1b}'\\", r"$'a\x0ab\x1b\'\\'"),
        ];
        for (text, word) in rows {
            assert_eq!(quote(text), word, "{text:?}");
        }
    }
}
