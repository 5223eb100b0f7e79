//! JSON to tree: RFC 8259 to the letter, with a place for every key and value and every number as it was written.
//!
//! Apart from the YAML reader because JSON documents are the large ones, and because YAML takes texts that JSON does not.

use crate::codes;
use crate::finding::Finding;
use crate::load::parse::{DEPTH_MAX, Parsed, empty, keep_first};
use crate::load::tree::{Entry, Node, NodeValue};
use crate::source::{FileId, Span};

/// Parses a text that holds one JSON document.
pub(crate) fn parse(file: FileId, text: &str) -> Parsed {
    let mut parser = Parser {
        file,
        text,
        at: 0,
        findings: Vec::new(),
    };
    parser.skip_blanks();
    if parser.peek().is_none() {
        return Parsed::failed(empty(file));
    }
    match parser.document() {
        Ok(root) => Parsed {
            root: Some(root),
            findings: parser.findings,
        },
        Err(finding) => {
            parser.findings.push(*finding);
            Parsed {
                root: None,
                findings: parser.findings,
            }
        }
    }
}

type Result<T> = std::result::Result<T, Box<Finding>>;

struct Parser<'t> {
    file: FileId,
    text: &'t str,
    at: usize,
    findings: Vec<Finding>,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Node> {
        let root = self.value(0)?;
        self.skip_blanks();
        if self.peek().is_some() {
            return Err(self.unexpected("nothing after the document"));
        }
        Ok(root)
    }

    fn value(&mut self, depth: usize) -> Result<Node> {
        self.skip_blanks();
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.mapping(depth)?,
            Some(b'[') => self.sequence(depth)?,
            Some(b'"') => NodeValue::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", NodeValue::Bool(true))?,
            Some(b'f') => self.word("false", NodeValue::Bool(false))?,
            Some(b'n') => self.word("null", NodeValue::Null)?,
            _ => return Err(self.unexpected("a value")),
        };
        let end = match value {
            // A place that covered the whole mapping would underline everything in it.
            NodeValue::Mapping(_) | NodeValue::Sequence(_) => start + 1,
            _ => self.at,
        };
        let span = Span::new(self.file, start, end);
        Ok(Node { span, value })
    }

    fn mapping(&mut self, depth: usize) -> Result<NodeValue> {
        self.enter(depth)?;
        let mut entries = Vec::new();
        self.skip_blanks();
        if self.take(b'}') {
            return Ok(NodeValue::Mapping(entries));
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let start = self.at;
            let key = self.string()?;
            let key_span = Span::new(self.file, start, self.at);
            self.skip_blanks();
            if !self.take(b':') {
                return Err(self.unexpected("`:` after the key"));
            }
            let value = self.value(depth + 1)?;
            entries.push(Entry {
                key,
                key_span,
                value,
            });
            self.skip_blanks();
            if self.take(b'}') {
                keep_first(&mut entries, &mut self.findings);
                return Ok(NodeValue::Mapping(entries));
            }
            if !self.take(b',') {
                return Err(self.unexpected("`,` or `}` after the value"));
            }
        }
    }

    fn sequence(&mut self, depth: usize) -> Result<NodeValue> {
        self.enter(depth)?;
        let mut elements = Vec::new();
        self.skip_blanks();
        if self.take(b']') {
            return Ok(NodeValue::Sequence(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.skip_blanks();
            if self.take(b']') {
                return Ok(NodeValue::Sequence(elements));
            }
            if !self.take(b',') {
                return Err(self.unexpected("`,` or `]` after the value"));
            }
        }
    }

    fn enter(&mut self, depth: usize) -> Result<()> {
        if depth >= DEPTH_MAX {
            let span = Span::new(self.file, self.at, self.at + 1);
            let message = format!("the document is nested deeper than {DEPTH_MAX} levels");
            return Err(Box::new(Finding::new(&codes::TOO_LARGE, span, message)));
        }
        self.at += 1;
        Ok(())
    }

    fn number(&mut self) -> Result<NodeValue> {
        let start = self.at;
        self.take(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits()?;
        if leading_zero && whole > 1 {
            let span = Span::new(self.file, start, self.at);
            return Err(self.wrong(span, "a number begins with zero", "no zero before digits"));
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let lexeme = self.text.get(start..self.at).unwrap_or_default();
        Ok(NodeValue::Number(lexeme.to_owned()))
    }

    fn digits(&mut self) -> Result<usize> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        match self.at - start {
            0 => Err(self.unexpected("a digit")),
            count => Ok(count),
        }
    }

    fn word(&mut self, word: &str, value: NodeValue) -> Result<NodeValue> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if rest.strip_prefix(word).is_some_and(ends) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.unexpected("a value"))
        }
    }

    /// The string at the cursor, which stands on its opening quote.
    fn string(&mut self) -> Result<String> {
        let opening = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1F)) {
                self.at += 1;
            }
            text.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(control) => {
                    let span = Span::new(self.file, self.at, self.at + 1);
                    let message =
                        format!("a string holds the control character U+{control:04X} as it is");
                    return Err(self.wrong(span, &message, "the character escaped, as in `\\n`"));
                }
                None => {
                    let span = Span::new(self.file, opening, opening + 1);
                    return Err(self.wrong(span, "a string is never closed", "a closing quote"));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let start = self.at;
        self.at += 1;
        let letter = self.peek();
        self.at += usize::from(letter.is_some());
        let character = match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => {
                let span = Span::new(self.file, start, start + 1);
                return Err(self.wrong(
                    span,
                    "a backslash is followed by no escape of JSON",
                    "one of `\\\"`, `\\\\`, `\\/`, `\\b`, `\\f`, `\\n`, `\\r`, `\\t`, `\\uXXXX`",
                ));
            }
        };
        Ok(character)
    }

    fn unicode(&mut self, start: usize) -> Result<char> {
        let first = self.hex(start)?;
        let code = if (0xD800..0xDC00).contains(&first)
            && self.text.get(self.at..self.at + 2) == Some("\\u")
        {
            self.at += 2;
            let second = self.hex(start)?;
            (0xDC00..0xE000)
                .contains(&second)
                .then(|| 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        } else {
            Some(first)
        };
        code.and_then(char::from_u32).ok_or_else(|| {
            let span = Span::new(self.file, start, self.at);
            self.wrong(
                span,
                "half of a surrogate pair stands alone",
                "both halves, or the character itself",
            )
        })
    }

    fn hex(&mut self, start: usize) -> Result<u32> {
        let digits = self.text.get(self.at..self.at + 4);
        let code = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => {
                let span = Span::new(self.file, start, self.at);
                Err(self.wrong(span, "`\\u` is not followed by a code", "four hex digits"))
            }
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn unexpected(&self, expected: &str) -> Box<Finding> {
        let found = self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next());
        let (message, length) = match found {
            Some(found) => (format!("unexpected {found:?}"), found.len_utf8()),
            None => ("unexpected end of the file".to_owned(), 0),
        };
        let span = Span::new(self.file, self.at, self.at + length);
        let mut finding = self.wrong(span, &message, expected);
        let before = self.text.get(..self.at).unwrap_or_default().trim_end();
        if matches!(found, Some('}' | ']')) && before.ends_with(',') {
            finding.help = Some("remove the comma before it".to_owned());
        }
        finding
    }

    fn wrong(&self, span: Span, message: &str, expected: &str) -> Box<Finding> {
        Box::new(Finding::new(&codes::JSON_SYNTAX, span, message).expected(expected))
    }
}

#[cfg(test)]
mod tests;
