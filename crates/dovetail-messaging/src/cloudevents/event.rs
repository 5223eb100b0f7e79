//! The event itself, and the one place that decides whether it is one.

use std::collections::BTreeMap;

use super::{
    Attribute, Data, EventError, Limits, NAME_LENGTH_RECOMMENDED, Timestamp, Value,
    attribute::{check_extension_name, check_text},
    error::within,
    media_type, uri,
};

/// The version of the specification that is read and written.
pub(super) const VERSION: &str = "1.0";

/// A CloudEvents 1.0 event. Whatever it says, the specification allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    id: String,
    source: String,
    event_type: String,
    subject: Option<String>,
    time: Option<Timestamp>,
    datacontenttype: Option<String>,
    dataschema: Option<String>,
    extensions: BTreeMap<String, Value>,
    data: Option<Data>,
}

impl Event {
    /// Begins an event with what every event has. Source and identifier together must be unique to it.
    #[must_use]
    pub fn builder(
        id: impl Into<String>,
        source: impl Into<String>,
        event_type: impl Into<String>,
    ) -> Builder {
        Builder {
            id: Some(id.into()),
            source: Some(source.into()),
            event_type: Some(event_type.into()),
            ..Builder::default()
        }
    }

    /// What identifies the event within its source.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where the event happened, a URI-reference.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What kind of thing happened: the attribute `type`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// What it happened to, within the source.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// When it happened.
    #[must_use]
    pub fn time(&self) -> Option<&Timestamp> {
        self.time.as_ref()
    }

    /// The media type of the data. None means JSON if the data is [`Data::Json`], and nothing otherwise.
    #[must_use]
    pub fn datacontenttype(&self) -> Option<&str> {
        self.datacontenttype.as_deref()
    }

    /// Where the schema of the data is.
    #[must_use]
    pub fn dataschema(&self) -> Option<&str> {
        self.dataschema.as_deref()
    }

    /// What the event carries.
    #[must_use]
    pub fn data(&self) -> Option<&Data> {
        self.data.as_ref()
    }

    /// The extensions, by name in alphabetical order.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.extensions
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// One extension.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&Value> {
        self.extensions.get(name)
    }

    /// Any attribute by its name, those of the specification included.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        let text = match name {
            "specversion" => Some(VERSION),
            "id" => Some(self.id()),
            "source" => Some(self.source()),
            "type" => Some(self.event_type()),
            "subject" => self.subject(),
            "time" => self.time().map(Timestamp::as_str),
            "datacontenttype" => self.datacontenttype(),
            "dataschema" => self.dataschema(),
            _ => return self.extension(name).map(Value::as_attribute),
        };
        text.map(Attribute::Text)
    }

    /// The names of extensions that are longer than the specification recommends. They are valid, and some intermediaries cut them.
    pub fn long_names(&self) -> impl Iterator<Item = &str> {
        self.extensions
            .keys()
            .map(String::as_str)
            .filter(|name| name.len() > NAME_LENGTH_RECOMMENDED)
    }

    /// The attributes that are there, in the order in which they are written.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, Attribute<'_>)> {
        const CORE: [&str; 8] = [
            "specversion",
            "id",
            "source",
            "type",
            "subject",
            "time",
            "datacontenttype",
            "dataschema",
        ];
        let core = CORE
            .into_iter()
            .filter_map(|name| Some((name, self.attribute(name)?)));
        let extensions = self
            .extensions()
            .map(|(name, value)| (name, value.as_attribute()));
        core.chain(extensions)
    }
}

/// An event on its way: nothing is checked before [`Builder::build`].
#[derive(Debug, Clone, Default)]
pub struct Builder {
    id: Option<String>,
    source: Option<String>,
    event_type: Option<String>,
    subject: Option<String>,
    time: Option<String>,
    datacontenttype: Option<String>,
    dataschema: Option<String>,
    extensions: Vec<(String, Value)>,
    data: Option<Data>,
}

impl Builder {
    /// What it happened to, within the source.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// When it happened, in RFC 3339: a text, or a [`Timestamp`].
    #[must_use]
    pub fn time(mut self, time: impl Into<String>) -> Self {
        self.time = Some(time.into());
        self
    }

    /// The media type of the data. JSON needs none.
    #[must_use]
    pub fn datacontenttype(mut self, content_type: impl Into<String>) -> Self {
        self.datacontenttype = Some(content_type.into());
        self
    }

    /// Where the schema of the data is, a URI with its scheme.
    #[must_use]
    pub fn dataschema(mut self, schema: impl Into<String>) -> Self {
        self.dataschema = Some(schema.into());
        self
    }

