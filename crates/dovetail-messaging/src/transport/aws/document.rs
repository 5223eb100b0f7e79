//! Messages as documents: all of an event in the one text that SQS, SNS and EventBridge carry.
//!
//! SQS has ten attributes for a message, which are fewer than events have, and its bodies are text. So events travel in structured mode, as JSON;
//! what would not come back byte for byte goes into `data_base64`.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    cloudevents::{self, Binding, Data, EventError, Mode},
    consumer::Delivery,
    envelope,
    message::Message,
};

/// The document of a message. EventBridge reads JSON and writes it anew, numbers included, so that data is bytes there.
pub(super) fn write(message: &Message, is_rewritten: bool) -> Result<String, EventError> {
    if !is_rewritten {
        let event = message.to_event()?;
        let data = event.data().map(Data::as_bytes).unwrap_or_default();
        if data == message.body {
            let document = text(&cloudevents::json::write(&event)?);
            // These two are in JSON and not in XML, which SQS takes its characters from.
            if !document.contains(['\u{fffe}', '\u{ffff}']) {
                return Ok(document);
            }
        }
    }
    let without = Message {
        body: Bytes::new(),
        ..message.clone()
    };
    let mut document = text(&cloudevents::json::write(&without.to_event()?)?);
    if !message.body.is_empty() && document.pop() == Some('}') {
        document.push_str(",\"data_base64\":\"");
        STANDARD.encode_string(&message.body, &mut document);
        document.push_str("\"}");
    }
    Ok(document)
}

fn text(document: &[u8]) -> String {
    String::from_utf8_lossy(document).into_owned()
}

/// What EventBridge puts around an event.
#[derive(Deserialize)]
struct Around<'a> {
    #[serde(rename = "detail-type")]
    _kind: &'a RawValue,
    #[serde(borrow)]
    detail: &'a RawValue,
}

/// What a body and the attributes around it say. Never fails, as [`envelope::read`].
pub(super) fn read(channel: &str, body: String, attributes: &[(String, Bytes)]) -> Delivery {
    let headers = attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_ref()));
    let body = Bytes::from(body);
    if Binding::HTTP.mode(headers.clone()) != Mode::NoEvent {
        // Who writes attributes like those of HTTP is understood.
        return envelope::read(channel, &Binding::HTTP, headers, Some(body));
    }
    let inner = serde_json::from_slice::<Around<'_>>(&body)
        .ok()
        .map(|around| body.slice_ref(around.detail.get().as_bytes()));
    if let Some(inner) = inner {
        let delivery = envelope::read_structured(channel, inner);
        if delivery.problem.is_none() {
            return delivery;
        }
    }
    let mut delivery = envelope::read_structured(channel, body);
    if delivery.problem.is_some() {
        let text = |value: &Bytes| String::from_utf8_lossy(value).into_owned();
        let said = attributes
            .iter()
            .map(|(name, value)| (name.clone(), text(value)));
        delivery.message.headers.extend(said);
    }
    delivery
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(content_type: &str, body: impl Into<Bytes>) -> Message {
        let mut message = Message::new("orders", "/shop", "1", body)
            .with_kind("order.created")
            .with_key("k");
        let header = ("datacontenttype".to_owned(), content_type.to_owned());
        message.headers.push(header);
        message
    }

    #[test]
    fn bodies_come_back_byte_for_byte() {
        let json = "application/json";
        let rows: [(&str, Bytes, bool); 8] = [
            (json, Bytes::from("{\"a\":1.10, \"b\":[ ]}"), false),
            (json, Bytes::from(" {\"a\":1}\n"), true),
            (json, Bytes::from("{\"a\""), true),
            (json, Bytes::from("\"\u{ffff}\""), true),
            ("text/plain", Bytes::from("Grüße\n\u{1}"), false),
            ("text/plain", Bytes::from("a\u{fffe}"), true),
            ("image/png", Bytes::from_static(b"\x89PNG\0\xff"), true),
            (json, Bytes::new(), false),
        ];
        for (content_type, body, is_base64) in rows {
            let message = message(content_type, body.clone());
            for is_rewritten in [false, true] {
                let document = write(&message, is_rewritten).unwrap();
                let has_base64 = document.contains("data_base64");
                let expected = !body.is_empty() && (is_base64 || is_rewritten);
                assert_eq!(has_base64, expected, "{document}");
                let around =
                    format!("{{\"version\":\"0\",\"detail-type\":\"t\",\"detail\":{document}}}");
                for document in [document, around] {
                    assert_eq!(
                        read("orders", document, &[]),
                        Delivery::from(message.clone())
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_no_event_keeps_its_body_and_its_attributes() {
        let attribute = ("colour".to_owned(), Bytes::from("red"));
        for body in ["hello", "", "{}", "{\"detail-type\":1,\"detail\":{}}"] {
            let read = read("orders", body.to_owned(), std::slice::from_ref(&attribute));
            assert!(read.problem.is_some());
            assert_eq!(read.message.identity(), None);
            assert_eq!(read.message.body, body);
            assert_eq!(read.message.header("colour"), Some("red"));
        }
        let headers = ["specversion", "id", "source", "type"].map(|name| {
            let value = if name == "specversion" { "1.0" } else { name };
            (format!("ce-{name}"), Bytes::from(value))
        });
        let read = read("orders", "data".to_owned(), &headers);
        assert_eq!(read.message.identity(), Some(("source", "id")));
    }
}
