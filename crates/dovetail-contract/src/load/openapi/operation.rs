//! One operation: what it takes, what it answers, and whether it may be sent twice.

use super::Reader;
use super::at::At;
use super::path::{Draft, Name};
use super::reference::Kind;
use super::security::Security;
use crate::contract::{Idempotency, Operation, Parameter, ParameterLocation, RequestBody};

impl<'d> Reader<'d, '_> {
    /// Reads one operation.
    pub(super) fn operation(
        &mut self,
        draft: &Draft<'d>,
        name: Name,
        security: &Security<'_>,
    ) -> Operation {
        let (at, item) = (&draft.at, &draft.item);
        let parameters = self.parameters(draft);
        let mut servers = self.servers(at);
        if servers.is_empty() {
            servers = self.servers(&item.servers);
        }
        let mut text = |key: &str, common: &Option<At<'d>>| {
            let own = self.text(at, key);
            own.or_else(|| self.text_of(common.as_ref()?))
        };
        let summary = text("summary", &item.summary);
        let description = text("description", &item.description);
        let callbacks = match draft.is_outgoing {
            true => Vec::new(),
            false => self.callbacks(at, security),
        };
        Operation {
            id: name.id,
            id_is_declared: name.is_declared,
            method: draft.method,
            path: draft.path.clone(),
            summary,
            description,
            tags: self.texts(at, "tags"),
            deprecated: self.note_flag(at, "deprecated"),
            idempotency: self.idempotency(draft, &parameters),
            parameters,
            request_body: self.request_body(at),
            responses: self.responses(at),
            security: self.security(at, security),
            servers,
            callbacks,
            pagination: None,
            external_docs: self.external_docs(at),
        }
    }

    fn idempotency(&mut self, draft: &Draft<'d>, parameters: &[Parameter]) -> Idempotency {
        let by_method = draft.method.idempotency();
        match self.flag(&draft.at, "x-idempotent") {
            Some(true) if by_method == Idempotency::None => return Idempotency::Idempotent,
            Some(false) => return Idempotency::None,
            Some(true) | None => {}
        }
        let key = parameters.iter().find(|parameter| {
            parameter.location == ParameterLocation::Header && is_key_header(&parameter.name)
        });
        match key {
            Some(key) if by_method == Idempotency::None => Idempotency::Key {
                header: key.name.clone(),
            },
            _ => by_method,
        }
    }

    fn request_body(&mut self, at: &At<'d>) -> Option<RequestBody> {
        let declared = at.get("requestBody")?;
        let span = declared.declared();
        let body = self.follow(declared.clone(), Kind::RequestBody)?;
        let required = self.flag(&body, "required").unwrap_or(false);
        let description = self.described(&declared, &body);
        let content = self.content(&body);
        // Without any media type there is no body that could be sent.
        (!content.is_empty()).then_some(RequestBody {
            span,
            required,
            description,
            content,
        })
    }
}

/// Whether a header carries a key of idempotency: `Idempotency-Key` itself, or with a prefix, in any case.
fn is_key_header(name: &str) -> bool {
    const NAME: &str = "idempotency-key";
    let name = name.to_ascii_lowercase();
    name.strip_suffix(NAME)
        .is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_with_a_key_of_idempotency_are_known_by_their_name() {
        let rows = [
            ("Idempotency-Key", true),
            ("idempotency-key", true),
            ("X-Idempotency-Key", true),
            ("Acme-IDEMPOTENCY-KEY", true),
            ("Idempotency-Key-Id", false),
            ("NonIdempotency-Key", false),
            ("X-Key", false),
            ("", false),
        ];
        for (name, expected) in rows {
            assert_eq!(is_key_header(name), expected, "{name}");
        }
    }
}
