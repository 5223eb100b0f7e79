//! `service.yaml`: what one service provides and what it calls.

pub(crate) mod messages;
pub(crate) mod pagination;
pub(crate) mod rename;

use indexmap::IndexMap;

use super::super::files::{Document, Files};
use super::super::lower::{self, Keys};
use super::super::openapi;
use super::super::tree::{Entry, Node};
use super::policy;
use crate::codes;
use crate::contract::{
    Call, Channel, Exposure, HttpApi, Isolation, Needs, OperationCall, Reply, Service, Slo, State,
    States,
};
use crate::finding::Finding;
use crate::policy::{CallPolicy, IdempotencySetting};
use crate::source::Spanned;

pub(crate) const SERVICE: Keys = Keys {
    what: "a service",
    known: &[
        "service", "version", "owner", "summary", "slo", "provides", "calls", "consumes",
    ],
    required: &["service"],
};
pub(crate) const SLO: Keys = Keys {
    what: "a service level objective",
    known: &["availability", "p99"],
    required: &[],
};
pub(crate) const PROVIDES: Keys = Keys {
    what: "what a service provides",
    known: &["http", "events", "commands", "asyncapi"],
    required: &[],
};
pub(crate) const HTTP: Keys = Keys {
    what: "an HTTP interface",
    known: &["openapi", "exposure", "states", "pagination", "rename"],
    required: &["openapi"],
};
pub(crate) const STATES: Keys = Keys {
    what: "the states of a provider",
    known: &["path", "known"],
    required: &["path", "known"],
};
pub(crate) const STATE: Keys = Keys {
    what: "a state",
    known: &["returns", "isolation"],
    required: &[],
};
pub(crate) const CALL: Keys = Keys {
    what: "a call",
    known: &[
        "needs",
        "timeout",
        "retry",
        "breaker",
        "bulkhead",
        "operations",
    ],
    required: &["operations"],
};
pub(crate) const NEEDS: Keys = Keys {
    what: "what a caller needs",
    known: &["reply", "latency"],
    required: &[],
};
pub(crate) const OPERATION: Keys = Keys {
    what: "a called operation",
    known: &["timeout", "retry", "breaker", "bulkhead", "idempotency"],
    required: &[],
};

/// Reads `service.yaml`. Without a name there is no service. `channels` are those that the workspace declares.
pub(super) fn read(
    files: &mut Files,
    document: &Document,
    folder: &str,
    channels: &IndexMap<String, Channel>,
) -> Option<Service> {
    let node = lower::mapping(files, &document.root, &SERVICE)?;
    let name = node
        .get("service")
        .and_then(|node| lower::slug(files, node, "a service name"))?;
    let text = |files: &mut Files, key: &str, what: &str| {
        node.get(key)
            .and_then(|node| lower::text(files, node, what))
            .map(|text| text.value)
    };
    let owner = text(files, "owner", "an owner");
    let summary = text(files, "summary", "a summary");
    let provides = node
        .get("provides")
        .and_then(|node| lower::mapping(files, node, &PROVIDES));
    Some(Service {
        version: node.get("version").and_then(|node| version(files, node)),
        owner,
        summary,
        slo: node.get("slo").and_then(|node| slo(files, node)),
        http: provides
            .and_then(|node| node.get("http"))
            .and_then(|node| http(files, node, folder)),
        calls: node
            .get("calls")
            .map(|node| calls(files, node))
            .unwrap_or_default(),
        messaging: messages::read(files, document, provides, channels),
        file: document.file,
        name,
    })
}

fn version(files: &mut Files, node: &Node) -> Option<Spanned<semver::Version>> {
    let text = lower::text(files, node, "a version such as \"1.4.0\"")?;
    match semver::Version::parse(&text.value) {
        Ok(version) => Some(Spanned::new(version, text.span)),
        Err(_) => {
            let message = format!("`{}` is not a version", lower::shorten(&text.value));
            files.push(
                Finding::new(&codes::INVALID_VALUE, text.span, message)
                    .expected("three numbers with dots, as Semantic Versioning has it")
                    .help("write it like `1.4.0`"),
            );
            None
        }
    }
}

fn slo(files: &mut Files, node: &Node) -> Option<Slo> {
    let node = lower::mapping(files, node, &SLO)?;
    Some(Slo {
        availability: node
            .get("availability")
            .and_then(|node| lower::share(files, node, "availability"))
            .map(|share| share.value),
        p99: node
            .get("p99")
            .and_then(|node| lower::duration(files, node, "the 99th percentile of latency"))
            .map(|duration| duration.value),
    })
}

