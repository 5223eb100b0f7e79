//! Operations while they are decided: names, parameters, bodies and answers.

use dovetail_contract::contract::{
    HttpApi, Idempotency, Method, Operation, Parameter, ParameterLocation, Renames, Response,
    StatusRange,
};

use super::answers::{self, AnswerDraft};
use super::bodies::{self, Payload, RequestDraft, RequestFormat};
use super::headers::{self, HeadersDraft};
use super::methods;
use super::paging::{self, PagingDraft};
use super::ty::{Ty, Typed};
use super::types::Types;
use crate::rust_name::{self, Casing, Scope, Wanted};

/// More arguments than this, `&self` included, go into a struct.
const ARGUMENTS_MAX: usize = 7;

/// An operation while its names and types are decided.
#[derive(Debug)]
pub(super) struct OperationDraft<'a> {
    pub(super) operation: &'a Operation,
    /// What the names of its types begin with.
    pub(super) base: String,
    pub(super) constant: String,
    pub(super) method: String,
    pub(super) inputs: Vec<Input<'a>>,
    pub(super) body: Option<RequestDraft>,
    /// Other ways to write the body, each with the name of its method.
    pub(super) other_bodies: Vec<(String, RequestDraft)>,
    /// Name of the body among the arguments or the options.
    pub(super) body_name: String,
    /// Name of the argument that holds the media type of the body, where callers choose it.
    pub(super) content_type: Option<String>,
    /// Name of the struct of required parameters, where they are too many to be arguments.
    pub(super) request: Option<String>,
    /// Name of the struct of optional parameters.
    pub(super) options: Option<String>,
    pub(super) success: AnswerDraft,
    /// Other ways in which a success may come, each with the name of its method.
    pub(super) other_answers: Vec<(String, AnswerDraft)>,
    pub(super) headers: Option<HeadersDraft>,
    pub(super) refusals: Option<AnswerDraft>,
    /// How its list is read, if it answers with one page by page.
    pub(super) paging: Option<PagingDraft>,
}

/// A parameter.
#[derive(Debug)]
pub(super) struct Input<'a> {
    pub(super) parameter: &'a Parameter,
    /// Whether the caller must give it. A required idempotency key need not be: the runtime makes one.
    pub(super) required: bool,
    /// Whether it is the operation's idempotency key.
    pub(super) is_key: bool,
    pub(super) name: String,
    pub(super) ty: Ty,
    /// A value for the example, where one fits into a line.
    pub(super) example: Option<String>,
}

impl OperationDraft<'_> {
    /// Types that are sent.
    pub(super) fn sent(&self) -> impl Iterator<Item = &Ty> {
        self.inputs
            .iter()
            .map(|input| &input.ty)
            .chain(self.bodies().map(|body| &body.ty))
    }

    /// Types that are sent, to be changed.
    pub(super) fn sent_mut(&mut self) -> impl Iterator<Item = &mut Ty> {
        let others = self.other_bodies.iter_mut().map(|(_, body)| body);
        let bodies = self.body.iter_mut().chain(others);
        self.inputs
            .iter_mut()
            .map(|input| &mut input.ty)
            .chain(bodies.map(|body| &mut body.ty))
    }

    /// Types that are received.
    pub(super) fn received(&self) -> impl Iterator<Item = &Ty> {
        let others = self.other_answers.iter().map(|(_, answer)| answer);
        let answers = [&self.success]
            .into_iter()
            .chain(others)
            .chain(&self.refusals);
        answers
            .flat_map(AnswerDraft::types)
            .chain(self.header_types())
    }

    fn bodies(&self) -> impl Iterator<Item = &RequestDraft> {
        let others = self.other_bodies.iter().map(|(_, body)| body);
        self.body.iter().chain(others)
    }

    /// Whether the body is an argument of its own.
    pub(super) fn is_body_argument(&self, body: &RequestDraft) -> bool {
        body.ty == Ty::Form || (self.is_body_required(body) && self.request.is_none())
    }

    /// Whether callers must give the body.
    pub(super) fn is_body_required(&self, body: &RequestDraft) -> bool {
        body.required || self.content_type.is_some() || body.ty == Ty::Form
    }
}

