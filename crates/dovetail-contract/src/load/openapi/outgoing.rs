//! Requests that a service sends itself: webhooks, and callbacks of its operations.
//!
//! They are path items like those of paths, reached by another way, so the same code reads them.

use super::Reader;
use super::at::At;
use super::path::{Draft, ItemPlace};
use super::reference::Kind;
use super::security::Security;
use crate::codes;
use crate::contract::{Callback, Operation, Webhook};
use crate::source::Spanned;

impl<'d> Reader<'d, '_> {
    /// The webhooks of the document, in its order. Before OpenAPI 3.1 an extension has them.
    pub(super) fn webhooks(&mut self, root: &At<'d>, security: &Security<'_>) -> Vec<Webhook> {
        let mut drafts = Vec::new();
        let mut names = Vec::new();
        for key in ["webhooks", "x-webhooks"] {
            for (entry, item) in self.entries(root, key) {
                if entry.key.starts_with("x-") || self.is_spent() {
                    continue;
                }
                let place = ItemPlace::outgoing(&entry.key, &entry.key, entry.key_span);
                self.path_item(&place, item, &mut drafts);
                let name = Spanned::new(entry.key.clone(), entry.key_span);
                names.resize(drafts.len(), name);
            }
        }
        let operations = self.outgoing(&drafts, security);
        let pairs = operations.into_iter().zip(names);
        pairs
            .map(|(operation, name)| Webhook { name, operation })
            .collect()
    }

    /// The callbacks of an operation.
    pub(super) fn callbacks(&mut self, at: &At<'d>, security: &Security<'_>) -> Vec<Callback> {
        let mut drafts = Vec::new();
        let mut found = Vec::new();
        for (entry, callback) in self.entries(at, "callbacks") {
            let Some(callback) = self.follow(callback, Kind::Callback) else {
                continue;
            };
            for expression in callback.node.entries().unwrap_or_default() {
                if expression.key.starts_with("x-") || self.is_spent() {
                    continue;
                }
                let (written, span) = (&expression.key, expression.key_span);
                let place = ItemPlace::outgoing(&entry.key, written, span);
                self.path_item(&place, callback.child(expression), &mut drafts);
                let name = Spanned::new(entry.key.clone(), entry.key_span);
                let expression = Spanned::new(expression.key.clone(), expression.key_span);
                found.resize(drafts.len(), (name, expression));
            }
        }
        let operations = self.outgoing(&drafts, security);
        let pairs = operations.into_iter().zip(found);
        pairs
            .map(|(operation, (name, expression))| Callback {
                name,
                expression,
                operation,
            })
            .collect()
    }

    fn outgoing(&mut self, drafts: &[Draft<'d>], security: &Security<'_>) -> Vec<Operation> {
        let names = self.names(drafts);
        let mut operations = Vec::with_capacity(drafts.len());
        for (draft, name) in drafts.iter().zip(names) {
            let size = size_of::<Operation>() + draft.path.value.len();
            if !self.spend(&draft.at, size) {
                break;
            }
            // Callbacks of callbacks could go on for ever, and nobody means them.
            if let Some(callbacks) = draft.at.get("callbacks") {
                let message = "callbacks of what the service sends itself are left out";
                self.warn(&codes::INVALID_VALUE, callbacks.place(), message);
            }
            operations.push(self.operation(draft, name, security));
        }
        operations
    }
}