fn http(files: &mut Files, node: &Node, folder: &str) -> Option<HttpApi> {
    let node = lower::mapping(files, node, &HTTP)?;
    let exposures = [
        ("internal", Exposure::Internal),
        ("public", Exposure::Public),
    ];
    let exposure = node
        .get("exposure")
        .and_then(|node| lower::word(files, node, "an exposure", &exposures));
    let states = node.get("states").and_then(|node| states(files, node));
    let path = lower::text(
        files,
        node.get("openapi")?,
        "the path of an OpenAPI document",
    )?;
    let file = match Files::join(&format!("{folder}/service.yaml"), &path.value) {
        Ok(file) => file,
        Err(problem) => {
            files.push(problem.finding(path.span, &path.value));
            return None;
        }
    };
    let document = files.read(&file, Some(path.span))?;
    let mut api = openapi::read_api(files, &document);
    api.exposure = exposure.unwrap_or_default();
    api.states = states.unwrap_or_default();
    if let Some(node) = node.get("pagination") {
        pagination::read(files, node, &mut api);
    }
    if let Some(node) = node.get("rename") {
        api.renames = rename::read(files, node, &api);
    }
    Some(api)
}

fn states(files: &mut Files, node: &Node) -> Option<States> {
    let node = lower::mapping(files, node, &STATES)?;
    let path = node
        .get("path")
        .and_then(|node| lower::text(files, node, "the path of the state endpoint"));
    let path = path.filter(|path| {
        let fits = path.value.starts_with('/') && !path.value.starts_with("//");
        if !fits {
            files.push(
                Finding::new(
                    &codes::INVALID_VALUE,
                    path.span,
                    "the path of the state endpoint begins with one `/`",
                )
                .expected("a path at the provider")
                .help("write it like `/_dovetail/states`"),
            );
        }
        fits
    });
    let known = node
        .get("known")
        .map(|node| lower::map(files, node, "states by name", state))
        .unwrap_or_default();
    Some(States { path, known })
}

fn state(files: &mut Files, entry: &Entry) -> Option<State> {
    let node = lower::mapping(files, &entry.value, &STATE)?;
    let mut returns = Vec::new();
    for name in node
        .get("returns")
        .map(|node| lower::list_of(files, node, "names"))
        .unwrap_or_default()
    {
        returns.extend(lower::text(files, name, "the name of a value").map(|name| name.value));
    }
    let words = [
        ("exclusive", Isolation::Exclusive),
        ("shared", Isolation::Shared),
    ];
    let isolation = node
        .get("isolation")
        .and_then(|node| lower::word(files, node, "an isolation", &words));
    Some(State {
        span: entry.key_span,
        returns,
        isolation: isolation.unwrap_or_default(),
    })
}

fn calls(files: &mut Files, node: &Node) -> IndexMap<String, Call> {
    lower::map(files, node, "calls by provider", |files, entry| {
        let node = lower::mapping(files, &entry.value, &CALL)?;
        Some(Call {
            provider: Spanned::new(entry.key.clone(), entry.key_span),
            needs: node.get("needs").and_then(|node| needs(files, node)),
            policy: policy::read(files, node),
            operations: node
                .get("operations")
                .map(|node| lower::map(files, node, "called operations by id", operation))
                .unwrap_or_default(),
        })
    })
}

fn needs(files: &mut Files, node: &Node) -> Option<Needs> {
    let node = lower::mapping(files, node, &NEEDS)?;
    let replies = [
        ("immediate", Reply::Immediate),
        ("eventual", Reply::Eventual),
    ];
    Some(Needs {
        reply: node
            .get("reply")
            .and_then(|node| lower::word(files, node, "a kind of reply", &replies)),
        latency: node
            .get("latency")
            .and_then(|node| lower::duration(files, node, "the latency that is needed"))
            .map(|duration| duration.value),
    })
}

fn operation(files: &mut Files, entry: &Entry) -> Option<OperationCall> {
    let node = lower::mapping(files, &entry.value, &OPERATION)?;
    let words = [
        ("key", IdempotencySetting::Key),
        ("none", IdempotencySetting::None),
    ];
    let idempotency = node.get("idempotency").and_then(|node| {
        let value = lower::word(files, node, "what a caller says of idempotency", &words)?;
        Some(Spanned::new(value, node.span))
    });
    Some(OperationCall {
        span: entry.key_span,
        policy: CallPolicy {
            policy: policy::read(files, node),
            idempotency,
        },
    })
}
