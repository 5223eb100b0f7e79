//! Running text: code spans and web links stay, everything else that Markdown would act on is escaped.

use crate::literal::{is_hidden, visible};

/// The words of a text, each safe wherever it stands except at the start of a line (see [`at_line_start`]).
pub(super) fn words(text: &str) -> Vec<String> {
    let text = visible(text);
    if !text.contains(['`', '[']) {
        // Neither code nor links: what is most of all documentation.
        let words = text.split(' ').filter(|word| !word.is_empty());
        return words.map(plain_word).collect();
    }
    let chars: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        match c {
            ' ' => {
                finish(&mut words, &mut word);
                at += 1;
            }
            '`' => {
                let (span, next) = code_span(&chars, at);
                push_atom(&mut word, &span);
                at = next;
            }
            '[' => match link(&chars, at) {
                Some((link, next)) => {
                    push_atom(&mut word, &link);
                    at = next;
                }
                None => {
                    word.push('[');
                    at += 1;
                }
            },
            _ => {
                word.push(c);
                at += 1;
            }
        }
    }
    finish(&mut words, &mut word);
    words
}

/// Text as a code span.
pub(super) fn code(text: &str) -> String {
    let text = visible(text);
    if text.is_empty() {
        return "the empty text".to_owned();
    }
    // Backticks inside would need longer fences, which read worse than another mark.
    format!("`{}`", text.replace('`', "'"))
}

/// Splits prose that is already safe at its blanks, keeping code spans and links whole.
pub(super) fn split_spans(prose: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut in_code = false;
    for c in prose.chars() {
        if c == '`' {
            in_code = !in_code;
        }
        if c == ' ' && !in_code {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// A word that begins a line: what would make a list, a heading, a quote or a rule of it is escaped.
pub(super) fn at_line_start(word: &str) -> String {
    let first = word.chars().next();
    let is_marker = matches!(
        first,
        Some('#' | '>' | '+' | '-' | '*' | '=' | '_' | '|' | '~' | ':')
    );
    if is_marker {
        return format!("\\{word}");
    }
    let digits = word.chars().take_while(char::is_ascii_digit).count();
    if digits > 0 {
        let (number, rest) = word.split_at(digits);
        if rest.starts_with(['.', ')']) && rest.len() == 1 {
            return format!("{number}\\{rest}");
        }
    }
    word.to_owned()
}

/// What atoms are fenced by inside a word until the word is finished: they are taken as they are.
const ATOM: char = '\u{e0001}';

fn push_atom(word: &mut String, atom: &str) {
    word.push(ATOM);
    word.push_str(atom);
    word.push(ATOM);
}

fn finish(words: &mut Vec<String>, word: &mut String) {
    if word.is_empty() {
        return;
    }
    let taken = std::mem::take(word);
    let mut finished = String::new();
    for (index, part) in taken.split(ATOM).enumerate() {
        if index % 2 == 1 {
            // Two spans side by side would run into one another.
            if finished.ends_with('`') && part.starts_with('`') {
                finished.push(' ');
            }
            // Of an image a link is left, so that who reads does not load it unasked.
            if part.starts_with('[') && finished.ends_with('!') {
                finished.pop();
                if !finished.is_empty() {
                    finished.push_str("\\!");
                }
            }
            finished.push_str(part);
        } else if !part.is_empty() {
            let plain = plain_word(part);
            if finished.ends_with('`') && plain.starts_with('`') {
                finished.push(' ');
            }
            finished.push_str(&plain);
        }
    }
    if !finished.is_empty() {
        words.push(finished);
    }
}

/// A code span from a run of backticks to the next run as long; a lonely run becomes an apostrophe.
fn code_span(chars: &[char], start: usize) -> (String, usize) {
    let run = |from: usize| chars.iter().skip(from).take_while(|c| **c == '`').count();
    let fence = run(start);
    let mut at = start + fence;
    while at < chars.len() {
        let length = run(at);
        if length == fence {
            let inner: String = chars
                .get(start + fence..at)
                .unwrap_or_default()
                .iter()
                .collect();
            let span = if inner.trim().is_empty() {
                String::new()
            } else {
                code(&inner)
            };
            return (span, at + fence);
        }
        at += length.max(1);
    }
    ("'".to_owned(), start + fence)
}

/// `[text](https://…)`; other links keep their text only.
fn link(chars: &[char], start: usize) -> Option<(String, usize)> {
    const TEXT_MAX: usize = 200;
    const ADDRESS_MAX: usize = 500;
    let tail = chars.get(start + 1..)?;
    let close = tail
        .iter()
        .take(TEXT_MAX)
        .position(|c| matches!(c, ']' | '[' | '`'))?;
    let text: String = tail.get(..close)?.iter().collect();
    let rest = tail.get(close..)?;
    if rest.first() != Some(&']') || rest.get(1) != Some(&'(') {
        return None;
    }
    let end = rest.iter().take(ADDRESS_MAX).position(|c| *c == ')')?;
    let target: String = rest.get(2..end)?.iter().collect();
    let next = start + 1 + close + end + 1;
    // In quotes it would look like a link to an item, by one who forgot the backticks.
    let text = text
        .trim()
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(&text);
    let text = words(text).join(" ");
    let address = target.split(' ').next().unwrap_or_default();
    if is_web_address(address)
        && !text.is_empty()
        && !text.contains("](")
        && !text.contains("<http")
    {
        Some((format!("[{text}]({address})"), next))
    } else {
        Some((text, next))
    }
}

fn is_web_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric())
            && rest
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._~:/?#@!$&*+,;=%".contains(c))
    })
}

