//! The database of a service in PostgreSQL.

use std::fmt;
use std::time::Duration;

use dovetail_messaging::migrate::{self, POSTGRES, postgres_version};
use dovetail_messaging::store::postgres::deadpool_postgres::{Manager, Pool, Runtime};
use dovetail_messaging::store::postgres::tokio_postgres::config::SslMode;
use dovetail_messaging::store::postgres::tokio_postgres::{Client, Config, NoTls};
use dovetail_messaging::store::postgres::{Options, Postgres};

use super::super::{Desk, failed};
use crate::exit::{Exit, Stop};

/// How long to wait for the database to answer at all.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Connections at once: one for each statement, and one to spare.
const CONNECTIONS: usize = 2;

/// Where the database is. Shows nothing of itself: it holds a password.
#[derive(Clone, PartialEq, Eq)]
pub(in super::super) struct Address(Config);

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Address")
    }
}

impl Address {
    /// Reads an address, and repeats nothing of it where it is none.
    pub(super) fn parse(text: &str) -> Result<Self, Stop> {
        let mut config: Config = text.parse().map_err(|_| {
            Stop::usage("the address of the database cannot be read; write it like `postgres://user@host/database`")
        })?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(Stop::usage(
                "the address asks for TLS, which this program does not speak: go through a tunnel or a socket of the same machine, and leave `sslmode` out",
            ));
        }
        config.connect_timeout(CONNECT_MAX);
        config.application_name("dovetail");
        Ok(Self(config))
    }

    async fn connect(&self) -> Result<Client, Stop> {
        let (client, connection) = self.0.connect(NoTls).await.map_err(|error| {
            let error = anyhow::Error::new(error).context("cannot connect to the database");
            Stop::new(Exit::Infrastructure, error)
        })?;
        // It ends with the client, and what goes wrong on it is an error there.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(client)
    }

    /// Opens the database of a service, whose tables have to be there and are left as they are.
    pub(in super::super) async fn attach(&self) -> Result<Postgres, Stop> {
        let client = self.connect().await?;
        let present = postgres_version(&client).await.map_err(failed)?;
        let known = POSTGRES.last().map(|migration| migration.version);
        if present != known {
            let words = |version: Option<u32>| {
                version.map_or("none".to_owned(), |version| version.to_string())
            };
            let error = anyhow::anyhow!(
                "cannot use the database: the version of its tables is {}, and this program needs {} (`dovetail messaging migrate`)",
                words(present),
                words(known)
            );
            return Err(Stop::new(Exit::Infrastructure, error));
        }
        let pool = Pool::builder(Manager::new(self.0.clone(), NoTls))
            .max_size(CONNECTIONS)
            .wait_timeout(Some(CONNECT_MAX))
            .runtime(Runtime::Tokio1)
            .build();
        let pool = pool.map_err(|error| Stop::new(Exit::Infrastructure, error))?;
        Ok(Postgres::new(pool, Options::default()))
    }

    /// Brings the tables up to date, and says their versions before and after.
    pub(in super::super) async fn migrate(
        &self,
        desk: &Desk,
    ) -> Result<(Option<u32>, Option<u32>), Stop> {
        let mut client = self.connect().await?;
        let before = postgres_version(&client).await.map_err(failed)?;
        let migrated = migrate::postgres(&mut client, desk.now()).await;
        migrated.map_err(failed)?;
        let after = postgres_version(&client).await.map_err(failed)?;
        Ok((before, after))
    }
}
