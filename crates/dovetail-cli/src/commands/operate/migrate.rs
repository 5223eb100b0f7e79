//! The tables: brought up to date, or printed for those who do so themselves.

use std::path::Path;

use dovetail_messaging::migrate::{self, SQLITE, sqlite_version as version};
use dovetail_messaging::store::sqlite::rusqlite::Connection;
use serde_json::json;

use super::{Desk, failed};
use crate::exit::{Exit, Stop};

/// Makes what notes the version, and adds it to the statements of each step, so that what is run by hand is known to the services.
pub(super) fn print(desk: &Desk) -> Result<Exit, Stop> {
    let mut script = "CREATE TABLE IF NOT EXISTS dovetail_schema (\n    version INTEGER PRIMARY KEY, name TEXT NOT NULL, at INTEGER NOT NULL\n) STRICT;\n".to_owned();
    for step in &SQLITE {
        script.push_str(&format!(
            "\n-- Version {}: {}.\nBEGIN IMMEDIATE;\n{}\nINSERT INTO dovetail_schema (version, name, at) VALUES ({}, '{}', CAST(unixepoch('subsec') * 1000 AS INTEGER));\nCOMMIT;\n",
            step.version,
            step.name,
            step.sql.trim_end(),
            step.version,
            step.name
        ));
    }
    desk.write(&script, &json!({ "schema": 1, "sql": script }))?;
    Ok(Exit::Ok)
}

/// Brings the file of a service up to date, and makes it if it is not there.
pub(super) fn sqlite(desk: &Desk, path: &Path) -> Result<Exit, Stop> {
    let is_new = !path.exists();
    let mut connection = Connection::open(path).map_err(|error| {
        let context = format!("cannot open `{}`", path.display());
        Stop::new(
            Exit::Infrastructure,
            anyhow::Error::new(error).context(context),
        )
    })?;
    let before = version(&connection).map_err(failed)?;
    migrate::sqlite(&mut connection, desk.now()).map_err(failed)?;
    let after = version(&connection).map_err(failed)?;
    let exit = say(desk, (before, after))?;
    if is_new {
        desk.ui
            .message(&format!("`{}` is a new file", path.display()));
    }
    Ok(exit)
}

/// Says which version the tables had, and which they have.
pub(super) fn say(desk: &Desk, (before, after): (Option<u32>, Option<u32>)) -> Result<Exit, Stop> {
    let words =
        |version: Option<u32>| version.map_or("none".to_owned(), |version| version.to_string());
    let human = if before == after {
        format!("the tables have version {} already\n", words(after))
    } else {
        format!(
            "the tables have version {}; before, {}\n",
            words(after),
            words(before)
        )
    };
    desk.write(
        &human,
        &json!({ "schema": 1, "before": before, "after": after }),
    )?;
    Ok(Exit::Ok)
}
