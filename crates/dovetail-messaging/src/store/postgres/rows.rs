//! A message as columns, which three tables have in common.

use std::time::{Duration, SystemTime};

use tokio_postgres::{Row, types::FromSql};

use super::{session::unreadable, text};
use crate::{
    inbox::{Fingerprint, Key},
    message::Message,
    store::StoreError,
};

const ACTION: &str = "read a row";

/// The last second of the year 9999. What comes later is never.
const TIME_MAX: Duration = Duration::from_secs(253_402_300_799);

/// A time as a column can hold it.
pub(super) fn stamp(time: SystemTime) -> SystemTime {
    let (first, last) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + TIME_MAX);
    time.clamp(first, last)
}

/// A distance in the seconds of `make_interval`.
pub(super) fn seconds(distance: Duration) -> f64 {
    distance.min(TIME_MAX).as_secs_f64()
}

/// A count as a column has it.
pub(super) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count that a column says.
pub(super) fn counted(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

/// How many rows were written.
pub(super) fn written(affected: u64) -> u32 {
    u32::try_from(affected).unwrap_or(u32::MAX)
}

/// A message as columns.
pub(super) struct Columns {
    pub(super) channel: String,
    pub(super) source: Option<String>,
    pub(super) id: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) key: Option<String>,
    pub(super) expires_at: Option<SystemTime>,
    pub(super) headers: String,
}

impl Columns {
    pub(super) fn of(message: &Message) -> Result<Self, StoreError> {
        let kept =
            |said: &Option<String>| said.as_deref().map(|said| text::kept(said).into_owned());
        Ok(Self {
            channel: text::kept(&message.channel).into_owned(),
            source: kept(&message.source),
            id: kept(&message.id),
            kind: kept(&message.kind),
            key: kept(&message.key),
            expires_at: message.expires_at.map(stamp),
            headers: serde_json::to_string(&message.headers)
                .map_err(|error| unreadable("write the headers of a message", error))?,
        })
    }
}

/// The key of a message as it is looked up.
pub(super) struct Indexed {
    pub(super) consumer: String,
    pub(super) source: String,
    pub(super) id: String,
}

impl Indexed {
    pub(super) fn of(key: &Key) -> Self {
        Self {
            consumer: text::indexed(&key.consumer).into_owned(),
            source: text::indexed(&key.source).into_owned(),
            id: text::indexed(&key.id).into_owned(),
        }
    }
}

/// What stands for consumer, source and id in tables that keep them at any length.
pub(super) fn digest(consumer: &str, source: &str, id: &str) -> Vec<u8> {
    let key = Key {
        consumer: consumer.to_owned(),
        source: source.to_owned(),
        id: id.to_owned(),
    };
    key.idempotency_key().into_bytes()
}

/// Reads a column.
pub(super) fn get<'r, T: FromSql<'r>>(row: &'r Row, name: &str) -> Result<T, StoreError> {
    row.try_get(name).map_err(|error| unreadable(ACTION, error))
}

/// Reads the first column.
pub(super) fn first<'r, T: FromSql<'r>>(row: &'r Row) -> Result<T, StoreError> {
    row.try_get(0).map_err(|error| unreadable(ACTION, error))
}

/// Reads a message. An empty identity is none.
pub(super) fn message(row: &Row) -> Result<Message, StoreError> {
    let said = |name| -> Result<Option<String>, StoreError> {
        Ok(get::<Option<String>>(row, name)?.map(text::read))
    };
    let headers = serde_json::from_str(get::<&str>(row, "headers")?)
        .map_err(|error| unreadable(ACTION, error))?;
    Ok(Message {
        channel: text::read(get(row, "channel")?),
        source: said("source")?.filter(|text| !text.is_empty()),
        id: said("id")?.filter(|text| !text.is_empty()),
        kind: said("kind")?,
        key: said("key")?,
        expires_at: get(row, "expires_at")?,
        headers,
        body: get::<Vec<u8>>(row, "body")?.into(),
    })
}

/// Reads a fingerprint.
pub(super) fn fingerprint(row: &Row, name: &str) -> Result<Fingerprint, StoreError> {
    let bytes: &[u8] = get(row, name)?;
    let bytes = bytes
        .try_into()
        .map_err(|error| unreadable(ACTION, error))?;
    Ok(Fingerprint(bytes))
}
