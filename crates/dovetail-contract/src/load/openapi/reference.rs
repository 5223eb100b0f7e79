//! References: from the text of a `$ref` to the node that it means, in this file or another of the folder.

use std::cell::Cell;
use std::collections::HashSet;

use percent_encoding::percent_decode_str;

use super::Reader;
use super::at::{At, place};
use crate::codes;
use crate::finding::{Finding, Severity};
use crate::json_pointer::unescape;
use crate::load::files::Files;
use crate::load::tree::NodeValue;
use crate::source::{FileId, Span};

/// Most references that one pointer may pass through on its way, those included that it was tried with in vain.
const HOPS_MAX: usize = 64;

/// Most keys that are looked at for one that is close to a wrong one.
pub(super) const SUGGESTED_MAX: usize = 1_000;

/// What a reference has to lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Schema,
    Parameter,
    RequestBody,
    Response,
    Header,
    Example,
    SecurityScheme,
    PathItem,
    Media,
    Link,
    Callback,
    Message,
    MessageTrait,
    Channel,
    Operation,
    Server,
    ChannelBindings,
    MessageBindings,
}

impl<'d> Reader<'d, '_> {
    /// The object that is meant: itself, or what its `$ref` leads to. `None` where there is none; a finding says why.
    pub(super) fn follow(&mut self, at: At<'d>, kind: Kind) -> Option<At<'d>> {
        let mut passed = Vec::new();
        let end = self.end_of(at, kind, &mut passed);
        let ends = &mut self.ends;
        ends.extend(passed.into_iter().map(|place| ((place, kind), end.clone())));
        let at = end?;
        if at.node.entries().is_none() {
            self.wrong_type(&at, kind.described(), kind.severity());
            return None;
        }
        Some(at)
    }

    /// Where a chain of references ends; the places that it passes through are added to `passed`.
    fn end_of(&mut self, at: At<'d>, kind: Kind, passed: &mut Vec<usize>) -> Option<At<'d>> {
        let mut at = at;
        let mut seen = HashSet::new();
        while let Some(reference) = at.get("$ref") {
            let here = place(at.node);
            // What one chain has found serves every other that joins it, so a long one costs its length once.
            if let Some(end) = self.ends.get(&(here, kind)) {
                return end.clone();
            }
            let Some(text) = reference.node.as_str() else {
                self.wrong_type(&reference, "a reference as text", kind.severity());
                return None;
            };
            if !seen.insert(here) {
                self.refuse(kind, cycle(reference.node.span, text));
                return None;
            }
            passed.push(here);
            at = self.resolve(&at, text, reference.node.span, kind)?;
        }
        Some(at)
    }

    /// What the text of a reference leads to, if that can be of the kind needed. `None` with a finding elsewhere.
    pub(super) fn resolve(
        &mut self,
        from: &At<'d>,
        text: &str,
        span: Span,
        kind: Kind,
    ) -> Option<At<'d>> {
        let target = self.locate(from, text, span, kind)?;
        let is_schema = kind == Kind::Schema && target.node.as_bool().is_some();
        let pointer = target.pointer();
        let section = component_section(&pointer);
        let expected = kind.section();
        let fits = section.is_none_or(|section| section == expected)
            && (is_schema || target.node.entries().is_some());
        if !fits {
            let what = section.map_or_else(|| target.node.kind(), described);
            let message = format!("`{text}` leads to {what}");
            let finding = Finding::new(&codes::REFERENCE_KIND, span, message)
                .related(target.declared(), "this is what it leads to")
                .expected(kind.described());
            self.refuse(kind, finding);
            return None;
        }
        Some(target)
    }

    /// What a schema's bare name or reference in a discriminator leads to, or `None`, silently.
    pub(super) fn locate_quietly(&mut self, from: &At<'d>, text: &str) -> Option<At<'d>> {
        let (file, fragment) = split(text);
        let start = self.document(from, file).ok()?;
        self.walk_from(from, &start, fragment).ok()
    }

    /// Says what is wrong with a reference, as severe as its kind is.
    fn refuse(&mut self, kind: Kind, mut finding: Finding) {
        finding.severity = kind.severity();
        self.files.push(finding);
    }

    fn locate(&mut self, from: &At<'d>, text: &str, span: Span, kind: Kind) -> Option<At<'d>> {
        let (file, fragment) = split(text);
        let start = match self.document(from, file) {
            Ok(start) => start,
            Err(problem) => {
                self.no_document(problem, text, (file, span), kind);
                return None;
            }
        };
        if start.file != from.file {
            // What is wrong with the file is said the first time that it is used.
            let path = self.files.sources().file(start.file).path.clone();
            self.files.read(&path, Some(span));
        }
        match self.walk_from(from, &start, fragment) {
            Ok(target) => Some(target),
            Err(missing) => {
                let finding = Finding::new(
                    &codes::DANGLING_REFERENCE,
                    span,
                    format!("`{text}` leads nowhere"),
                )
                .label(missing.why());
                let finding = match self.files.is_flooded() {
                    true => finding,
                    false => finding.did_you_mean(&missing.token, missing.keys()),
                };
                self.refuse(kind, finding);
                None
            }
        }
    }

    /// Follows a fragment. Below an `$id` it counts from there; many count from the whole document all the same.
    fn walk_from(
        &self,
        from: &At<'d>,
        start: &At<'d>,
        fragment: &str,
    ) -> Result<At<'d>, Missing<'d>> {
        let walk = |start: &At<'d>| self.walk(start, fragment, &Cell::new(HOPS_MAX));
        walk(start).or_else(|missing| {
            let whole = self.documents.of_file(from.file);
            let whole = whole
                .filter(|whole| whole.file == start.file && place(whole.node) != place(start.node));
            let found = whole.and_then(|whole| walk(&whole).ok());
            found.ok_or(missing)
        })
    }

    /// The root of the document that the part before `#` names.
    fn document(&self, from: &At<'d>, file: &str) -> Result<At<'d>, NoDocument> {
        let documents = self.documents;
        let unread = || NoDocument::Unread(String::new());
        let of_file = |file: FileId| documents.of_file(file).ok_or_else(unread);
        let resource = documents.resource(from);
        if file.is_empty() {
            let root = of_file(from.file)?;
            let pointer = resource.map_or("", |(pointer, _)| pointer);
            return follow_tokens(&root, pointer).map_err(|_| unread());
        }
        let by_base = resource.and_then(|(_, base)| documents.id(&resolve_address(base, file)));
        if let Some((file, pointer)) = by_base.or_else(|| documents.id(file)) {
            return follow_tokens(&of_file(file)?, pointer).map_err(|_| unread());
        }
        let path = &self.files.sources().file(from.file).path;
        let path = Files::join(path, &file_part(file)).map_err(NoDocument::Path)?;
        documents.at_path(&path).ok_or(NoDocument::Unread(path))
    }

    fn no_document(
        &mut self,
        problem: NoDocument,
        text: &str,
        (file, span): (&str, Span),
        kind: Kind,
    ) {
        match problem {
            NoDocument::Path(problem) => self.refuse(kind, problem.finding(span, text)),
            NoDocument::Unread(path) => {
                // The file was tried before; this time it is said what is wrong with it.
                if self.files.read(&path, Some(span)).is_some() {
                    let message = format!("`{file}` was not read: too many files are named");
                    self.files
                        .push(Finding::new(&codes::TOO_LARGE, span, message));
                }
            }
        }
    }

    fn walk(
        &self,
        start: &At<'d>,
        fragment: &str,
        hops: &Cell<usize>,
    ) -> Result<At<'d>, Missing<'d>> {
        let decoded = percent_decode_str(fragment)
            .decode_utf8()
            .map_or_else(|_| fragment.to_owned(), std::borrow::Cow::into_owned);
        if !decoded.is_empty() && !decoded.starts_with('/') {
            let documents = self.documents;
            let pointer = documents.anchor(start.file, &decoded);
            let root = documents.of_file(start.file);
            return match pointer.zip(root) {
                Some((pointer, root)) => follow_tokens(&root, pointer),
                None => Err(Missing::new(start, decoded)),
            };
        }
        self.steps(start, &decoded, hops).or_else(|missing| {
            // Some write a percent sign of a key as it is.
            if decoded == fragment {
                return Err(missing);
            }
            self.steps(start, fragment, hops).map_err(|_| missing)
        })
    }

    /// Follows a pointer. Where a step meets a reference, what that leads to is meant, as long as hops are left.
    fn steps(
        &self,
        start: &At<'d>,
        pointer: &str,
        hops: &Cell<usize>,
    ) -> Result<At<'d>, Missing<'d>> {
        let mut at = start.clone();
        for token in pointer.split('/').skip(1) {
            let token = unescape(token);
            let next = self.documents.step(&at, &token).or_else(|| {
                let through = at.node.get("$ref")?.as_str()?;
                hops.set(hops.get().checked_sub(1)?);
                let (file, fragment) = split(through);
                let document = self.document(&at, file).ok()?;
                let target = self.walk(&document, fragment, hops).ok()?;
                self.documents.step(&target, &token)
            });
            at = next.ok_or_else(|| Missing::new(&at, token.into_owned()))?;
        }
        Ok(at)
    }
}

/// Why there is no document to look into.
enum NoDocument {
    Path(crate::load::files::PathProblem),
    Unread(String),
}

/// The step of a pointer that led nowhere.
struct Missing<'d> {
    at: At<'d>,
    token: String,
}

impl<'d> Missing<'d> {
    fn new(at: &At<'d>, token: String) -> Self {
        Self {
            at: at.clone(),
            token,
        }
    }

    fn why(&self) -> String {
        let pointer = self.at.pointer();
        let place = match pointer.as_str() {
            "" => "the document".to_owned(),
            pointer => format!("`{pointer}`"),
        };
        format!("{place} has no `{}`", self.token)
    }

    fn keys(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        let entries = self.at.node.entries().unwrap_or_default();
        let keys = entries.iter().map(|entry| entry.key.as_str());
        keys.take(SUGGESTED_MAX)
    }
}

impl Kind {
    /// The section of `components` that holds it.
    fn section(self) -> &'static str {
        match self {
            Self::Schema => "schemas",
            Self::Parameter => "parameters",
            Self::RequestBody => "requestBodies",
            Self::Response => "responses",
            Self::Header => "headers",
            Self::Example => "examples",
            Self::SecurityScheme => "securitySchemes",
            Self::PathItem => "pathItems",
            Self::Media => "mediaTypes",
            Self::Link => "links",
            Self::Callback => "callbacks",
            Self::Message => "messages",
            Self::MessageTrait => "messageTraits",
            Self::Channel => "channels",
            Self::Operation => "operations",
            Self::Server => "servers",
            Self::ChannelBindings => "channelBindings",
            Self::MessageBindings => "messageBindings",
        }
    }

    /// How much it matters where a reference leads to none: nothing is made from what only describes.
    fn severity(self) -> Severity {
        match self {
            Self::Example
            | Self::Link
            | Self::Server
            | Self::ChannelBindings
            | Self::MessageBindings => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// What it is, for messages.
    pub(super) fn described(self) -> &'static str {
        described(self.section())
    }
}

/// What the entries of a section of `components` are.
fn described(section: &str) -> &'static str {
    let known = SECTIONS.iter().find(|(name, _)| *name == section);
    known.map_or("an object", |(_, described)| described)
}

/// The finding for references that lead back to themselves.
pub(super) fn cycle(span: Span, text: &str) -> Finding {
    Finding::new(
        &codes::REFERENCE_CYCLE,
        span,
        format!("`{text}` leads back to itself"),
    )
    .expected("a chain of references that ends at a definition")
}

/// The part of a reference that names a file, and the part that names a place in it.
pub(super) fn split(reference: &str) -> (&str, &str) {
    reference.split_once('#').unwrap_or((reference, ""))
}

/// The path that the file part of a reference stands for: without query, and with percent escapes undone.
pub(super) fn file_part(file: &str) -> String {
    let path = file.split('?').next().unwrap_or_default();
    percent_decode_str(path)
        .decode_utf8()
        .map_or_else(|_| path.to_owned(), std::borrow::Cow::into_owned)
}

/// The address that a reference means where `base` is the address of what it stands in (RFC 3986, section 5.2, without queries).
pub(super) fn resolve_address(base: &str, reference: &str) -> String {
    let has_scheme = |address: &str| {
        let scheme = address.split_once(':').map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| !scheme.is_empty() && !scheme.contains('/'))
    };
    if base.is_empty() || has_scheme(reference) {
        return reference.to_owned();
    }
    let authority = base.find("://").map_or(0, |scheme| {
        let after = base.get(scheme + 3..).unwrap_or_default();
        scheme + 3 + after.find('/').unwrap_or(after.len())
    });
    let (host, path) = base.split_at(authority);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let joined = match reference.strip_prefix('/') {
        Some(_) => reference.to_owned(),
        None => format!("{folder}/{reference}"),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "." => {}
            ".." if parts.len() > 1 => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    let relative = host.is_empty() && !base.starts_with('/');
    let path = match relative {
        true => path.trim_start_matches('/'),
        false => path.as_str(),
    };
    format!("{host}{path}")
}

fn follow_tokens<'d>(root: &At<'d>, pointer: &str) -> Result<At<'d>, Missing<'d>> {
    let mut at = root.clone();
    for token in pointer.split('/').skip(1) {
        let token = unescape(token);
        let next = at.step(&token);
        at = next.ok_or_else(|| Missing::new(&at, token.into_owned()))?;
    }
    Ok(at)
}

