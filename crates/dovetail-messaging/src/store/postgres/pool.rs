//! Where connections come from: whatever pool the service has.

use std::{error::Error, pin::Pin};

use tokio_postgres::{Client, Statement};

/// Why there is no connection.
pub type PoolError = Box<dyn Error + Send + Sync>;

/// A future in a box, so that pools can be passed around as trait objects.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A pool of connections. [`deadpool_postgres::Pool`] is one; for another one these two traits are a few lines.
pub trait Pool: Send + Sync + 'static {
    /// Lends a connection, waiting for one no longer than the pool is set to.
    ///
    /// The error may be logged and kept: it must not name a password.
    fn lend(&self) -> Boxed<'_, Result<Box<dyn Lent>, PoolError>>;
}

/// A connection on loan. Dropping it gives it back.
pub trait Lent: Send + Sync {
    /// The connection.
    fn client(&self) -> &Client;

    /// Prepares a statement, or finds the one that was prepared on this connection before. The texts are those of the program, so that there
    /// is an end to them.
    fn prepare<'a>(
        &'a self,
        sql: &'static str,
    ) -> Boxed<'a, Result<Statement, tokio_postgres::Error>>;

    /// Closes the connection instead of giving it back: something may still run on it.
    fn discard(self: Box<Self>);
}

impl Pool for deadpool_postgres::Pool {
    fn lend(&self) -> Boxed<'_, Result<Box<dyn Lent>, PoolError>> {
        Box::pin(async {
            let object = self.get().await?;
            Ok(Box::new(object) as Box<dyn Lent>)
        })
    }
}

impl Lent for deadpool_postgres::Object {
    fn client(&self) -> &Client {
        self
    }

    fn prepare<'a>(
        &'a self,
        sql: &'static str,
    ) -> Boxed<'a, Result<Statement, tokio_postgres::Error>> {
        Box::pin(self.prepare_cached(sql))
    }

    fn discard(self: Box<Self>) {
        drop(Self::take(*self));
    }
}
