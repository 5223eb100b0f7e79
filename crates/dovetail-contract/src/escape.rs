//! Text of strangers made safe to show: in a terminal, in the log of a build, under the underlined line of a finding.
//!
//! Contracts and providers are not trusted: an escape sequence would move the cursor or set the clipboard, a bidirectional
//! override would show a line that is not there, and a line such as `::error::` is a command to the build that prints it.

use std::borrow::Cow;

/// The text with everything that is not plainly visible written out: control characters as their pictures (`␛`), the rest as `\u{…}`.
///
/// The result is one line; where that line stands at the very start of what is printed, use [`escape_line`].
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let after = rest.as_str();
        // `##[command]` and `##vso[command]` are obeyed anywhere in a line.
        if c == '#' && (after.starts_with("#[") || after.starts_with("#vso[")) {
            out.push_str("#\\u{23}");
            rest.next();
        } else {
            push_visible(&mut out, c);
        }
    }
    Cow::Owned(out)
}

/// The same for text that begins a line of output, where `::name::` is a command.
#[must_use]
pub fn escape_line(text: &str) -> Cow<'_, str> {
    let escaped = escape(text);
    let trimmed = escaped.trim_start();
    match trimmed.strip_prefix("::") {
        Some(rest) => {
            let indent = &escaped[..escaped.len() - trimmed.len()];
            Cow::Owned(format!("{indent}\\u{{3a}}:{rest}"))
        }
        None => escaped,
    }
}

/// The text cut to at most `length_max` characters, the cut marked with `…`.
#[must_use]
pub fn shorten(text: &str, length_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(length_max) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let kept = text
                .char_indices()
                .nth(length_max.saturating_sub(1))
                .map_or(0, |(at, _)| at);
            Cow::Owned(format!("{}…", &text[..kept]))
        }
    }
}

/// Whether a character does something other than stand there to be read.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Writes a character so that it can be seen.
pub(crate) fn push_visible(out: &mut String, c: char) {
    match c {
        '\0'..='\u{1f}' => out.extend(char::from_u32(0x2400 + u32::from(c))),
        '\u{7f}' => out.push('␡'),
        c if is_hidden(c) => out.extend(c.escape_unicode()),
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_is_written_out_and_what_is_read_stays() {
        let rows = [
            ("plain text, ünïcode 日本", "plain text, ünïcode 日本"),
            ("\u{1b}[31mred", "␛[31mred"),
            ("a\r\nb\tc\0", "a␍␊b␉c␀"),
            ("\u{7f}\u{9b}31m", "␡\\u{9b}31m"),
            ("safe\u{202e}txt.exe", "safe\\u{202e}txt.exe"),
            ("line\u{2028}break", "line\\u{2028}break"),
            ("x ##vso[task.complete]", "x #\\u{23}vso[task.complete]"),
            ("###[error]", "##\\u{23}[error]"),
            ("## heading", "## heading"),
        ];
        for (text, shown) in rows {
            assert_eq!(escape(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_line_is_never_a_command() {
        assert_eq!(escape_line("::error::x"), "\\u{3a}:error::x");
        assert_eq!(escape_line("  ::set-output"), "  \\u{3a}:set-output");
        assert_eq!(escape_line("a ::error::x"), "a ::error::x");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 3), "äö…");
        assert_eq!(shorten("äöüß", 0), "…");
    }
}
