//! Messages as NATS carries them: CloudEvents in binary mode.

use std::str::{FromStr, from_utf8};

use async_nats::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    cloudevents::Binding, consumer::Delivery, envelope, message::Message, replay::CONSUMER,
};

/// The headers of a message, or why it cannot be one. The stream is named, so that no other takes it that happens to have the subject.
pub(super) fn write(message: &Message, stream: &str) -> Result<HeaderMap, String> {
    let written = envelope::wire(message, &Binding::NATS).map_err(|error| error.to_string())?;
    let mut headers = HeaderMap::new();
    for (name, value) in &written.headers {
        let wrong = |error: &dyn std::fmt::Display| format!("{name}: {error}");
        let text = from_utf8(value).map_err(|error| wrong(&error))?;
        let header = HeaderName::from_str(name).map_err(|error| wrong(&error))?;
        let value = HeaderValue::from_str(text).map_err(|error| wrong(&error))?;
        headers.insert(header, value);
    }
    let identity = message.identity();
    // A dead letter that is sent again is no second copy: within the window of the server it would be lost.
    let identity = identity.filter(|_| message.header(CONSUMER).is_none());
    if let Some((source, id)) = identity {
        // A hash, because neither of them is bound to what a header may hold.
        let mut hasher = blake3::Hasher::new();
        hasher.update(source.as_bytes());
        hasher.update(b"\0");
        hasher.update(id.as_bytes());
        headers.insert(header::NATS_MESSAGE_ID, hasher.finalize().to_hex().as_str());
    }
    headers.insert(header::NATS_EXPECTED_STREAM, stream);
    Ok(headers)
}

/// What the protocol brought.
pub(super) fn read(channel: &str, brought: async_nats::Message) -> Delivery {
    const OWN: &str = "Nats-";
    let headers = brought.headers.unwrap_or_default();
    let pairs = headers
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
        .map(|(name, value)| (AsRef::<str>::as_ref(name), value.as_str().as_bytes()))
        .filter(|(name, _)| !name.starts_with(OWN));
    envelope::read(channel, &Binding::NATS, pairs, Some(brought.payload))
}
