//! The tables: brought up to date, or printed for those who do so themselves.

use std::path::Path;

use dovetail_messaging::migrate::{self, Migration, POSTGRES, SQLITE, sqlite_version as version};
use dovetail_messaging::store::sqlite::rusqlite::Connection;
use serde_json::json;

use super::{Desk, failed};
use crate::exit::{Exit, Stop};

/// What a database has around the statements of a step.
struct Dialect {
    steps: &'static [Migration],
    /// Makes what notes the versions.
    table: &'static str,
    begin: &'static str,
    /// The time, as the note has it.
    now: &'static str,
}

const OF_SQLITE: Dialect = Dialect {
    steps: &SQLITE,
    table: "CREATE TABLE IF NOT EXISTS dovetail_schema (\n    version INTEGER PRIMARY KEY, name TEXT NOT NULL, at INTEGER NOT NULL\n) STRICT;\n",
    begin: "BEGIN IMMEDIATE;",
    now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
};

const OF_POSTGRES: Dialect = Dialect {
    steps: &POSTGRES,
    table: "CREATE TABLE IF NOT EXISTS dovetail_schema (\n    version bigint PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL\n);\n",
    begin: "BEGIN;",
    now: "now()",
};

/// Prints the statements of all steps after a version, each with the note that it was applied, so that what is run by hand is known to the
/// services. No database is asked, nor has it to be there.
pub(super) fn print(desk: &Desk, is_postgres: bool, from: u32) -> Result<Exit, Stop> {
    let dialect = if is_postgres { OF_POSTGRES } else { OF_SQLITE };
    let newest = dialect.steps.last().map_or(0, |step| step.version);
    if from > newest {
        return Err(Stop::usage(format!(
            "`--from {from}` is no version that this program knows; its newest one is {newest}"
        )));
    }
    let mut script = if from == 0 { dialect.table } else { "" }.to_owned();
    for step in dialect.steps.iter().filter(|step| step.version > from) {
        script.push_str(&format!(
            "\n-- Version {}: {}.\n{}\n{}\nINSERT INTO dovetail_schema (version, name, at) VALUES ({}, '{}', {});\nCOMMIT;\n",
            step.version,
            step.name,
            dialect.begin,
            step.sql.trim_end(),
            step.version,
            step.name,
            dialect.now
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
