//! Generated text as tokens: what the layout needs to know of them, and the proof that text of contracts has not become code.
//!
//! This is not all of Rust. Block comments, raw literals and literals over several lines are never generated, so they are refused: whatever
//! a contract says, a literal ends on its line, brackets match, and nothing stands outside of literals but names and punctuation.

/// What no line has room for: the width of tokens around which lines must be broken.
const ENDLESS: usize = 1 << 20;
/// Struct expressions wider than this are broken, however much room there is.
const STRUCT_WIDTH_MAX: usize = 34;
/// Deeper nesting is a defect: layout follows it by recursion.
const DEPTH_MAX: usize = 64;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a keyword, a number or a lifetime.
    Word,
    /// A literal in quotes.
    Literal,
    /// Punctuation.
    Mark,
    /// An opening bracket.
    Open,
    /// A closing bracket.
    Close,
    /// A comment up to the end of its line, documentation included.
    Comment,
}

/// A token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'t> {
    pub(super) text: &'t str,
    pub(super) kind: Kind,
    /// Whether a blank stands before it where it follows another on a line.
    pub(super) spaced: bool,
    /// Whether it is left out on a line: a comma before the bracket that closes a list.
    pub(super) dropped: bool,
    /// Index of the bracket that belongs to a bracket; of other tokens, their own.
    pub(super) mate: usize,
}

/// All tokens of a file.
#[derive(Debug)]
pub(super) struct Tokens<'t> {
    pub(super) list: Vec<Token<'t>>,
    /// Columns that all tokens before this one take on a line; one more than there are tokens.
    columns: Vec<usize>,
}

impl<'t> Tokens<'t> {
    /// Reads a text.
    ///
    /// # Errors
    ///
    /// Says in which line the text is not what a generated file may hold.
    pub(super) fn read(text: &'t str) -> Result<Self, String> {
        let mut reader = Reader {
            text,
            at: 0,
            open: Vec::new(),
            tokens: Self {
                list: Vec::with_capacity(text.len() / 5),
                columns: vec![0],
            },
        };
        while let Some(had_blank) = reader.skip_blanks() {
            reader
                .token(had_blank)
                .map_err(|message| format!("line {}: {message}", reader.line()))?;
        }
        match reader.open.last() {
            Some(_) => Err("a bracket is not closed".to_owned()),
            None => Ok(reader.tokens),
        }
    }

