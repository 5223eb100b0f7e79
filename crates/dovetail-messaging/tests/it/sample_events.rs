//! The sample events of the conformance tool: each is built, and comes back from both modes of every protocol.

use std::collections::BTreeMap;

use dovetail_messaging::cloudevents::{
    Binding, Data, Event, EventError, JsonText, Message, Reading, json,
};
use serde::Deserialize;

use crate::shared;

/// How many samples are whole events of version 1.0.
const SAMPLES: usize = 29;

/// A sample. Some are patterns for other samples, and so have some attributes only.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sample {
    context_attributes: ContextAttributes,
    data: Option<String>,
}

#[derive(Deserialize)]
struct ContextAttributes {
    specversion: Option<serde_json::Value>,
    id: Option<String>,
    source: Option<String>,
    r#type: Option<String>,
    subject: Option<String>,
    time: Option<String>,
    datacontenttype: Option<String>,
    #[serde(default, rename = "Extensions")]
    extensions: BTreeMap<String, String>,
}

impl Sample {
    /// The event, or nothing if the sample is of another version or a pattern.
    fn event(self) -> Option<Result<Event, EventError>> {
        let attributes = self.context_attributes;
        let is_current = attributes.specversion? == serde_json::json!(1.0);
        let (id, source, event_type) = (attributes.id?, attributes.source?, attributes.r#type?);
        if !is_current {
            return None;
        }
        let mut builder = Event::builder(id, source, event_type);
        if let Some(subject) = attributes.subject {
            builder = builder.subject(subject);
        }
        if let Some(time) = attributes.time {
            builder = builder.time(time);
        }
        let is_json = attributes
            .datacontenttype
            .as_deref()
            .is_none_or(|content_type| content_type.starts_with("application/json"));
        if let Some(content_type) = attributes.datacontenttype {
            builder = builder.datacontenttype(content_type);
        }
        for (name, value) in attributes.extensions {
            builder = builder.extension(name, value);
        }
        let data = self.data.map(|text| {
            if is_json {
                JsonText::parse(text).map(Data::Json)
            } else {
                Ok(Data::Text(text))
            }
        });
        match data.transpose() {
            Ok(Some(data)) => builder = builder.data(data),
            Ok(None) => {}
            Err(error) => return Some(Err(error)),
        }
        Some(builder.build())
    }

    /// The sample without the line break that its YAML leaves at the end of an extension, which the specification forbids there.
    fn trimmed(mut self) -> Self {
        for value in self.context_attributes.extensions.values_mut() {
            value.truncate(value.trim_end().len());
        }
        self
    }
}

#[test]
fn every_sample_comes_back_from_both_modes_of_every_protocol() {
    let Some(folder) = shared::folder("conformance") else {
        return;
    };
    let mut count = 0;
    for path in shared::files(&folder, "yaml") {
        for sample in shared::yaml::<Sample>(&path) {
            let Some(event) = sample.trimmed().event() else {
                continue;
            };
            let event = event.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            count += 1;
            let written = json::write(&event).expect("it is written");
            assert_eq!(json::read(&written, &Reading::default()), Ok(event.clone()));
            for binding in [Binding::HTTP, Binding::KAFKA, Binding::AMQP, Binding::NATS] {
                let structured = binding.write_structured(&event).expect("it is written");
                assert_eq!(read(binding, &structured), event);
                let read = read(binding, &binding.write(&event).expect("it is written"));
                assert_eq!(read.data(), event.data());
                assert!(read.extensions().eq(event.extensions()));
                assert_eq!((read.id(), read.time()), (event.id(), event.time()));
            }
        }
    }
    assert_eq!(count, SAMPLES);
}

#[test]
fn a_line_break_in_an_extension_is_refused() {
    let Some(folder) = shared::folder("conformance/yaml") else {
        return;
    };
    let samples = shared::yaml::<Sample>(&folder.join("v1.yaml"));
    assert!(!samples.is_empty());
    for sample in samples {
        let event = sample.event().expect("it is a whole event");
        assert!(matches!(event, Err(EventError::Value { .. })), "{event:?}");
    }
}

fn read(binding: Binding, message: &Message) -> Event {
    let event = binding.read(message.pairs(), message.body.clone(), &Reading::default());
    event.expect("the message holds an event")
}
