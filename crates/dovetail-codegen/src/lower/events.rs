//! Server-sent events: what of an event's schema is its data.

use dovetail_contract::schema::{SchemaId, Type, Types as Kinds};

use super::types::Types;

/// The fields that an event has (WHATWG HTML, section 9.2.6).
const FIELDS: [&str; 4] = ["data", "event", "id", "retry"];

/// The schema of the JSON in an event's data; nothing where the data is text.
///
/// Some documents describe the whole event, as OpenAPI 3.2 has it, and most only what its data holds.
pub(super) fn data(declared: SchemaId, types: &Types<'_>) -> Option<SchemaId> {
    let at = types.views.canonical(declared).0;
    let view = types.views.view(at);
    let is_event = view.properties.contains_key("data")
        && view
            .properties
            .keys()
            .all(|name| FIELDS.contains(&name.as_str()));
    if is_event {
        let member = *view.properties.get("data")?.first()?;
        let schema = types.views.schemas.schema(types.views.canonical(member).0);
        return match schema.string.content_schema {
            Some(content) => Some(content),
            None if is_text(member, types) => None,
            None => Some(member),
        };
    }
    (!is_text(at, types)).then_some(declared)
}

fn is_text(id: SchemaId, types: &Types<'_>) -> bool {
    let view = types.views.view(types.views.canonical(id).0);
    view.values.is_none() && view.kinds().without(Type::Null) == Kinds::only(Type::String)
}