    /// The text of a token; nothing beyond the last one.
    pub(super) fn text(&self, at: usize) -> &'t str {
        self.list.get(at).map_or("", |token| token.text)
    }

    /// What a token is; punctuation beyond the last one.
    pub(super) fn kind(&self, at: usize) -> Kind {
        self.list.get(at).map_or(Kind::Mark, |token| token.kind)
    }

    /// The token after this one, or after the bracket that closes what this one opens.
    pub(super) fn next(&self, at: usize) -> usize {
        match self.list.get(at) {
            Some(token) if token.kind == Kind::Open => token.mate + 1,
            _ => at + 1,
        }
    }

    /// Whether a brace in an expression follows the path of a struct, rather than opening a block.
    pub(super) fn is_struct(&self, brace: usize) -> bool {
        const KEYWORDS: [&str; 9] = [
            "async", "const", "else", "loop", "match", "move", "self", "try", "unsafe",
        ];
        let before = brace.checked_sub(1);
        before.is_some_and(|at| self.kind(at) == Kind::Word && !KEYWORDS.contains(&self.text(at)))
    }

    /// Columns that tokens take on a line of their own.
    pub(super) fn width(&self, from: usize, to: usize) -> usize {
        let column = |at: usize| self.columns.get(at).copied().unwrap_or(ENDLESS);
        let blank = self.list.get(from).is_some_and(|token| token.spaced);
        column(to).saturating_sub(column(from) + usize::from(blank))
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// Opening brackets that are not closed yet, and whether a statement ended behind each.
    open: Vec<(usize, bool)>,
    tokens: Tokens<'t>,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn line(&self) -> usize {
        let read = self.text.get(..self.at).unwrap_or_default();
        1 + read.bytes().filter(|byte| *byte == b'\n').count()
    }

    /// Goes to the next token, and says whether a blank stood before it. Nothing where there is none.
    fn skip_blanks(&mut self) -> Option<bool> {
        let rest = self.rest();
        let next = rest.trim_start_matches([' ', '\n']);
        self.at += rest.len() - next.len();
        (!next.is_empty()).then_some(next.len() < rest.len())
    }

    fn token(&mut self, had_blank: bool) -> Result<(), String> {
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or_default();
        let (kind, length) = match first {
            '/' if rest.starts_with("//") => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
            '"' => (Kind::Literal, literal_length(rest, '"')?),
            '\'' => quoted(rest)?,
            '(' | '[' | '{' => (Kind::Open, 1),
            ')' | ']' | '}' => (Kind::Close, 1),
            c if is_name(c) => (Kind::Word, word_length(rest)),
            _ => (Kind::Mark, mark_length(rest)?),
        };
        let text = rest.get(..length).unwrap_or_default().trim_end();
        self.push(text, kind, had_blank)?;
        self.at += length;
        Ok(())
    }

    fn push(&mut self, text: &'t str, kind: Kind, had_blank: bool) -> Result<(), String> {
        let index = self.tokens.list.len();
        let (mut mate, mut is_block) = (index, false);
        match kind {
            Kind::Open if self.open.len() == DEPTH_MAX => {
                return Err("brackets are nested too deeply".to_owned());
            }
            Kind::Open => self.open.push((index, false)),
            Kind::Close => (mate, is_block) = self.close(text, had_blank)?,
            _ => {
                if let Some((_, is_block)) = self.open.last_mut().filter(|_| text == ";") {
                    *is_block = true;
                }
            }
        }
        let hugs = matches!(text, ")" | "]" | "," | ";" | "." | "?");
        let after = self.tokens.list.last();
        let is_hugged = after.is_some_and(|before| {
            matches!(before.text, "(" | "[") || (before.text == "{" && text == "}")
        });
        let spaced = had_blank && !hugs && !is_hugged && index > 0;
        let columns = if text.is_ascii() {
            text.len()
        } else {
            text.chars().count()
        };
        let mut width = columns + usize::from(spaced);
        let must_break = kind == Kind::Comment
            || text == "match"
            || (text == "}" && (is_block || self.is_wide_struct(mate, index)));
        if must_break {
            width += ENDLESS;
        }
        let total = self.tokens.columns.last().copied().unwrap_or_default();
        self.tokens.columns.push(total.saturating_add(width));
        self.tokens.list.push(Token {
            text,
            kind,
            spaced,
            dropped: false,
            mate,
        });
        Ok(())
    }

    /// Finds what a closing bracket closes, and whether statements end in between. Leaves out a comma before it that only stands at the end
    /// of a line.
    fn close(&mut self, text: &str, had_blank: bool) -> Result<(usize, bool), String> {
        let index = self.tokens.list.len();
        let (opened, is_block) = self.open.pop().ok_or("a bracket closes nothing")?;
        let expected = match self.tokens.text(opened) {
            "(" => ")",
            "[" => "]",
            _ => "}",
        };
        if text != expected {
            return Err(format!("`{text}` where `{expected}` closes"));
        }
        if let Some(open) = self.tokens.list.get_mut(opened) {
            open.mate = index;
        }
        if let Some(comma) = self.tokens.list.last_mut()
            && comma.text == ","
            && had_blank
        {
            comma.dropped = true;
            self.tokens.columns.pop();
            let total = self.tokens.columns.last().copied().unwrap_or_default();
            self.tokens.columns.push(total);
        }
        Ok((opened, is_block))
    }

    /// Whether the brace that comes next closes a struct expression that is wider than such may be. Patterns are followed by an arrow.
    fn is_wide_struct(&self, opened: usize, closing: usize) -> bool {
        let tokens = &self.tokens;
        if opened + 1 == closing || !tokens.is_struct(opened) {
            return false;
        }
        let after = self.rest().get(1..).unwrap_or_default().trim_start();
        if after.starts_with("=>") {
            return false;
        }
        let mut start = opened - 1;
        while start >= 2 && tokens.text(start - 1) == "::" {
            start -= 2;
        }
        tokens.width(start, closing) + 1 > STRUCT_WIDTH_MAX
    }
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// A name, with `r#` before it or not, or a number with its fraction.
fn word_length(rest: &str) -> usize {
    let length_of = |text: &str| text.find(|c| !is_name(c)).unwrap_or(text.len());
    let raw = rest.strip_prefix("r#").map_or(0, length_of);
    if raw > 0 {
        return raw + 2;
    }
    let length = length_of(rest);
    let fraction = rest
        .get(length..)
        .and_then(|after| after.strip_prefix('.'))
        .filter(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    match fraction {
        Some(fraction) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
            length + 1 + length_of(fraction)
        }
        _ => length,
    }
}

