//! `expects/*.yaml`: what a consumer relies on.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::super::files::{Document, Files};
use super::super::lower::{self, Keys};
use super::super::tree::{Entry, Node, NodeValue};
use super::matcher;
use crate::codes;
use crate::expect::{Argument, Expectation, Expected, Given, Interaction, Matcher, Request};
use crate::finding::Finding;
use crate::source::{Span, Spanned};

pub(crate) const EXPECTATION: Keys = Keys {
    what: "an expectation",
    known: &["consumer", "provider", "interactions"],
    required: &["consumer", "provider", "interactions"],
};
pub(crate) const INTERACTION: Keys = Keys {
    what: "an interaction",
    known: &["name", "given", "call", "request", "response"],
    required: &["name", "call", "response"],
};
pub(crate) const GIVEN: Keys = Keys {
    what: "a provider state",
    known: &["state", "with", "returns"],
    required: &["state"],
};
pub(crate) const REQUEST: Keys = Keys {
    what: "a request",
    known: &[
        "path",
        "query",
        "headers",
        "cookies",
        "body",
        "content_type",
    ],
    required: &[],
};
pub(crate) const RESPONSE: Keys = Keys {
    what: "an expected response",
    known: &["status", "headers", "content_type", "reads", "body"],
    required: &["status"],
};

/// Reads one file of expectations.
pub(super) fn read(files: &mut Files, document: &Document) -> Option<Expectation> {
    let node = lower::mapping(files, &document.root, &EXPECTATION)?;
    let mut name = |key, what| {
        node.get(key)
            .and_then(|node| lower::text(files, node, what))
    };
    let consumer = name("consumer", "the name of the consumer");
    let provider = name("provider", "the name of the provider");
    let mut interactions: Vec<Interaction> = Vec::new();
    let mut names: HashMap<String, Span> = HashMap::new();
    if let Some(number) = document.root.endless_number() {
        let message = "the number lies beyond what programs can hold";
        let finding = Finding::new(&codes::INVALID_VALUE, number.span, message);
        files.push(finding.expected("a number below 1.8e308"));
    }
    let list = node.get("interactions")?;
    for node in lower::list_of(files, list, "interactions") {
        let Some(interaction) = interaction(files, node) else {
            continue;
        };
        match names.get(&interaction.name.value) {
            Some(first) => files.push(
                Finding::new(
                    &codes::INVALID_VALUE,
                    interaction.name.span,
                    "two interactions have the same name",
                )
                .related(*first, "the first one")
                .expected("a name of its own, since reports and filters go by it")
                .help("say what is different about this one"),
            ),
            None => {
                let name = &interaction.name;
                names.insert(name.value.clone(), name.span);
                interactions.push(interaction);
            }
        }
    }
    if list.elements().is_some_and(<[Node]>::is_empty) {
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                list.span,
                "an expectation without interactions proves nothing",
            )
            .expected("at least one interaction")
            .help("add an interaction, or delete the file"),
        );
    }
    Some(Expectation {
        file: document.file,
        consumer: consumer?,
        provider: provider?,
        interactions,
    })
}

fn interaction(files: &mut Files, node: &Node) -> Option<Interaction> {
    let node = lower::mapping(files, node, &INTERACTION)?;
    let name = node
        .get("name")
        .and_then(|node| lower::text(files, node, "the name of an interaction"));
    let operation = node
        .get("call")
        .and_then(|node| lower::text(files, node, "the id of an operation"));
    let mut given = Vec::new();
    for node in node
        .get("given")
        .map(|node| lower::list_of(files, node, "provider states"))
        .unwrap_or_default()
    {
        given.extend(self::given(files, node));
    }
    let request = node.get("request").and_then(|node| request(files, node));
    let response = node.get("response").and_then(|node| response(files, node));
    let name = name?;
    let request = request.unwrap_or_else(|| Request {
        span: name.span,
        path: IndexMap::new(),
        query: IndexMap::new(),
        headers: IndexMap::new(),
        cookies: IndexMap::new(),
        body: None,
        content_type: None,
    });
    Some(Interaction {
        name,
        given,
        operation: operation?,
        request,
        response: response?,
    })
}

