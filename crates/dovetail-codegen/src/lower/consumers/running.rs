//! What runs the handlers: a loop for each channel, and what leads from its messages to their handlers.

use indexmap::IndexMap;

use super::{Draft, Traits};
use crate::lower::spell::Uses;
use crate::rust_name::{self, Casing, Scope};
use crate::{doc, ir, literal};

/// Names that the file has already.
const RESERVED: &[&str] = &[
    "Arc",
    "Box",
    "Chance",
    "Clock",
    "Consumers",
    "Context",
    "DeadLetters",
    "Err",
    "Handler",
    "HandlerError",
    "Held",
    "Leases",
    "Message",
    "Ok",
    "Option",
    "Options",
    "Outbox",
    "Rejection",
    "Result",
    "RunError",
    "Runner",
    "Self",
    "Send",
    "Some",
    "None",
    "Store",
    "Sync",
    "Transport",
    "B",
    "H",
    "S",
    "T",
];

/// What one crate runs.
pub(super) struct Running {
    pub(super) groups: Vec<ir::RouteGroup>,
    pub(super) uses: Vec<String>,
    pub(super) bounds: Vec<String>,
    pub(super) steps: Vec<String>,
    pub(super) dispatchers: Vec<ir::Dispatcher>,
}

/// Decides what runs.
pub(super) fn running(drafts: &[Draft<'_>], traits: &Traits<'_>) -> Running {
    let mut channels: IndexMap<&str, Vec<&Draft<'_>>> = IndexMap::new();
    for draft in drafts {
        channels.entry(draft.channel_name).or_default().push(draft);
    }
    let traits_of = traits.values().map(|handled| handled.name.as_str());
    let taken: Vec<&str> = RESERVED.iter().copied().chain(traits_of).collect();
    let mut types = Scope::with(&taken);
    let mut constants: Scope = Scope::default();
    for draft in drafts {
        constants.claim(&draft.constant, Casing::Constant);
    }
    let mut running = Running {
        groups: Vec::new(),
        uses: uses(drafts, traits).lines(),
        bounds: traits
            .iter()
            .map(|((_, is_leased), handled)| match is_leased {
                true => handled.name.clone(),
                false => format!("{}<S::Transaction>", handled.name),
            })
            .collect(),
        steps: Vec::new(),
        dispatchers: Vec::new(),
    };
    for (channel, own) in channels {
        let constant = rust_name::identifier(channel, Casing::Constant);
        let constant = constants.claim_for(&format!("FROM_{constant}"), channel, Casing::Constant);
        let base = rust_name::identifier(channel, Casing::Type);
        let mut names = Vec::new();
        for is_leased in [false, true] {
            let of_way = own.iter().filter(|draft| draft.is_leased() == is_leased);
            let of_way: Vec<&Draft<'_>> = of_way.copied().collect();
            if of_way.is_empty() {
                continue;
            }
            let suffix = if is_leased { "Leased" } else { "" };
            let name = types.claim_for(&format!("{base}{suffix}"), channel, Casing::Type);
            let choice = types.claim_for(&format!("{name}Message"), channel, Casing::Type);
            running.dispatchers.push(dispatcher(
                (channel, &name, choice),
                is_leased,
                &of_way,
                traits,
            ));
            names.push((is_leased, name));
        }
        running.steps.push(step(&own, &constant, &names));
        running.groups.push(ir::RouteGroup {
            docs: vec![format!("What is consumed from {}.", doc::code(channel))],
            constant,
            routes: own.iter().map(|draft| draft.constant.clone()).collect(),
        });
    }
    running
}

/// The call on the runner for one channel.
fn step(drafts: &[&Draft<'_>], group: &str, names: &[(bool, String)]) -> String {
    let first = drafts.first();
    let channel =
        first.map(|draft| format!("{}::channels::{}", draft.library, draft.provided.channel));
    let method = match names {
        [(false, _)] => "transactional",
        [(true, _)] => "leased",
        _ => "mixed",
    };
    let handlers: Vec<String> = names
        .iter()
        .map(|(_, name)| format!("{name}(Arc::clone(&handler))"))
        .collect();
    format!(
        ".{method}({}, routes::{group}, {})",
        channel.unwrap_or_default(),
        handlers.join(", ")
    )
}

fn dispatcher(
    (channel, name, choice): (&str, &str, String),
    is_leased: bool,
    drafts: &[&Draft<'_>],
    traits: &Traits<'_>,
) -> ir::Dispatcher {
    let mut variants = Scope::default();
    let arms: Vec<ir::Arm> = drafts
        .iter()
        .map(|draft| {
            let variant = rust_name::identifier(draft.name, Casing::Variant);
            let handled = traits.get(&(draft.provider, is_leased));
            ir::Arm {
                kind: literal::rust(draft.name),
                variant: variants.claim_for(&variant, draft.name, Casing::Variant),
                payload: format!("{}::types::{}", draft.library, draft.provided.payload),
                handler: handled
                    .map(|handled| handled.name.clone())
                    .unwrap_or_default(),
                method: draft.method.clone(),
            }
        })
        .collect();
    let mut bounds: Vec<String> = Vec::new();
    for arm in &arms {
        let bound = match is_leased {
            true => arm.handler.clone(),
            false => format!("{}<T>", arm.handler),
        };
        if !bounds.contains(&bound) {
            bounds.push(bound);
        }
    }
    let choice = (arms.len() > 1).then_some(choice);
    let event = match (&choice, arms.first()) {
        (Some(choice), _) => choice.clone(),
        (None, first) => first.map(|arm| arm.payload.clone()).unwrap_or_default(),
    };
    ir::Dispatcher {
        docs: vec![format!(
            "From the messages of {} to their handlers.",
            doc::code(channel)
        )],
        name: name.to_owned(),
        is_leased,
        bounds,
        event,
        choice,
        arms,
    }
}

fn uses(drafts: &[Draft<'_>], traits: &Traits<'_>) -> Uses {
    let mut uses = Uses::default();
    uses.add("std::sync", "Arc");
    for item in ["Context", "Handler", "HandlerError", "Rejection"] {
        uses.add("dovetail_messaging::consumer", item);
    }
    for item in ["payload", "unhandled"] {
        uses.add("dovetail_messaging::consumer", item);
    }
    for item in ["Options", "RunError", "Runner"] {
        uses.add("dovetail_messaging::service", item);
    }
    for item in ["DeadLetters", "Outbox", "Store"] {
        uses.add("dovetail_messaging::store", item);
    }
    if drafts.iter().any(Draft::is_leased) {
        uses.add("dovetail_messaging::consumer", "Held");
        uses.add("dovetail_messaging::store", "Leases");
    }
    uses.add("dovetail_messaging::transport", "Transport");
    for item in ["Chance", "Clock", "Message"] {
        uses.add("dovetail_messaging", item);
    }
    for handled in traits.values() {
        uses.add(&format!("crate::{}", handled.module), &handled.name);
    }
    uses.add("crate", "routes");
    uses
}
