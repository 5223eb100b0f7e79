//! What is said of an interface as a whole, or beside its parts: servers, tags, and pages elsewhere.

use indexmap::IndexMap;

use super::Reader;
use super::at::At;
use crate::codes;
use crate::contract::{ExternalDocs, Server, ServerVariable, Tag};

/// Most tags that lie under each other.
const TAG_DEPTH_MAX: usize = 64;

impl<'d> Reader<'d, '_> {
    /// The servers that a document, a path item or an operation names.
    pub(super) fn servers(&mut self, at: &At<'d>) -> Vec<Server> {
        let mut servers = Vec::new();
        for server in self.notes_list(at, "servers") {
            if !self.spend(&server, size_of::<Server>()) {
                break;
            }
            servers.extend(self.server(&server));
        }
        servers
    }

    /// One server.
    pub(super) fn server(&mut self, at: &At<'d>) -> Option<Server> {
        let url = self.text(at, "url")?;
        let mut variables = IndexMap::new();
        for (entry, variable) in self.notes_entries(at, "variables") {
            if !self.spend(&variable, size_of::<ServerVariable>() + entry.key.len()) {
                break;
            }
            let read = ServerVariable {
                description: self.text(&variable, "description"),
                default: self.text(&variable, "default").unwrap_or_default(),
                allowed: self.texts(&variable, "enum"),
            };
            variables.insert(entry.key.clone(), read);
        }
        Some(Server {
            name: self.text(at, "name"),
            url,
            description: self.text(at, "description"),
            variables,
        })
    }

    /// `externalDocs`, where it names a page.
    pub(super) fn external_docs(&mut self, at: &At<'d>) -> Option<ExternalDocs> {
        let docs = at.get("externalDocs")?;
        Some(ExternalDocs {
            url: self.text(&docs, "url")?,
            description: self.text(&docs, "description"),
        })
    }

    /// The tags that the document declares. The first of two with one name counts.
    pub(super) fn tags(&mut self, root: &At<'d>) -> IndexMap<String, Tag> {
        let mut tags = IndexMap::new();
        let mut parents = Vec::new();
        for at in self.notes_list(root, "tags") {
            let Some(name) = self
                .text(&at, "name")
                .filter(|name| !tags.contains_key(name))
            else {
                continue;
            };
            let summary = self.text(&at, "summary");
            let tag = Tag {
                summary: summary.or_else(|| self.text(&at, "x-displayName")),
                description: self.text(&at, "description"),
                parent: self.text(&at, "parent"),
                kind: self.text(&at, "kind"),
                external_docs: self.external_docs(&at),
            };
            if tag.parent.is_some() {
                parents.push((name.clone(), at));
            }
            tags.insert(name, tag);
        }
        for (name, at) in parents {
            self.check_parent(&name, &at, &mut tags);
        }
        tags
    }

    /// Drops a parent that is no tag, or above which there is no end.
    fn check_parent(&mut self, name: &str, at: &At<'d>, tags: &mut IndexMap<String, Tag>) {
        let parent_of = |name: &str| tags.get(name).and_then(|tag| tag.parent.as_deref());
        let Some(parent) = parent_of(name) else {
            return;
        };
        let place = at
            .get("parent")
            .map_or_else(|| at.declared(), |at| at.place());
        let finding = if tags.contains_key(parent) {
            let above = std::iter::successors(Some(parent), |tag| parent_of(tag));
            (above.take(TAG_DEPTH_MAX).count() == TAG_DEPTH_MAX).then(|| {
                let message = format!("the tags above `{name}` have no end");
                super::warning(&codes::INVALID_VALUE, place, message)
                    .expected(format!("at most {TAG_DEPTH_MAX} tags under each other"))
            })
        } else {
            let message = format!("there is no tag `{parent}`");
            let known = tags.keys().map(String::as_str);
            let finding = super::warning(&codes::INVALID_VALUE, place, message);
            Some(finding.did_you_mean(parent, known.take(super::reference::SUGGESTED_MAX)))
        };
        if let Some(finding) = finding {
            self.files.push(finding);
            if let Some(tag) = tags.get_mut(name) {
                tag.parent = None;
            }
        }
    }
}
