//! Opening a file that belongs to a running system: it has to be there, and its tables are left as they are.

use std::{path::Path, sync::Arc};

use rusqlite::{Connection, OpenFlags};

use super::{Options, Sqlite, Writer, because, configure};
use crate::{
    migrate::{SQLITE, sqlite_version},
    store::{ErrorKind, StoreError},
};

impl Sqlite {
    /// Opens a file that is there, as a tool beside the services that use it. Its tables are neither made nor changed: an older service beside a
    /// newer tool must not find a schema that it does not know. Blocks for as long as that takes.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened; [`ErrorKind::Refused`] where its tables are not of the version that this crate knows.
    pub fn attach(path: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        const ACTION: &str = "open the database";
        let path = path.as_ref();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(because(ACTION))?;
        let known = SQLITE.last().map(|migration| migration.version);
        let present = sqlite_version(&connection)?;
        if present != known {
            let words = |version: Option<u32>| {
                version.map_or("no tables of dovetail".to_owned(), |version| {
                    format!("tables of version {version}")
                })
            };
            let found = format!(
                "it has {}, and this program needs {}",
                words(present),
                words(known)
            );
            return Err(StoreError::because(ACTION, ErrorKind::Refused, found));
        }
        configure(&connection, options).map_err(because(ACTION))?;
        let writer = Writer::start(connection, options.queue_max.max(1)).map_err(|error| {
            StoreError::because("start its thread", ErrorKind::Unavailable, error)
        })?;
        Ok(Self {
            path: Arc::new(path.to_owned()),
            writer,
            outbox_changed: Arc::default(),
        })
    }
}
