//! What every payload of a message has: its key, and what tells its duplicates.

use std::collections::HashMap;

use super::super::super::files::Files;
use super::super::super::lower;
use crate::codes;
use crate::contract::{Consumption, Message, MessageId, Service};
use crate::finding::{Code, Finding};
use crate::schema::{Members, SchemaId, Type, Uncertain};
use crate::source::Span;

/// Most schemas that are looked at for all messages of a workspace. Honest ones take a few for each message.
const LOOKED_AT_MAX: usize = 1_000_000;

/// What may be at the place of a key or an id and tells no two messages apart.
const UNFIT: [(Type, &str); 4] = [
    (Type::Object, "an object"),
    (Type::Array, "a list"),
    (Type::Null, "null"),
    (Type::Number, "a fraction"),
];

/// What is known of the payloads of all services.
#[derive(Debug)]
pub(super) struct Payloads<'w> {
    /// The members of payloads, by the service that provides them.
    members: HashMap<&'w str, Members<'w>>,
    /// Schemas that may still be looked at.
    left: usize,
}

/// What a payload has to have, and where that is said.
#[derive(Debug, Clone, Copy)]
struct Needed<'a> {
    provider: &'a Service,
    message: &'a str,
    schema: SchemaId,
    span: Span,
    code: &'static Code,
    /// What it is: `key`.
    what: &'static str,
    expected: &'static str,
}

impl Default for Payloads<'_> {
    fn default() -> Self {
        Self {
            members: HashMap::new(),
            left: LOOKED_AT_MAX,
        }
    }
}

impl<'w> Payloads<'w> {
    /// The key of a message is in every payload.
    pub(super) fn key(
        &mut self,
        files: &mut Files,
        provider: &'w Service,
        (name, message): (&'w str, &'w Message),
    ) {
        let (Some(key), Some(schema)) = (&message.key, message.schema) else {
            return;
        };
        let needed = Needed {
            provider,
            message: name,
            schema,
            span: key.span,
            code: &codes::UNFIT_KEY,
            what: "key",
            expected: "a required member of the payload that is text or a whole number",
        };
        let (members, left) = self.members(provider);
        let found = members.member(schema, &key.value, left);
        self.judge(files, needed, found);
    }

    /// What tells duplicates apart is in every payload.
    pub(super) fn identity(
        &mut self,
        files: &mut Files,
        consumption: &'w Consumption,
        (provider, message): (&'w Service, &'w Message),
    ) {
        let (MessageId::Pointer(pointer), Some(schema)) = (&consumption.id, message.schema) else {
            return;
        };
        let needed = Needed {
            provider,
            message: &consumption.message,
            schema,
            span: pointer.span,
            code: &codes::UNFIT_IDEMPOTENCY,
            what: "id",
            expected: "`event_id`, or what every payload has as text or a whole number",
        };
        let (members, left) = self.members(provider);
        let found = members.at_pointer(schema, &pointer.value, left);
        self.judge(files, needed, found);
    }

    fn members(&mut self, provider: &'w Service) -> (&mut Members<'w>, &mut usize) {
        let members = self.members.entry(&provider.name.value);
        let members = members.or_insert_with(|| Members::new(&provider.messaging.schemas));
        (members, &mut self.left)
    }

    /// Says why what was found at a place does not do.
    fn judge(&mut self, files: &mut Files, needed: Needed<'w>, found: Result<SchemaId, Uncertain>) {
        let (members, left) = self.members(needed.provider);
        let kinds = UNFIT.map(|(kind, _)| kind);
        let kind = found.and_then(|found| members.first_type(found, &kinds, left));
        let (what, message) = (needed.what, needed.message);
        let finding = match kind {
            Ok(kind) => {
                let unfit = UNFIT.into_iter().find(|(unfit, _)| kind == Some(*unfit));
                let Some((_, unfit)) = unfit else {
                    return;
                };
                needed
                    .finding(format!("the {what} of `{message}` may be {unfit}"))
                    .help("choose another member, or narrow the type of this one")
            }
            Err(Uncertain::Absent(at, name)) => {
                let said = lower::shorten(&name);
                let text = format!("the {what} of `{message}` is not there: it has no `{said}`");
                lower::suggest(files, needed.finding(text), &name, members.names(at))
            }
            Err(Uncertain::Optional(name)) => {
                let said = lower::shorten(&name);
                needed
                    .finding(format!(
                        "the {what} of `{message}` may be missing: `{said}` is not required"
                    ))
                    .help(format!("add `{said}` to `required` of the schema"))
            }
            Err(Uncertain::Element(name)) => needed
                .finding(format!(
                    "the {what} of `{message}` may be missing: a list may have no element {}",
                    lower::shorten(&name)
                ))
                .help("choose a member that does not lie in a list"),
            Err(Uncertain::TooMuch) => {
                let text = format!("the {what} of `{message}` was not looked for");
                Finding::new(&codes::TOO_LARGE, needed.span, text)
                    .label("the payloads are made of too many schemas")
                    .help("make the payloads of fewer parts")
            }
        };
        files.push(finding);
    }
}

impl Needed<'_> {
    fn finding(&self, message: String) -> Finding {
        let schema = self.provider.messaging.schemas.schema(self.schema);
        Finding::new(self.code, self.span, message)
            .related(schema.span, "the payload is described here")
            .expected(self.expected)
    }
}
