//! Bodies of several parts (RFC 7578, RFC 2046): forms with files.
//!
//! ```
//! # use dovetail_client::multipart::{FilePart, Form};
//! let photo = FilePart::new("…").named("cat.png").of_type("image/png");
//! let form = Form::new()
//!     .value("title", "A cat")
//!     .value("tags", &["cat", "grey"])
//!     .value("note", &None::<String>)
//!     .file("photo", &photo);
//! # let _ = form;
//! ```

mod encode;

use std::fmt;

use bytes::Bytes;
use dovetail_resilience::Chance;
use serde::Serialize;

use crate::{body::Body, error::InvalidRequest, parameter::Flat, response::is_json};

/// A file to send.
#[derive(Debug, Clone)]
pub struct FilePart {
    /// What it holds.
    pub content: Body,
    /// Its name. Without one, it is sent as `blob`, since many services take a part without a name for no file.
    pub file_name: Option<String>,
    /// Its media type. Without one, it is sent as what the contract says, or else as `application/octet-stream`.
    pub content_type: Option<String>,
}

impl FilePart {
    /// A file of which all content is there, or any other [`Body`].
    #[must_use]
    pub fn new(content: impl Into<Body>) -> Self {
        Self {
            content: content.into(),
            file_name: None,
            content_type: None,
        }
    }

    /// A file whose content comes piece by piece. A form with it is sent once at most.
    #[must_use]
    pub fn stream(
        stream: impl futures_core::Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        Self::new(Body::stream(stream))
    }

    /// The same with a name.
    #[must_use]
    pub fn named(self, file_name: impl Into<String>) -> Self {
        let file_name = Some(file_name.into());
        Self { file_name, ..self }
    }

    /// The same with a media type.
    #[must_use]
    pub fn of_type(self, content_type: impl Into<String>) -> Self {
        let content_type = Some(content_type.into());
        Self {
            content_type,
            ..self
        }
    }
}

impl From<Body> for FilePart {
    fn from(content: Body) -> Self {
        Self::new(content)
    }
}

/// Files for one member of a form: one, perhaps one, or several.
pub trait Files {
    /// Hands over each in order.
    fn each(&self, take: &mut dyn FnMut(&FilePart));
}

impl Files for FilePart {
    fn each(&self, take: &mut dyn FnMut(&FilePart)) {
        take(self);
    }
}

impl<F: Files> Files for Option<F> {
    fn each(&self, take: &mut dyn FnMut(&FilePart)) {
        self.iter().for_each(|file| file.each(take));
    }
}

impl<F: Files> Files for [F] {
    fn each(&self, take: &mut dyn FnMut(&FilePart)) {
        self.iter().for_each(|file| file.each(take));
    }
}

impl<F: Files> Files for Vec<F> {
    fn each(&self, take: &mut dyn FnMut(&FilePart)) {
        self.as_slice().each(take);
    }
}

impl<F: Files + ?Sized> Files for &F {
    fn each(&self, take: &mut dyn FnMut(&FilePart)) {
        (**self).each(take);
    }
}

/// A form in the making. The first thing that cannot be sent is kept, and is the result of the call.
#[derive(Debug)]
#[must_use = "a form is sent by a call"]
pub struct Form {
    subtype: &'static str,
    parts: Vec<Part>,
    problem: Option<InvalidRequest>,
}

struct Part {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    content: Body,
}

impl Form {
    /// A form: `multipart/form-data`.
    pub const fn new() -> Self {
        Self::of("form-data")
    }

    /// A body of another kind, such as `mixed` or `related`. Its parts are named in the same way.
    pub const fn of(subtype: &'static str) -> Self {
        Self {
            subtype,
            parts: Vec::new(),
            problem: None,
        }
    }

    /// Adds a value. `None` is left out; text, numbers and booleans are text; an object is JSON; each element of a list
    /// is a part of its own.
    pub fn value(self, name: &str, value: &(impl Serialize + ?Sized)) -> Self {
        self.add(name, None, value)
    }

    /// Adds a value with the media type that the contract gives it. Where that is JSON, text is in quotes; no other type
    /// can hold an object.
    pub fn value_as(
        self,
        name: &str,
        content_type: &str,
        value: &(impl Serialize + ?Sized),
    ) -> Self {
        self.add(name, Some(content_type), value)
    }

    /// Adds a file, or a list of files, or one that may be left out.
    pub fn file(self, name: &str, files: &(impl Files + ?Sized)) -> Self {
        self.file_as(name, "application/octet-stream", files)
    }

    /// Adds files, of this media type unless a file names its own.
    pub fn file_as(
        mut self,
        name: &str,
        content_type: &str,
        files: &(impl Files + ?Sized),
    ) -> Self {
        files.each(&mut |file| {
            let own_type = file.content_type.as_deref();
            self.parts.push(Part {
                name: name.to_owned(),
                file_name: Some(file.file_name.clone().unwrap_or_else(|| "blob".to_owned())),
                content_type: Some(own_type.unwrap_or(content_type).to_owned()),
                content: file.content.clone(),
            });
        });
        self
    }

    /// Writes the form: its media type, and its body.
    pub(crate) fn encode(self, chance: &Chance) -> Result<(String, Body), InvalidRequest> {
        match self.problem {
            Some(problem) => Err(problem),
            None => encode::encode(self.subtype, self.parts, chance),
        }
    }

    fn add(
        mut self,
        name: &str,
        content_type: Option<&str>,
        value: &(impl Serialize + ?Sized),
    ) -> Self {
        let flat = Flat::of(value).map_err(|message| InvalidRequest::Value {
            name: name.to_owned(),
            message,
        });
        let added = flat.and_then(|flat| match &flat {
            Flat::List(elements) => elements
                .iter()
                .try_for_each(|element| self.add_one(name, content_type, element)),
            _ => self.add_one(name, content_type, &flat),
        });
        if let Err(problem) = added {
            self.problem.get_or_insert(problem);
        }
        self
    }

    fn add_one(
        &mut self,
        name: &str,
        content_type: Option<&str>,
        value: &Flat,
    ) -> Result<(), InvalidRequest> {
        if *value == Flat::Absent {
            return Ok(());
        }
        let as_json = content_type.is_some_and(|content_type| is_json(&essence(content_type)));
        let (content, content_type) = match (value.as_text(), content_type) {
            (Some(text), _) if !as_json => (text.to_owned(), content_type),
            (None, Some(_)) if !as_json => return Err(InvalidRequest::Nested(name.to_owned())),
            _ => (value.to_json(), content_type.or(Some("application/json"))),
        };
        self.parts.push(Part {
            name: name.to_owned(),
            file_name: None,
            content_type: content_type.map(str::to_owned),
            content: content.into(),
        });
        Ok(())
    }
}

impl Default for Form {
    fn default() -> Self {
        Self::new()
    }
}

/// A media type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

impl fmt::Debug for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Part")
            .field("name", &self.name)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
