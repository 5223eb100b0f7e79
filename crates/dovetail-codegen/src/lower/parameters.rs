//! Structs of parameters: what is required where that is too much for arguments, and what may be left out.

use super::bodies::RequestDraft;
use super::items;
use super::operations::{Input, OperationDraft};
use super::spell::{Speller, Uses};
use super::ty::Ty;
use super::types::Types;
use crate::{doc, ir};

/// The structs of parameters.
pub(super) fn structs(
    draft: &OperationDraft<'_>,
    types: &Types<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
) -> Vec<ir::TypeItem> {
    let mut structs = Vec::new();
    let shown = draft.method.trim_start_matches("r#");
    for (name, required) in [(&draft.request, true), (&draft.options, false)] {
        let Some(name) = name else { continue };
        let what = if required {
            "What is required"
        } else {
            "What may be left out"
        };
        let about = format!("{what} of [`Client::{shown}`](crate::Client::{shown}).");
        let mut fields: Vec<ir::Field> = draft
            .inputs
            .iter()
            .filter(|input| input.required == required)
            .map(|input| parameter_field(input, types, speller, uses))
            .collect();
        if required && let Some(content_type) = &draft.content_type {
            fields.push(field(content_type, "String", "The media type of the body."));
        }
        let in_body =
            |body: &&RequestDraft| draft.is_body_required(body) == required && body.ty != Ty::Form;
        if let Some(body) = draft.body.as_ref().filter(in_body) {
            let ty = speller.owned(&body.ty, uses);
            let ty = if required {
                ty
            } else {
                format!("Option<{ty}>")
            };
            fields.push(field(&draft.body_name, &ty, "The body."));
        }
        let mut all = draft
            .inputs
            .iter()
            .map(|input| &input.ty)
            .chain(draft.body.iter().map(|body| &body.ty));
        let eq = if all.clone().any(|ty| !speller.is_comparable(ty)) {
            ""
        } else if all.any(|ty| speller.graph.has_float(ty)) {
            ", PartialEq"
        } else {
            ", PartialEq, Eq"
        };
        let default = if required { "" } else { ", Default" };
        structs.push(ir::TypeItem::Struct(ir::Struct {
            docs: vec![about],
            name: name.clone(),
            derives: format!("Debug, Clone{default}{eq}"),
            fields: items::without_many_bools(fields),
        }));
    }
    structs
}

fn parameter_field(
    input: &Input<'_>,
    types: &Types<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
) -> ir::Field {
    let parameter = input.parameter;
    let schema = types.views.schemas.schema(parameter.schema);
    let description = parameter
        .description
        .as_deref()
        .or(schema.notes.description.as_deref());
    let mut docs = doc::lines(description.unwrap_or_default());
    if docs.is_empty() {
        docs = doc::wrap(&format!(
            "{}, {}.",
            doc::code(&parameter.name),
            speller.words(&input.ty)
        ));
    }
    items::add_limits(&mut docs, schema, parameter.deprecated);
    if input.is_key {
        docs.push(String::new());
        docs.extend(doc::wrap(
            "Without one, each call has a key of its own, the same on every attempt.",
        ));
    }
    let ty = speller.owned(&input.ty, uses);
    let ty = if input.required {
        ty
    } else {
        format!("Option<{ty}>")
    };
    ir::Field {
        docs,
        ..field(&input.name, &ty, "")
    }
}

fn field(name: &str, ty: &str, about: &str) -> ir::Field {
    ir::Field {
        docs: vec![about.to_owned()],
        name: name.to_owned(),
        ty: ty.to_owned(),
    }
}
