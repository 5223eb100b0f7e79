//! `provides.http.rename`: names that generated code gives to what the document calls otherwise.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::super::super::files::Files;
use super::super::super::lower::{self, Keys};
use super::super::super::tree::{Entry, Node};
use crate::codes;
use crate::contract::{HttpApi, Renames};
use crate::finding::Finding;
use crate::json_pointer::escape;
use crate::schema::{SchemaId, Schemas};
use crate::source::{Span, Spanned};

pub(crate) const RENAME: Keys = Keys {
    what: "new names",
    known: &["schemas", "operations", "properties"],
    required: &[],
};

/// Most new names of one kind.
const NAMES_MAX: usize = 10_000;

/// Most schemas of one name that are looked into.
const SAME_NAME_MAX: usize = 64;

/// Most dots of a name that are tried as the one before the property.
const DOTS_MAX: usize = 32;

/// Reads the new names of an interface, leaving out what cannot be given.
pub(super) fn read(files: &mut Files, node: &Node, api: &HttpApi) -> Renames {
    let Some(node) = lower::mapping(files, node, &RENAME) else {
        return Renames::default();
    };
    let schemas = names_of(&api.schemas);
    let known: Vec<&str> = schemas.keys().copied().collect();
    let ids: Vec<&str> = api.operations.iter().map(|o| o.id.value.as_str()).collect();
    let flat = |files: &mut Files, key: &str, what: &str, known: &[&str]| {
        let names = node.get(key).map(|node| names(files, node, what, known));
        names.unwrap_or_default()
    };
    let mut renames = Renames {
        schemas: flat(files, "schemas", "schema", &known),
        operations: flat(files, "operations", "operation", &ids),
        properties: IndexMap::new(),
    };
    if let Some(node) = node.get("properties") {
        renames.properties = properties(files, node, &api.schemas, &schemas);
    }
    renames
}

/// New names of one kind of thing, whose present names are known.
fn names(
    files: &mut Files,
    node: &Node,
    what: &str,
    known: &[&str],
) -> IndexMap<String, Spanned<String>> {
    let present: HashSet<&str> = known.iter().copied().collect();
    let entries = entries(files, node, &format!("new names by {what}"));
    let mut names = IndexMap::new();
    for entry in entries {
        if !present.contains(entry.key.as_str()) {
            let finding = missing(files, entry, (what, &entry.key), known.iter().copied());
            files.push(finding);
            continue;
        }
        if let Some(name) = new_name(files, &entry.value) {
            names.insert(entry.key.clone(), name);
        }
    }
    keep_unique(files, &present, &mut names);
    names
}

/// What is renamed, unless that is more than anybody would write.
fn entries<'n>(files: &mut Files, node: &'n Node, what: &str) -> &'n [Entry] {
    let entries = lower::free_mapping(files, node, what).unwrap_or_default();
    if entries.len() > NAMES_MAX {
        let message = format!("more than {NAMES_MAX} new names are given");
        files.push(Finding::new(&codes::TOO_LARGE, node.span, message));
        return &[];
    }
    entries
}

/// New names of properties, written as `Schema.property`. Either may hold dots itself, so every dot is tried.
fn properties(
    files: &mut Files,
    node: &Node,
    schemas: &Schemas,
    by_name: &IndexMap<&str, Vec<SchemaId>>,
) -> IndexMap<String, IndexMap<String, Spanned<String>>> {
    let mut properties: IndexMap<String, IndexMap<String, Spanned<String>>> = IndexMap::new();
    for entry in entries(files, node, "new names by `Schema.property`") {
        let splits = entry.key.match_indices('.').take(DOTS_MAX);
        let pairs = splits.filter_map(|(dot, _)| {
            let (schema, rest) = entry.key.split_at_checked(dot)?;
            Some((schema, rest.strip_prefix('.')?))
        });
        let mut nearest = None;
        let mut found = None;
        for (schema, property) in pairs {
            let Some(ids) = by_name.get(schema) else {
                continue;
            };
            nearest = Some((ids, property));
            let pointer = format!("/{}", escape(property));
            let has = |id: &SchemaId| schemas.at_pointer(*id, &pointer).is_some();
            if ids.iter().take(SAME_NAME_MAX).any(has) {
                found = Some((schema, property));
                break;
            }
        }
        let Some((schema, property)) = found else {
            let finding = missing_property(files, entry, schemas, (by_name, nearest));
            files.push(finding);
            continue;
        };
        if let Some(name) = new_name(files, &entry.value) {
            let of_schema = properties.entry(schema.to_owned()).or_default();
            of_schema.insert(property.to_owned(), name);
        }
    }
    for (schema, names) in &mut properties {
        let ids = by_name.get(schema.as_str()).into_iter().flatten();
        let own = ids.flat_map(|id| schemas.schema(*id).object.properties.keys());
        let present = own.map(String::as_str).collect();
        keep_unique(files, &present, names);
    }
    properties.retain(|_, names| !names.is_empty());
    properties
}

