//! Multipart forms: a struct with a field for each part, and which parts are files.

use dovetail_contract::contract::{Media, PartEncoding};
use dovetail_contract::finding::Finding;
use dovetail_contract::schema::{SchemaId, Type, Types as Kinds};

use super::ty::Ty;
use super::types::{Body, Types};
use super::view::View;
use crate::rust_name::{self, Casing};
use crate::{codes, doc};

/// A part of a form.
#[derive(Debug, Clone)]
pub(super) struct PartDraft {
    pub(super) name: String,
    pub(super) wire: String,
    pub(super) origin: Option<SchemaId>,
    pub(super) ty: Ty,
    pub(super) required: bool,
    pub(super) is_file: bool,
    /// The media type that the contract gives it, if it gives one.
    pub(super) content_type: Option<String>,
}

/// The type of a multipart body: a struct of the crate, or a form that the caller makes where the contract names no parts.
pub(super) fn form(media: &Media, types: &mut Types<'_>, hint: &str) -> Ty {
    let Some(schema) = media.schema else {
        return Ty::Form;
    };
    let at = types.views.canonical(schema).0;
    let view = types.views.view(at);
    if view.properties.is_empty() || !view.unions.is_empty() {
        return Ty::Form;
    }
    let mut parts = Vec::new();
    for (wire, candidates) in &view.properties {
        let Some(id) = candidates.first().copied() else {
            continue;
        };
        let encoding = media.encoding.get(wire);
        if let Some(header) = encoding.and_then(|encoding| encoding.headers.values().next()) {
            let message = format!("headers of the part {} are not sent", doc::code(wire));
            let finding = Finding::new(&codes::PART_HEADERS, header.span, message);
            types.findings.push(finding);
        }
        let file = file(id, encoding, types);
        let is_file = file.is_some();
        let hint = format!("{hint}{}", rust_name::identifier(wire, Casing::Variant));
        parts.push(PartDraft {
            // All parts are named together, once they are known.
            name: String::new(),
            wire: wire.clone(),
            origin: Some(id),
            is_file,
            ty: match file {
                Some(ty) => ty,
                None => types.typed_all(candidates, &hint).ty,
            },
            required: view.required.contains(wire),
            // Files are sent as this anyway.
            content_type: content_type(id, encoding, types)
                .filter(|name| !is_file || name != "application/octet-stream"),
        });
    }
    let subtype = subtype(&media.media_type);
    Ty::Named(types.name_only(at, hint, Body::Form(subtype, parts)))
}

/// The type of a part that is a file, or several.
fn file(id: SchemaId, encoding: Option<&PartEncoding>, types: &Types<'_>) -> Option<Ty> {
    let view = types.views.view(types.views.canonical(id).0);
    if is_file(&view, encoding, types) {
        return Some(Ty::File);
    }
    let item = *view.items.first()?;
    let item = types.views.view(types.views.canonical(item).0);
    is_file(&item, encoding, types).then(|| Ty::list(Ty::File))
}

/// Whether a part holds bytes: `format: binary`, a media type that is no text, or an encoding that says so.
fn is_file(view: &View, encoding: Option<&PartEncoding>, types: &Types<'_>) -> bool {
    let kinds = view.kinds().without(Type::Null);
    if view.values.is_some() || !(kinds.is_any() || kinds == Kinds::only(Type::String)) {
        return false;
    }
    let rules = || {
        view.parts
            .iter()
            .map(|id| &types.views.schemas.schema(*id).string)
    };
    if rules().any(|rules| rules.content_encoding.is_some()) {
        return false;
    }
    let declared = encoding.and_then(|encoding| encoding.content_type.as_deref());
    let says_bytes = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        !name.starts_with("text/") && !name.ends_with("json")
    };
    view.format() == Some("binary")
        || rules().any(|rules| rules.content_media_type.as_deref().is_some_and(says_bytes))
        || declared.is_some_and(says_bytes)
}

/// The media type of a part, unless it is one of several or a range: what its encoding says, else what its schema does (OpenAPI 3.1.1, "Encoding
/// Object").
fn content_type(
    id: SchemaId,
    encoding: Option<&PartEncoding>,
    types: &Types<'_>,
) -> Option<String> {
    let declared = encoding.and_then(|encoding| encoding.content_type.as_deref());
    let view = types.views.view(types.views.canonical(id).0);
    let item = view
        .items
        .first()
        .map(|item| types.views.canonical(*item).0);
    let item = item.map(|item| types.views.view(item));
    let mut parts = view
        .parts
        .iter()
        .chain(item.iter().flat_map(|item| &item.parts));
    let name = declared.or_else(|| {
        parts.find_map(|id| {
            let rules = &types.views.schemas.schema(*id).string;
            // Of what is encoded as text, the schema says what the text holds, not what is sent.
            let is_encoded = rules.content_encoding.is_some();
            rules.content_media_type.as_deref().filter(|_| !is_encoded)
        })
    })?;
    let name = name.trim();
    let is_header = name.chars().all(|c| matches!(c, ' '..='~'));
    (is_header && name.contains('/') && !name.contains(['*', ','])).then(|| name.to_owned())
}

/// What kind of multipart it is, where it is no ordinary form.
fn subtype(media_type: &str) -> Option<String> {
    let essence = media_type.split(';').next()?.trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("multipart/")?;
    let is_plain = subtype
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-');
    (is_plain && !subtype.is_empty() && subtype != "form-data").then(|| subtype.to_owned())
}
