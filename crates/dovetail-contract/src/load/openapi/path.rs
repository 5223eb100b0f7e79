//! Paths and their items: which operations there are, and what each is called.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use indexmap::IndexSet;

use super::at::At;
use super::fields::shown;
use super::reference::Kind;
use super::security::Security;
use super::{Reader, warning};
use crate::codes;
use crate::contract::{Method, MethodName, Operation};
use crate::finding::{Finding, Severity};
use crate::source::{Span, Spanned};

/// Where a path item stands, and what that makes of its operations.
pub(super) struct ItemPlace {
    /// The path, without query and fragment.
    path: Spanned<String>,
    /// What tells it from every other item, as it was written.
    written: String,
    /// What an operation is called that has no id: for requests that the service sends itself, whose path says nothing.
    name: Option<String>,
}

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
    pub(super) item: Rc<ItemParts<'d>>,
    /// Whether the service sends it itself.
    pub(super) is_outgoing: bool,
    declared_id: Option<Spanned<String>>,
    /// What it is called if it has no id of its own.
    derived_id: String,
}

/// What a path item declares for all of its operations.
pub(super) struct ItemParts<'d> {
    /// Parameters.
    pub(super) parameters: Vec<At<'d>>,
    /// The node that names servers.
    pub(super) servers: At<'d>,
    /// One line on what they do.
    pub(super) summary: Option<At<'d>>,
    /// More, as Markdown.
    pub(super) description: Option<At<'d>>,
}

/// What an operation is called.
pub(super) struct Name {
    /// Its id.
    pub(super) id: Spanned<String>,
    /// Whether the document says so.
    pub(super) is_declared: bool,
}

impl ItemPlace {
    /// A path item of a request that the service sends itself, under a name and, of a callback, an expression.
    pub(super) fn outgoing(name: &str, written: &str, span: Span) -> Self {
        Self {
            path: Spanned::new("/".to_owned(), span),
            written: written.to_owned(),
            name: Some(name.to_owned()),
        }
    }
}

