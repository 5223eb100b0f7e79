//! What a consumer relies on: interactions with a provider, each a request and what is read of the answer.

use indexmap::IndexMap;
use serde_json::Value;

use crate::schema::Type;
use crate::source::{FileId, Span, Spanned};

/// What one consumer relies on of one provider.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// The file that says so.
    pub file: FileId,
    /// Name of the consumer.
    pub consumer: Spanned<String>,
    /// Name of the provider.
    pub provider: Spanned<String>,
    /// The interactions; their names are unique here.
    pub interactions: Vec<Interaction>,
}

/// One call and what is read of its answer.
#[derive(Debug, Clone)]
pub struct Interaction {
    /// What it shows, in a few words.
    pub name: Spanned<String>,
    /// States that the provider is put into first, in order.
    pub given: Vec<Given>,
    /// Id of the provider's operation.
    pub operation: Spanned<String>,
    /// What is sent.
    pub request: Request,
    /// What is read of the answer.
    pub response: Expected,
}

/// A state that an interaction needs.
#[derive(Debug, Clone)]
pub struct Given {
    /// Name of the state.
    pub state: Spanned<String>,
    /// Parameters for it.
    pub with: serde_json::Map<String, Value>,
    /// Example of each value that setting it up returns; the real ones replace `${name}` in the request and in what is read.
    pub returns: IndexMap<String, Spanned<Value>>,
}

/// What is sent. Any string in it may hold `${name}` for a value that a state returns; a string that is nothing else takes the value's type.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where it stands; the interaction's name where nothing is sent.
    pub span: Span,
    /// Path parameters.
    pub path: IndexMap<String, Argument>,
    /// Query parameters.
    pub query: IndexMap<String, Argument>,
    /// Header parameters.
    pub headers: IndexMap<String, Argument>,
    /// Cookie parameters.
    pub cookies: IndexMap<String, Argument>,
    /// The body.
    pub body: Option<Spanned<Value>>,
    /// Media type of the body; the first that the operation takes where none is said.
    pub content_type: Option<Spanned<String>>,
}

/// The value of a parameter.
#[derive(Debug, Clone)]
pub struct Argument {
    /// Where its name stands.
    pub name_span: Span,
    /// The value, before styles turn it into text.
    pub value: Spanned<Value>,
}

/// What is read of an answer. What is not named may change.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Where it stands.
    pub span: Span,
    /// The status.
    pub status: Spanned<u16>,
    /// Headers that are read.
    pub headers: IndexMap<String, Matcher>,
    /// Media type that is read; not checked beyond the provider's own promise where none is said.
    pub content_type: Option<Spanned<String>>,
    /// The body; `None` where it is not read.
    pub body: Option<Matcher>,
}

/// What is read at one place of an answer. All that it says must hold.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// Where its name stands, or the matcher itself where it has none.
    pub name_span: Span,
    /// Where it stands.
    pub span: Span,
    /// The consumer gets along without it.
    pub optional: bool,
    /// The consumer gets along with `null`.
    pub nullable: bool,
    /// It must not be there.
    pub absent: bool,
    /// Its type.
    pub kind: Option<Spanned<Type>>,
    /// An example; the value must have the example's type where no type is said.
    pub example: Option<Spanned<Value>>,
    /// Exactly this value.
    pub equals: Option<Spanned<Value>>,
    /// One of these values; empty for any.
    pub one_of: Vec<Spanned<Value>>,
    /// A pattern that the whole text is searched for.
    pub regex: Option<Spanned<Pattern>>,
    /// A format of the text, as JSON Schema names them.
    pub format: Option<Spanned<String>>,
    /// Fields of an object; others may be there.
    pub fields: IndexMap<String, Matcher>,
    /// What each element of an array is.
    pub each: Option<Box<Matcher>>,
    /// Fewest elements; 1 where only `each` is said, so that an empty array proves nothing silently.
    pub min: Option<Spanned<u64>>,
    /// Most elements.
    pub max: Option<Spanned<u64>>,
}

/// A regular expression, compiled once.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As written.
    pub text: String,
    /// Compiled, with a bound on backtracking.
    pub regex: fancy_regex::Regex,
}

impl Matcher {
    /// A matcher that says nothing yet.
    #[must_use]
    pub fn anything(name_span: Span, span: Span) -> Self {
        Self {
            name_span,
            span,
            optional: false,
            nullable: false,
            absent: false,
            kind: None,
            example: None,
            equals: None,
            one_of: Vec::new(),
            regex: None,
            format: None,
            fields: IndexMap::new(),
            each: None,
            min: None,
            max: None,
        }
    }

    /// The type that a value must have, if one is said or follows from the rest.
    #[must_use]
    pub fn implied_type(&self) -> Option<Type> {
        if let Some(kind) = &self.kind {
            return Some(kind.value);
        }
        if !self.fields.is_empty() {
            return Some(Type::Object);
        }
        if self.each.is_some() || self.min.is_some() || self.max.is_some() {
            return Some(Type::Array);
        }
        if self.regex.is_some() || self.format.is_some() {
            return Some(Type::String);
        }
        // Who writes `10.0` reads a number, though the value would do for an integer.
        self.example.as_ref().map(|example| match &example.value {
            Value::Number(number) if number.is_f64() => Type::Number,
            value => Type::of(value),
        })
    }

    /// Fewest elements of an array.
    #[must_use]
    pub fn least(&self) -> u64 {
        self.min
            .as_ref()
            .map_or(u64::from(self.each.is_some()), |min| min.value)
    }
}
