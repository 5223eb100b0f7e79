//! From the crate as data to its files: one template per file, then formatting.

use std::collections::BTreeMap;

use askama::Template;

use crate::{format, ir};

/// A file whose text is not what it should be, which is a defect of the templates or of lowering.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {message}")]
pub(crate) struct RenderError {
    pub(crate) path: &'static str,
    pub(crate) message: String,
}

#[derive(Template)]
#[template(path = "client/Cargo.toml.j2")]
struct CargoToml<'a> {
    krate: &'a ir::Crate,
}

#[derive(Template)]
#[template(path = "client/README.md.j2")]
struct Readme<'a> {
    krate: &'a ir::Crate,
}

#[derive(Template)]
#[template(path = "client/lib.rs.j2")]
struct Lib<'a> {
    krate: &'a ir::Crate,
}

#[derive(Template)]
#[template(path = "client/client.rs.j2")]
struct Client<'a> {
    krate: &'a ir::Crate,
}

#[derive(Template)]
#[template(path = "client/operations.rs.j2")]
struct Operations<'a> {
    krate: &'a ir::Crate,
}

#[derive(Template)]
#[template(path = "client/types.rs.j2")]
struct Types<'a> {
    krate: &'a ir::Crate,
}

#[derive(Template)]
#[template(path = "client/errors.rs.j2")]
struct Errors<'a> {
    krate: &'a ir::Crate,
}

#[derive(Template)]
#[template(path = "client/policies.rs.j2")]
struct Policies<'a> {
    krate: &'a ir::Crate,
}

/// All files of the crate.
pub(crate) fn render(krate: &ir::Crate) -> Result<BTreeMap<String, String>, RenderError> {
    let mut files = BTreeMap::new();
    let mut plain = |path: &'static str, text: askama::Result<String>| {
        files.insert(path.to_owned(), format::tidy(&printed(path, text)?));
        Ok(())
    };
    plain("Cargo.toml", CargoToml { krate }.render())?;
    plain("README.md", Readme { krate }.render())?;
    let mut rust = |path: &'static str, text: askama::Result<String>| {
        let formatted =
            format::rust(&printed(path, text)?).map_err(|message| RenderError { path, message })?;
        files.insert(path.to_owned(), formatted);
        Ok(())
    };
    rust("src/lib.rs", Lib { krate }.render())?;
    rust("src/client.rs", Client { krate }.render())?;
    rust("src/operations.rs", Operations { krate }.render())?;
    if !krate.types.is_empty() {
        rust("src/types.rs", Types { krate }.render())?;
    }
    if !krate.errors.is_empty() {
        rust("src/errors.rs", Errors { krate }.render())?;
    }
    if !krate.callers.is_empty() {
        rust("src/policies.rs", Policies { krate }.render())?;
    }
    Ok(files)
}

fn printed(path: &'static str, text: askama::Result<String>) -> Result<String, RenderError> {
    text.map_err(|error| RenderError {
        path,
        message: error.to_string(),
    })
}
