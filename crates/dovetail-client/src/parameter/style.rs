//! How a value is written in each style, after the tables of OpenAPI 3.0.4 and 3.1.1.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Flat, Location, Parameter, Style};
use crate::error::InvalidRequest;

/// What is written as it is: letters, digits and `-._~`. Nothing of it can end a value, whatever the place.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// As [`RESERVED`], without those reserved characters that mean nothing within a query value.
const RESERVED_ALLOWED: &AsciiSet = &RESERVED
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';');

/// Writes a parameter of the path.
pub(crate) fn path_text(parameter: &Parameter, value: &Flat) -> Result<String, InvalidRequest> {
    let name = parameter.name;
    let parts = Parts::of(parameter, value)?;
    let text = match (parameter.style, parameter.explode) {
        (Style::Label, explode) => format!(".{}", parts.join(if explode { "." } else { "," })),
        (Style::Matrix, true) if parts.is_composite => parts
            .named(name)
            .map(|(name, value)| matrix(name, value))
            .collect(),
        (Style::Matrix, _) => matrix(name, &parts.join(",")),
        _ => parts.join(","),
    };
    // The full stop of a label is no value yet.
    let nothing = if parameter.style == Style::Label {
        "."
    } else {
        ""
    };
    let is_empty = text == nothing || *value == Flat::Absent;
    if is_empty {
        Err(InvalidRequest::EmptyPath(name.to_owned()))
    } else {
        Ok(text)
    }
}

fn matrix(name: &str, value: &str) -> String {
    if value.is_empty() {
        format!(";{name}")
    } else {
        format!(";{name}={value}")
    }
}

/// Writes a header. Headers know no escapes, so the text is as it is.
pub(crate) fn header_text(parameter: &Parameter, value: &Flat) -> Result<String, InvalidRequest> {
    let plain = |text: &str| text.to_owned();
    Parts::read(parameter, value, &plain).map(|parts| parts.join(","))
}

/// Writes a parameter of the query, or a cookie, as pairs of an encoded name and an encoded value.
pub(crate) fn query_pairs(
    parameter: &Parameter,
    value: &Flat,
) -> Result<Vec<(String, String)>, InvalidRequest> {
    let encode = encoder(parameter);
    let name = encoder(&Parameter {
        allow_reserved: false,
        ..*parameter
    })(parameter.name);
    let separator = match (parameter.style, parameter.explode) {
        (Style::DeepObject, _) => {
            let mut pairs = Vec::new();
            deep(name, value, &encode, &mut pairs);
            return Ok(pairs);
        }
        (_, true) => {
            let parts = Parts::of(parameter, value)?;
            return Ok(parts
                .named(&name)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect());
        }
        (Style::SpaceDelimited, false) => "%20",
        (Style::PipeDelimited, false) => "%7C",
        (_, false) => ",",
    };
    let parts = Parts::of(parameter, value)?;
    // An empty list says nothing; only an empty text is a value.
    if parts.values.is_empty() {
        Ok(Vec::new())
    } else {
        Ok(vec![(name, parts.join(separator))])
    }
}

/// Writes the members of a form. What the contract says of a member is in `encoding`; of others, lists are repeated, and
/// what is nested deeper is JSON.
pub(crate) fn form_pairs(
    members: &[(String, Flat)],
    encoding: &[Parameter],
) -> Result<Vec<(String, String)>, InvalidRequest> {
    let mut pairs = Vec::new();
    for (name, value) in members {
        if let Some(parameter) = encoding.iter().find(|parameter| parameter.name == name) {
            pairs.extend(query_pairs(parameter, value)?);
            continue;
        }
        let (name, encode) = (encode(name, RESERVED), |text: &str| encode(text, RESERVED));
        let is_nested = match value {
            Flat::Object(_) => true,
            Flat::List(elements) => elements.iter().any(|element| element.as_text().is_none()),
            Flat::Absent | Flat::Text(_) | Flat::Literal(_) => false,
        };
        match value {
            _ if is_nested => pairs.push((name, encode(&value.to_json()))),
            Flat::List(elements) => {
                let texts = elements.iter().filter_map(Flat::as_text);
                pairs.extend(texts.map(|text| (name.clone(), encode(text))));
            }
            _ => pairs.extend(value.as_text().map(|text| (name, encode(text)))),
        }
    }
    Ok(pairs)
}

/// A value as the parts that a style joins.
struct Parts {
    /// Each with its name, where it has one.
    values: Vec<(Option<String>, String)>,
    /// Whether it is a list or an object rather than one text.
    is_composite: bool,
    /// Whether a member stands with its name as one part.
    explode: bool,
}

impl Parts {
    fn of(parameter: &Parameter, value: &Flat) -> Result<Self, InvalidRequest> {
        Self::read(parameter, value, &encoder(parameter))
    }

    fn read(
        parameter: &Parameter,
        value: &Flat,
        encode: &dyn Fn(&str) -> String,
    ) -> Result<Self, InvalidRequest> {
        let nested = || InvalidRequest::Nested(parameter.name.to_owned());
        let mut values = Vec::new();
        match value {
            Flat::Absent => {}
            Flat::Text(text) | Flat::Literal(text) => values.push((None, encode(text))),
            Flat::List(elements) => {
                for element in elements.iter().filter(|element| **element != Flat::Absent) {
                    values.push((None, encode(element.as_text().ok_or_else(nested)?)));
                }
            }
            Flat::Object(members) => {
                for (name, member) in members.iter().filter(|(_, member)| *member != Flat::Absent) {
                    values.push((
                        Some(encode(name)),
                        encode(member.as_text().ok_or_else(nested)?),
                    ));
                }
            }
        }
        let is_composite = matches!(value, Flat::List(_) | Flat::Object(_));
        Ok(Self {
            values,
            is_composite,
            explode: parameter.explode,
        })
    }

    fn join(&self, separator: &str) -> String {
        let inner = if self.explode { "=" } else { separator };
        let mut joined = String::new();
        for (index, (name, value)) in self.values.iter().enumerate() {
            if index > 0 {
                joined.push_str(separator);
            }
            if let Some(name) = name {
                joined.push_str(name);
                joined.push_str(inner);
            }
            joined.push_str(value);
        }
        joined
    }

    /// Each part under its own name, or under that of the parameter.
    fn named<'a>(&'a self, parameter: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.values
            .iter()
            .map(move |(name, value)| (name.as_deref().unwrap_or(parameter), value.as_str()))
    }
}

fn deep(
    name: String,
    value: &Flat,
    encode: &dyn Fn(&str) -> String,
    pairs: &mut Vec<(String, String)>,
) {
    match value {
        Flat::Absent => {}
        Flat::Text(text) | Flat::Literal(text) => pairs.push((name, encode(text))),
        Flat::List(elements) => {
            for (index, element) in elements.iter().enumerate() {
                deep(format!("{name}%5B{index}%5D"), element, encode, pairs);
            }
        }
        Flat::Object(members) => {
            for (member, value) in members {
                deep(
                    format!("{name}%5B{}%5D", self::encode(member, RESERVED)),
                    value,
                    encode,
                    pairs,
                );
            }
        }
    }
}

fn encoder(parameter: &Parameter) -> impl Fn(&str) -> String + use<> {
    // Anywhere else a reserved character has a meaning: `/` in a path begins another part, `;` ends a cookie.
    let set = if parameter.allow_reserved && parameter.location == Location::Query {
        RESERVED_ALLOWED
    } else {
        RESERVED
    };
    move |text| encode(text, set)
}

fn encode(text: &str, set: &'static AsciiSet) -> String {
    utf8_percent_encode(text, set).to_string()
}
