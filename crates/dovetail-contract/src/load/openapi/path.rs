//! Paths and their items: which operations there are, and what each is called.

use std::collections::{HashMap, HashSet};

use indexmap::{IndexMap, IndexSet};

use super::at::At;
use super::fields::shown;
use super::reference::Kind;
use super::{Reader, warning};
use crate::codes;
use crate::contract::{Method, Operation, SecurityScheme};
use crate::finding::{Finding, Severity};
use crate::source::{Span, Spanned};

/// An operation before it is read.
pub(super) struct Draft<'d> {
    /// Its method.
    pub(super) method: Method,
    /// Its path, without query and fragment.
    pub(super) path: Spanned<String>,
    /// Its path as it was written.
    written: String,
    /// The operation.
    pub(super) at: At<'d>,
    /// What its path item declares for all operations.
    pub(super) parameters: Vec<At<'d>>,
    declared_id: Option<Spanned<String>>,
}

/// What an operation is called.
pub(super) struct Name {
    /// Its id.
    pub(super) id: Spanned<String>,
    /// Whether the document says so.
    pub(super) is_declared: bool,
}

impl<'d> Reader<'d, '_> {
    /// Every operation of the document, in its order.
    pub(super) fn operations(
        &mut self,
        root: &At<'d>,
        schemes: &IndexMap<String, SecurityScheme>,
    ) -> Vec<Operation> {
        let mut drafts = Vec::new();
        for (entry, item) in self.entries(root, "paths") {
            if !entry.key.starts_with("x-") {
                self.path_item(&entry.key, entry.key_span, item, &mut drafts);
            }
        }
        let names = self.names(&drafts);
        let common = self.security(root, schemes).unwrap_or_default();
        drafts
            .iter()
            .zip(names)
            .map(|(draft, name)| self.operation(draft, name, &common, schemes))
            .collect()
    }

    fn path_item(&mut self, written: &str, span: Span, item: At<'d>, drafts: &mut Vec<Draft<'d>>) {
        // Beside `$ref` the keys of a path item go on to count; where both have one, the one that stands here does.
        let own = item.get("$ref").map(|_| item.clone());
        let Some(item) = self.follow(item, Kind::PathItem) else {
            return;
        };
        let path = Spanned::new(self.bare_path(written, span), span);
        let pick = |key: &str| {
            let own = own.as_ref().filter(|own| own.get(key).is_some());
            own.unwrap_or(&item).clone()
        };
        let parameters = self.list(&pick("parameters"), "parameters");
        let mut add = |reader: &mut Self, method, at: At<'d>| {
            if at.node.entries().is_none() {
                reader.wrong_type(&at, "an operation", Severity::Error);
                return;
            }
            drafts.push(Draft {
                method,
                path: path.clone(),
                written: written.to_owned(),
                declared_id: reader.declared_id(&at),
                at,
                parameters: parameters.clone(),
            });
        };
        let mut seen = HashSet::new();
        for source in own.iter().chain([&item]) {
            for entry in source.node.entries().unwrap_or_default() {
                let method = Method::ALL
                    .into_iter()
                    .find(|method| method.as_str().to_ascii_lowercase() == entry.key);
                if matches!(entry.key.as_str(), "query" | "additionalOperations") {
                    let message = format!("`{}` of `{}` is left out", entry.key, shown(written));
                    self.files.push(
                        warning(&codes::INVALID_VALUE, entry.key_span, message)
                            .expected("one of the methods of OpenAPI 3.1"),
                    );
                }
                let Some(method) = method.filter(|method| seen.insert(*method)) else {
                    continue;
                };
                if let Some(at) = source.get(&entry.key) {
                    add(self, method, at);
                }
            }
        }
    }

    fn declared_id(&mut self, at: &At<'d>) -> Option<Spanned<String>> {
        let id = self.text(at, "operationId")?;
        let span = at.get("operationId")?.place();
        (!id.trim().is_empty()).then(|| Spanned::new(id, span))
    }

    /// A path without what some documents append to tell operations apart: query and fragment.
    fn bare_path(&mut self, written: &str, span: Span) -> String {
        let end = end_of_path(written);
        let path = written.get(..end).unwrap_or(written);
        if !braces_match(path) {
            let message = format!("the braces of `{}` do not match", shown(path));
            self.files.push(
                warning(&codes::INVALID_VALUE, span, message)
                    .expected("`{name}` for each parameter of a path"),
            );
        }
        if path.starts_with('/') {
            return path.to_owned();
        }
        let message = format!("the path `{}` does not begin with a slash", shown(written));
        self.files.push(
            warning(&codes::INVALID_VALUE, span, message).expected(format!("`/{}`", shown(path))),
        );
        format!("/{path}")
    }

    /// A name for each operation, unique and the same whatever other operations come and go.
    fn names(&mut self, drafts: &[Draft<'d>]) -> Vec<Name> {
        let mut declared: HashMap<&str, Span> = HashMap::new();
        let mut is_first = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let Some(id) = &draft.declared_id else {
                is_first.push(false);
                continue;
            };
            let first = *declared.entry(&id.value).or_insert(id.span);
            is_first.push(first == id.span);
            if first != id.span {
                let message = format!("two operations are called `{}`", id.value);
                self.files.push(
                    warning(&codes::DUPLICATE_OPERATION_ID, id.span, message)
                        .related(first, "the first one keeps the name")
                        .expected("an id of its own for each operation"),
                );
            }
        }
        let mut derived: HashMap<String, usize> = HashMap::new();
        for (draft, _) in drafts.iter().zip(&is_first).filter(|(_, first)| !**first) {
            *derived.entry(draft.derived_id()).or_default() += 1;
        }
        let mut taken: HashSet<String> = declared.keys().map(|&id| id.to_owned()).collect();
        let mut names = Vec::with_capacity(drafts.len());
        for (draft, is_first) in drafts.iter().zip(is_first) {
            if let Some(id) = draft.declared_id.clone().filter(|_| is_first) {
                names.push(Name {
                    id,
                    is_declared: true,
                });
                continue;
            }
            let mut id = draft.derived_id();
            if derived.get(&id).is_some_and(|count| *count > 1) || taken.contains(&id) {
                id = format!("{id}_{:08x}", draft.fingerprint());
            }
            while !taken.insert(id.clone()) {
                id.push('_');
            }
            names.push(self.derived_name(draft, id));
        }
        names
    }

    fn derived_name(&mut self, draft: &Draft<'d>, id: String) -> Name {
        let span = draft.at.declared();
        if draft.declared_id.is_none() {
            let message = format!(
                "{} {} has no `operationId`",
                draft.method,
                shown(&draft.written)
            );
            self.files.push(
                Finding::new(&codes::MISSING_OPERATION_ID, span, message)
                    .label(format!("it is called `{}`", shown(&id))),
            );
        }
        Name {
            id: Spanned::new(id, span),
            is_declared: false,
        }
    }
}

