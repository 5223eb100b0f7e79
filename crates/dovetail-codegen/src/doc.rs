//! Descriptions of contracts as doc comments: Markdown by strangers becomes lines that can only be read.
//!
//! Nothing here runs, links elsewhere than to a web page, or hides: fences become plain text, headings become sentences, HTML is shown as
//! written. The lints that authors of hand-written crates meet (`doc_markdown`, `bare_urls`, broken links) hold for every input.

mod inline;

use std::borrow::Cow;

/// Width at which prose is broken.
const WIDTH: usize = 92;
/// Longer descriptions are cut: a doc comment is no place for a book.
const LINES_MAX: usize = 400;

/// A description as doc lines, without the comment's slashes. Empty where it says nothing.
pub(crate) fn lines(markdown: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for block in blocks(markdown) {
        let rendered = render(&block);
        if rendered.is_empty() {
            continue;
        }
        let tight = matches!(block, Block::Item { .. })
            && lines.last().is_some_and(|line| !line.is_empty())
            && starts_item(&rendered)
            && lines
                .iter()
                .rev()
                .find(|line| !line.starts_with(' '))
                .is_some_and(|line| is_item(line));
        if !lines.is_empty() && !tight {
            lines.push(String::new());
        }
        lines.extend(rendered);
        if lines.len() > LINES_MAX {
            lines.truncate(LINES_MAX);
            // A cut inside a fence would leave it open.
            if lines.iter().filter(|line| line.starts_with("```")).count() % 2 == 1 {
                lines.push("```".to_owned());
            }
            lines.extend([String::new(), "…".to_owned()]);
            break;
        }
    }
    lines
}

/// A description in one line of safe prose, with a full stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let words = inline::words(text);
    let mut sentence = words.join(" ");
    if !sentence.is_empty() && !sentence.ends_with(['.', '!', '?', ':', '…']) {
        sentence.push('.');
    }
    sentence
}

/// Text as an inline code span that cannot end early.
pub(crate) fn code(text: &str) -> String {
    inline::code(text)
}

/// Text as an inline code span in a cell of a table, which a bar would end.
pub(crate) fn cell(text: &str) -> String {
    inline::code(text).replace('|', "\\|")
}

/// Breaks prose that is already safe at the usual width.
pub(crate) fn wrap(prose: &str) -> Vec<String> {
    fill(&inline::split_spans(prose), "", "")
}

#[derive(Debug)]
enum Block {
    Paragraph(String),
    Item { marker: String, text: String },
    Verbatim(Vec<String>),
}

fn render(block: &Block) -> Vec<String> {
    match block {
        Block::Paragraph(text) => fill(&inline::words(text), "", ""),
        Block::Item { marker, text } => {
            let hang = " ".repeat(marker.len());
            fill(&inline::words(text), marker, &hang)
        }
        Block::Verbatim(lines) => {
            let mut rendered = vec!["```text".to_owned()];
            rendered.extend(lines.iter().map(|line| verbatim(line)));
            rendered.push("```".to_owned());
            rendered
        }
    }
}

/// A line of a fence: nothing in it may end the fence or hide.
fn verbatim(line: &str) -> String {
    let shown: String = line
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| !crate::literal::is_hidden(*c))
        .collect();
    let shown = shown.trim_end();
    if shown.trim_start().starts_with("```") || shown.trim_start().starts_with("~~~") {
        return shown.replace('`', "'").replace('~', "-");
    }
    shown.to_owned()
}

