//! What a server says of an error, without the values of rows that it shows in its details: logs and dead letters are read by more people than the
//! tables are.

use std::{error::Error, fmt};

use tokio_postgres::error::{DbError, SqlState};

/// What a server said of a statement: how bad it is, its code, what went wrong, and with which table and constraint. One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    code: SqlState,
    text: String,
}

impl Said {
    pub(super) fn of(error: &DbError) -> Self {
        let code = error.code();
        let mut text = format!("{} {}: {}", error.severity(), code.code(), error.message());
        for (what, name) in [("table", error.table()), ("constraint", error.constraint())] {
            if let Some(name) = name {
                text.push_str(&format!(" ({what} {name})"));
            }
        }
        Self {
            code: code.clone(),
            text: text.replace(['\n', '\r'], " "),
        }
    }

    /// The code of the error.
    #[must_use]
    pub const fn code(&self) -> &SqlState {
        &self.code
    }
}

impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Error for Said {}
