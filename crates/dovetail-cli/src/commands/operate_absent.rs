//! What looks after the messages of running systems, where the command was built without it.

use crate::args::{Global, operate};
use crate::exit::{Exit, Stop};
use crate::ui::Ui;

/// Says so.
pub(crate) fn dead_letters(_: &Global, _: Ui, _: &operate::DeadLetters) -> Result<Exit, Stop> {
    absent()
}

/// Says so.
pub(crate) fn outbox(_: &Global, _: Ui, _: &operate::Outbox) -> Result<Exit, Stop> {
    absent()
}

/// Says so.
pub(crate) fn messaging(_: &Global, _: Ui, _: &operate::Messaging) -> Result<Exit, Stop> {
    absent()
}

fn absent() -> Result<Exit, Stop> {
    Err(Stop::usage(
        "no store is built in: `cargo install dovetail-cli` has SQLite, and a build with `--no-default-features` has none",
    ))
}
