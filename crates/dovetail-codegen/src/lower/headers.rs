//! Headers of a success that the contract declares, as a struct.

use dovetail_contract::contract::{Header, ParameterEncoding, Response};
use dovetail_contract::schema::SchemaId;
use indexmap::IndexMap;

use super::operations::OperationDraft;
use super::spell::{Speller, Uses};
use super::ty::Ty;
use super::types::Types;
use crate::rust_name::{self, Casing, Scope, Wanted};
use crate::{doc, ir, literal};

/// More headers than this are not all read: documents that list every header of a gateway would make every answer a wall.
const HEADERS_MAX: usize = 64;

/// The headers of an operation's successes.
#[derive(Debug)]
pub(super) struct HeadersDraft {
    pub(super) name: String,
    pub(super) fields: Vec<HeaderDraft>,
}

/// One header.
#[derive(Debug)]
pub(super) struct HeaderDraft {
    name: String,
    wire: String,
    about: Option<String>,
    origin: Option<SchemaId>,
    ty: Ty,
    required: bool,
}

/// The headers that the successes of an operation declare, if they do. One is required where every success has it.
pub(super) fn draft(
    responses: &[&Response],
    base: &str,
    types: &mut Types<'_>,
) -> Option<HeadersDraft> {
    let mut declared: IndexMap<String, (&String, &Header, usize)> = IndexMap::new();
    for response in responses {
        for (wire, header) in &response.headers {
            let is_name = !wire.is_empty() && wire.bytes().all(is_token);
            // The body says what it is, whether a header repeats it or not.
            if !is_name || wire.eq_ignore_ascii_case("content-type") {
                continue;
            }
            let known = declared
                .entry(wire.to_ascii_lowercase())
                .or_insert((wire, header, 0));
            known.2 += usize::from(header.required);
        }
    }
    if declared.is_empty() {
        return None;
    }
    let name = types.scope.claim(&format!("{base}Headers"), Casing::Type);
    let fields: Vec<_> = declared.into_values().take(HEADERS_MAX).collect();
    let wanted: Vec<Wanted<'_>> = fields
        .iter()
        .map(|(wire, ..)| Wanted {
            text: wire,
            place: "",
            name: rust_name::identifier(wire, Casing::Snake),
            is_given: false,
        })
        .collect();
    let names = Scope::default().claim_all(&wanted, Casing::Snake);
    let fields = fields.into_iter().zip(names);
    let fields = fields
        .map(|((wire, header, count), name)| HeaderDraft {
            name,
            wire: wire.clone(),
            about: header.description.clone(),
            origin: header.schema,
            ty: header_type(header, types),
            required: count == responses.len(),
        })
        .collect();
    Some(HeadersDraft { name, fields })
}

/// A header is text; numbers, truth and dates are read from it, and lists of them.
fn header_type(header: &Header, types: &mut Types<'_>) -> Ty {
    let is_plain = matches!(header.encoding, ParameterEncoding::Style { .. });
    let Some(schema) = header.schema.filter(|_| is_plain) else {
        return Ty::Text;
    };
    match types.typed(schema, "Header").ty {
        Ty::List(inner) if inner.is_scalar() => Ty::List(inner),
        ty if ty.is_scalar() => ty,
        _ => Ty::Text,
    }
}

/// The struct and the table of headers.
pub(super) fn item(
    draft: &HeadersDraft,
    method: &str,
    types: &Types<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
    wire: &mut Uses,
) -> (ir::TypeItem, ir::Table) {
    wire.runtime(&["headers"]);
    wire.add("crate::types", &draft.name);
    let shown = method.trim_start_matches("r#");
    let fields = draft.fields.iter().map(|field| {
        let ty = speller.owned(&field.ty, uses);
        ir::Field {
            docs: docs(field, types, speller),
            name: field.name.clone(),
            ty: if field.required {
                ty
            } else {
                format!("Option<{ty}>")
            },
        }
    });
    let has_float = draft
        .fields
        .iter()
        .any(|field| speller.graph.has_float(&field.ty));
    let item = ir::TypeItem::Struct(ir::Struct {
        docs: vec![format!(
            "Headers of what [`Client::{shown}`](crate::Client::{shown}) answers."
        )],
        name: draft.name.clone(),
        derives: format!(
            "Debug, Clone, PartialEq{}",
            if has_float { "" } else { ", Eq" }
        ),
        fields: super::items::without_many_bools(fields.collect()),
    });
    let entries = |required: bool, is_list: bool| -> Vec<String> {
        let of = draft.fields.iter().filter(|field| {
            field.required == required && matches!(field.ty, Ty::List(_)) == is_list
        });
        of.map(|field| format!("{}: {}", field.name, literal::rust(&field.wire)))
            .collect()
    };
    let mut lines = Vec::new();
    super::tables::section(&mut lines, "required", &entries(true, false));
    super::tables::section(&mut lines, "optional", &entries(false, false));
    super::tables::section(&mut lines, "required_lists", &entries(true, true));
    super::tables::section(&mut lines, "optional_lists", &entries(false, true));
    let table = ir::Table {
        name: "headers",
        head: draft.name.clone(),
        lines,
    };
    (item, table)
}

fn docs(field: &HeaderDraft, types: &Types<'_>, speller: &Speller<'_>) -> Vec<String> {
    let described = field
        .origin
        .and_then(|id| types.views.schemas.schema(id).notes.description.clone());
    let about = field.about.clone().or(described).unwrap_or_default();
    let docs = doc::lines(&about);
    if !docs.is_empty() {
        return docs;
    }
    let words = speller.words(&field.ty);
    doc::wrap(&format!("The header {}, {words}.", doc::code(&field.wire)))
}

/// Whether a byte may stand in the name of a header (RFC 9110, section 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl OperationDraft<'_> {
    /// Types of headers.
    pub(super) fn header_types(&self) -> impl Iterator<Item = &Ty> {
        self.headers
            .iter()
            .flat_map(|headers| headers.fields.iter().map(|field| &field.ty))
    }
}
