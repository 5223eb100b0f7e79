//! What only one side knows. A type that goes one way has no members that only go the other way; and a type that goes both ways, of which a member must be
//! there one way only, becomes two: what is received keeps the name, what is sent is called a request.

use std::collections::{BTreeMap, BTreeSet};

use dovetail_contract::schema::{SchemaId, Schemas};

use super::incoming::HandlerDraft;
use super::items::reachable;
use super::operations::OperationDraft;
use super::parts::mentioned;
use super::ty::Ty;
use super::types::{Body, Draft, FieldDraft, Types};
use crate::rust_name::Casing;

/// Which way a member goes, if it does not go both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OneWay {
    /// `readOnly`: only providers send it.
    Received,
    /// `writeOnly`: only consumers send it.
    Sent,
}

/// Which way a member goes, if its schema says so.
pub(super) fn one_way(schemas: &Schemas, origin: Option<SchemaId>) -> Option<OneWay> {
    let notes = &schemas.schema(origin?).notes;
    match (notes.read_only, notes.write_only) {
        (true, false) => Some(OneWay::Received),
        (false, true) => Some(OneWay::Sent),
        _ => None,
    }
}

/// Parts what is sent from what is received, where they are not the same.
pub(super) fn split(
    types: &mut Types<'_>,
    operations: &mut [OperationDraft<'_>],
    incoming: &mut [HandlerDraft<'_>],
) {
    let (sent, received) = super::roots(operations, incoming);
    let (sent, received) = (
        reachable(&types.drafts, sent),
        reachable(&types.drafts, received),
    );
    let both: BTreeSet<usize> = sent.intersection(&received).copied().collect();
    let schemas = types.views.schemas;
    let requests: BTreeMap<usize, usize> = differing(&types.drafts, &both, schemas)
        .into_iter()
        .map(|index| (index, request(types, index)))
        .collect();
    let is_split = |index: &usize| requests.contains_key(index);
    for index in sent.iter().filter(|index| !is_split(index)) {
        if let Some(draft) = types.drafts.get_mut(*index) {
            each(&mut draft.body, &mut |ty| ty.replace(&requests));
        }
    }
    for index in requests.values() {
        if let Some(draft) = types.drafts.get_mut(*index) {
            each(&mut draft.body, &mut |ty| ty.replace(&requests));
        }
    }
    let of_operations = operations.iter_mut().flat_map(OperationDraft::sent_mut);
    let of_handlers = incoming.iter_mut().flat_map(HandlerDraft::sent_mut);
    of_operations
        .chain(of_handlers)
        .for_each(|ty| ty.replace(&requests));

    let is_alone = |index: &&usize| !both.contains(index) || is_split(index);
    for index in received.iter().filter(is_alone) {
        without(types, *index, OneWay::Sent);
    }
    let alone = sent.iter().filter(|index| !both.contains(index));
    for index in alone.chain(requests.values()) {
        without(types, *index, OneWay::Received);
    }
}

/// The types that differ by which way they go: by themselves, or by what they mention.
fn differing(drafts: &[Draft], both: &BTreeSet<usize>, schemas: &Schemas) -> BTreeSet<usize> {
    let must_go = |field: &FieldDraft| field.required && one_way(schemas, field.origin).is_some();
    let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut open = Vec::new();
    for index in both {
        let Some(draft) = drafts.get(*index) else {
            continue;
        };
        let mut targets = Vec::new();
        mentioned(draft, &mut targets);
        for target in targets {
            users.entry(target).or_default().push(*index);
        }
        if matches!(&draft.body, Body::Struct(body) if body.fields.iter().any(must_go)) {
            open.push(*index);
        }
    }
    let mut found = BTreeSet::new();
    while let Some(index) = open.pop() {
        if found.insert(index) {
            open.extend(users.get(&index).into_iter().flatten());
        }
    }
    found
}

/// A type that is sent where another is received.
fn request(types: &mut Types<'_>, index: usize) -> usize {
    let Some(draft) = types.drafts.get(index) else {
        return index;
    };
    let (origin, body) = (draft.origin, draft.body.clone());
    let wanted = format!("{}Request", draft.name);
    let pointer = &types.views.schemas.schema(origin).pointer;
    let name = types.scope.claim_for(&wanted, pointer, Casing::Type);
    types.drafts.push(Draft {
        name,
        origin,
        body,
        received_as: Some(index),
    });
    types.drafts.len() - 1
}

/// Drops the members that go no other way than this. What has no members left is a map, unless the contract allows no others.
fn without(types: &mut Types<'_>, index: usize, way: OneWay) {
    let Types { drafts, views, .. } = types;
    let Some(draft) = drafts.get_mut(index) else {
        return;
    };
    let goes = |origin: Option<SchemaId>| one_way(views.schemas, origin) != Some(way);
    match &mut draft.body {
        Body::Form(_, parts) => parts.retain(|part| goes(part.origin)),
        Body::Struct(body) if !body.fields.is_empty() => {
            body.fields.retain(|field| goes(field.origin));
            let is_closed = |id: SchemaId| views.schemas.schema(id).never;
            if body.fields.is_empty() && !views.view(draft.origin).additional.is_some_and(is_closed)
            {
                let others = body.extra.take().map(|(_, ty)| ty);
                draft.body = Body::Alias(others.unwrap_or_else(|| Ty::map(Ty::Value)));
            }
        }
        _ => {}
    }
}

/// Visits the types that a type is made of.
fn each(body: &mut Body, visit: &mut dyn FnMut(&mut Ty)) {
    match body {
        Body::Struct(body) => {
            body.fields
                .iter_mut()
                .for_each(|field| visit(&mut field.ty));
            body.extra.iter_mut().for_each(|(_, ty)| visit(ty));
        }
        Body::Union(body) => body
            .variants
            .iter_mut()
            .for_each(|variant| visit(&mut variant.ty)),
        Body::Alike(accessors) => accessors.iter_mut().for_each(|(_, ty)| visit(ty)),
        Body::Alias(ty) => visit(ty),
        Body::Form(_, parts) => parts.iter_mut().for_each(|part| visit(&mut part.ty)),
        Body::Words(_) | Body::Numbers(..) | Body::Open => {}
    }
}
