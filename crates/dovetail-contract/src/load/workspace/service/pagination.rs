//! `provides.http.pagination`: how lists are read page by page.
//!
//! It is said and never guessed. What holds for all operations is taken by those that it fits; what is said of one operation has to fit.

use std::collections::HashMap;

use super::super::super::files::Files;
use super::super::super::lower::{self, Keys};
use super::super::super::tree::Node;
use crate::codes;
use crate::contract::{
    HttpApi, Idempotency, Operation, Pagination, PaginationStyle, ParameterLocation,
};
use crate::finding::{Finding, Severity};
use crate::schema::{SchemaId, Schemas, Type};
use crate::source::{Span, Spanned};

pub(crate) const PAGINATION: Keys = Keys {
    what: "the pagination of an interface",
    known: &[
        "style",
        "request",
        "response",
        "items",
        "limit",
        "operations",
    ],
    required: &[],
};
pub(crate) const PAGED: Keys = Keys {
    what: "the pagination of an operation",
    known: &["style", "request", "response", "items", "limit"],
    required: &["style", "items"],
};

/// What a contract says, each part where it is said.
struct Convention {
    /// Where it begins.
    span: Span,
    style: PaginationStyle,
    request: Option<Spanned<String>>,
    response: Option<Spanned<String>>,
    items: Spanned<String>,
    limit: Option<Spanned<String>>,
}

/// Why a convention does not fit an operation.
struct Misfit<'a> {
    span: Span,
    message: String,
    /// What was said, and what might have been meant by it.
    said: &'a str,
    known: Vec<&'a str>,
}

/// Reads what is said of pagination into the operations that it holds for.
pub(super) fn read(files: &mut Files, node: &Node, api: &mut HttpApi) {
    let Some(node) = lower::mapping(files, node, &PAGINATION) else {
        return;
    };
    let common = common(files, node);
    let mut paged: HashMap<String, Option<Pagination>> = HashMap::new();
    let operations = api.operations.iter();
    let by_id: HashMap<&str, &Operation> = operations
        .map(|operation| (operation.id.value.as_str(), operation))
        .collect();
    let operations = node.get("operations");
    let what = "paged operations by id";
    for entry in operations
        .and_then(|node| lower::free_mapping(files, node, what))
        .unwrap_or_default()
    {
        let Some(operation) = by_id.get(entry.key.as_str()) else {
            let message = format!("there is no operation `{}`", lower::shorten(&entry.key));
            let ids = api.operations.iter().map(|o| o.id.value.as_str());
            let finding = Finding::new(&codes::UNFIT_PAGINATION, entry.key_span, message);
            let finding = lower::suggest(files, finding, &entry.key, ids);
            files.push(finding);
            continue;
        };
        let own = own(files, &entry.value, operation, &api.schemas);
        paged.insert(entry.key.clone(), own);
    }
    let mut fits_one = false;
    if let Some(common) = &common {
        let mut lists = Lists::default();
        for operation in &api.operations {
            let is_free = !paged.contains_key(&operation.id.value);
            let is_safe = operation.method.idempotency() == Idempotency::Safe;
            if !(is_free && is_safe) {
                continue;
            }
            if let Some(pagination) = lists.fit_loosely(common, operation, &api.schemas) {
                fits_one = true;
                paged.insert(operation.id.value.clone(), Some(pagination));
            }
        }
        if !fits_one {
            let message = "the convention fits no operation of the document";
            let mut finding = Finding::new(&codes::UNFIT_PAGINATION, common.span, message);
            finding.severity = Severity::Warning;
            let expected = "a safe operation with its parameters, and with a list in its response";
            files.push(finding.expected(expected));
        }
    }
    for operation in &mut api.operations {
        operation.pagination = paged.remove(&operation.id.value).flatten();
    }
}

/// What is said of one operation: `off`, or what has to fit.
fn own(
    files: &mut Files,
    node: &Node,
    operation: &Operation,
    schemas: &Schemas,
) -> Option<Pagination> {
    if node.as_str() == Some("off") {
        return None;
    }
    let node = lower::mapping(files, node, &PAGED)?;
    let convention = convention(files, node)?;
    match fit(&convention, operation, schemas) {
        Ok(pagination) => Some(pagination),
        Err(misfits) => {
            for misfit in misfits {
                let finding = Finding::new(&codes::UNFIT_PAGINATION, misfit.span, misfit.message)
                    .related(operation.id.span, "the operation");
                let finding = lower::suggest(files, finding, misfit.said, misfit.known);
                files.push(finding);
            }
            None
        }
    }
}

/// What is said of all operations, if anything is.
fn common(files: &mut Files, node: &Node) -> Option<Convention> {
    if !PAGED.known.iter().any(|key| node.get(key).is_some()) {
        return None;
    }
    for key in PAGED.required.iter().filter(|key| node.get(key).is_none()) {
        let message = format!("pages cannot be read without `{key}`");
        files.push(Finding::new(&codes::MISSING_KEY, node.span, message));
    }
    convention(files, node)
}