/// The section of `components` whose entry a pointer names, if it names one.
fn component_section(pointer: &str) -> Option<&str> {
    let rest = pointer.strip_prefix("/components/")?;
    let (section, name) = rest.split_once('/')?;
    let is_known = SECTIONS.iter().any(|(known, _)| *known == section);
    (!name.contains('/') && is_known).then_some(section)
}

/// The sections of `components`, with what their entries are. The last ones are those of AsyncAPI.
const SECTIONS: [(&str, &str); 18] = [
    ("schemas", "a schema"),
    ("responses", "a response"),
    ("parameters", "a parameter"),
    ("examples", "an example"),
    ("requestBodies", "a request body"),
    ("headers", "a header"),
    ("securitySchemes", "a security scheme"),
    ("links", "a link"),
    ("callbacks", "a callback"),
    ("pathItems", "a path item"),
    ("mediaTypes", "a media type"),
    ("messages", "a message"),
    ("messageTraits", "a trait of messages"),
    ("channels", "a channel"),
    ("operations", "an operation"),
    ("servers", "a server"),
    ("channelBindings", "bindings of a channel"),
    ("messageBindings", "bindings of a message"),
];

/// Whether a node is `null` or not there.
pub(super) fn is_nothing(node: Option<&crate::load::tree::Node>) -> bool {
    node.is_none_or(|node| node.value == NodeValue::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_against_that_of_its_document() {
        let rows = [
            ("", "a.json", "a.json"),
            ("https://h/b/c.json", "a.json", "https://h/b/a.json"),
            ("https://h/b/c.json", "./x/../a.json", "https://h/b/a.json"),
            ("https://h/b/c.json", "../../../a.json", "https://h/a.json"),
            ("https://h/b/c.json", "/a.json", "https://h/a.json"),
            ("https://h/b/", "a.json", "https://h/b/a.json"),
            ("https://h", "a.json", "https://h/a.json"),
            ("https://h/b", "https://i/a", "https://i/a"),
            ("https://h/b", "urn:x:y", "urn:x:y"),
            ("b/c.json", "a.json", "b/a.json"),
            ("c.json", "a.json", "a.json"),
            ("/b/c.json", "a.json", "/b/a.json"),
        ];
        for (base, reference, expected) in rows {
            assert_eq!(
                resolve_address(base, reference),
                expected,
                "{base} {reference}"
            );
        }
    }
}