    /// An extension.
    #[must_use]
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extensions.push((name.into(), value.into()));
        self
    }

    /// What the event carries.
    #[must_use]
    pub fn data(mut self, data: Data) -> Self {
        self.data = Some(data);
        self
    }

    /// The media type that was set.
    pub(super) fn content_type(&self) -> Option<&str> {
        self.datacontenttype.as_deref()
    }

    /// Sets an attribute from its text: one of the specification, or an extension.
    pub(super) fn set(&mut self, name: &str, text: String) -> Result<(), EventError> {
        let place = match name {
            "specversion" if text == VERSION => return Ok(()),
            "specversion" => {
                return Err(EventError::Version(text.chars().take(20).collect()));
            }
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.event_type,
            "subject" => &mut self.subject,
            "time" => &mut self.time,
            "datacontenttype" => &mut self.datacontenttype,
            "dataschema" => &mut self.dataschema,
            _ => {
                self.extend(name, Value::String(text));
                return Ok(());
            }
        };
        *place = Some(text);
        Ok(())
    }

    /// Adds an extension.
    pub(super) fn extend(&mut self, name: &str, value: Value) {
        self.extensions.push((name.to_owned(), value));
    }

    /// Sets the data.
    pub(super) fn carry(&mut self, data: Data) {
        self.data = Some(data);
    }

    /// The event, within the default limits.
    ///
    /// # Errors
    ///
    /// The first rule of the specification that it breaks.
    pub fn build(self) -> Result<Event, EventError> {
        self.build_within(&Limits::default())
    }

    /// The event, within limits of your own.
    ///
    /// # Errors
    ///
    /// The first rule of the specification that it breaks, or [`EventError::TooLarge`].
    pub fn build_within(self, limits: &Limits) -> Result<Event, EventError> {
        let required = |name: &'static str, value: Option<String>| {
            let value = value.ok_or(EventError::Missing(name))?;
            check_core(name, Some(&value), limits)?;
            Ok(value)
        };
        let optional = |name: &'static str, value: Option<String>| {
            check_core(name, value.as_deref(), limits)?;
            Ok(value)
        };
        let source = required("source", self.source)?;
        if !uri::is_reference(&source) {
            return Err(EventError::value("source", "is not a URI-reference"));
        }
        let dataschema = optional("dataschema", self.dataschema)?;
        if dataschema
            .as_deref()
            .is_some_and(|text| !uri::is_absolute(text))
        {
            return Err(EventError::value(
                "dataschema",
                "is not a URI with its scheme",
            ));
        }
        let datacontenttype = optional("datacontenttype", self.datacontenttype)?;
        if let Some(data) = &self.data {
            check_data(data, datacontenttype.as_deref(), limits)?;
        }
        let time = optional("time", self.time)?;
        let time = time.map(|text| {
            Timestamp::parse(&text)
                .ok_or_else(|| EventError::value("time", "is not a time in RFC 3339"))
        });
        Ok(Event {
            id: required("id", self.id)?,
            source,
            event_type: required("type", self.event_type)?,
            subject: optional("subject", self.subject)?,
            time: time.transpose()?,
            datacontenttype,
            dataschema,
            extensions: check_extensions(self.extensions, limits)?,
            data: self.data,
        })
    }
}

/// Refuses what no attribute of the specification may be: empty, too large, or text with control characters.
fn check_core(name: &str, value: Option<&str>, limits: &Limits) -> Result<(), EventError> {
    let Some(value) = value else {
        return Ok(());
    };
    within("bytes of an attribute", value.len(), limits.value_bytes)?;
    if value.is_empty() {
        return Err(EventError::value(name, "is empty"));
    }
    if name == "datacontenttype" && !media_type::is_content_type(value) {
        return Err(EventError::value(name, "is not a media type"));
    }
    check_text(name, value)
}

fn check_extensions(
    extensions: Vec<(String, Value)>,
    limits: &Limits,
) -> Result<BTreeMap<String, Value>, EventError> {
    within("extensions", extensions.len(), limits.attributes)?;
    let mut checked = BTreeMap::new();
    for (name, value) in extensions {
        within("bytes of a name", name.len(), limits.name_bytes)?;
        check_extension_name(&name)?;
        value.check(&name)?;
        if let Attribute::Text(text) = value.as_attribute() {
            within("bytes of an attribute", text.len(), limits.value_bytes)?;
        }
        if let Attribute::Binary(bytes) = value.as_attribute() {
            within("bytes of an attribute", bytes.len(), limits.value_bytes)?;
        }
        if checked.contains_key(&name) {
            return Err(EventError::Duplicate(name));
        }
        checked.insert(name, value);
    }
    Ok(checked)
}

