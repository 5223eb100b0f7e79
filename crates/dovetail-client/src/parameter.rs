//! Values in paths, queries, headers, cookies and forms, in the styles that OpenAPI knows.
//!
//! Any type that serialises is a value. It is written as JSON and read back as text, lists and members, so that numbers
//! keep every digit, and `None` is left out.

mod flat;
mod style;

pub(crate) use self::{
    flat::Flat,
    style::{form_pairs, header_text, path_text, query_pairs},
};

/// A parameter as the contract declares it.
///
/// ```
/// use dovetail_client::parameter::{Parameter, Style};
///
/// const FILTER: Parameter = Parameter::query("filter").style(Style::DeepObject);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// The name on the wire.
    pub name: &'static str,
    /// Where it goes.
    pub location: Location,
    /// How lists and objects are written.
    pub style: Style,
    /// Whether each element of a list, and each member of an object, stands alone.
    pub explode: bool,
    /// Whether characters with a meaning in URLs are written as they are, as far as they cannot end the value. For queries
    /// and forms only: in a path or a cookie they could.
    pub allow_reserved: bool,
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the place of its name")]
pub enum Location {
    Path,
    Query,
    Header,
    Cookie,
}

/// How lists and objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `a,b`, for paths and headers.
    Simple,
    /// `.a,b`, for paths.
    Label,
    /// `;name=a,b`, for paths.
    Matrix,
    /// `name=a&name=b`, for queries, cookies and forms.
    Form,
    /// `name=a%20b`, for queries.
    SpaceDelimited,
    /// `name=a%7Cb`, for queries.
    PipeDelimited,
    /// `name[member]=a`, for queries and forms, to any depth: elements of lists are numbered, `name[member][0]=a`.
    DeepObject,
    /// The whole value as JSON, for parameters with `content: application/json`.
    Json,
}

impl Parameter {
    /// A parameter of the path: simple, not exploded.
    #[must_use]
    pub const fn path(name: &'static str) -> Self {
        Self::new(name, Location::Path, Style::Simple, false)
    }

    /// A parameter of the query: form, exploded.
    #[must_use]
    pub const fn query(name: &'static str) -> Self {
        Self::new(name, Location::Query, Style::Form, true)
    }

    /// A header: simple, not exploded.
    #[must_use]
    pub const fn header(name: &'static str) -> Self {
        Self::new(name, Location::Header, Style::Simple, false)
    }

    /// A cookie: form, exploded.
    #[must_use]
    pub const fn cookie(name: &'static str) -> Self {
        Self::new(name, Location::Cookie, Style::Form, true)
    }

    const fn new(name: &'static str, location: Location, style: Style, explode: bool) -> Self {
        Self {
            name,
            location,
            style,
            explode,
            allow_reserved: false,
        }
    }

    /// The same in another style.
    #[must_use]
    pub const fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }

    /// The same, exploded or not.
    #[must_use]
    pub const fn explode(self, explode: bool) -> Self {
        Self { explode, ..self }
    }

    /// The same with reserved characters as they are, where it belongs to a query or a form.
    #[must_use]
    pub const fn allow_reserved(self) -> Self {
        Self {
            allow_reserved: true,
            ..self
        }
    }
}

#[cfg(test)]
mod tests;
