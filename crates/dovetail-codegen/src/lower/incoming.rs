//! What the service sends itself: a trait for who handles its webhooks, and one for its callbacks.
//!
//! Everything goes the other way round here: bodies of requests are received, and answers are sent.

mod items;

use dovetail_contract::contract::{
    HttpApi, Operation, Parameter, ParameterEncoding, ParameterLocation, Response, StatusRange,
};

use super::answers;
use super::bodies::{self, Payload};
use super::ty::Ty;
use super::types::Types;
use crate::doc;
use crate::rust_name::{self, Casing, Scope, Wanted};

/// All that is handled by one trait.
#[derive(Debug)]
pub(super) struct HandlerDraft<'a> {
    /// Whether these are callbacks rather than webhooks.
    is_callbacks: bool,
    requests: Vec<IncomingDraft<'a>>,
}

/// A request that the service sends.
#[derive(Debug)]
struct IncomingDraft<'a> {
    operation: &'a Operation,
    /// What the dispatcher knows it by.
    wire: String,
    /// Where it is sent to, as documentation.
    place: String,
    method: String,
    /// Name of the struct of parameters, if it has some.
    holder: Option<String>,
    parameters: Vec<ParameterDraft<'a>>,
    body: Option<BodyDraft>,
    /// Name of the enum of answers, if any is declared.
    answer: Option<String>,
    answers: Vec<AnswerDraft>,
}

#[derive(Debug)]
struct ParameterDraft<'a> {
    parameter: &'a Parameter,
    name: String,
    ty: Ty,
}

#[derive(Debug)]
enum BodyDraft {
    /// JSON of this type, which may be left out.
    Json(Ty, bool),
    Form,
    Text,
    Bytes,
}

#[derive(Debug)]
struct AnswerDraft {
    status: StatusRange,
    name: String,
    description: String,
    /// JSON of this type, or text or bytes of a media type.
    ty: Option<Ty>,
    is_json: bool,
    media_type: String,
}

impl HandlerDraft<'_> {
    /// Types that are received.
    pub(super) fn received(&self) -> impl Iterator<Item = &Ty> {
        self.requests
            .iter()
            .filter_map(|request| match &request.body {
                Some(BodyDraft::Json(ty, _)) => Some(ty),
                _ => None,
            })
    }

    /// Types that are sent.
    pub(super) fn sent(&self) -> impl Iterator<Item = &Ty> {
        let answers = self.requests.iter().flat_map(|request| &request.answers);
        answers.filter_map(|answer| answer.ty.as_ref())
    }

    /// Types that are sent, to be changed.
    pub(super) fn sent_mut(&mut self) -> impl Iterator<Item = &mut Ty> {
        let requests = self.requests.iter_mut();
        let answers = requests.flat_map(|request| &mut request.answers);
        answers.filter_map(|answer| answer.ty.as_mut())
    }
}

/// What is known of a request before it has names.
struct Found<'a> {
    operation: &'a Operation,
    /// What its Rust names are made of.
    called: String,
    wire: String,
    place: String,
}

/// Names everything that the service sends, and decides its types.
pub(super) fn draft<'a>(api: &'a HttpApi, types: &mut Types<'_>) -> Vec<HandlerDraft<'a>> {
    let mut drafts = Vec::new();
    for (is_callbacks, found) in [(false, webhooks(api)), (true, callbacks(api))] {
        if found.is_empty() {
            continue;
        }
        let all = |casing: Casing| {
            let wanted: Vec<Wanted<'_>> = found
                .iter()
                .map(|found| Wanted {
                    text: &found.called,
                    place: &found.place,
                    name: rust_name::identifier(&found.called, casing),
                    is_given: false,
                })
                .collect();
            // What leads from a request to its handler stands in the same file.
            Scope::with(&["receive"]).claim_all(&wanted, casing)
        };
        let (methods, bases) = (all(Casing::Snake), all(Casing::Type));
        let named = found.into_iter().zip(methods.into_iter().zip(bases));
        let requests = named.map(|(found, (method, base))| one(found, method, &base, types));
        drafts.push(HandlerDraft {
            is_callbacks,
            requests: requests.collect(),
        });
    }
    drafts
}

fn webhooks(api: &HttpApi) -> Vec<Found<'_>> {
    let is_alone = |name: &str| {
        let same = |other: &&dovetail_contract::contract::Webhook| other.name.value == name;
        api.webhooks.iter().filter(same).count() == 1
    };
    let found = api.webhooks.iter().map(|webhook| {
        let (name, method) = (&webhook.name.value, webhook.operation.method);
        Found {
            operation: &webhook.operation,
            called: if is_alone(name) {
                name.clone()
            } else {
                format!("{name} {}", method.as_str().to_lowercase())
            },
            wire: name.clone(),
            place: format!("The webhook {}, a `{method}`.", doc::code(name)),
        }
    });
    found.collect()
}

