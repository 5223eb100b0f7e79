//! `dovetail schema`: the JSON Schemas that editors check contract files against.

use dovetail_contract::load::schemas;

use crate::args::SchemaFile;
use crate::exit::{Exit, Stop};
use crate::ui::Ui;

/// Prints one schema.
pub(crate) fn run(ui: Ui, file: SchemaFile) -> Result<Exit, Stop> {
    let text = match file {
        SchemaFile::Workspace => schemas::WORKSPACE,
        SchemaFile::Service => schemas::SERVICE,
        SchemaFile::Expectation => schemas::EXPECTATION,
    };
    ui.result(text)?;
    Ok(Exit::Ok)
}