fn given(files: &mut Files, node: &Node) -> Option<Given> {
    let node = lower::mapping(files, node, &GIVEN)?;
    let state = node
        .get("state")
        .and_then(|node| lower::text(files, node, "the name of a state"));
    let with = node.get("with").and_then(|node| {
        lower::free_mapping(files, node, "the parameters of a state")?;
        node.to_json().as_object().cloned()
    });
    let returns = node.get("returns").map(|node| {
        lower::map(
            files,
            node,
            "examples of what the state returns, by name",
            |_, entry| Some(Spanned::new(entry.value.to_json(), entry.key_span)),
        )
    });
    Some(Given {
        state: state?,
        with: with.unwrap_or_default(),
        returns: returns.unwrap_or_default(),
    })
}

fn request(files: &mut Files, node: &Node) -> Option<Request> {
    let node = lower::mapping(files, node, &REQUEST)?;
    let mut arguments = |key, what| {
        node.get(key)
            .map(|node| lower::map(files, node, what, argument))
            .unwrap_or_default()
    };
    Some(Request {
        span: node.span,
        path: arguments("path", "path parameters by name"),
        query: arguments("query", "query parameters by name"),
        headers: arguments("headers", "headers by name"),
        cookies: arguments("cookies", "cookies by name"),
        body: node
            .entry("body")
            .map(|entry| Spanned::new(entry.value.to_json(), entry.key_span)),
        content_type: media_type(files, node),
    })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the shape that `lower::map` reads values with"
)]
fn argument(_: &mut Files, entry: &Entry) -> Option<Argument> {
    let value = Spanned::new(entry.value.to_json(), entry.value.span);
    Some(Argument {
        name_span: entry.key_span,
        value,
    })
}

fn media_type(files: &mut Files, node: &Node) -> Option<Spanned<String>> {
    lower::text(
        files,
        node.get("content_type")?,
        "a media type such as `application/json`",
    )
}

fn response(files: &mut Files, node: &Node) -> Option<Expected> {
    let node = lower::mapping(files, node, &RESPONSE)?;
    let status = node.get("status").and_then(|node| {
        let status = lower::integer(files, node, "an HTTP status", (200, 599))?;
        u16::try_from(status.value)
            .ok()
            .map(|value| Spanned::new(value, status.span))
    });
    let headers = node
        .get("headers")
        .map(|node| lower::map(files, node, "headers by name", matcher::named));
    if let (Some(reads), Some(body)) = (node.entry("reads"), node.entry("body")) {
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                body.key_span,
                "`reads` and `body` both say what is read of the body",
            )
            .related(reads.key_span, "the fields of the body")
            .help("use `reads` for the fields of an object and `body` for anything else"),
        );
    }
    let body = match (node.entry("reads"), node.entry("body")) {
        (Some(reads), _) => Some(fields(files, reads)),
        (None, Some(body)) => matcher::named(files, body),
        (None, None) => None,
    };
    Some(Expected {
        span: node.span,
        status: status?,
        headers: headers.unwrap_or_default(),
        content_type: media_type(files, node),
        body,
    })
}

/// `reads` names the fields of an object; none at all would prove nothing.
fn fields(files: &mut Files, entry: &Entry) -> Matcher {
    let mut matcher = Matcher::anything(entry.key_span, entry.value.span);
    matcher.kind = Some(Spanned::new(crate::schema::Type::Object, entry.key_span));
    matcher.fields = lower::map(
        files,
        &entry.value,
        "the fields that are read",
        matcher::named,
    );
    if matches!(&entry.value.value, NodeValue::Mapping(entries) if entries.is_empty()) {
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                entry.key_span,
                "`reads` names no field, so it proves nothing",
            )
            .expected("the fields that the consumer reads")
            .help("name a field, or leave `reads` out if the body is not read"),
        );
    }
    matcher
}
