//! The ledger: payments as documents, and what each key was used for.

use dovetail_messaging::store::sqlite::rusqlite::{
    Connection, Error, OptionalExtension, Result, params, types::Type,
};
use payments_client::types::{ChargeRequest, Payment, PaymentStatus};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Payments are numbered, so that what the customer reads is short.
pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS payment (number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS charge (
        key TEXT PRIMARY KEY,
        request TEXT NOT NULL,
        payment INTEGER NOT NULL REFERENCES payment
    ) STRICT;
";

/// What came of a charge.
pub(super) enum Charged {
    /// It was made.
    Now(Payment),
    /// It had been made before, under the same key.
    Before(Payment),
    /// The key was used for another charge.
    KeyReused,
    /// The card was declined, for this reason.
    Declined(String),
}

/// Charges, once for each key.
pub(super) fn charge(
    ledger: &Connection,
    key: &str,
    request: ChargeRequest,
    declining: Option<&str>,
) -> Result<Charged> {
    let asked = text(&request)?;
    let before = ledger
        .prepare_cached(
            "SELECT request, document FROM charge JOIN payment ON number = payment WHERE key = ?1",
        )?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let before: Option<(String, String)> = before;
    if let Some((request, document)) = before {
        return if request == asked {
            read(&document).map(Charged::Before)
        } else {
            Ok(Charged::KeyReused)
        };
    }
    if let Some(reason) = declining {
        return Ok(Charged::Declined(reason.to_owned()));
    }
    let payment = settle(ledger, request)?;
    ledger.execute(
        "INSERT INTO charge (key, request, payment) SELECT ?1, ?2, max(number) FROM payment",
        [key, &asked],
    )?;
    Ok(Charged::Now(payment))
}

/// Adds a settled payment.
pub(super) fn settle(ledger: &Connection, request: ChargeRequest) -> Result<Payment> {
    ledger.execute("INSERT INTO payment (document) VALUES ('')", [])?;
    let number = ledger.last_insert_rowid();
    let id = format!("p-{number}");
    let payment = Payment {
        receipt_url: Some(format!("https://receipts.example.org/{id}")),
        id,
        order_id: request.order_id,
        amount: request.amount,
        currency: request.currency,
        status: PaymentStatus::Settled,
    };
    update(ledger, number, &payment)?;
    Ok(payment)
}

/// Gives the money of a payment back. `false`: there is no such payment.
pub(super) fn refund(ledger: &Connection, id: &str) -> Result<bool> {
    let (Some(number), Some(mut payment)) = (number(id), find(ledger, id)?) else {
        return Ok(false);
    };
    payment.status = PaymentStatus::Refunded;
    update(ledger, number, &payment)?;
    Ok(true)
}

/// A payment, if there is one of that id.
pub(super) fn find(ledger: &Connection, id: &str) -> Result<Option<Payment>> {
    let document: Option<String> = ledger
        .prepare_cached("SELECT document FROM payment WHERE number = ?1")?
        .query_row([number(id)], |row| row.get(0))
        .optional()?;
    document.as_deref().map(read).transpose()
}

fn update(ledger: &Connection, number: i64, payment: &Payment) -> Result<()> {
    ledger.execute(
        "UPDATE payment SET document = ?2 WHERE number = ?1",
        params![number, text(payment)?],
    )?;
    Ok(())
}

fn number(id: &str) -> Option<i64> {
    id.strip_prefix("p-")?.parse().ok()
}

fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}