/// Names of schemas, and the schema that was tried last with what was looked for in it.
type Looked<'a> = (
    &'a IndexMap<&'a str, Vec<SchemaId>>,
    Option<(&'a Vec<SchemaId>, &'a str)>,
);

fn missing_property(
    files: &Files,
    entry: &Entry,
    schemas: &Schemas,
    (by_name, nearest): Looked<'_>,
) -> Finding {
    match nearest {
        Some((ids, property)) => {
            let own = ids.iter();
            let own = own.flat_map(|id| schemas.schema(*id).object.properties.keys());
            missing(
                files,
                entry,
                ("property", property),
                own.map(String::as_str),
            )
        }
        None => {
            let schema = entry.key.rsplit_once('.').map_or("", |(schema, _)| schema);
            let known = by_name.keys().copied();
            missing(files, entry, ("schema", schema), known)
                .expected("the name of a schema, a dot, and the name of its property")
        }
    }
}

fn missing<'a>(
    files: &Files,
    entry: &Entry,
    (what, name): (&str, &str),
    known: impl Iterator<Item = &'a str>,
) -> Finding {
    let message = format!("there is no {what} `{}`", lower::shorten(name));
    let finding = Finding::new(&codes::UNFIT_RENAME, entry.key_span, message);
    lower::suggest(files, finding, name, known)
}

/// A name that can be given: what every casing can be made of.
fn new_name(files: &mut Files, node: &Node) -> Option<Spanned<String>> {
    const LENGTH_MAX: usize = 64;
    let name = lower::text(files, node, "a name")?;
    let fits = name.value.len() <= LENGTH_MAX
        && name.value.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !fits {
        let message = format!("`{}` cannot be a name", lower::shorten(&name.value));
        let finding = Finding::new(&codes::UNFIT_RENAME, name.span, message);
        files.push(finding.expected(format!(
            "up to {LENGTH_MAX} letters, digits and underscores, beginning with a letter"
        )));
    }
    fits.then_some(name)
}

/// Drops new names that something else has: by a new name too, or because it is called so and keeps its name.
fn keep_unique(
    files: &mut Files,
    present: &HashSet<&str>,
    names: &mut IndexMap<String, Spanned<String>>,
) {
    let mut given: HashMap<String, Span> = HashMap::new();
    let renamed: HashSet<String> = names.keys().cloned().collect();
    names.retain(|old, new| {
        let kept = old != &new.value
            && present.contains(new.value.as_str())
            && !renamed.contains(&new.value);
        let first = given.get(&new.value).copied();
        given.entry(new.value.clone()).or_insert(new.span);
        if !kept && first.is_none() {
            return true;
        }
        let message = format!("something else is called `{}`", new.value);
        let finding = Finding::new(&codes::UNFIT_RENAME, new.span, message);
        let finding = match first {
            Some(first) => finding.related(first, "by this new name"),
            None => finding,
        };
        files.push(finding.expected("a name of its own"));
        false
    });
}

/// The schemas that have each name, in the order of reading.
fn names_of(schemas: &Schemas) -> IndexMap<&str, Vec<SchemaId>> {
    let mut names: IndexMap<&str, Vec<SchemaId>> = IndexMap::new();
    for (id, schema) in schemas.iter() {
        if let Some(name) = &schema.name {
            names.entry(name).or_default().push(id);
        }
    }
    names
}
