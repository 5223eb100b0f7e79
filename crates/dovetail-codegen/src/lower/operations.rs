//! Operations: a constant, a method, and a struct for what may be left out.

use dovetail_contract::contract::{
    HttpApi, Idempotency, Method, Operation, Parameter, ParameterEncoding, ParameterLocation,
    StatusRange, Style,
};

use super::answers::{self, AnswerDraft};
use super::bodies::{self, Payload, RequestDraft, RequestFormat};
use super::spell::{Speller, Uses};
use super::ty::{Ty, Typed};
use super::types::Types;
use crate::rust_name::{self, Casing, Scope};
use crate::{doc, ir, literal};

/// More arguments than this, `&self` included, go into a struct.
const ARGUMENTS_MAX: usize = 7;

/// An operation while its names and types are decided.
#[derive(Debug)]
pub(super) struct OperationDraft<'a> {
    pub(super) operation: &'a Operation,
    pub(super) constant: String,
    pub(super) method: String,
    pub(super) inputs: Vec<Input<'a>>,
    pub(super) body: Option<RequestDraft>,
    /// Name of the body among the arguments or the options.
    pub(super) body_name: String,
    /// Name of the argument that holds the media type of the body, where callers choose it.
    pub(super) content_type: Option<String>,
    /// Name of the struct of required parameters, where they are too many to be arguments.
    pub(super) request: Option<String>,
    /// Name of the struct of optional parameters.
    pub(super) options: Option<String>,
    pub(super) success: AnswerDraft,
    pub(super) refusals: Option<AnswerDraft>,
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
}

impl OperationDraft<'_> {
    /// Types that are sent.
    pub(super) fn sent(&self) -> impl Iterator<Item = &Ty> {
        self.inputs
            .iter()
            .map(|input| &input.ty)
            .chain(self.body.iter().map(|body| &body.ty))
    }

    /// Types that are received.
    pub(super) fn received(&self) -> impl Iterator<Item = &Ty> {
        self.success
            .types()
            .chain(self.refusals.iter().flat_map(AnswerDraft::types))
    }
}

/// Names all operations and decides the types of what they exchange.
pub(super) fn draft<'a>(api: &'a HttpApi, types: &mut Types<'_>) -> Vec<OperationDraft<'a>> {
    let mut constants = Scope::with(&["SERVICE", "POLICY"]);
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
    let draft = |operation: &'a Operation| {
        let id = &operation.id.value;
        let wanted = match rust_name::identifier(id, Casing::Snake) {
            name if methods.holds(&name) && is_inherent(&name) || name.starts_with("for_") => {
                format!("call_{name}")
            }
            name => name,
        };
        let method = methods.claim(&wanted, Casing::Snake);
        let constant = constants.claim(
            &rust_name::identifier(id, Casing::Constant),
            Casing::Constant,
        );
        one(operation, method, constant, types)
    };
    api.operations.iter().map(draft).collect()
}

fn is_inherent(name: &str) -> bool {
    Scope::with(&[
        "new", "builder", "http", "clone", "default", "iter", "from", "into", "main",
    ])
    .holds(name)
}

fn one<'a>(
    operation: &'a Operation,
    method: String,
    constant: String,
    types: &mut Types<'_>,
) -> OperationDraft<'a> {
    let base = rust_name::identifier(&operation.id.value, Casing::Type);
    let mut names = Scope::with(&["options", "request"]);
    let mut inputs = Vec::new();
    for parameter in operation
        .parameters
        .iter()
        .filter(|parameter| !is_ignored(parameter))
    {
        let hint = format!(
            "{base}{}",
            rust_name::identifier(&parameter.name, Casing::Variant)
        );
        let Typed { ty, .. } = types.typed(parameter.schema, &hint);
        let name = names.claim(
            &rust_name::identifier(&parameter.name, Casing::Snake),
            Casing::Snake,
        );
        let is_key = is_key(operation, parameter);
        inputs.push(Input {
            parameter,
            required: parameter.required && !is_key,
            is_key,
            name,
            ty,
        });
    }
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
        Some(body) if body.required || content_type.is_some() => required += 1,
        Some(_) => optional += 1,
        None => {}
    }
    let mut claim = |suffix: &str| types.scope.claim(&format!("{base}{suffix}"), Casing::Type);
    let is_crowded =
        1 + required + usize::from(optional > 0) > ARGUMENTS_MAX || inputs_look_alike(&inputs);
    let request = is_crowded.then(|| claim("Request"));
    let options = (optional > 0).then(|| claim("Options"));
    let (success, refusals) = answers::draft(operation, &base, types);
    OperationDraft {
        operation,
        constant,
        method,
        inputs,
        body,
        body_name,
        content_type,
        request,
        options,
        success,
        refusals,
    }
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

