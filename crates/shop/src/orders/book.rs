//! The order book: orders as documents, with the two columns that lists are made by.

use dovetail_messaging::store::sqlite::rusqlite::{
    Connection, Error, OptionalExtension, Result, params, types::Type,
};
use orders_client::types::{Order, OrderStatus};

pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS orders (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        status TEXT NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS orders_by_user ON orders (user_id);
";

/// Keeps an order as it is now.
pub(super) fn keep(book: &Connection, order: &Order) -> Result<()> {
    let document = serde_json::to_string(order)
        .map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
    let sql = "INSERT INTO orders (id, user_id, status, document) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (id) DO UPDATE SET status = excluded.status, document = excluded.document";
    book.prepare_cached(sql)?.execute(params![
        order.id.to_string(),
        order.user_id,
        order.status.as_str(),
        document
    ])?;
    Ok(())
}

/// An order, if there is one of that id.
pub(super) fn find(book: &Connection, order_id: &str) -> Result<Option<Order>> {
    let document: Option<String> = book
        .prepare_cached("SELECT document FROM orders WHERE id = ?1")?
        .query_row([order_id], |row| row.get(0))
        .optional()?;
    document.as_deref().map(read).transpose()
}

/// Marks an order as paid, unless it is beyond that. `false`: there is no order of that id.
pub(super) fn mark_paid(book: &Connection, order_id: &str) -> Result<bool> {
    let Some(mut order) = find(book, order_id)? else {
        return Ok(false);
    };
    if order.status == OrderStatus::Placed {
        order.status = OrderStatus::Paid;
        keep(book, &order)?;
    }
    Ok(true)
}

/// The orders of a user, newest first.
pub(super) fn list(book: &Connection, user_id: &str, status: Option<&str>) -> Result<Vec<Order>> {
    let sql = "SELECT document FROM orders WHERE user_id = ?1 AND (?2 IS NULL OR status = ?2) ORDER BY rowid DESC";
    let mut statement = book.prepare_cached(sql)?;
    let documents = statement.query_map(params![user_id, status], |row| row.get::<_, String>(0))?;
    documents.map(|document| read(&document?)).collect()
}

fn read(document: &str) -> Result<Order> {
    serde_json::from_str(document)
        .map_err(|error| Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}