/// Whether nothing in a word means anything to Markdown, and nothing in it looks like code.
fn is_ordinary(word: &str) -> bool {
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || b".,;:'\"!?-".contains(&byte);
    let capitals = word.bytes().filter(u8::is_ascii_uppercase).count();
    let is_code = word.contains("::") || word.contains("www.");
    capitals < 2 && word.bytes().all(is_harmless) && !is_code
}

/// A word that is neither code nor a link: escaped, and in backticks where it looks like code.
fn plain_word(word: &str) -> String {
    if is_ordinary(word) {
        return word.to_owned();
    }
    let word = word.replace("**", "").replace("__", "_");
    let is_edge = |c: char| !c.is_alphanumeric();
    let core = word.trim_matches(is_edge);
    if core.is_empty() {
        return escape(&word);
    }
    let start = word.find(core).unwrap_or(0);
    let mut end = start + core.len();
    let mut start = start;
    // Addresses such as `::1` begin or end with colons.
    if word
        .get(..start)
        .is_some_and(|before| before.ends_with("::"))
    {
        start -= 2;
    }
    if word.get(end..).is_some_and(|after| after.starts_with("::")) {
        end += 2;
    }
    let (rest, after) = word.split_at(end);
    let (before, core) = rest.split_at(start);
    let rest = word.get(start..).unwrap_or_default();
    if core.contains("://") || core.contains(":/") || core.starts_with("www.") {
        return address(before, rest);
    }
    let looks_like_code = core.contains('_')
        || core.contains("::")
        || after.starts_with("()")
        || core.contains("()")
        || core.contains([
            '*', '\\', '~', '^', '$', '=', '{', '}', '<', '>', '|', '[', ']',
        ])
        || core
            .split(|c: char| !c.is_alphanumeric())
            .any(is_mixed_case);
    let after_trimmed = if looks_like_code {
        after.strip_prefix("()").unwrap_or(after)
    } else {
        after
    };
    let core = if looks_like_code {
        code(core)
    } else {
        core.to_owned()
    };
    let before = before.trim_end_matches(['_', '*']);
    let after = after_trimmed.trim_start_matches(['_', '*']);
    let (before, after) = if looks_like_code {
        (before.trim_end_matches('`'), after.trim_start_matches('`'))
    } else {
        (before, after)
    };
    format!("{}{core}{}", escape(before), escape(after))
}

/// A bare address: a link if it is one of the web, else code.
fn address(before: &str, rest: &str) -> String {
    let length = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || "-._~:/?#@!$&*+,;=%".contains(c)))
        .unwrap_or(rest.len());
    let (found, after) = rest.split_at(length);
    let trimmed = found.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_']);
    let after_mark = found.get(trimmed.len()..).unwrap_or_default();
    if is_web_address(trimmed) && !after.contains("://") {
        let tail = if after.is_empty() {
            String::new()
        } else {
            format!(" {}", plain_tail(after))
        };
        return format!(
            "{}<{trimmed}>{}{}",
            escape(before),
            escape(after_mark),
            tail.trim_end()
        )
        .replace("> )", ">)");
    }
    let edge = rest.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '/');
    let after = rest.get(edge.len()..).unwrap_or_default();
    format!("{}{}{}", escape(before), code(edge), escape(after))
}

fn plain_tail(text: &str) -> String {
    if text.chars().any(char::is_alphanumeric) {
        code(text)
    } else {
        escape(text)
    }
}

/// What clippy takes for code: more than one capital and a small letter in one word.
fn is_mixed_case(word: &str) -> bool {
    let singular = word.strip_suffix('s').unwrap_or(word);
    singular.chars().filter(|c| c.is_uppercase()).count() > 1
        && singular.chars().any(char::is_lowercase)
}

/// Escapes what Markdown or HTML would act on.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !is_hidden(*c)) {
        match c {
            '`' => escaped.push('\''),
            '\\' | '[' | ']' | '<' | '>' | '*' | '_' | '~' | '|' | '^' | '$' | '&' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}