impl Draft<'_> {
    /// `get_orders_order_id` for `GET /orders/{order_id}`.
    fn derived_id(&self) -> String {
        let mut id = self.method.as_str().to_ascii_lowercase();
        let words = self
            .written
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty());
        for word in words {
            id.push('_');
            id.push_str(&word.to_lowercase());
        }
        id
    }

    /// A number that only method and path decide (FNV-1a), to tell apart operations whose derived ids are the same.
    fn fingerprint(&self) -> u32 {
        let bytes = self.method.as_str().bytes().chain([b' ']);
        bytes
            .chain(self.written.bytes())
            .fold(0x811c_9dc5, |hash: u32, byte| {
                (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            })
    }
}

/// The names in braces of a path, in order.
pub(super) fn template_names(path: &str) -> IndexSet<&str> {
    let mut names = IndexSet::new();
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        if !name.is_empty() {
            names.insert(name);
        }
        rest = after;
    }
    names
}

/// Where the query or fragment begins, outside of braces.
fn end_of_path(path: &str) -> usize {
    let mut is_inside = false;
    for (at, c) in path.char_indices() {
        match c {
            '{' => is_inside = true,
            '}' => is_inside = false,
            '?' | '#' if !is_inside => return at,
            _ => {}
        }
    }
    path.len()
}

fn braces_match(path: &str) -> bool {
    let mut is_inside = false;
    for c in path.chars() {
        match (c, is_inside) {
            ('{', true) | ('}', false) => return false,
            ('{', false) => is_inside = true,
            ('}', true) => is_inside = false,
            _ => {}
        }
    }
    !is_inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_and_fragment_end_a_path_unless_they_stand_in_braces() {
        let rows = [
            ("/a", "/a", true),
            ("/a#b", "/a", true),
            ("/a?b={c}", "/a", true),
            ("/{a?}/b", "/{a?}/b", true),
            ("/#X-Target=Y.Z", "/", true),
            ("/{a", "/{a", false),
            ("/a}", "/a}", false),
            ("/{{a}}", "/{{a}}", false),
        ];
        for (written, bare, matches) in rows {
            assert_eq!(&written[..end_of_path(written)], bare, "{written}");
            assert_eq!(braces_match(bare), matches, "{written}");
        }
    }

    #[test]
    fn names_of_a_template_come_once_and_in_order() {
        let rows: [(&str, &[&str]); 5] = [
            ("/", &[]),
            ("/{b}/x/{a}", &["b", "a"]),
            ("/{a}:{b}.{a}", &["a", "b"]),
            ("/{}/{a", &[]),
            ("/{ü}", &["ü"]),
        ];
        for (path, names) in rows {
            let found: Vec<_> = template_names(path).into_iter().collect();
            assert_eq!(found, names, "{path}");
        }
    }
}