/// Names all operations and decides the types of what they exchange.
pub(super) fn draft<'a>(api: &'a HttpApi, types: &mut Types<'_>) -> Vec<OperationDraft<'a>> {
    let mut methods = Scope::with(&[
        "new",
        "builder",
        "http",
        "from",
        "into",
        "clone",
        "clone_into",
        "clone_from",
        "to_owned",
        "fmt",
        "borrow",
        "iter",
        "iter_mut",
        "into_iter",
        "type_id",
        "try_from",
        "try_into",
        "default",
        "drop",
        "main",
    ]);
    let operations = || api.operations.iter();
    let all = |casing: Casing, scope: &mut Scope| {
        let wanted: Vec<Wanted<'_>> = operations()
            .map(|operation| wanted(operation, &api.renames, casing))
            .collect();
        scope.claim_all(&wanted, casing).into_iter()
    };
    let bases = all(Casing::Type, &mut Scope::default());
    let constants = all(Casing::Constant, &mut Scope::with(&["SERVICE", "POLICY"]));
    let names = all(Casing::Snake, &mut methods);
    let named = operations().zip(bases.zip(constants).zip(names));
    let draft = |(operation, ((base, constant), method))| {
        let mut draft = one(operation, [base, constant, method], types);
        others(&mut draft, &mut methods, types);
        draft
    };
    named.map(draft).collect()
}

/// The name that an operation should have.
fn wanted<'a>(operation: &'a Operation, renames: &Renames, casing: Casing) -> Wanted<'a> {
    let (called, is_given) = super::renames::operation(operation, renames);
    let name = match rust_name::identifier(called, casing) {
        name if casing == Casing::Snake && (is_inherent(&name) || name.starts_with("for_")) => {
            format!("call_{name}")
        }
        name => name,
    };
    Wanted {
        text: &operation.id.value,
        place: "",
        name,
        is_given,
    }
}

fn is_inherent(name: &str) -> bool {
    Scope::with(&[
        "new", "builder", "http", "clone", "default", "iter", "from", "into", "main",
    ])
    .holds(name)
}

fn one<'a>(
    operation: &'a Operation,
    [base, constant, method]: [String; 3],
    types: &mut Types<'_>,
) -> OperationDraft<'a> {
    let mut names = Scope::with(&["options", "request"]);
    let inputs = inputs(operation, &base, &mut names, types);
    let body = operation
        .request_body
        .as_ref()
        .and_then(|body| bodies::request(body, types, &format!("{base}Body")));
    let body_name = names.claim("body", Casing::Snake);
    let chooses_type = body
        .as_ref()
        .is_some_and(|body| matches!(body.format, RequestFormat::Bytes(None)));
    let content_type = chooses_type.then(|| names.claim("content_type", Casing::Snake));
    let mut optional = inputs.iter().filter(|input| !input.required).count();
    let mut required = inputs.len() - optional + usize::from(content_type.is_some());
    match &body {
        Some(body) if body.required || content_type.is_some() || body.ty == Ty::Form => {
            required += 1;
        }
        Some(_) => optional += 1,
        None => {}
    }
    let mut claim = |suffix: &str| {
        let id = &operation.id.value;
        types
            .scope
            .claim_for(&format!("{base}{suffix}"), id, Casing::Type)
    };
    // The method that follows a link takes that, too.
    let link = usize::from(operation.pagination.is_some());
    let is_crowded = 1 + required + usize::from(optional > 0) + link > ARGUMENTS_MAX
        || inputs_look_alike(&inputs);
    let request = is_crowded.then(|| claim("Request"));
    let options = (optional > 0).then(|| claim("Options"));
    let (success, refusals) = answers::draft(operation, &base, types);
    let good: Vec<&Response> = operation
        .responses
        .iter()
        .filter(|response| is_success(operation, response.status))
        .collect();
    let headers = headers::draft(&good, &base, types);
    OperationDraft {
        operation,
        base,
        constant,
        method,
        inputs,
        body,
        other_bodies: Vec::new(),
        body_name,
        content_type,
        request,
        options,
        success,
        other_answers: Vec::new(),
        headers,
        refusals,
        paging: None,
    }
}

/// The parameters of an operation. Names that differ in nothing but their place have it in their name.
fn inputs<'a>(
    operation: &'a Operation,
    base: &str,
    names: &mut Scope,
    types: &mut Types<'_>,
) -> Vec<Input<'a>> {
    let parameters: Vec<&Parameter> = operation
        .parameters
        .iter()
        .filter(|parameter| !is_ignored(parameter))
        .collect();
    let wanted: Vec<Wanted<'_>> = parameters
        .iter()
        .map(|parameter| {
            let is_second = parameters
                .iter()
                .any(|other| other.name == parameter.name && other.location < parameter.location);
            let place = methods::place(parameter.location);
            let name = rust_name::identifier(&parameter.name, Casing::Snake);
            Wanted {
                text: &parameter.name,
                place,
                name: if is_second {
                    format!("{name}_{place}")
                } else {
                    name
                },
                is_given: false,
            }
        })
        .collect();
    let claimed = names.claim_all(&wanted, Casing::Snake);
    let input = |(parameter, name): (&'a Parameter, String)| {
        let hint = rust_name::identifier(&parameter.name, Casing::Variant);
        let Typed { ty, .. } = types.typed(parameter.schema, &format!("{base}{hint}"));
        let is_key = is_key(operation, parameter);
        Input {
            parameter,
            required: parameter.required && !is_key,
            is_key,
            name,
            ty,
            example: None,
        }
    };
    parameters.into_iter().zip(claimed).map(input).collect()
}

