//! Text of contracts as Rust, TOML and comment text: the only way by which it gets there.
//!
//! A contract's strings are data. Here they become literals and comments that cannot end early, whatever they hold.

use std::fmt::Write as _;

/// A Rust string literal of exactly this text. What is neither a letter, a digit nor plain punctuation is written by its number.
pub(crate) fn rust(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for c in text.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            ' '..='~' => literal.push(c),
            _ if c.is_alphanumeric() => literal.push(c),
            // Writing to a string cannot fail.
            _ => drop(write!(literal, "\\u{{{:x}}}", u32::from(c))),
        }
    }
    literal.push('"');
    literal
}

/// A TOML basic string of this text.
pub(crate) fn toml(text: &str) -> String {
    toml_edit::Value::from(visible(text))
        .to_string()
        .trim()
        .to_owned()
}

/// One line of text for a comment: no line breaks, nothing that cannot be seen, one blank between two words.
pub(crate) fn visible(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut is_apart = false;
    for c in text.chars() {
        if c.is_whitespace() {
            is_apart = true;
        } else if !is_hidden(c) {
            if is_apart && !line.is_empty() {
                line.push(' ');
            }
            is_apart = false;
            line.push(c);
        }
    }
    line
}

/// Whether a character is invisible or changes how its neighbours are shown: control characters, joiners, and the marks that reverse text.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rust_literal_reads_back_as_the_text() {
        let texts = [
            "",
            "plain",
            "\"quoted\"",
            "back\\slash",
            "a\nb\rc\td",
            "\0\u{7f}",
            "\u{202e}evil",
            "{}{0}{:?}",
            "ü é 日本",
            "\u{2028}",
            "*/ \"]\npub fn x(){}",
            "${x}",
            "'",
            "🦀",
        ];
        for text in texts {
            let parsed: syn::LitStr = syn::parse_str(&rust(text)).expect("a literal");
            assert_eq!(parsed.value(), text);
        }
    }

    #[test]
    fn a_toml_string_cannot_end_early() {
        let text = "1.0.0\"\nbuild = \"evil.rs\"\n[patch.crates-io]";
        let document: toml_edit::DocumentMut = format!("description = {}\n", toml(text))
            .parse()
            .expect("a document");
        assert_eq!(document.len(), 1);
        assert_eq!(
            document["description"].as_str(),
            Some("1.0.0\" build = \"evil.rs\" [patch.crates-io]")
        );
    }

    #[test]
    fn one_line_shows_all_that_it_holds() {
        assert_eq!(visible(" a\r\nb\u{202e}\u{0}c \u{2028} d"), "a bc d");
        assert_eq!(visible("\u{200b} a \u{200b} b \u{200b}"), "a b");
    }
}