/// A literal with its quotes, which must end on its line.
fn literal_length(rest: &str, quote: char) -> Result<usize, String> {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\n' => break,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return Ok(at + c.len_utf8()),
            _ => {}
        }
    }
    Err("a literal does not end on its line".to_owned())
}

/// A lifetime or a character.
fn quoted(rest: &str) -> Result<(Kind, usize), String> {
    let mut after = rest.chars().skip(1);
    match (after.next(), after.next()) {
        (Some(c), second) if is_name(c) && second != Some('\'') => Ok((
            Kind::Word,
            1 + word_length(rest.get(1..).unwrap_or_default()),
        )),
        _ => Ok((Kind::Literal, literal_length(rest, '\'')?)),
    }
}

fn mark_length(rest: &str) -> Result<usize, String> {
    const LONG: [&str; 5] = ["..=", "..", "::", "->", "=>"];
    const SHORT: &str = "&<>=!?:;,.#|@-+*";
    if let Some(mark) = LONG.iter().find(|mark| rest.starts_with(**mark)) {
        return Ok(mark.len());
    }
    match rest.chars().next() {
        Some(c) if SHORT.contains(c) => Ok(1),
        other => Err(format!(
            "`{}` outside of a literal",
            other.unwrap_or_default().escape_default()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        let tokens = Tokens::read(text).expect("tokens");
        tokens.list.iter().map(|token| token.text).collect()
    }

    #[test]
    fn tokens_end_where_they_end_in_rust() {
        let rows: [(&str, &[&str]); 6] = [
            (
                "a::<'_, r#type>",
                &["a", "::", "<", "'_", ",", "r#type", ">"],
            ),
            (
                "500..=599 => 1.5,",
                &["500", "..=", "599", "=>", "1.5", ","],
            ),
            (
                r#"f("a\"b\\", '"', '\'')"#,
                &["f", "(", r#""a\"b\\""#, ",", "'\"'", ",", r"'\''", ")"],
            ),
            ("..Retry::new()", &["..", "Retry", "::", "new", "(", ")"]),
            ("/// it's \"open  \nx", &["/// it's \"open", "x"]),
            ("имя: Größe", &["имя", ":", "Größe"]),
        ];
        for (text, expected) in rows {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_generated_rust_is_refused_with_its_line() {
        let rows = [
            ("a\nfn (", "a bracket is not closed"),
            ("f(]", "line 1: `]` where `)` closes"),
            ("\n}", "line 2: a bracket closes nothing"),
            ("a(\"b\nc\")", "line 1: a literal does not end on its line"),
            ("/* x */", "line 1: `/` outside of a literal"),
            ("a \u{202e} b", "line 1: `\\u{202e}` outside of a literal"),
            ("a\rb", "line 1: `\\r` outside of a literal"),
        ];
        for (text, message) in rows {
            assert_eq!(
                Tokens::read(text).map(drop),
                Err(message.to_owned()),
                "{text:?}"
            );
        }
        let deep = "(".repeat(100_000);
        let message = "line 1: brackets are nested too deeply".to_owned();
        assert_eq!(Tokens::read(&deep).map(drop), Err(message));
    }
}
