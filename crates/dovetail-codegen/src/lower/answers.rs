//! Answers by status: what an operation returns, and how it refuses.

use dovetail_contract::contract::{Operation, Response, StatusRange};

use super::bodies::Payload;
use super::graph::BOXED_ABOVE;
use super::operations::{OperationDraft, is_success, payload};
use super::spell::{Speller, Uses};
use super::ty::Ty;
use super::types::Types;
use crate::rust_name::{self, Casing, Scope};
use crate::{doc, ir, literal};

/// What may come of an operation: one payload, or one of several by status.
#[derive(Debug)]
pub(super) struct AnswerDraft {
    /// Name of the enum, where there is one.
    pub(super) name: String,
    pub(super) cases: Vec<Case>,
    /// Whether all cases are one type, so that no enum is needed.
    is_plain: bool,
    /// The media type to ask for, where the usual one would be wrong.
    pub(super) accept: String,
}

/// What one status means.
#[derive(Debug)]
pub(super) struct Case {
    status: StatusRange,
    name: String,
    description: String,
    payload: Payload,
    ty: Option<Ty>,
}

impl AnswerDraft {
    pub(super) fn types(&self) -> impl Iterator<Item = &Ty> {
        self.cases.iter().filter_map(|case| case.ty.as_ref())
    }

    /// The type of the JSON that comes, where nothing else does.
    pub(super) fn json(&self) -> Option<&Ty> {
        let case = self.cases.first().filter(|_| self.is_plain)?;
        let is_json = matches!(case.payload, Payload::Json(_));
        case.ty.as_ref().filter(|_| is_json)
    }

    /// The type that the method returns and the call that sends for it.
    pub(super) fn returned(
        &self,
        speller: &Speller<'_>,
        uses: &mut Uses,
    ) -> (String, &'static str) {
        if !self.is_plain {
            return (uses.add("crate::types", &self.name), "send");
        }
        match self.cases.first() {
            Some(Case {
                payload: Payload::Json(_),
                ty: Some(ty),
                ..
            }) => (speller.owned(ty, uses), "send_json"),
            Some(Case {
                payload: Payload::Text,
                ..
            }) => ("String".to_owned(), "send_text"),
            Some(Case {
                payload: Payload::Bytes,
                ..
            }) => (uses.add("bytes", "Bytes"), "send_bytes"),
            Some(Case {
                payload,
                ty: Some(ty),
                ..
            }) => {
                let send = match payload {
                    Payload::Events(Some(_)) => "send_events",
                    Payload::Events(None) => "send_text_events",
                    Payload::Lines(_) => "send_lines",
                    _ => "send_stream",
                };
                (speller.owned(ty, uses), send)
            }
            _ => ("()".to_owned(), "send_empty"),
        }
    }

    /// What the method's documentation says under «Errors».
    pub(super) fn error_docs(&self) -> Vec<String> {
        const LISTED_MAX: usize = 12;
        let mut docs = Vec::new();
        for case in self.cases.iter().take(LISTED_MAX) {
            let link = format!("[`{0}::{1}`] ({2})", self.name, case.name, case.status);
            let reason = if case.description.is_empty() {
                case.fact()
            } else {
                case.description.clone()
            };
            let mut lines = doc::wrap(&format!("{link}: {reason}")).into_iter();
            docs.extend(lines.next().map(|line| format!("- {line}")));
            docs.extend(lines.map(|line| format!("  {line}")));
        }
        if self.cases.len() > LISTED_MAX {
            docs.push(format!("- The others of [`{}`].", self.name));
        }
        docs
    }
}

impl Case {
    /// What the status says by itself.
    fn fact(&self) -> String {
        match self.status {
            StatusRange::Exactly(status) => format!("the status is {status}."),
            StatusRange::Hundred(hundred) => {
                format!("the status is between {hundred}00 and {hundred}99.")
            }
            StatusRange::Default => "the status is any other.".to_owned(),
        }
    }

    fn keeps_status(&self) -> bool {
        !matches!(self.status, StatusRange::Exactly(_))
    }
}

/// Decides what comes of an operation, and how it refuses if it does.
pub(super) fn draft(
    operation: &Operation,
    base: &str,
    types: &mut Types<'_>,
) -> (AnswerDraft, Option<AnswerDraft>) {
    let (mut good, mut bad): (Vec<&Response>, Vec<&Response>) = operation
        .responses
        .iter()
        .partition(|response| is_success(operation, response.status));
    good.sort_by_key(|response| response.status);
    bad.sort_by_key(|response| response.status);
    let success = answer(operation, &good, &format!("{base}Response"), types);
    let refusals = (!bad.is_empty()).then(|| {
        let mut refusals = answer(operation, &bad, &format!("{base}Error"), types);
        refusals.is_plain = false;
        refusals
    });
    let mut name = |mut draft: AnswerDraft, suffix: &str| {
        if !draft.is_plain {
            let wanted = format!("{base}{suffix}");
            draft.name = types
                .scope
                .claim_for(&wanted, &operation.id.value, Casing::Type);
        }
        draft
    };
    let success = name(success, "Response");
    (success, refusals.map(|refusals| name(refusals, "Error")))
}