/// Names the methods of the other ways to write the body or to read the answer.
fn others(draft: &mut OperationDraft<'_>, methods: &mut Scope, types: &mut Types<'_>) {
    let base = draft.method.trim_start_matches("r#").to_owned();
    let id = &draft.operation.id.value;
    let mut claim = |suffix: &str| methods.claim_for(&format!("{base}{suffix}"), id, Casing::Snake);
    // What may be left out stands among the options, and there is one body there.
    let body = draft.operation.request_body.as_ref();
    let body = body.filter(|body| body.required && draft.request.is_none());
    if let Some(body) = body {
        let bodies = bodies::other_requests(body, types, &draft.base).into_iter();
        draft.other_bodies = bodies.map(|body| (claim(body.suffix), body)).collect();
    }
    let answers = answers::others(draft.operation, &draft.base, types);
    let named = answers
        .into_iter()
        .map(|(suffix, answer)| (claim(suffix), answer));
    draft.other_answers = named.collect();
    draft.paging = paging::named(draft, methods);
}

/// Whether names of required parameters differ by so little that readers would mix them up as arguments.
fn inputs_look_alike(inputs: &[Input<'_>]) -> bool {
    let names: Vec<&str> = inputs
        .iter()
        .filter(|input| input.required)
        .map(|input| input.name.as_str())
        .collect();
    names
        .iter()
        .enumerate()
        .any(|(index, a)| names.iter().skip(index + 1).any(|b| differ_by_one(a, b)))
}

/// Whether one letter changed, added or left out makes one name of the other. Very short names are read with care.
fn differ_by_one(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let common = short
        .bytes()
        .zip(long.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let rest = |text: &str, from: usize| text.as_bytes().get(from..).map(<[u8]>::to_vec);
    match long.len() - short.len() {
        _ if short.len() < 3 => false,
        0 => rest(short, common + 1) == rest(long, common + 1),
        1 => rest(short, common) == rest(long, common + 1),
        _ => false,
    }
}

/// Header parameters of these names are ignored, OpenAPI says: bodies and credentials decide them.
fn is_ignored(parameter: &Parameter) -> bool {
    parameter.location == ParameterLocation::Header
        && ["accept", "content-type", "authorization"]
            .iter()
            .any(|name| parameter.name.eq_ignore_ascii_case(name))
}

/// Whether a parameter is the key that makes sending the operation twice safe.
fn is_key(operation: &Operation, parameter: &Parameter) -> bool {
    matches!(&operation.idempotency, Idempotency::Key { header }
        if parameter.location == ParameterLocation::Header && header.eq_ignore_ascii_case(&parameter.name))
}

/// All successes of an operation; a default that stands alone is one.
pub(super) fn is_success(operation: &Operation, status: StatusRange) -> bool {
    let any = operation
        .responses
        .iter()
        .any(|response| response.status.is_success());
    status.is_success() || (status == StatusRange::Default && !any)
}

/// Whether an answer without a body is all that can come.
pub(super) fn payload(
    operation: &Operation,
    content: &[dovetail_contract::contract::Media],
    status: StatusRange,
    types: &mut Types<'_>,
    hint: &str,
    is_alone: bool,
) -> Payload {
    let has_body =
        operation.method != Method::Head && !matches!(status, StatusRange::Exactly(204 | 304));
    if has_body {
        bodies::response(content, types, hint, is_alone)
    } else {
        Payload::Empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_readers_would_mix_up_are_noticed() {
        let rows = [
            ("route_name", "router_name", true),
            ("item_a", "item_b", true),
            ("order", "orders", true),
            ("origin", "destination", false),
            ("id", "name", false),
            ("x", "y", false),
            ("from_id", "to_id", false),
        ];
        for (a, b, expected) in rows {
            assert_eq!(differ_by_one(a, b), expected, "{a} {b}");
            assert_eq!(differ_by_one(b, a), expected, "{b} {a}");
        }
    }
}
