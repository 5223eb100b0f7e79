//! How much of what arrives is read, and what is forgiven.

/// The sizes that reading refuses to exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message: the document in structured and batch mode, the body in binary mode. 1 MiB: what brokers take by default.
    pub message_bytes: usize,
    /// Attributes of one event, those of the specification included. 128.
    pub attributes: usize,
    /// Bytes of the name of an attribute. 64: the specification recommends 20, and real extensions exceed it.
    pub name_bytes: usize,
    /// Bytes of the value of an attribute. 64 KiB: no intermediary must forward a larger event.
    pub value_bytes: usize,
    /// Events of one batch. 1000.
    pub batch_events: usize,
}

impl Limits {
    /// The defaults, as a constant.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            message_bytes: 1024 * 1024,
            attributes: 128,
            name_bytes: 64,
            value_bytes: 64 * 1024,
            batch_events: 1000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// What becomes of an extension whose name the specification forbids, such as `aString` or `a_name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InvalidNames {
    /// The event is refused. The default: what is dropped or renamed in silence is missed much later.
    #[default]
    Refuse,
    /// The name is read in lower case. What is invalid even then is refused.
    LowerCase,
    /// The extension is dropped.
    Drop,
}

/// How events are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// The sizes that are refused.
    pub limits: Limits,
    /// What becomes of extensions with invalid names.
    pub invalid_names: InvalidNames,
}