/// Refuses data that another reader would take for another kind: the content type alone tells JSON from text.
fn check_data(data: &Data, content_type: Option<&str>, limits: &Limits) -> Result<(), EventError> {
    within("bytes of data", data.as_bytes().len(), limits.message_bytes)?;
    let declares_json = content_type.is_none_or(media_type::is_json);
    match data {
        Data::Json(_) if !declares_json => Err(EventError::Data(
            "is JSON, and its content type is another one",
        )),
        Data::Text(_) if declares_json => Err(EventError::Data(
            "is text, and without a content type of its own it would be read as JSON",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn minimal() -> Builder {
        Event::builder("1", "/orders", "order.created")
    }

    #[test]
    fn what_is_set_is_what_is_there() {
        let event = minimal()
            .subject("o-1")
            .time("2018-04-26T14:48:09+02:00")
            .datacontenttype("application/json; charset=utf-8")
            .dataschema("https://example.com/order.json#/created")
            .extension("partitionkey", "o-1")
            .extension("attempt", 3)
            .extension("replayed", true)
            .data(Data::json(&[1]).expect("a list is JSON"))
            .build()
            .expect("the event is valid");
        let text = |name| {
            event
                .attribute(name)
                .map(|value| value.to_text().into_owned())
        };
        for (name, value) in [
            ("specversion", "1.0"),
            ("id", "1"),
            ("source", "/orders"),
            ("type", "order.created"),
            ("subject", "o-1"),
            ("time", "2018-04-26T14:48:09+02:00"),
            ("partitionkey", "o-1"),
            ("attempt", "3"),
            ("replayed", "true"),
        ] {
            assert_eq!(text(name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(text("other"), None);
        assert_eq!(event.attributes().count(), 11);
        assert_eq!(event.long_names().count(), 0);
    }

    #[test]
    fn what_the_specification_forbids_is_refused_by_name() {
        let long = "x".repeat(64 * 1024 + 1);
        let rows = [
            (Event::builder("", "/a", "t"), "`id` is empty"),
            (Event::builder("1", "", "t"), "`source` is empty"),
            (Event::builder("1", "/a", ""), "`type` is empty"),
            (Event::builder("1", "a b", "t"), "`source` is not a URI-ref"),
            (Event::builder("1\n", "/a", "t"), "`id` has a control"),
            (Event::builder(long, "/a", "t"), "65537 are more than"),
            (minimal().subject(""), "`subject` is empty"),
            (minimal().time("yesterday"), "`time` is not a time"),
            (
                minimal().dataschema("/relative"),
                "`dataschema` is not a URI",
            ),
            (minimal().datacontenttype("json"), "is not a media type"),
            (minimal().extension("aName", 1), "`aName` is no name"),
            (minimal().extension("time", 1), "meaning of its own"),
            (minimal().extension("data", 1), "meaning of its own"),
            (minimal().extension("a", 1).extension("a", 2), "said twice"),
            (minimal().extension("a", "\u{0}"), "control character"),
            (
                minimal().extension("a", Value::Uri("/b".to_owned())),
                "not a URI with its scheme",
            ),
            (
                minimal().extension("a", Value::UriRef(" ".to_owned())),
                "not a URI-reference",
            ),
            (
                minimal().extension("a".repeat(65), 1),
                "bytes of a name: 65",
            ),
            (minimal().data(Data::Text("a".to_owned())), "read as JSON"),
            (
                minimal()
                    .datacontenttype("text/plain")
                    .data(Data::json(&1).expect("a number is JSON")),
                "its content type is another one",
            ),
            (
                minimal().data(Data::Binary(Bytes::from(vec![0; 1024 * 1024 + 1]))),
                "bytes of data",
            ),
        ];
        for (builder, says) in rows {
            let error = builder.build().expect_err(says).to_string();
            assert!(error.contains(says), "{error} does not say {says}");
        }
        let many = (0..129).fold(minimal(), |builder, n| {
            builder.extension(format!("a{n}"), n)
        });
        assert!(matches!(many.build(), Err(EventError::TooLarge { .. })));
    }

    #[test]
    fn names_beyond_the_recommended_length_are_told() {
        let event = minimal()
            .extension("a".repeat(20), 1)
            .extension("b".repeat(21), 1)
            .build()
            .expect("long names are valid");
        assert_eq!(event.long_names().collect::<Vec<_>>(), ["b".repeat(21)]);
    }
}
