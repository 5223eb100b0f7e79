//! The handlers as they are printed: a trait, its types, and what leads from a request to a method.

use dovetail_contract::contract::{ParameterLocation, StatusRange};

use super::super::graph::BOXED_ABOVE;
use super::super::spell::{Speller, Uses};
use super::super::ty::Ty;
use super::super::types::Types;
use super::{AnswerDraft, BodyDraft, HandlerDraft, IncomingDraft, ParameterDraft};
use crate::{doc, ir, literal};

impl HandlerDraft<'_> {
    /// The file of the handlers.
    pub(in crate::lower) fn file(
        &self,
        service: &str,
        types: &Types<'_>,
        speller: &Speller<'_>,
    ) -> (ir::Handlers, Uses) {
        let mut uses = Uses::default();
        uses.runtime(&["incoming"]);
        let (module, handler, what) = if self.is_callbacks {
            ("callbacks", "CallbackHandler", "callbacks")
        } else {
            ("webhooks", "WebhookHandler", "webhooks")
        };
        let requests = self.requests.iter();
        let requests = requests.map(|request| request.item(types, speller, &mut uses));
        let requests: Vec<ir::IncomingRequest> = requests.collect();
        let handlers = ir::Handlers {
            module,
            handler,
            about: format!("Handles the {what} of {}.", doc::code(service)),
            uses: Vec::new(),
            requests,
        };
        (handlers, uses)
    }
}

impl IncomingDraft<'_> {
    fn item(
        &self,
        types: &Types<'_>,
        speller: &Speller<'_>,
        uses: &mut Uses,
    ) -> ir::IncomingRequest {
        let (mut arguments, mut reads) = (Vec::new(), Vec::new());
        if let Some(body) = &self.body {
            let (ty, read) = match body {
                BodyDraft::Json(ty, required) => {
                    let ty = speller.owned(ty, uses);
                    if *required {
                        (ty, "json()?")
                    } else {
                        (format!("Option<{ty}>"), "optional_json()?")
                    }
                }
                BodyDraft::Form => ("Vec<(String, String)>".to_owned(), "form()?"),
                BodyDraft::Text => ("String".to_owned(), "text()?"),
                BodyDraft::Bytes => (uses.add("bytes", "Bytes"), "bytes()"),
            };
            arguments.push(format!("body: {ty}"));
            reads.push(format!("request.{read}"));
        }
        if let Some(holder) = &self.holder {
            arguments.push(format!("parameters: {holder}"));
            reads.push("parameters".to_owned());
        }
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|parameter| parameter.item(types, speller, uses));
        let has_float = |ty: &Ty| speller.graph.has_float(ty);
        let eq = |floats: bool| if floats { "" } else { ", Eq" };
        let of_answers = self.answers.iter().filter_map(|answer| answer.ty.as_ref());
        ir::IncomingRequest {
            docs: self.docs(),
            method: self.method.clone(),
            route: format!(
                "incoming::Route::new({}, {})",
                literal::rust(&self.wire),
                literal::rust(self.operation.method.as_str())
            ),
            arguments,
            reads: reads.join(", "),
            holder: self.holder.clone(),
            holder_derives: format!(
                "Debug, Clone, PartialEq{}",
                eq(self.parameters.iter().any(|one| has_float(&one.ty)))
            ),
            parameters: parameters.collect(),
            answer: self.answer.clone(),
            answer_derives: format!(
                "Debug, Clone, PartialEq{}",
                eq(of_answers.into_iter().any(has_float))
            ),
            answers: self
                .answers
                .iter()
                .map(|one| one.item(speller, uses))
                .collect(),
        }
    }

    fn docs(&self) -> Vec<String> {
        let operation = self.operation;
        let mut docs = doc::wrap(&doc::sentence(
            operation.summary.as_deref().unwrap_or_default(),
        ));
        let description = doc::lines(operation.description.as_deref().unwrap_or_default());
        if operation.description.as_deref() != operation.summary.as_deref()
            && !description.is_empty()
        {
            if !docs.is_empty() {
                docs.push(String::new());
            }
            docs.extend(description);
        }
        if !docs.is_empty() {
            docs.push(String::new());
        }
        docs.extend(doc::wrap(&self.place));
        if operation.deprecated {
            docs.extend([String::new(), "Deprecated.".to_owned()]);
        }
        docs
    }
}

impl ParameterDraft<'_> {
    fn item(&self, types: &Types<'_>, speller: &Speller<'_>, uses: &mut Uses) -> ir::IncomingField {
        let parameter = self.parameter;
        let described = &types
            .views
            .schemas
            .schema(parameter.schema)
            .notes
            .description;
        let about = parameter.description.as_ref().or(described.as_ref());
        let mut docs = doc::lines(about.map(String::as_str).unwrap_or_default());
        if docs.is_empty() {
            docs = doc::wrap(&format!(
                "{}, {}.",
                doc::code(&parameter.name),
                speller.words(&self.ty)
            ));
        }
        let place = match parameter.location {
            ParameterLocation::Header => "header",
            _ => "parameter",
        };
        let ty = speller.owned(&self.ty, uses);
        let (ty, optional) = if parameter.required {
            (ty, "")
        } else {
            (format!("Option<{ty}>"), "optional_")
        };
        ir::IncomingField {
            field: ir::Field {
                docs,
                name: self.name.clone(),
                ty,
            },
            read: format!(
                "request.{optional}{place}({})?",
                literal::rust(&parameter.name)
            ),
        }
    }
}

impl AnswerDraft {
    fn item(&self, speller: &Speller<'_>, uses: &mut Uses) -> ir::IncomingAnswer {
        let keeps_status = !matches!(self.status, StatusRange::Exactly(_));
        let ty = self.ty.as_ref().map(|ty| {
            let spelled = speller.owned(ty, uses);
            if speller.graph.size(ty) > BOXED_ABOVE {
                format!("Box<{spelled}>")
            } else {
                spelled
            }
        });
        let status = match self.status {
            StatusRange::Exactly(status) => status.to_string(),
            _ => "status".to_owned(),
        };
        let media_type = literal::rust(&self.media_type);
        let reply = match &self.ty {
            None => format!("Self::status_only({status})"),
            Some(_) if self.is_json => format!("Self::json({status}, &body)"),
            Some(_) => format!("Self::bytes({status}, {media_type}, body)"),
        };
        let mut docs = doc::wrap(&self.description);
        if docs.is_empty() {
            docs.push(format!("{}.", doc::code(&self.status.to_string())));
        }
        let (shape, pattern) = match (&ty, keeps_status) {
            (None, false) => (String::new(), String::new()),
            (Some(ty), false) => (format!("({ty})"), "(body)".to_owned()),
            (None, true) => (
                "{ /** The status, which the contract leaves open. */ status: u16 }".to_owned(),
                "{ status }".to_owned(),
            ),
            (Some(ty), true) => (
                format!(
                    "{{ /** The status, which the contract leaves open. */ status: u16, /** The body. */ body: {ty} }}"
                ),
                "{ status, body }".to_owned(),
            ),
        };
        ir::IncomingAnswer {
            docs,
            name: self.name.clone(),
            shape,
            pattern,
            reply,
        }
    }
}
