//! The invoicing service: one invoice for each order, however often the order is told.

use std::path::Path;

use anyhow::{Context as _, Result};
use dovetail_messaging::consumer::{Context, HandlerError};
use dovetail_messaging::store::sqlite::{Sqlite, SqliteTransaction};
use invoicing_consumers::OrdersHandler;
use orders_messages::types::OrderCreated;

use crate::broker::{self, Broker};

/// Nothing here keeps an order from having two invoices. That is the inbox's part.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS invoice (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        order_id TEXT NOT NULL,
        total INTEGER NOT NULL
    ) STRICT;
";

/// The service.
#[derive(Debug, Clone)]
pub struct Invoicing {
    store: Sqlite,
}

impl Invoicing {
    /// The service on a database file, or in memory.
    ///
    /// # Errors
    ///
    /// Where the database cannot be opened.
    pub async fn open(file: Option<&Path>) -> Result<Self> {
        let store = crate::store(file)?;
        let prepared = store.transact(|database| database.execute_batch(SCHEMA));
        prepared.await.context("cannot prepare the database")?;
        Ok(Self { store })
    }

    /// What the service consumes, on a broker.
    #[must_use]
    pub fn runner(&self, broker: Broker) -> invoicing_consumers::Consumers<Sqlite, Broker> {
        let (store, (clock, chance)) = (self.store.clone(), broker::world());
        let options = broker::options();
        invoicing_consumers::Consumers::with_options(
            store,
            broker,
            self.clone(),
            options,
            clock,
            chance,
        )
    }

    /// How many invoices there are for how many orders.
    ///
    /// # Errors
    ///
    /// Where the database cannot say.
    pub async fn count(&self) -> Result<(u32, u32)> {
        let counted = self.store.transact(|database| {
            let sql = "SELECT count(*), count(DISTINCT order_id) FROM invoice";
            database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        });
        counted.await.context("the invoices cannot be counted")
    }
}

impl OrdersHandler<SqliteTransaction> for Invoicing {
    async fn create_invoice(
        &self,
        transaction: &mut SqliteTransaction,
        event: OrderCreated,
        _context: &Context<'_>,
    ) -> Result<(), HandlerError> {
        let (order, total) = (event.order_id.to_string(), event.total);
        transaction
            .run(move |database| {
                let sql = "INSERT INTO invoice (order_id, total) VALUES (?1, ?2)";
                database.execute(sql, (order, total))
            })
            .await?;
        Ok(())
    }
}
