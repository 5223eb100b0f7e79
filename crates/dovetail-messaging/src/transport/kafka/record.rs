//! Messages as records of Kafka: the headers and the value as the CloudEvents binding has them, and the key of the record for the partition.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use rdkafka::{
    Message as _,
    message::{BorrowedMessage, Header, Headers, OwnedHeaders},
};

use super::window::Lane;
use crate::{
    cloudevents::{self, Binding},
    consumer::Delivery,
    envelope,
};

/// The headers of a record.
pub(super) fn headers(wire: &cloudevents::Message) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(wire.headers.len());
    wire.headers.iter().fold(headers, |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: Some(value.as_ref()),
        })
    })
}

/// What a record says, whatever it is; the bytes of its key; and how many bytes all of it has.
pub(super) fn read(channel: &str, record: &BorrowedMessage<'_>) -> (Delivery, Option<Lane>, usize) {
    let headers = pairs(record);
    let sizes = headers
        .iter()
        .map(|(name, value)| HEADER + name.len() + value.len());
    let length = record.payload_len() + record.key_len() + sizes.sum::<usize>();
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_ref()));
    // A record without a value, which deletes its key from a compacted topic, is an event without data.
    let body = record.payload().map(Bytes::copy_from_slice);
    let mut delivery = envelope::read(channel, &Binding::KAFKA, headers, body);
    let (key, said) = (record.key(), &mut delivery.message.key);
    if said.is_none() {
        // Who writes no extension for it has said it all the same. Bytes that are no text keep the order, without a name.
        *said = key.and_then(|key| std::str::from_utf8(key).ok().map(str::to_owned));
    }
    let lane = said.as_deref().map(str::as_bytes).or(key);
    let lane = lane.map(<[u8]>::to_vec);
    (delivery, lane, length)
}

/// What a header weighs beyond its bytes.
const HEADER: usize = 64;

/// The headers of a record, in their order, up to one whose name is not readable.
fn pairs(record: &BorrowedMessage<'_>) -> Vec<(String, Bytes)> {
    let Some(headers) = record.headers() else {
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for index in 0..headers.count() {
        // rdkafka panics on a name that is no UTF-8, which any producer may send: once for each record, and no more.
        let header = catch_unwind(AssertUnwindSafe(|| {
            let header = headers.try_get(index)?;
            let value = header.value.unwrap_or_default();
            Some((header.key.to_owned(), Bytes::copy_from_slice(value)))
        }));
        match header {
            Ok(header) => pairs.extend(header),
            Err(_) => {
                let offset = record.offset();
                tracing::warn!(
                    offset,
                    "headers from one whose name is no UTF-8 on are left out"
                );
                break;
            }
        }
    }
    pairs
}
