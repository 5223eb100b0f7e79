//! What publishes: one struct for the events of a service, and one for the commands that others send it.

use dovetail_contract::contract::MessageKind;

use super::{Draft, Request, wanted};
use crate::rust_name::{self, Casing, Scope, Wanted};
use crate::{doc, ir, literal};

/// Names of the types that a service gives to those who publish and those who handle, so that no payload takes them.
#[derive(Debug)]
pub(super) struct Names {
    events: String,
    commands: String,
}

impl Names {
    pub(super) fn of(service: &str) -> Self {
        let base = rust_name::identifier(service, Casing::Type);
        Self {
            events: format!("{base}Events"),
            commands: format!("{base}Commands"),
        }
    }

    pub(super) fn all(&self) -> [&str; 2] {
        [&self.events, &self.commands]
    }
}

/// A struct for each kind of message that the service provides.
pub(super) fn producers<'a>(
    request: &Request<'_>,
    names: &Names,
    drafts: &[Draft<'a>],
    payload: &dyn Fn(&Draft<'a>) -> String,
) -> Vec<ir::Producer> {
    let service = doc::code(request.service);
    let kinds = [
        (
            MessageKind::Event,
            ir::Producer {
                docs: doc::wrap(&format!("Publishes the events of {service}.")),
                name: names.events.clone(),
                example: "events",
                service: Some(literal::rust(request.service)),
                methods: Vec::new(),
            },
        ),
        (
            MessageKind::Command,
            ir::Producer {
                docs: doc::wrap(&format!("Sends the commands that {service} takes.")),
                name: names.commands.clone(),
                example: "commands",
                service: None,
                methods: Vec::new(),
            },
        ),
    ];
    let producer = |(kind, producer): (MessageKind, ir::Producer)| {
        let own = drafts.iter().filter(|draft| draft.message.kind == kind);
        let own: Vec<&Draft<'a>> = own.collect();
        let methods = methods(&own, payload);
        (!methods.is_empty()).then_some(ir::Producer {
            methods,
            ..producer
        })
    };
    kinds.into_iter().filter_map(producer).collect()
}

fn methods<'a>(
    drafts: &[&Draft<'a>],
    payload: &dyn Fn(&Draft<'a>) -> String,
) -> Vec<ir::ProducerMethod> {
    let wanted: Vec<Wanted<'_>> = drafts
        .iter()
        .map(|draft| wanted(draft.name, Casing::Snake))
        .collect();
    let mut scope = Scope::with(&["new"]);
    let names = scope.claim_all(&wanted, Casing::Snake);
    let method = |(draft, name): (&&Draft<'a>, String)| {
        let shown = name.trim_start_matches("r#").to_owned();
        let with_id = scope.claim_for(
            &format!("{}_with_id", shown.trim_end_matches('_')),
            draft.name,
            Casing::Snake,
        );
        ir::ProducerMethod {
            docs: docs(draft),
            deprecated: draft.message.deprecated,
            name,
            with_id,
            shown,
            payload: payload(draft),
            constant: draft.constant.clone(),
        }
    };
    drafts.iter().zip(names).map(method).collect()
}

fn docs(draft: &Draft<'_>) -> Vec<String> {
    let description = draft.message.description.as_deref();
    let mut docs = doc::lines(description.unwrap_or_default());
    let name = doc::code(draft.name);
    let verb = match draft.message.kind {
        MessageKind::Event => "Publishes",
        MessageKind::Command => "Sends",
    };
    if docs.is_empty() {
        docs = doc::wrap(&format!("{verb} {name}."));
    }
    let order = match &draft.message.key {
        Some(key) if draft.keeps_keys => format!(
            ", where messages of one {} keep their order",
            doc::code(&key.value)
        ),
        Some(key) => format!(
            ", which does not keep the order of messages of one {}",
            doc::code(&key.value)
        ),
        None => ", in no particular order".to_owned(),
    };
    let about = format!(
        "It is {name} on the channel {}{order}. It is sent once the transaction is committed, and never if it is not.",
        doc::code(draft.channel)
    );
    docs.push(String::new());
    docs.extend(doc::wrap(&about));
    docs.extend(["".to_owned(), "# Errors".to_owned(), String::new()]);
    let error = match &draft.message.key {
        Some(key) => format!(
            "Where JSON cannot say the payload, its {} is neither text nor a whole number, or the store does not take the message.",
            doc::code(&key.value)
        ),
        None => {
            "Where JSON cannot say the payload, or the store does not take the message.".to_owned()
        }
    };
    docs.extend(doc::wrap(&error));
    docs
}
