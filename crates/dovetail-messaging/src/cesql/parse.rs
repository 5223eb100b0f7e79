//! From the text of a filter to its tree, by descent. Every part is counted, and so is every level.

use super::{
    DEPTH_MAX, FilterError, FilterErrorKind, LENGTH_MAX, PARTS_MAX, Value,
    expression::{Compare, Expression, Kind, Logic, Math, Operator, Step},
    function::Function,
    like::Pattern,
    token::{Token, Tokens},
};

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Result<Expression, FilterError> {
    if text.len() > LENGTH_MAX {
        return Err(FilterError {
            position: LENGTH_MAX,
            kind: FilterErrorKind::TooLong,
        });
    }
    let mut tokens = Tokens::new(text);
    let (position, token) = tokens.next()?;
    let mut parser = Parser {
        tokens,
        token,
        position,
        depth: 0,
        parts: 0,
    };
    let expression = parser.expression()?;
    if parser.token != Token::End {
        return Err(parser.expected("an operator or the end"));
    }
    Ok(expression)
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    // The token that is next, and where it stands.
    token: Token<'a>,
    position: usize,
    depth: usize,
    parts: usize,
}

/// From what binds weakest to what binds strongest.
const LEVELS: [Level; 4] = [logic, compare, sum, product];

type Level = fn(&Token<'_>) -> Option<Operator>;

fn logic(token: &Token<'_>) -> Option<Operator> {
    let keywords = [("AND", Logic::And), ("OR", Logic::Or), ("XOR", Logic::Xor)];
    keywords
        .into_iter()
        .find_map(|(keyword, logic)| token.is(keyword).then_some(Operator::Logic(logic)))
}

fn compare(token: &Token<'_>) -> Option<Operator> {
    Some(Operator::Compare(match token {
        Token::Sign("=") => Compare::Equal,
        Token::Sign("!=" | "<>") => Compare::NotEqual,
        Token::Sign("<") => Compare::Less,
        Token::Sign("<=") => Compare::LessOrEqual,
        Token::Sign(">") => Compare::Greater,
        Token::Sign(">=") => Compare::GreaterOrEqual,
        _ => return None,
    }))
}

fn sum(token: &Token<'_>) -> Option<Operator> {
    Some(Operator::Math(match token {
        Token::Sign("+") => Math::Add,
        Token::Sign("-") => Math::Subtract,
        _ => return None,
    }))
}

fn product(token: &Token<'_>) -> Option<Operator> {
    Some(Operator::Math(match token {
        Token::Sign("*") => Math::Multiply,
        Token::Sign("/") => Math::Divide,
        Token::Sign("%") => Math::Remainder,
        _ => return None,
    }))
}

/// What no attribute can be called, for the language has a use for it.
const KEYWORDS: [&str; 9] = [
    "AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE",
];

impl<'a> Parser<'a> {
    fn expression(&mut self) -> Result<Expression, FilterError> {
        self.nested(|parser| parser.row(&LEVELS))
    }

    /// Operators of the first level, between operands of the others.
    fn row(&mut self, levels: &[Level]) -> Result<Expression, FilterError> {
        let Some((level, stronger)) = levels.split_first() else {
            return self.suffixed();
        };
        let first = self.row(stronger)?;
        let mut rest = Vec::new();
        while let Some(operator) = level(&self.token) {
            let (position, _) = self.take()?;
            rest.push(Step {
                operator,
                position,
                operand: self.row(stronger)?,
            });
        }
        if rest.is_empty() {
            return Ok(first);
        }
        let position = first.position;
        self.part(
            position,
            Kind::Row {
                first: Box::new(first),
                rest,
            },
        )
    }

    /// An operand with any number of `LIKE` and `IN` after it. Each is a level, for what stands before it is within it.
    fn suffixed(&mut self) -> Result<Expression, FilterError> {
        let depth = self.depth;
        let mut operand = self.unary()?;
        while ["NOT", "LIKE", "IN"].iter().any(|word| self.token.is(word)) {
            self.deeper()?;
            let position = self.position;
            let is_negated = self.takes("NOT")?;
            let boxed = Box::new(operand);
            let kind = if self.takes("LIKE")? {
                Kind::Like {
                    operand: boxed,
                    pattern: self.pattern()?,
                    is_negated,
                }
            } else if self.takes("IN")? {
                Kind::In {
                    operand: boxed,
                    set: self.set()?,
                    is_negated,
                }
            } else {
                return Err(self.expected("`LIKE` or `IN`"));
            };
            operand = self.part(position, kind)?;
        }
        self.depth = depth;
        Ok(operand)
    }

    fn unary(&mut self) -> Result<Expression, FilterError> {
        let position = self.position;
        if self.takes("NOT")? {
            let operand = self.nested(Self::unary)?;
            return self.part(position, Kind::Not(Box::new(operand)));
        }
        let Token::Sign(sign @ ("-" | "+")) = self.token else {
            return self.primary();
        };
        self.take()?;
        // The sign belongs to the number, for the smallest one has no opposite.
        if let Token::Integer(digits) = self.token {
            self.take()?;
            return self.integer(position, &format!("{sign}{digits}"));
        }
        if sign == "+" {
            return Err(self.expected("a number"));
        }
        let operand = self.nested(Self::unary)?;
        self.part(position, Kind::Negate(Box::new(operand)))
    }

    fn primary(&mut self) -> Result<Expression, FilterError> {
        let position = self.position;
        if self.takes("EXISTS")? {
            let name = self.name()?;
            return self.part(position, Kind::Exists(name));
        }
        for (keyword, value) in [("TRUE", true), ("FALSE", false)] {
            if self.takes(keyword)? {
                return self.part(position, Kind::Literal(Value::Boolean(value)));
            }
        }
        match self.token {
            Token::Integer(digits) => {
                self.take()?;
                self.integer(position, digits)
            }
            Token::String(_) => {
                let text = self.string()?;
                self.part(position, Kind::Literal(Value::String(text.into())))
            }
            Token::Sign("(") => {
                self.take()?;
                let inner = self.expression()?;
                self.sign(")")?;
                Ok(inner)
            }
            Token::Word(word) if !is_keyword(word) => self.word(word),
            _ => Err(self.expected("an attribute, a value or a function")),
        }
    }

    /// A call, or an attribute: only what follows tells them apart.
    fn word(&mut self, word: &str) -> Result<Expression, FilterError> {
        let position = self.position;
        let misplaced = |expected| Self::misplaced((position, Token::Word(word)), expected);
        self.take()?;
        if self.token != Token::Sign("(") {
            if !is_attribute(word) {
                return Err(misplaced("an attribute, of letters and digits"));
            }
            return self.part(position, Kind::Attribute(word.to_ascii_lowercase()));
        }
        if word.contains(|c: char| c.is_ascii_digit()) {
            return Err(misplaced("a function, of letters and underscores"));
        }
        self.take()?;
        let arguments = if self.token == Token::Sign(")") {
            self.take()?;
            Vec::new()
        } else {
            self.list()?
        };
        let function = Function::find(word, arguments.len());
        self.part(
            position,
            Kind::Call {
                function,
                arguments,
            },
        )
    }

    fn set(&mut self) -> Result<Vec<Expression>, FilterError> {
        self.sign("(")?;
        self.list()
    }

    /// Expressions up to the parenthesis that closes them.
    fn list(&mut self) -> Result<Vec<Expression>, FilterError> {
        let mut items = vec![self.expression()?];
        while self.token == Token::Sign(",") {
            self.take()?;
            items.push(self.expression()?);
        }
        self.sign(")")?;
        Ok(items)
    }

    fn pattern(&mut self) -> Result<Pattern, FilterError> {
        let position = self.position;
        let text = self.string()?;
        Pattern::new(&text).ok_or(FilterError {
            position,
            kind: FilterErrorKind::PatternTooLong,
        })
    }

    fn string(&mut self) -> Result<String, FilterError> {
        if !matches!(self.token, Token::String(_)) {
            return Err(self.expected("a string"));
        }
        match self.take()? {
            (_, Token::String(text)) => Ok(text),
            _ => Ok(String::new()),
        }
    }

    fn name(&mut self) -> Result<String, FilterError> {
        match self.token {
            Token::Word(word) if is_attribute(word) && !is_keyword(word) => {
                self.take()?;
                Ok(word.to_ascii_lowercase())
            }
            Token::Integer(digits) => {
                self.take()?;
                Ok(digits.to_owned())
            }
            _ => Err(self.expected("an attribute")),
        }
    }

    fn integer(&mut self, position: usize, text: &str) -> Result<Expression, FilterError> {
        let value = text.parse().map_err(|_| FilterError {
            position,
            kind: FilterErrorKind::Integer,
        })?;
        self.part(position, Kind::Literal(Value::Integer(value)))
    }

    /// Takes the next token.
    fn take(&mut self) -> Result<(usize, Token<'a>), FilterError> {
        let (position, token) = self.tokens.next()?;
        let taken = std::mem::replace(&mut self.token, token);
        Ok((std::mem::replace(&mut self.position, position), taken))
    }

    /// Takes the next token if it is a certain keyword.
    fn takes(&mut self, keyword: &str) -> Result<bool, FilterError> {
        let is_next = self.token.is(keyword);
        if is_next {
            self.take()?;
        }
        Ok(is_next)
    }

    fn sign(&mut self, sign: &'static str) -> Result<(), FilterError> {
        if self.token != Token::Sign(sign) {
            return Err(self.expected(match sign {
                "(" => "`(`",
                _ => "an operator, `,` or `)`",
            }));
        }
        self.take()?;
        Ok(())
    }

    /// Reads what is one level deeper.
    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Expression, FilterError>,
    ) -> Result<Expression, FilterError> {
        self.deeper()?;
        let expression = read(self)?;
        self.depth -= 1;
        Ok(expression)
    }

    fn deeper(&mut self) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(FilterError {
                position: self.position,
                kind: FilterErrorKind::TooDeep,
            });
        }
        Ok(())
    }

    fn part(&mut self, position: usize, kind: Kind) -> Result<Expression, FilterError> {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(FilterError {
                position,
                kind: FilterErrorKind::TooManyParts,
            });
        }
        Ok(Expression { position, kind })
    }

    fn expected(&self, expected: &'static str) -> FilterError {
        Self::misplaced((self.position, self.token.clone()), expected)
    }

    fn misplaced((position, token): (usize, Token<'_>), expected: &'static str) -> FilterError {
        FilterError {
            position,
            kind: FilterErrorKind::Expected {
                expected,
                found: token.describe(),
            },
        }
    }
}

fn is_attribute(word: &str) -> bool {
    !word.contains('_')
}

fn is_keyword(word: &str) -> bool {
    KEYWORDS
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
}