impl<'d> Reader<'d, '_> {
    /// Every operation of the document, in its order.
    pub(super) fn operations(&mut self, root: &At<'d>, security: &Security<'_>) -> Vec<Operation> {
        let mut drafts = Vec::new();
        for (entry, item) in self.entries(root, "paths") {
            if !entry.key.starts_with("x-") {
                let place = self.place_of_path(&entry.key, entry.key_span);
                self.path_item(&place, item, &mut drafts);
            }
        }
        let names = self.names(&drafts);
        for (draft, name) in drafts.iter().zip(&names) {
            self.targets.add(draft.at.node, &name.id.value);
        }
        let mut operations = Vec::with_capacity(drafts.len());
        for (draft, name) in drafts.iter().zip(names) {
            let size = size_of::<Operation>() + draft.path.value.len();
            if !self.spend(&draft.at, size) {
                break;
            }
            operations.push(self.operation(draft, name, security));
        }
        operations
    }

    fn place_of_path(&mut self, written: &str, span: Span) -> ItemPlace {
        ItemPlace {
            path: Spanned::new(self.bare_path(written, span), span),
            written: written.to_owned(),
            name: None,
        }
    }

    /// Reads which operations a path item has.
    pub(super) fn path_item(
        &mut self,
        place: &ItemPlace,
        item: At<'d>,
        drafts: &mut Vec<Draft<'d>>,
    ) {
        // Beside `$ref` the keys of a path item go on to count; where both have one, the one that stands here does.
        let own = item.get("$ref").map(|_| item.clone());
        let Some(item) = self.follow(item, Kind::PathItem) else {
            return;
        };
        let pick = |key: &str| {
            let own = own.as_ref().filter(|own| own.get(key).is_some());
            own.unwrap_or(&item)
        };
        let parts = Rc::new(ItemParts {
            parameters: self.list(pick("parameters"), "parameters"),
            servers: pick("servers").clone(),
            summary: pick("summary").get("summary"),
            description: pick("description").get("description"),
        });
        let mut seen = HashSet::new();
        let first = drafts.len();
        for source in own.iter().chain([&item]) {
            for (method, at) in self.methods(source, &place.written) {
                if !seen.insert(method) || !self.spend(&at, size_of::<Draft<'_>>()) {
                    continue;
                }
                if at.node.entries().is_none() {
                    self.wrong_type(&at, "an operation", Severity::Error);
                    continue;
                }
                drafts.push(Draft {
                    method,
                    path: place.path.clone(),
                    written: place.written.clone(),
                    declared_id: self.declared_id(&at),
                    derived_id: derived_id(place, method),
                    at,
                    item: Rc::clone(&parts),
                    is_outgoing: place.name.is_some(),
                });
            }
        }
        let added = drafts.get_mut(first..).unwrap_or_default();
        if place.name.is_some() && added.len() > 1 {
            for draft in added {
                let method = draft.method.as_str().to_ascii_lowercase();
                draft.derived_id = format!("{}_{method}", draft.derived_id);
            }
        }
    }

    /// The operations of a path item by their methods, those of `additionalOperations` among them.
    fn methods(&mut self, item: &At<'d>, written: &str) -> Vec<(Method, At<'d>)> {
        let mut methods = Vec::new();
        for entry in item.node.entries().unwrap_or_default() {
            let method = Method::ALL
                .into_iter()
                .find(|method| method.as_str().eq_ignore_ascii_case(&entry.key));
            let method = method.filter(|_| entry.key.bytes().all(|b| b.is_ascii_lowercase()));
            // `null` is as good as nothing.
            methods.extend(method.and_then(|method| Some((method, item.get(&entry.key)?))));
        }
        for (entry, at) in self.entries(item, "additionalOperations") {
            let known = Method::ALL
                .into_iter()
                .find(|known| known.as_str() == entry.key);
            let other = || MethodName::parse(&entry.key).map(Method::Other);
            match known.or_else(other) {
                Some(method) => methods.push((method, at)),
                None => {
                    let (method, path) = (shown(&entry.key), shown(written));
                    let message = format!("`{method}` of `{path}` is no method of HTTP");
                    self.files.push(
                        Finding::new(&codes::INVALID_VALUE, entry.key_span, message)
                            .expected("letters and hyphens, at most 24 of them"),
                    );
                }
            }
        }
        methods
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
        if path.contains("{}") {
            let message = format!("a parameter of `{}` has no name", shown(path));
            self.files.push(
                warning(&codes::INVALID_VALUE, span, message)
                    .expected("`{name}` for each parameter of a path"),
            );
        }
        if path.contains(|c: char| c == '\\' || c.is_ascii_control()) {
            let message = format!("`{}` holds what no path may", shown(path));
            self.files.push(
                warning(&codes::INVALID_VALUE, span, message)
                    .expected(
                        "a path without backslashes and control characters (RFC 3986, section 3.3)",
                    )
                    .help("it is sent with percent escapes in their place"),
            );
        }
        let is_dots = |part: &str| {
            let part = part.to_ascii_lowercase().replace("%2e", ".");
            part == "." || part == ".."
        };
        if path.split('/').any(is_dots) {
            let message = format!("`{}` climbs by dots, and is another path", shown(path));
            self.files.push(
                warning(&codes::INVALID_VALUE, span, message)
                    .expected("a path without `.` and `..` between slashes"),
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
    pub(super) fn names(&mut self, drafts: &[Draft<'d>]) -> Vec<Name> {
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
        let mut derived: HashMap<&str, usize> = HashMap::new();
        for (draft, _) in drafts.iter().zip(&is_first).filter(|(_, first)| !**first) {
            *derived.entry(&draft.derived_id).or_default() += 1;
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
            let mut id = draft.derived_id.clone();
            if derived.get(id.as_str()).is_some_and(|count| *count > 1) || taken.contains(&id) {
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
        if draft.declared_id.is_none() && !draft.is_outgoing {
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

/// `get_orders_order_id` for `GET /orders/{order_id}`.
fn derived_id(place: &ItemPlace, method: Method) -> String {
    if let Some(name) = &place.name {
        return name.clone();
    }
    let mut id = method.as_str().to_ascii_lowercase();
    let words = place
        .written
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    for word in words {
        id.push('_');
        id.push_str(&word.to_lowercase());
    }
    id
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