/// Other ways in which the one success of an operation may come.
pub(super) fn others(
    operation: &Operation,
    base: &str,
    types: &mut Types<'_>,
) -> Vec<(&'static str, AnswerDraft)> {
    let good: Vec<&Response> = operation
        .responses
        .iter()
        .filter(|response| is_success(operation, response.status))
        .collect();
    let [only] = good.as_slice() else {
        return Vec::new();
    };
    let found = super::bodies::alternatives(&only.content, types, base);
    let answer = |accept: String, payload: Payload| AnswerDraft {
        name: String::new(),
        cases: vec![Case {
            status: only.status,
            name: String::new(),
            description: doc::sentence(&only.description),
            ty: payload.ty(),
            payload,
        }],
        is_plain: true,
        accept,
    };
    found
        .into_iter()
        .map(|(suffix, accept, payload)| (suffix, answer(accept, payload)))
        .collect()
}

fn answer(
    operation: &Operation,
    responses: &[&Response],
    hint: &str,
    types: &mut Types<'_>,
) -> AnswerDraft {
    let mut scope = Scope::default();
    let mut cases: Vec<Case> = Vec::new();
    for response in responses {
        let name = scope.claim(&status_name(response.status), Casing::Variant);
        let hint = if responses.len() == 1 && is_success(operation, response.status) {
            hint.to_owned()
        } else {
            format!(
                "{}{name}",
                hint.trim_end_matches("Response").trim_end_matches("Error")
            )
        };
        let is_alone = responses.len() == 1 && is_success(operation, response.status);
        let payload = payload(
            operation,
            &response.content,
            response.status,
            types,
            &hint,
            is_alone,
        );
        let ty = payload.ty();
        cases.push(Case {
            status: response.status,
            name,
            description: doc::sentence(&response.description),
            payload,
            ty,
        });
    }
    let is_plain = cases
        .iter()
        .all(|case| Some(&case.payload) == cases.first().map(|first| &first.payload));
    let accept = if is_plain {
        accept(responses, cases.first())
    } else {
        String::new()
    };
    AnswerDraft {
        name: String::new(),
        cases,
        is_plain,
        accept,
    }
}

/// The media type to ask for: what the contract names, where it is not what the way of sending asks for anyway.
fn accept(responses: &[&Response], first: Option<&Case>) -> String {
    let Some(Case {
        payload: Payload::Json(_),
        ..
    }) = first
    else {
        return String::new();
    };
    let content = || responses.iter().flat_map(|response| &response.content);
    if content().any(|media| {
        media.media_type.starts_with("application/json") || media.media_type.contains('*')
    }) {
        return String::new();
    }
    let json = content().find(|media| media.media_type.ends_with("+json"));
    json.map(|media| media.media_type.clone())
        .unwrap_or_default()
}

/// The enum of refusals.
pub(super) fn refusals(
    draft: &OperationDraft<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
) -> Option<ir::Answer> {
    let refusals = draft.refusals.as_ref()?;
    let about = format!(
        "How [`Client::{0}`](crate::Client::{0}) refuses.",
        draft.method.trim_start_matches("r#")
    );
    Some(item(refusals, about, speller, uses))
}

/// The enum of successes, where there are several.
pub(super) fn successes(
    draft: &OperationDraft<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
) -> Option<ir::Answer> {
    let success = Some(&draft.success).filter(|success| !success.is_plain)?;
    uses.runtime(&["DecodeResult", "Response", "Success"]);
    let about = format!(
        "What [`Client::{0}`](crate::Client::{0}) answers, by status.",
        draft.method.trim_start_matches("r#")
    );
    Some(item(success, about, speller, uses))
}

fn item(draft: &AnswerDraft, about: String, speller: &Speller<'_>, uses: &mut Uses) -> ir::Answer {
    let has_float = draft.types().any(|ty| speller.graph.has_float(ty));
    ir::Answer {
        docs: vec![about],
        name: draft.name.clone(),
        derives: format!(
            "Debug, Clone, PartialEq{}",
            if has_float { "" } else { ", Eq" }
        ),
        takes_any: draft
            .cases
            .iter()
            .all(|case| case.status == StatusRange::Default),
        is_partial: draft
            .cases
            .iter()
            .all(|case| case.status != StatusRange::Default),
        variants: draft
            .cases
            .iter()
            .map(|case| variant(case, speller, uses))
            .collect(),
    }
}

