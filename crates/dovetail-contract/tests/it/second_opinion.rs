//! Another reader of OpenAPI 3.0 agrees with ours on everything that both have a word for.
//!
//! `openapiv3` refuses many real documents; on those that it takes, both must see the same operations, parameters, bodies and schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dovetail_contract::contract::{HttpApi, ParameterEncoding, ParameterLocation};
use dovetail_contract::load::{load_openapi, parse_text};
use openapiv3::{OpenAPI, ReferenceOr};

use crate::shared;

/// What both readers have a word for, as lines that can be compared.
type Facts = BTreeSet<String>;

#[test]
fn both_readers_see_the_same() {
    let Some(folder) = shared::folder("corpus/openapi") else {
        return;
    };
    let documents = shared::documents(&folder);
    let (even, odd): (Vec<_>, Vec<_>) = documents.iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let compared: usize = std::thread::scope(|scope| {
        let halves = [even, odd]
            .map(|half| scope.spawn(move || half.iter().filter(|(_, path)| agree(path)).count()));
        halves
            .map(|half| half.join().expect("both agree"))
            .iter()
            .sum()
    });
    assert!(compared >= 40, "only {compared} documents were compared");
}

/// Compares what both say of a document. `false` where the other reader refuses it.
fn agree(path: &Path) -> bool {
    let name = path.file_name().expect("it has a name").to_string_lossy();
    let Some(theirs) = their_facts(path) else {
        return false;
    };
    let loaded = load_openapi(path);
    let ours = our_facts(&loaded.api.expect("it loads"));
    let only_ours: Vec<_> = ours.difference(&theirs).take(5).collect();
    let only_theirs: Vec<_> = theirs.difference(&ours).take(5).collect();
    assert!(
        only_ours.is_empty() && only_theirs.is_empty(),
        "{name}\nonly ours: {only_ours:#?}\nonly theirs: {only_theirs:#?}"
    );
    assert!(!ours.is_empty(), "{name} says nothing");
    true
}

fn our_facts(api: &HttpApi) -> Facts {
    let mut facts = Facts::new();
    for operation in &api.operations {
        let key = format!("{} {}", operation.method, operation.path.value);
        let id = Some(operation.id.value.as_str()).filter(|_| operation.id_is_declared);
        facts.insert(format!("{key} id {id:?}"));
        for parameter in &operation.parameters {
            let place = match parameter.location {
                ParameterLocation::Path => "path",
                ParameterLocation::Query => "query",
                ParameterLocation::Header => "header",
                ParameterLocation::Cookie => "cookie",
            };
            let is_content = matches!(parameter.encoding, ParameterEncoding::Content(_));
            let (name, required) = (&parameter.name, parameter.required);
            facts.insert(format!(
                "{key} {id:?} parameter {place} {name} required={required} content={is_content}"
            ));
        }
        for media in operation.request_body.iter().flat_map(|body| &body.content) {
            facts.insert(format!("{key} {id:?} body {}", media.media_type));
        }
        for response in &operation.responses {
            facts.insert(format!("{key} {id:?} response {}", response.status));
            for media in &response.content {
                let (status, media) = (response.status, &media.media_type);
                facts.insert(format!("{key} {id:?} response {status} {media}"));
            }
        }
    }
    for (_, schema) in api.schemas.iter() {
        let (Some(name), Some((_, pointer))) = (&schema.name, schema.pointer.split_once('#'))
        else {
            continue;
        };
        // Parts of a schema that loading made stand below it.
        if pointer.starts_with("/components/schemas/") && pointer.matches('/').count() == 3 {
            facts.insert(format!("schema {name}"));
            let whole = schema.any_of.first().map(|id| api.schemas.schema(*id));
            let whole = whole.filter(|part| part.pointer.ends_with("/~value"));
            for property in whole.unwrap_or(schema).object.properties.keys() {
                facts.insert(format!("schema {name} property {property}"));
            }
        }
    }
    facts
}

