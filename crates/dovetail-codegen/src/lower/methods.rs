//! Methods of the client: arguments, steps and documentation of each.

use dovetail_contract::contract::{ParameterEncoding, ParameterLocation, Style};

use super::answers::AnswerDraft;
use super::bodies::{RequestDraft, RequestFormat};
use super::examples;
use super::operations::{Input, OperationDraft};
use super::paging;
use super::spell::{Speller, Uses};
use super::ty::Ty;
use crate::{doc, ir, literal};

/// The methods of an operation: one, and one more for each other way to write the body or to read the answer.
pub(super) fn methods(
    draft: &OperationDraft<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
) -> Vec<ir::Method> {
    let (first, mut main) = main(draft, speller, uses);
    // What the example imports stands in the file of examples.
    let example = examples::example(draft, &first, &main, speller, &mut Uses::default());
    main.docs.extend(examples::shown(&example));
    let bodies = draft.other_bodies.iter().map(|(name, body)| Way {
        name,
        body: Some(body),
        ..first
    });
    let answers = draft.other_answers.iter().map(|(name, answer)| Way {
        name,
        answer,
        ..first
    });
    let at = paging::at(draft, &main, speller, uses);
    main.lists = paging::lists(draft, (&first, &main), at.as_ref(), speller, uses);
    let others: Vec<Way<'_>> = bodies.chain(answers).collect();
    let others = others.iter().map(|way| method(draft, way, speller, uses));
    let others: Vec<ir::Method> = others.collect();
    [main].into_iter().chain(at).chain(others).collect()
}

/// The usual way to call an operation, and its method.
pub(super) fn main<'d>(
    draft: &'d OperationDraft<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
) -> (Way<'d>, ir::Method) {
    let way = Way {
        name: &draft.method,
        body: draft.body.as_ref(),
        answer: &draft.success,
    };
    let method = method(draft, &way, speller, uses);
    (way, method)
}

/// One way to call an operation.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    name: &'a str,
    pub(super) body: Option<&'a RequestDraft>,
    answer: &'a AnswerDraft,
}

fn method(
    draft: &OperationDraft<'_>,
    way: &Way<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
) -> ir::Method {
    let (mut returns, send) = way.answer.returned(speller, uses);
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
    steps.extend(way.body.map(|body| body_step(draft, body, uses)));
    if !way.answer.accept.is_empty() {
        steps.push(format!(".accept({})", literal::rust(&way.answer.accept)));
    }
    if let Some(headers) = &draft.headers {
        uses.runtime(&["Answered"]);
        returns = format!(
            "Answered<{returns}, {}>",
            uses.add("crate::types", &headers.name)
        );
        steps.push(".with_headers()".to_owned());
    }
    steps.push(format!(".{send}()"));
    ir::Method {
        docs: method_docs(draft),
        deprecated: draft.operation.deprecated,
        is_private: false,
        name: way.name.to_owned(),
        arguments: arguments(draft, way, speller, uses),
        returns,
        error,
        operation: draft.constant.clone(),
        steps,
        lists: Vec::new(),
    }
}

/// An argument that a closure owns.
pub(super) struct Owned {
    pub(super) name: String,
    /// What makes an owned value of it; empty where it is copied.
    pub(super) owned: &'static str,
}

impl Owned {
    fn of(name: &str, ty: &Ty) -> Self {
        let owned = match ty {
            Ty::Text => ".to_owned()",
            Ty::List(_) => ".to_vec()",
            _ if ty.is_copy() => "",
            _ => ".clone()",
        };
        let name = name.to_owned();
        Self { name, owned }
    }

    pub(super) fn is_copy(&self) -> bool {
        self.owned.is_empty()
    }

    /// The value as the method takes it.
    pub(super) fn passed(&self) -> String {
        let borrow = if self.is_copy() { "" } else { "&" };
        format!("{borrow}{}", self.name)
    }
}

/// The arguments of a method, as something that outlives the call owns them. In the order of [`arguments`].
pub(super) fn owned_arguments(draft: &OperationDraft<'_>, way: &Way<'_>) -> Vec<Owned> {
    let held = |name: &str| Owned::of(name, &Ty::Value);
    let mut owned = Vec::new();
    match &draft.request {
        Some(_) => owned.push(held("request")),
        None => {
            let required = draft.inputs.iter().filter(|input| input.required);
            owned.extend(required.map(|input| Owned::of(&input.name, &input.ty)));
            let content_type = draft.content_type.iter();
            owned.extend(content_type.map(|name| Owned::of(name, &Ty::Text)));
        }
    }
    if let Some(body) = way.body.filter(|body| draft.is_body_argument(body)) {
        owned.push(Owned::of(&draft.body_name, &body.ty));
    }
    owned.extend(draft.options.iter().map(|_| held("options")));
    owned
}