fn convention(files: &mut Files, node: &Node) -> Option<Convention> {
    let styles = [
        ("cursor", PaginationStyle::Cursor),
        ("page", PaginationStyle::Page),
        ("offset", PaginationStyle::Offset),
        ("link", PaginationStyle::Link),
    ];
    let style_node = node.get("style");
    let style = style_node.and_then(|node| lower::word(files, node, "a style of pages", &styles));
    let mut name = |key: &str| {
        let node = node.get(key)?;
        lower::text(files, node, "the name of a query parameter")
    };
    let (request, limit) = (name("request"), name("limit"));
    let response = node.get("response").and_then(|node| pointer(files, node));
    let items = node.get("items").and_then(|node| pointer(files, node));
    let mut missing = |key: &str| {
        let message = format!("pages cannot be read without `{key}`");
        let span = style_node.map_or(node.span, |style| style.span);
        files.push(Finding::new(&codes::MISSING_KEY, span, message));
    };
    let style = style?;
    let is_link = style == PaginationStyle::Link;
    if node.get("request").is_none() && !is_link {
        missing("request");
        return None;
    }
    if node.get("response").is_none() && style == PaginationStyle::Cursor {
        missing("response");
        return None;
    }
    if let Some(request) = request.as_ref().filter(|_| is_link) {
        let message = "the address of a link names the next page as a whole";
        let finding = Finding::new(&codes::INVALID_VALUE, request.span, message);
        files.push(finding.help("remove `request`"));
        return None;
    }
    Some(Convention {
        span: style_node.map_or(node.span, |style| style.span),
        style,
        request,
        response,
        items: items?,
        limit,
    })
}

/// A JSON pointer, which may be empty.
fn pointer(files: &mut Files, node: &Node) -> Option<Spanned<String>> {
    let text = node.as_str();
    let text = text.filter(|text| text.is_empty() || text.starts_with('/'));
    if text.is_none() {
        let expected = "a JSON pointer such as `/data`, or `\"\"` for the whole response";
        files.push(lower::wrong_type(node, expected));
    }
    text.map(|text| Spanned::new(text.to_owned(), node.span))
}

/// What a convention becomes for an operation, or all that keeps it from fitting.
fn fit<'a>(
    convention: &'a Convention,
    operation: &'a Operation,
    schemas: &Schemas,
) -> Result<Pagination, Vec<Misfit<'a>>> {
    let mut misfits = Vec::new();
    for name in convention.request.iter().chain(&convention.limit) {
        if !has_query(operation, &name.value) {
            let names = operation.parameters.iter();
            let names = names.filter(|p| p.location == ParameterLocation::Query);
            let id = &operation.id.value;
            misfits.push(Misfit {
                span: name.span,
                message: format!("`{id}` has no query parameter `{}`", name.value),
                said: &name.value,
                known: names.map(|parameter| parameter.name.as_str()).collect(),
            });
        }
    }
    let misfit = |span: Span, message: String| Misfit {
        span,
        message,
        said: "",
        known: Vec::new(),
    };
    match answer(operation) {
        Some(schema) => {
            if let Some(response) = &convention.response
                && schemas.at_pointer(schema, &response.value).is_none()
            {
                let message = format!("the response has nothing at `{}`", response.value);
                misfits.push(misfit(response.span, message));
            }
            if !has_list(schemas, schema, &convention.items.value) {
                let message = format!("the response has no list at `{}`", convention.items.value);
                misfits.push(misfit(convention.items.span, message));
            }
        }
        None => {
            let message = "no response of success is JSON with a schema".to_owned();
            misfits.push(misfit(convention.items.span, message));
        }
    }
    if misfits.is_empty() {
        Ok(pagination(convention, operation))
    } else {
        Err(misfits)
    }
}

/// What a convention for many operations was found to fit. Operations share the schemas of their responses, so each is looked into once.
#[derive(Default)]
struct Lists {
    fits: HashMap<SchemaId, bool>,
}

impl Lists {
    fn fit_loosely(
        &mut self,
        convention: &Convention,
        operation: &Operation,
        schemas: &Schemas,
    ) -> Option<Pagination> {
        let request = convention.request.as_ref();
        if request.is_some_and(|name| !has_query(operation, &name.value)) {
            return None;
        }
        let schema = schemas.resolve(answer(operation)?);
        let fits = *self.fits.entry(schema).or_insert_with(|| {
            let response = convention.response.as_ref();
            response.is_none_or(|response| schemas.at_pointer(schema, &response.value).is_some())
                && has_list(schemas, schema, &convention.items.value)
        });
        fits.then(|| pagination(convention, operation))
    }
}

fn pagination(convention: &Convention, operation: &Operation) -> Pagination {
    let text = |said: &Option<Spanned<String>>| said.as_ref().map(|said| said.value.clone());
    Pagination {
        style: convention.style,
        request: text(&convention.request),
        response: text(&convention.response),
        items: convention.items.value.clone(),
        // Of what holds for all, an operation takes the size of a page only where it has it.
        limit: text(&convention.limit).filter(|limit| has_query(operation, limit)),
    }
}

fn has_query(operation: &Operation, name: &str) -> bool {
    let mut parameters = operation.parameters.iter();
    parameters
        .any(|parameter| parameter.location == ParameterLocation::Query && parameter.name == name)
}

/// The schema of the first response of success that is JSON.
fn answer(operation: &Operation) -> Option<SchemaId> {
    let responses = operation.responses.iter();
    let mut media = responses
        .filter(|response| response.status.is_success())
        .flat_map(|response| &response.content);
    media.find(|media| media.is_json())?.schema
}

fn has_list(schemas: &Schemas, schema: SchemaId, pointer: &str) -> bool {
    let list = schemas.at_pointer(schema, pointer);
    list.is_some_and(|list| schemas.names_type(list, Type::Array))
}