fn callbacks(api: &HttpApi) -> Vec<Found<'_>> {
    let mut found: Vec<Found<'_>> = Vec::new();
    for operation in &api.operations {
        let id = &operation.id.value;
        for callback in &operation.callbacks {
            let (name, expression) = (&callback.name.value, &callback.expression.value);
            let method = callback.operation.method;
            let known = |wire: &str| {
                let same =
                    |known: &Found<'_>| known.wire == wire && known.operation.method == method;
                found.iter().any(same)
            };
            let mut wire = format!("{id}/{name}");
            if known(&wire) {
                wire = format!("{wire}/{expression}");
            }
            let about = format!(
                "The callback {} of {}, a `{method}` to {}.",
                doc::code(&wire),
                doc::code(id),
                doc::code(expression)
            );
            let is_second = found
                .iter()
                .any(|known| known.called == format!("{id} {name}"));
            found.push(Found {
                operation: &callback.operation,
                called: if is_second {
                    format!("{id} {name} {}", method.as_str().to_lowercase())
                } else {
                    format!("{id} {name}")
                },
                wire,
                place: about,
            });
        }
    }
    found
}

fn one<'a>(
    found: Found<'a>,
    method: String,
    base: &str,
    types: &mut Types<'_>,
) -> IncomingDraft<'a> {
    let operation = found.operation;
    let parameters = parameters(operation, base, types);
    let body = operation.request_body.as_ref().and_then(|body| {
        if bodies::is_form(&body.content, types) {
            return Some(BodyDraft::Form);
        }
        let hint = format!("{base}Body");
        Some(match bodies::response(&body.content, types, &hint, false) {
            Payload::Empty => return None,
            Payload::Json(typed) => BodyDraft::Json(typed.element(), body.required),
            Payload::Text => BodyDraft::Text,
            _ => BodyDraft::Bytes,
        })
    });
    let answers = answers(&operation.responses, base, types);
    let mut claim = |suffix: &str| {
        let wanted = format!("{base}{suffix}");
        types.scope.claim_for(&wanted, &found.wire, Casing::Type)
    };
    IncomingDraft {
        operation,
        holder: (!parameters.is_empty()).then(|| claim("Parameters")),
        answer: (!answers.is_empty()).then(|| claim("Answer")),
        wire: found.wire,
        place: found.place,
        method,
        parameters,
        body,
        answers,
    }
}

/// Parameters of the query and headers; others have no place in what a service sends.
fn parameters<'a>(
    operation: &'a Operation,
    base: &str,
    types: &mut Types<'_>,
) -> Vec<ParameterDraft<'a>> {
    let is_read = |parameter: &&Parameter| match parameter.location {
        ParameterLocation::Query => true,
        ParameterLocation::Header => http_name(&parameter.name),
        _ => false,
    };
    let found: Vec<&Parameter> = operation.parameters.iter().filter(is_read).collect();
    let wanted: Vec<Wanted<'_>> = found
        .iter()
        .map(|parameter| Wanted {
            text: &parameter.name,
            place: super::methods::place(parameter.location),
            name: rust_name::identifier(&parameter.name, Casing::Snake),
            is_given: false,
        })
        .collect();
    let names = Scope::default().claim_all(&wanted, Casing::Snake);
    let draft = |(parameter, name): (&'a Parameter, String)| {
        let hint = rust_name::identifier(&parameter.name, Casing::Variant);
        let is_plain = matches!(parameter.encoding, ParameterEncoding::Style { .. });
        let ty = types.typed(parameter.schema, &format!("{base}{hint}")).ty;
        ParameterDraft {
            parameter,
            name,
            ty: if is_plain && ty.is_scalar() {
                ty
            } else {
                Ty::Text
            },
        }
    };
    found.into_iter().zip(names).map(draft).collect()
}

/// Whether a text can be the name of a header (RFC 9110, section 5.6.2).
fn http_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(super::headers::is_token)
}

fn answers(responses: &[Response], base: &str, types: &mut Types<'_>) -> Vec<AnswerDraft> {
    let mut sorted: Vec<&Response> = responses.iter().collect();
    sorted.sort_by_key(|response| response.status);
    let mut scope = Scope::default();
    let draft = |response: &Response| {
        let name = scope.claim(&answers::status_name(response.status), Casing::Variant);
        let has_body = !matches!(response.status, StatusRange::Exactly(204 | 304));
        let payload = if has_body {
            bodies::response(&response.content, types, &format!("{base}{name}"), false)
        } else {
            Payload::Empty
        };
        AnswerDraft {
            status: response.status,
            name,
            description: doc::sentence(&response.description),
            is_json: matches!(payload, Payload::Json(_)),
            media_type: bodies::media_type(&response.content, types),
            ty: payload.ty(),
        }
    };
    sorted.into_iter().map(draft).collect()
}
