//! Messages as AMQP 0.9.1 carries them: CloudEvents in binary mode.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::{cloudevents::Binding, consumer::Delivery, envelope, message::Message};

const CONTENT_TYPE: &str = "content-type";
const DELIVERY_COUNT: &str = "x-delivery-count";
const PERSISTENT: u8 = 2;

/// Bytes of all attributes of a message. The protocol carries them in one frame, and a broker ends the connection of who sends a larger one; half
/// of what RabbitMQ takes, so that whatever is read can be sent again.
const PROPERTIES_MAX: usize = 64 * 1024;

/// The lengths of a name and of its value, and the type of that.
const PROPERTY_OVERHEAD: usize = 1 + 1 + 4;

/// A message, ready to be published.
pub(super) struct Frame<'m> {
    pub(super) channel: &'m str,
    pub(super) properties: BasicProperties,
    /// How many bytes they are, as the protocol writes them.
    pub(super) properties_bytes: usize,
    pub(super) body: &'m [u8],
}

/// The message for the protocol, or why it cannot be one.
pub(super) fn write(message: &Message) -> Result<Frame<'_>, String> {
    let written = envelope::wire(message, &Binding::AMQP).map_err(|error| error.to_string())?;
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    let mut headers = FieldTable::default();
    let mut properties_bytes = 0;
    for (name, value) in written.headers {
        properties_bytes += PROPERTY_OVERHEAD + name.len() + value.len();
        let short = |text| ShortString::try_new(text).map_err(|error| format!("{name}: {error}"));
        if name == CONTENT_TYPE {
            let text = String::from_utf8_lossy(&value).into_owned();
            properties = properties.with_content_type(short(text)?);
        } else {
            headers.insert(
                short(name.clone())?,
                AMQPValue::LongString(value.to_vec().into()),
            );
        }
    }
    if properties_bytes > PROPERTIES_MAX {
        return Err(format!(
            "its attributes are {properties_bytes} bytes, and {PROPERTIES_MAX} are sent at most"
        ));
    }
    Ok(Frame {
        channel: &message.channel,
        properties_bytes,
        properties: properties.with_headers(headers),
        body: &message.body,
    })
}

/// What the protocol brought, and how many times it went back to its queue.
pub(super) fn read(channel: &str, properties: &BasicProperties, body: Vec<u8>) -> (Delivery, u32) {
    let mut returns = 0;
    let mut pairs: Vec<(&str, Vec<u8>)> = Vec::new();
    if let Some(content_type) = properties.content_type() {
        pairs.push((CONTENT_TYPE, content_type.as_str().into()));
    }
    for (name, value) in properties.headers().iter().flatten() {
        let Some(text) = text(value) else { continue };
        if name.as_str() == DELIVERY_COUNT {
            let count = std::str::from_utf8(&text)
                .ok()
                .and_then(|text| text.parse().ok());
            returns = count.unwrap_or(0);
        } else {
            pairs.push((name.as_str(), text));
        }
    }
    let headers = pairs.iter().map(|(name, value)| (*name, value.as_slice()));
    let delivery = envelope::read(channel, &Binding::AMQP, headers, Some(Bytes::from(body)));
    (delivery, returns)
}

/// The text of a value, as `CloudEvents` writes its type; `None` for what no attribute can be.
fn text(value: &AMQPValue) -> Option<Vec<u8>> {
    let text = match value {
        AMQPValue::LongString(text) => return Some(text.as_bytes().to_vec()),
        AMQPValue::ByteArray(bytes) => return Some(bytes.as_slice().to_vec()),
        AMQPValue::ShortString(text) => text.to_string(),
        AMQPValue::Boolean(truth) => truth.to_string(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        AMQPValue::ShortShortUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortUInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::Float(number) => number.to_string(),
        AMQPValue::Double(number) => number.to_string(),
        AMQPValue::Timestamp(seconds) => {
            let seconds = i64::try_from(*seconds).ok()?;
            let time = DateTime::from_timestamp(seconds, 0)?;
            time.to_rfc3339_opts(SecondsFormat::Secs, true)
        }
        AMQPValue::DecimalValue(_)
        | AMQPValue::FieldArray(_)
        | AMQPValue::FieldTable(_)
        | AMQPValue::Void => return None,
    };
    Some(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_every_type_are_read_as_their_text() {
        let mut headers = FieldTable::default();
        let rows = [
            (
                "cloudEvents:specversion",
                AMQPValue::LongString("1.0".into()),
            ),
            ("cloudEvents:id", AMQPValue::ShortString("1".into())),
            ("cloudEvents:source", AMQPValue::LongString("/shop".into())),
            ("cloudEvents:type", AMQPValue::LongString("t".into())),
            ("cloudEvents:time", AMQPValue::Timestamp(1_800_000_000)),
            ("cloudEvents:flag", AMQPValue::Boolean(true)),
            ("cloudEvents:count", AMQPValue::LongInt(-3)),
            ("x-delivery-count", AMQPValue::LongLongInt(2)),
            ("x-table", AMQPValue::FieldTable(FieldTable::default())),
        ];
        for (name, value) in rows {
            headers.insert(name.into(), value);
        }
        let properties = BasicProperties::default().with_headers(headers);
        let (delivery, returns) = read("orders", &properties, b"{}".to_vec());
        assert_eq!((delivery.problem, returns), (None, 2));
        let message = delivery.message;
        assert_eq!(message.identity(), Some(("/shop", "1")));
        assert_eq!(message.header("time"), Some("2027-01-15T08:00:00Z"));
        assert_eq!(message.header("flag"), Some("true"));
        assert_eq!(message.header("count"), Some("-3"));
    }

    #[test]
    fn what_the_protocol_cannot_carry_is_refused_and_does_not_panic() {
        let long = format!("text/{}", "x".repeat(300));
        let message = Message {
            headers: vec![("datacontenttype".to_owned(), long)],
            ..Message::new("orders", "shop", "1", "ok").with_kind("t")
        };
        assert!(write(&message).is_err());
    }

    #[test]
    fn attributes_that_one_frame_cannot_hold_are_refused() {
        let of = |length: usize| Message {
            headers: (0..4)
                .map(|number| (format!("extension{number}"), "x".repeat(length)))
                .collect(),
            ..Message::new("orders", "shop", "1", "ok").with_kind("t")
        };
        assert!(write(&of(15 * 1024)).is_ok());
        let told = write(&of(17 * 1024)).map(|_| ()).unwrap_err();
        assert!(told.contains("65536"), "{told}");
    }
}
