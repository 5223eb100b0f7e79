//! One operation: what it takes, what it answers, and whether it may be sent twice.

use indexmap::IndexMap;

use super::Reader;
use super::at::At;
use super::path::{Draft, Name};
use super::reference::Kind;
use crate::contract::{
    Idempotency, Operation, Parameter, ParameterLocation, RequestBody, SecurityRequirement,
    SecurityScheme,
};

/// The header that carries a key of idempotency.
const KEY_HEADER: &str = "Idempotency-Key";

impl<'d> Reader<'d, '_> {
    /// Reads one operation.
    pub(super) fn operation(
        &mut self,
        draft: &Draft<'d>,
        name: Name,
        common: &[SecurityRequirement],
        schemes: &IndexMap<String, SecurityScheme>,
    ) -> Operation {
        let at = &draft.at;
        let parameters = self.parameters(draft);
        let security = self.security(at, schemes);
        Operation {
            id: name.id,
            id_is_declared: name.is_declared,
            method: draft.method,
            path: draft.path.clone(),
            summary: self.text(at, "summary"),
            description: self.text(at, "description"),
            tags: self.texts(at, "tags"),
            deprecated: self.note_flag(at, "deprecated"),
            idempotency: self.idempotency(draft, &parameters),
            parameters,
            request_body: self.request_body(at),
            responses: self.responses(at),
            security: security.unwrap_or_else(|| common.to_vec()),
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
            parameter.location == ParameterLocation::Header
                && parameter.name.eq_ignore_ascii_case(KEY_HEADER)
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
        let body = self.follow(declared, Kind::RequestBody)?;
        let required = self.flag(&body, "required").unwrap_or(false);
        let description = self.text(&body, "description");
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