fn their_facts(path: &Path) -> Option<Facts> {
    let text = std::fs::read_to_string(path).expect("it can be read");
    let json = parse_text(&path.to_string_lossy(), &text).root?.to_json();
    let api: OpenAPI = serde_json::from_value(json.clone()).ok()?;
    if !api.openapi.starts_with("3.0") {
        return None;
    }
    let mut facts = Facts::new();
    let mut claimed = BTreeSet::new();
    for (path, item) in &api.paths.paths {
        let ReferenceOr::Item(item) = item else {
            return None;
        };
        let bare = path.split(['#', '?']).next().unwrap_or_default();
        for (method, operation) in item.iter() {
            let key = format!("{} {bare}", method.to_uppercase());
            // Ours gives an id to the first that claims it.
            let id = operation
                .operation_id
                .as_deref()
                .filter(|id| claimed.insert(*id));
            facts.insert(format!("{key} id {id:?}"));
            for parameter in their_parameters(&json, bare, &item.parameters, operation) {
                facts.insert(format!("{key} {id:?} parameter {parameter}"));
            }
            their_bodies(&json, operation, &format!("{key} {id:?}"), &mut facts);
        }
    }
    let components = api.components.unwrap_or_default();
    for (name, schema) in &components.schemas {
        facts.insert(format!("schema {name}"));
        if let ReferenceOr::Item(schema) = schema {
            for property in their_properties(schema) {
                facts.insert(format!("schema {name} property {property}"));
            }
        }
    }
    Some(facts)
}

fn their_properties(schema: &openapiv3::Schema) -> Vec<String> {
    use openapiv3::{SchemaKind, Type};
    match &schema.schema_kind {
        SchemaKind::Type(Type::Object(object)) => object.properties.keys().cloned().collect(),
        SchemaKind::Any(any) => any.properties.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

/// The parameters that go on the wire: merged, and matched with the template as ours are.
fn their_parameters(
    json: &serde_json::Value,
    path: &str,
    common: &[ReferenceOr<openapiv3::Parameter>],
    operation: &openapiv3::Operation,
) -> BTreeSet<String> {
    use openapiv3::{Parameter, ParameterSchemaOrContent};
    let mut merged: BTreeMap<(&str, String), (String, String)> = BTreeMap::new();
    for parameter in common.iter().chain(&operation.parameters) {
        let parameter: Parameter = item(json, parameter);
        let place = match &parameter {
            Parameter::Query { .. } => "query",
            Parameter::Header { .. } => "header",
            Parameter::Path { .. } => "path",
            Parameter::Cookie { .. } => "cookie",
        };
        let declared = parameter.parameter_data();
        let name = declared.name.clone();
        let folded = name.to_ascii_lowercase();
        let is_reserved = ["accept", "content-type", "authorization"].contains(&folded.as_str());
        let in_template = place != "path" || path.contains(&format!("{{{name}}}"));
        if (place == "header" && is_reserved) || !in_template {
            continue;
        }
        let required = declared.required || place == "path";
        let is_content = matches!(declared.format, ParameterSchemaOrContent::Content(_));
        let key = if place == "header" {
            folded
        } else {
            name.clone()
        };
        let rest = format!("required={required} content={is_content}");
        merged.insert((place, key), (name, rest));
    }
    for name in path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
    {
        let undeclared = ("path", name.0.to_owned());
        merged
            .entry(undeclared)
            .or_insert_with(|| (name.0.to_owned(), "required=true content=false".to_owned()));
    }
    merged
        .into_iter()
        .map(|((place, _), (name, rest))| format!("{place} {name} {rest}"))
        .collect()
}

fn their_bodies(
    json: &serde_json::Value,
    operation: &openapiv3::Operation,
    key: &str,
    facts: &mut Facts,
) {
    if let Some(body) = &operation.request_body {
        for media in item(json, body).content.keys() {
            facts.insert(format!("{key} body {media}"));
        }
    }
    let responses = &operation.responses;
    let by_status = responses.responses.iter();
    let by_status = by_status.map(|(status, response)| (status.to_string(), response));
    let default = responses.default.iter();
    let default = default.map(|response| ("default".to_owned(), response));
    for (status, response) in by_status.chain(default) {
        facts.insert(format!("{key} response {status}"));
        for media in item(json, response).content.keys() {
            facts.insert(format!("{key} response {status} {media}"));
        }
    }
}

/// The object itself, or the one that its reference leads to.
fn item<T: serde::de::DeserializeOwned + Clone>(
    json: &serde_json::Value,
    reference: &ReferenceOr<T>,
) -> T {
    let mut at = match reference {
        ReferenceOr::Item(item) => return item.clone(),
        ReferenceOr::Reference { reference } => reference.clone(),
    };
    loop {
        let pointer = at.strip_prefix('#').expect("it stays in the document");
        let found = json.pointer(pointer).expect("it leads somewhere");
        match found.get("$ref").and_then(serde_json::Value::as_str) {
            Some(next) => at = next.to_owned(),
            None => return T::deserialize(found).expect("it is of the kind needed"),
        }
    }
}
