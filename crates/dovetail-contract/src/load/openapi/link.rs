//! Links: what a response can be used for next.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::at::{At, place};
use super::reference::{Kind, SUGGESTED_MAX};
use super::{Reader, warning};
use crate::codes;
use crate::contract::{Link, LinkTarget};
use crate::load::tree::Node;

/// What the operations of paths are called.
#[derive(Debug, Default)]
pub(super) struct Targets {
    ids: HashSet<String>,
    by_place: HashMap<usize, String>,
}

impl Targets {
    /// Adds an operation.
    pub(super) fn add(&mut self, node: &Node, id: &str) {
        self.ids.insert(id.to_owned());
        self.by_place.insert(place(node), id.to_owned());
    }
}

impl<'d> Reader<'d, '_> {
    /// The links of a response.
    pub(super) fn links(&mut self, response: &At<'d>) -> IndexMap<String, Link> {
        let mut links = IndexMap::new();
        for (entry, link) in self.notes_entries(response, "links") {
            if !self.spend(&link, size_of::<Link>() + entry.key.len()) {
                break;
            }
            let Some(link) = self.follow(link, Kind::Link) else {
                continue;
            };
            links.extend(self.link(&link).map(|link| (entry.key.clone(), link)));
        }
        links
    }

    fn link(&mut self, at: &At<'d>) -> Option<Link> {
        let target = self.link_target(at)?;
        let mut parameters = IndexMap::new();
        for (entry, value) in self.notes_entries(at, "parameters") {
            let Some(value) = self.json(&value, value.node) else {
                break;
            };
            parameters.insert(entry.key.clone(), value);
        }
        let body = at.value("requestBody");
        Some(Link {
            target,
            parameters,
            request_body: body.and_then(|body| self.json(at, body)),
            description: self.text(at, "description"),
            server: at.get("server").and_then(|server| self.server(&server)),
        })
    }

    fn link_target(&mut self, at: &At<'d>) -> Option<LinkTarget> {
        if let Some(id) = self.text(at, "operationId") {
            if !self.targets.ids.contains(&id) {
                let span = at.get("operationId")?.place();
                let message = format!("there is no operation `{id}`");
                let mut finding = warning(&codes::DANGLING_REFERENCE, span, message);
                if !self.files.is_flooded() {
                    let known = self.targets.ids.iter().map(String::as_str);
                    let mut known: Vec<&str> = known.take(SUGGESTED_MAX).collect();
                    known.sort_unstable();
                    finding = finding.did_you_mean(&id, known);
                }
                self.files.push(finding);
            }
            return Some(LinkTarget::Operation(id));
        }
        let Some(reference) = self.text(at, "operationRef") else {
            let message = "the link does not say `operationId`";
            self.warn(&codes::MISSING_KEY, at.declared(), message);
            return None;
        };
        let found = self.locate_quietly(at, &reference);
        let id = found.and_then(|found| self.targets.by_place.get(&place(found.node)));
        Some(match id {
            Some(id) => LinkTarget::Operation(id.clone()),
            None => LinkTarget::Reference(reference),
        })
    }
}
