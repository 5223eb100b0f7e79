//! A message as columns, which four tables have in common.

use rusqlite::{Row, types::Type};

use super::{millis, time};
use crate::message::Message;

/// What the columns of a message hold.
pub(crate) struct Columns {
    pub(crate) headers: String,
    pub(crate) expires_at: Option<i64>,
}

/// What of a message is not a column as it is.
pub(crate) fn columns(message: &Message) -> rusqlite::Result<Columns> {
    let headers = serde_json::to_string(&message.headers)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    Ok(Columns {
        headers,
        expires_at: message.expires_at.map(millis),
    })
}

/// Reads a message from a row that has its columns by name. An empty identity is none.
pub(crate) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let said = |name| -> rusqlite::Result<Option<String>> {
        Ok(row
            .get::<_, Option<String>>(name)?
            .filter(|text| !text.is_empty()))
    };
    let headers: String = row.get("headers")?;
    let headers = serde_json::from_str(&headers).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
    })?;
    Ok(Message {
        channel: row.get("channel")?,
        source: said("source")?,
        id: said("id")?,
        kind: row.get("kind")?,
        key: row.get("key")?,
        expires_at: row.get::<_, Option<i64>>("expires_at")?.map(time),
        headers,
        body: row.get::<_, Vec<u8>>("body")?.into(),
    })
}