fn blocks(markdown: &str) -> Vec<Block> {
    let normal = line_breaks(markdown);
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut fence: Option<(char, Vec<String>)> = None;
    for line in normal.lines() {
        let bare = line.trim();
        if let Some((mark, lines)) = &mut fence {
            if is_fence(bare) == Some(*mark) {
                blocks.push(Block::Verbatim(std::mem::take(lines)));
                fence = None;
            } else {
                lines.push(line.to_owned());
            }
            continue;
        }
        if let Some(mark) = is_fence(bare) {
            blocks.extend(open.take());
            fence = Some((mark, Vec::new()));
        } else if bare.is_empty() || is_rule(bare) {
            blocks.extend(open.take());
        } else if bare.starts_with('|') {
            match &mut open {
                Some(Block::Verbatim(lines)) => lines.push(bare.to_owned()),
                _ => {
                    blocks.extend(open.replace(Block::Verbatim(vec![bare.to_owned()])));
                }
            }
        } else if let Some(heading) = heading(bare) {
            blocks.extend(open.take());
            blocks.push(Block::Paragraph(heading));
        } else if let Some((marker, text)) = item(bare) {
            blocks.extend(open.replace(Block::Item { marker, text }));
        } else {
            let bare = bare.trim_start_matches(['>', ' ']);
            match &mut open {
                Some(Block::Paragraph(text) | Block::Item { text, .. }) => {
                    text.push(' ');
                    text.push_str(bare);
                }
                _ => blocks.extend(open.replace(Block::Paragraph(bare.to_owned()))),
            }
        }
    }
    if let Some((_, lines)) = fence {
        blocks.push(Block::Verbatim(lines));
    }
    blocks.extend(open);
    blocks
}

/// The text with one kind of line break. Most texts have no other, and are taken as they are.
fn line_breaks(markdown: &str) -> Cow<'_, str> {
    let is_usual = |byte: u8| byte.is_ascii() && !matches!(byte, b'\r' | b'\x0b' | b'\x0c');
    if markdown.bytes().all(is_usual) {
        return Cow::Borrowed(markdown);
    }
    let others = ['\r', '\u{2028}', '\u{2029}', '\u{85}', '\u{b}', '\u{c}'];
    Cow::Owned(markdown.replace("\r\n", "\n").replace(others, "\n"))
}

fn is_fence(line: &str) -> Option<char> {
    ['`', '~']
        .into_iter()
        .find(|mark| line.chars().take_while(|c| c == mark).count() >= 3)
}

/// A rule or the underline of a heading, neither of which says anything.
fn is_rule(line: &str) -> bool {
    line.len() >= 3
        && ['-', '=', '*', '_']
            .into_iter()
            .any(|mark| line.chars().all(|c| c == mark || c == ' '))
}

fn heading(line: &str) -> Option<String> {
    let text = line.trim_start_matches('#');
    let depth = line.len() - text.len();
    ((1..=6).contains(&depth) && text.starts_with(' ')).then(|| {
        let text = text.trim().trim_end_matches('#').trim_end();
        if text.ends_with(['.', ':', '?', '!']) || text.is_empty() {
            text.to_owned()
        } else {
            format!("{text}:")
        }
    })
}

fn item(line: &str) -> Option<(String, String)> {
    if let Some(text) = ["- ", "* ", "+ "]
        .iter()
        .find_map(|mark| line.strip_prefix(mark))
    {
        return Some(("- ".to_owned(), text.trim().to_owned()));
    }
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let number: u32 = line.get(..digits)?.parse().ok()?;
    let text = line
        .get(digits..)?
        .strip_prefix(". ")
        .or_else(|| line.get(digits..)?.strip_prefix(") "))?;
    Some((format!("{number}. "), text.trim().to_owned()))
}

fn is_item(line: &str) -> bool {
    item(line).is_some()
}

fn starts_item(lines: &[String]) -> bool {
    lines.first().is_some_and(|line| is_item(line))
}

/// Words in lines of the usual width, the first after `first`, the others after `rest`.
fn fill(words: &[String], first: &str, rest: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut length = line.chars().count();
    let mut is_start = true;
    for word in words {
        let word_length = word.chars().count();
        if !is_start && length + 1 + word_length > WIDTH {
            lines.push(std::mem::replace(&mut line, rest.to_owned()));
            length = rest.chars().count();
            is_start = true;
        }
        if is_start {
            let word = inline::at_line_start(word);
            length += word.chars().count();
            line.push_str(&word);
        } else {
            line.push(' ');
            line.push_str(word);
            length += 1 + word_length;
        }
        is_start = false;
    }
    if !is_start {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests;