fn arguments(
    draft: &OperationDraft<'_>,
    way: &Way<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
) -> Vec<String> {
    let mut arguments = Vec::new();
    match &draft.request {
        Some(request) => arguments.push(format!("request: &{}", uses.add("crate::types", request))),
        None => {
            for input in draft.inputs.iter().filter(|input| input.required) {
                let ty = speller.borrowed(&input.ty, uses);
                arguments.push(format!("{}: {ty}", input.name));
            }
            arguments.extend(
                draft
                    .content_type
                    .iter()
                    .map(|name| format!("{name}: &str")),
            );
        }
    }
    if let Some(body) = way.body.filter(|body| draft.is_body_argument(body)) {
        let ty = match body.ty {
            Ty::Body => format!("impl Into<{}>", speller.owned(&body.ty, uses)),
            Ty::Form => speller.owned(&body.ty, uses),
            _ => speller.borrowed(&body.ty, uses),
        };
        arguments.push(format!("{}: {ty}", draft.body_name));
    }
    if let Some(options) = &draft.options {
        arguments.push(format!("options: &{}", uses.add("crate::types", options)));
    }
    arguments
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

pub(super) fn place(location: ParameterLocation) -> &'static str {
    match location {
        ParameterLocation::Path => "path",
        ParameterLocation::Query => "query",
        ParameterLocation::Header => "header",
        ParameterLocation::Cookie => "cookie",
    }
}

fn body_step(draft: &OperationDraft<'_>, body: &RequestDraft, uses: &mut Uses) -> String {
    let name = &draft.body_name;
    if draft.is_body_argument(body) {
        let borrowed = if body.ty.is_copy() {
            format!("&{name}")
        } else {
            name.clone()
        };
        return write(draft, body, &borrowed, name, uses);
    }
    if draft.is_body_required(body) {
        // The struct of required values holds what an argument would borrow.
        let borrowed = match body.ty {
            Ty::Text => format!("request.{name}.as_str()"),
            _ => format!("&request.{name}"),
        };
        return write(
            draft,
            body,
            &borrowed,
            &format!("request.{name}.clone()"),
            uses,
        );
    }
    let borrowed = match body.ty {
        Ty::Text => "body.as_str()",
        _ => "body",
    };
    let step = write(draft, body, borrowed, "body.clone()", uses);
    if step == ".json(body)" {
        uses.runtime(&["Call"]);
        return format!(".with(options.{name}.as_ref(), Call::json)");
    }
    format!(".with(options.{name}.as_ref(), |call, body| call{step})")
}

/// The step that writes a body, from what borrows it or from what owns it.
fn write(
    draft: &OperationDraft<'_>,
    body: &RequestDraft,
    borrowed: &str,
    owned: &str,
    uses: &mut Uses,
) -> String {
    let of_type = |name: &Option<String>| {
        let name = name.as_ref().map(|name| literal::rust(name));
        name.map_or_else(String::new, |name| {
            format!(".header(\"content-type\", {name})")
        })
    };
    match &body.format {
        RequestFormat::Json(unusual) => format!(".json({borrowed}){}", of_type(unusual)),
        RequestFormat::Lines(unusual) => format!(".json_lines({borrowed}){}", of_type(unusual)),
        RequestFormat::Multipart if body.ty == Ty::Form => format!(".multipart({owned})"),
        RequestFormat::Multipart => {
            if borrowed.starts_with('&') {
                format!(".multipart(({borrowed}).into())")
            } else {
                format!(".multipart({borrowed}.into())")
            }
        }
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
            format!(".form({borrowed}, &[{}])", encodings.join(", "))
        }
        RequestFormat::Text(name) if name == "text/plain" => format!(".text({borrowed})"),
        RequestFormat::Text(name) => {
            format!(".bytes({}, {borrowed}.to_owned())", literal::rust(name))
        }
        RequestFormat::Bytes(Some(name)) => format!(".bytes({}, {owned})", literal::rust(name)),
        RequestFormat::Bytes(None) => {
            let name = draft.content_type.as_deref().unwrap_or("content_type");
            if draft.is_body_argument(body) {
                format!(".bytes({name}, {owned})")
            } else {
                format!(".bytes(&request.{name}, {owned})")
            }
        }
    }
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