/// The method of an operation.
pub(super) fn method(
    draft: &OperationDraft<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
) -> ir::Method {
    let operation = draft.operation;
    let mut arguments = Vec::new();
    if let Some(request) = &draft.request {
        arguments.push(format!("request: &{}", uses.add("crate::types", request)));
    } else {
        for input in draft.inputs.iter().filter(|input| input.required) {
            arguments.push(format!(
                "{}: {}",
                input.name,
                speller.borrowed(&input.ty, uses)
            ));
        }
        if let Some(content_type) = &draft.content_type {
            arguments.push(format!("{content_type}: &str"));
        }
        if let Some(body) = draft
            .body
            .as_ref()
            .filter(|body| body.required || draft.content_type.is_some())
        {
            let ty = match body.format {
                RequestFormat::Bytes(_) => format!("impl Into<{}>", uses.add("bytes", "Bytes")),
                _ => speller.borrowed(&body.ty, uses),
            };
            arguments.push(format!("{}: {ty}", draft.body_name));
        }
    }
    if let Some(options) = &draft.options {
        arguments.push(format!("options: &{}", uses.add("crate::types", options)));
    }
    let (returns, send) = draft.success.returned(speller, uses);
    let error = match &draft.refusals {
        Some(refusals) => uses.add("crate::errors", &refusals.name),
        None => {
            uses.runtime(&["Undeclared"]);
            "Undeclared".to_owned()
        }
    };
    let mut steps: Vec<String> = draft
        .inputs
        .iter()
        .map(|input| step(draft, input, uses))
        .collect();
    steps.extend(draft.body.as_ref().map(|body| body_step(draft, body, uses)));
    if !draft.success.accept.is_empty() {
        steps.push(format!(".accept({})", literal::rust(&draft.success.accept)));
    }
    steps.push(format!(".{send}()"));
    ir::Method {
        docs: method_docs(draft),
        deprecated: operation.deprecated,
        name: draft.method.clone(),
        arguments,
        returns,
        error,
        operation: draft.constant.clone(),
        steps,
    }
}

/// How the value of a parameter is reached: as an argument, or in a struct.
fn value(draft: &OperationDraft<'_>, name: &str, ty: &Ty, required: bool) -> String {
    match (&draft.request, required) {
        (_, false) => format!("&options.{name}"),
        (Some(_), true) => format!("&request.{name}"),
        (None, true) if ty.is_copy() => format!("&{name}"),
        (None, true) => name.to_owned(),
    }
}

fn step(draft: &OperationDraft<'_>, input: &Input<'_>, uses: &mut Uses) -> String {
    let parameter = input.parameter;
    let value = value(draft, &input.name, &input.ty, input.required);
    let name = literal::rust(&parameter.name);
    let method = place(parameter.location);
    let (style, explode, reserved) = match &parameter.encoding {
        ParameterEncoding::Content(_) => {
            uses.runtime(&["parameter::Parameter", "parameter::Style"]);
            return format!(".parameter(&Parameter::{method}({name}).style(Style::Json), {value})");
        }
        ParameterEncoding::Style {
            style,
            explode,
            allow_reserved,
        } => (*style, *explode, *allow_reserved),
    };
    let (usual, exploded) = match parameter.location {
        ParameterLocation::Path | ParameterLocation::Header => (Style::Simple, false),
        ParameterLocation::Query | ParameterLocation::Cookie => (Style::Form, true),
    };
    if style == usual && explode == exploded && !reserved {
        return format!(".{method}({name}, {value})");
    }
    uses.runtime(&["parameter::Parameter"]);
    let mut text = format!("Parameter::{method}({name})");
    if style != usual {
        uses.runtime(&["parameter::Style"]);
        text.push_str(&format!(".style(Style::{style:?})"));
    }
    if explode != exploded {
        text.push_str(&format!(".explode({explode})"));
    }
    if reserved {
        text.push_str(".allow_reserved()");
    }
    format!(".parameter(&{text}, {value})")
}

