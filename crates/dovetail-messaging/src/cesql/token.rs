//! The words and signs of a filter.

use super::{FilterError, FilterErrorKind};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Letters, digits and underscores: a keyword, an attribute or a function.
    Word(&'a str),
    /// Digits alone, without a sign.
    Integer(&'a str),
    /// A string, without its quotes and the escapes of them.
    String(String),
    /// An operator, a parenthesis or a comma.
    Sign(&'static str),
    /// Nothing more.
    End,
}

impl Token<'_> {
    /// Whether this is a certain keyword, in whatever case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// The token as an error names it.
    pub(super) fn describe(&self) -> String {
        const SHOWN: usize = 40;
        match self {
            Self::Word(text) | Self::Integer(text) => {
                format!("`{}`", text.chars().take(SHOWN).collect::<String>())
            }
            Self::String(_) => "a string".to_owned(),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Every sign; of two that begin alike, the longer stands first.
const SIGNS: [&str; 15] = [
    "!=", "<>", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", ",",
];

/// Reads tokens one after the other.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
    length: usize,
}

impl<'a> Tokens<'a> {
    /// Nothing is read yet.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            length: text.len(),
        }
    }

    /// The next token, and how many bytes stand before it.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'a>), FilterError> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let position = self.length - self.rest.len();
        let Some(first) = self.rest.chars().next() else {
            return Ok((position, Token::End));
        };
        let error = |kind| FilterError { position, kind };
        if first.is_ascii_alphanumeric() {
            return Ok((position, self.word()));
        }
        if matches!(first, '\'' | '"') {
            let string = self.string(first);
            return Ok((position, string.ok_or(error(FilterErrorKind::OpenString))?));
        }
        for sign in SIGNS {
            if let Some(rest) = self.rest.strip_prefix(sign) {
                self.rest = rest;
                return Ok((position, Token::Sign(sign)));
            }
        }
        Err(error(FilterErrorKind::Character(first)))
    }

    fn word(&mut self) -> Token<'a> {
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            Token::Integer(word)
        } else {
            Token::Word(word)
        }
    }

    /// A string with its quotes. A backslash before the quote stands for the quote; any other stays, for patterns to escape with.
    fn string(&mut self, quote: char) -> Option<Token<'a>> {
        let mut text = String::new();
        let mut chars = self.rest.chars();
        chars.next();
        loop {
            match chars.next()? {
                c if c == quote => break,
                '\\' => match chars.next()? {
                    c if c == quote => text.push(quote),
                    other => text.extend(['\\', other]),
                },
                c => text.push(c),
            }
        }
        self.rest = chars.as_str();
        Some(Token::String(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token<'_>>, FilterError> {
        let mut tokens = Tokens::new(text);
        let mut found = Vec::new();
        loop {
            match tokens.next()?.1 {
                Token::End => return Ok(found),
                token => found.push(token),
            }
        }
    }

    #[test]
    fn a_text_is_words_numbers_strings_and_signs() {
        let string = |text: &str| Token::String(text.to_owned());
        let rows = [
            (
                "a1 1a 11",
                vec![Token::Word("a1"), Token::Word("1a"), Token::Integer("11")],
            ),
            (
                "CONCAT_WS(",
                vec![Token::Word("CONCAT_WS"), Token::Sign("(")],
            ),
            (
                "<=<><!==",
                ["<=", "<>", "<", "!=", "="].map(Token::Sign).to_vec(),
            ),
            (
                r#"'a"b\'c' "a'b\"c""#,
                vec![string("a\"b'c"), string("a'b\"c")],
            ),
            (
                r"'a\%b' 'a\\' 'a\n'",
                vec![string(r"a\%b"), string(r"a\\"), string(r"a\n")],
            ),
            ("'é\n😀'", vec![string("é\n😀")]),
            (" \t\r\n", vec![]),
        ];
        for (text, expected) in rows {
            assert_eq!(tokens(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_placed() {
        let rows = [
            ("a é", 2, FilterErrorKind::Character('é')),
            ("!", 0, FilterErrorKind::Character('!')),
            ("_a", 0, FilterErrorKind::Character('_')),
            ("'é' 'b", 5, FilterErrorKind::OpenString),
            (r"'\'", 0, FilterErrorKind::OpenString),
            (r"'\", 0, FilterErrorKind::OpenString),
        ];
        for (text, position, kind) in rows {
            assert_eq!(tokens(text), Err(FilterError { position, kind }), "{text}");
        }
    }
}