fn variant(case: &Case, speller: &Speller<'_>, uses: &mut Uses) -> ir::AnswerVariant {
    let ty = case.ty.as_ref().map(|ty| {
        let spelled = speller.owned(ty, uses);
        if speller.graph.size(ty) > BOXED_ABOVE {
            format!("Box<{spelled}>")
        } else {
            spelled
        }
    });
    let (pattern, message) = match case.status {
        StatusRange::Exactly(status) => (
            status.to_string(),
            format!("{} ({status})", words(&case.name)),
        ),
        StatusRange::Hundred(hundred) => (
            format!("{hundred}00..={hundred}99"),
            format!("{} ({{status}})", words(&case.name)),
        ),
        StatusRange::Default => ("_".to_owned(), "refused ({status})".to_owned()),
    };
    let pattern = match (case.keeps_status(), pattern.as_str()) {
        (true, "_") => "status".to_owned(),
        (true, _) => format!("status @ {pattern}"),
        (false, _) => pattern,
    };
    let mut docs = doc::wrap(&case.description);
    if docs.is_empty() {
        let mut fact = case.fact();
        if let Some(first) = fact.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        docs.push(fact);
    }
    ir::AnswerVariant {
        docs,
        name: case.name.clone(),
        pattern,
        outcome: outcome(case),
        has_body: ty.is_some(),
        ty: ty.unwrap_or_default(),
        keeps_status: case.keeps_status(),
        message: literal::rust(&message),
    }
}

/// The expression that reads an answer.
fn outcome(case: &Case) -> String {
    let name = &case.name;
    let read = match case.payload {
        Payload::Empty if case.keeps_status() => {
            return format!("Ok(Some(Self::{name} {{ status }}))");
        }
        Payload::Empty => return format!("Ok(Some(Self::{name}))"),
        Payload::Bytes if case.keeps_status() => {
            return format!("Ok(Some(Self::{name} {{ status, body: response.body().clone() }}))");
        }
        Payload::Bytes => return format!("Ok(Some(Self::{name}(response.body().clone())))"),
        Payload::Json(_) => "response.json()",
        // What is streamed never stands beside something else.
        Payload::Text | Payload::Stream | Payload::Events(_) | Payload::Lines(_) => {
            "response.text()"
        }
    };
    if case.keeps_status() {
        format!("{read}.map(|body| Some(Self::{name} {{ status, body }}))")
    } else {
        format!("{read}.map(Self::{name}).map(Some)")
    }
}

fn words(name: &str) -> String {
    let words: Vec<String> = rust_name::words(name)
        .iter()
        .map(|word| word.to_lowercase())
        .collect();
    words.join(" ")
}

pub(super) fn status_name(status: StatusRange) -> String {
    let status = match status {
        StatusRange::Exactly(status) => status,
        StatusRange::Default => return "Other".to_owned(),
        StatusRange::Hundred(1) => return "Informational".to_owned(),
        StatusRange::Hundred(2) => return "Success".to_owned(),
        StatusRange::Hundred(3) => return "Redirection".to_owned(),
        StatusRange::Hundred(4) => return "ClientError".to_owned(),
        StatusRange::Hundred(5) => return "ServerError".to_owned(),
        StatusRange::Hundred(hundred) => return format!("Status{hundred}Xx"),
    };
    let reason = REASONS.iter().find(|(known, _)| *known == status);
    reason.map_or_else(|| format!("Status{status}"), |(_, name)| (*name).to_owned())
}

/// What the registry of HTTP calls its statuses.
const REASONS: &[(u16, &str)] = &[
    (100, "Continue"),
    (101, "SwitchingProtocols"),
    (102, "Processing"),
    (103, "EarlyHints"),
    (200, "Ok"),
    (201, "Created"),
    (202, "Accepted"),
    (203, "NonAuthoritativeInformation"),
    (204, "NoContent"),
    (205, "ResetContent"),
    (206, "PartialContent"),
    (207, "MultiStatus"),
    (208, "AlreadyReported"),
    (226, "ImUsed"),
    (300, "MultipleChoices"),
    (301, "MovedPermanently"),
    (302, "Found"),
    (303, "SeeOther"),
    (304, "NotModified"),
    (305, "UseProxy"),
    (307, "TemporaryRedirect"),
    (308, "PermanentRedirect"),
    (400, "BadRequest"),
    (401, "Unauthorized"),
    (402, "PaymentRequired"),
    (403, "Forbidden"),
    (404, "NotFound"),
    (405, "MethodNotAllowed"),
    (406, "NotAcceptable"),
    (407, "ProxyAuthenticationRequired"),
    (408, "RequestTimeout"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "LengthRequired"),
    (412, "PreconditionFailed"),
    (413, "ContentTooLarge"),
    (414, "UriTooLong"),
    (415, "UnsupportedMediaType"),
    (416, "RangeNotSatisfiable"),
    (417, "ExpectationFailed"),
    (418, "ImATeapot"),
    (421, "MisdirectedRequest"),
    (422, "UnprocessableContent"),
    (423, "Locked"),
    (424, "FailedDependency"),
    (425, "TooEarly"),
    (426, "UpgradeRequired"),
    (428, "PreconditionRequired"),
    (429, "TooManyRequests"),
    (431, "RequestHeaderFieldsTooLarge"),
    (451, "UnavailableForLegalReasons"),
    (500, "InternalServerError"),
    (501, "NotImplemented"),
    (502, "BadGateway"),
    (503, "ServiceUnavailable"),
    (504, "GatewayTimeout"),
    (505, "HttpVersionNotSupported"),
    (506, "VariantAlsoNegotiates"),
    (507, "InsufficientStorage"),
    (508, "LoopDetected"),
    (510, "NotExtended"),
    (511, "NetworkAuthenticationRequired"),
];