/// A parameter of a query or a form, as an expression.
pub(super) fn query_parameter(name: &str, style: Style, explode: bool, reserved: bool) -> String {
    let style = if style == Style::Form {
        String::new()
    } else {
        format!(".style(Style::{style:?})")
    };
    let explode = if explode { "" } else { ".explode(false)" };
    let reserved = if reserved { ".allow_reserved()" } else { "" };
    format!(
        "Parameter::query({}){style}{explode}{reserved}",
        literal::rust(name)
    )
}

fn place(location: ParameterLocation) -> &'static str {
    match location {
        ParameterLocation::Path => "path",
        ParameterLocation::Query => "query",
        ParameterLocation::Header => "header",
        ParameterLocation::Cookie => "cookie",
    }
}

fn body_step(draft: &OperationDraft<'_>, body: &RequestDraft, uses: &mut Uses) -> String {
    let required = body.required || draft.content_type.is_some();
    let holder = if required { "request" } else { "options" };
    let is_argument = required && draft.request.is_none();
    let owned = if is_argument {
        draft.body_name.clone()
    } else {
        format!("{holder}.{}.clone()", draft.body_name)
    };
    let value = value(draft, &draft.body_name, &body.ty, required);
    let write = |value: &str, owned: &str, uses: &mut Uses| match &body.format {
        RequestFormat::Json(None) => format!(".json({value})"),
        RequestFormat::Json(Some(name)) => format!(
            ".json({value}).header(\"content-type\", {})",
            literal::rust(name)
        ),
        RequestFormat::Form(encodings) => {
            if !encodings.is_empty() {
                uses.runtime(&["parameter::Parameter"]);
            }
            if encodings
                .iter()
                .any(|encoding| encoding.contains("Style::"))
            {
                uses.runtime(&["parameter::Style"]);
            }
            format!(".form({value}, &[{}])", encodings.join(", "))
        }
        RequestFormat::Text => format!(".text({value})"),
        RequestFormat::Bytes(Some(name)) => format!(".bytes({}, {owned})", literal::rust(name)),
        RequestFormat::Bytes(None) => {
            let name = draft.content_type.as_deref().unwrap_or("content_type");
            let name = if is_argument {
                name.to_owned()
            } else {
                format!("&{holder}.{name}")
            };
            format!(".bytes({name}, {owned})")
        }
    };
    if required {
        let value = if matches!(body.format, RequestFormat::Text) && !is_argument {
            format!("{value}[..]")
        } else {
            value
        };
        return write(&value, &owned, uses);
    }
    let step = match body.format {
        RequestFormat::Text => write("body.as_str()", "body.clone()", uses),
        _ => write("body", "body.clone()", uses),
    };
    if step == ".json(body)" {
        uses.runtime(&["Call"]);
        return format!(".with(options.{}.as_ref(), Call::json)", draft.body_name);
    }
    format!(
        ".with(options.{}.as_ref(), |call, body| call{step})",
        draft.body_name
    )
}

fn method_docs(draft: &OperationDraft<'_>) -> Vec<String> {
    let operation = draft.operation;
    let place = doc::code(&format!("{} {}", operation.method, operation.path.value));
    let mut docs = doc::wrap(&doc::sentence(
        operation.summary.as_deref().unwrap_or_default(),
    ));
    if !docs.is_empty() {
        docs.push(String::new());
    }
    let description = doc::lines(operation.description.as_deref().unwrap_or_default());
    if !description.is_empty() && operation.description.as_deref() != operation.summary.as_deref() {
        docs.extend(description);
        docs.push(String::new());
    }
    docs.push(place);
    docs.extend([String::new(), "# Errors".to_owned(), String::new()]);
    match &draft.refusals {
        Some(refusals) => docs.extend(refusals.error_docs()),
        None => docs
            .push("Where no answer comes, or one that the contract does not declare.".to_owned()),
    }
    docs
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
) -> Payload {
    let has_body =
        operation.method != Method::Head && !matches!(status, StatusRange::Exactly(204 | 304));
    if has_body {
        bodies::response(content, types, hint)
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
