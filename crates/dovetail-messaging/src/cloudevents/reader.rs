//! What reading an event has in common, whatever it is read from: names are judged once, and attributes gathered.

use std::{borrow::Cow, collections::BTreeSet};

use super::{
    Builder, Data, Event, EventError, InvalidNames, Reading, Value, attribute::is_name,
    error::within,
};

/// An event that is being read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    reading: &'a Reading,
    builder: Builder,
    // Names as they are read, and not as they are written.
    seen: BTreeSet<String>,
    has_version: bool,
}

impl<'a> Reader<'a> {
    /// Nothing is read yet.
    pub(super) fn new(reading: &'a Reading) -> Self {
        Self {
            reading,
            builder: Builder::default(),
            seen: BTreeSet::new(),
            has_version: false,
        }
    }

    /// The name that an attribute is read under; `None` if it is dropped.
    pub(super) fn name<'n>(&mut self, name: &'n str) -> Result<Option<Cow<'n, str>>, EventError> {
        let limits = &self.reading.limits;
        within("bytes of a name", name.len(), limits.name_bytes)?;
        let name = match self.reading.invalid_names {
            _ if is_name(name) => Cow::Borrowed(name),
            InvalidNames::Drop => return Ok(None),
            InvalidNames::LowerCase if is_name(&name.to_ascii_lowercase()) => {
                Cow::Owned(name.to_ascii_lowercase())
            }
            InvalidNames::LowerCase | InvalidNames::Refuse => {
                return Err(EventError::Name(name.to_owned()));
            }
        };
        if !self.seen.insert(name.clone().into_owned()) {
            return Err(EventError::Duplicate(name.into_owned()));
        }
        within("attributes", self.seen.len(), limits.attributes)?;
        Ok(Some(name))
    }

    /// Takes an attribute from its text: one of the specification, or an extension.
    pub(super) fn text(&mut self, name: &str, text: String) -> Result<(), EventError> {
        self.has_version |= name == "specversion";
        self.builder.set(name, text)
    }

    /// Takes an extension that has a type.
    pub(super) fn extension(&mut self, name: &str, value: Value) {
        self.builder.extend(name, value);
    }

    /// Takes the data.
    pub(super) fn data(&mut self, data: Data) {
        self.builder.carry(data);
    }

    /// The content type, if it was read.
    pub(super) fn content_type(&self) -> Option<&str> {
        self.builder.content_type()
    }

    /// The event, if that is what was read.
    pub(super) fn finish(self) -> Result<Event, EventError> {
        if !self.has_version {
            return Err(EventError::Missing("specversion"));
        }
        self.builder.build_within(&self.reading.limits)
    }
}
