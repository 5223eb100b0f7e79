//! Why something is not an event.

use thiserror::Error;

/// Why an event can be neither built, nor read, nor written. None of these goes away by trying again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EventError {
    /// An attribute that every event has is not there.
    #[error("the attribute `{0}` is missing")]
    Missing(&'static str),
    /// The version of the specification is another one than 1.0.
    #[error("the version of CloudEvents is `{0}`, and 1.0 is read")]
    Version(String),
    /// Names are lower-case letters and digits.
    #[error("`{0}` is no name of an attribute: it may have lower-case letters and digits only")]
    Name(String),
    /// The name means something else in an event.
    #[error("`{0}` is no name of an extension: the specification gives it a meaning of its own")]
    Reserved(String),
    /// An attribute is said twice.
    #[error("the attribute `{0}` is said twice")]
    Duplicate(String),
    /// A value is not what its attribute may be.
    #[error("the attribute `{name}` {problem}")]
    Value {
        /// The attribute.
        name: String,
        /// What is wrong with it, to be read after its name.
        problem: &'static str,
    },
    /// The data is not what its content type says.
    #[error("the data {0}")]
    Data(&'static str),
    /// A document is not JSON, or not of the shape of an event.
    #[error("the document is not an event in JSON: {message} at line {line}, column {column}")]
    Json {
        /// The reader's words, without the place.
        message: String,
        /// The line, from 1; 0 where there is no place.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Something is larger than [`Limits`](super::Limits) allow.
    #[error("{what}: {found} are more than the limit of {limit}")]
    TooLarge {
        /// What it is, with its unit.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much is read at most.
        limit: usize,
    },
    /// A message is in another mode than one that holds a single event.
    #[error("the message holds no single event: it is in {0} mode")]
    Mode(&'static str),
    /// One event of a batch is wrong, and so the batch is.
    #[error("the event at index {index} of the batch")]
    InBatch {
        /// Its place, from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: Box<EventError>,
    },
}

impl EventError {
    /// What a value of an attribute is wrong about.
    pub(super) fn value(name: &str, problem: &'static str) -> Self {
        Self::Value {
            name: name.to_owned(),
            problem,
        }
    }

    /// The words of the JSON reader, with its place apart. They may quote the document, so there is an end to them.
    pub(super) fn json(error: &serde_json::Error) -> Self {
        const MESSAGE_MAX: usize = 200;
        let text = error.to_string();
        let message = text
            .rfind(" at line ")
            .and_then(|place| text.get(..place))
            .unwrap_or(&text);
        Self::Json {
            message: message.chars().take(MESSAGE_MAX).collect(),
            line: error.line(),
            column: error.column(),
        }
    }
}

/// Refuses what is more than a limit.
pub(super) fn within(what: &'static str, found: usize, limit: usize) -> Result<(), EventError> {
    if found > limit {
        return Err(EventError::TooLarge { what, found, limit });
    }
    Ok(())
}
