//! Schemas that are defined as themselves: cycles of `$ref` and `allOf` alone.
//!
//! A cycle that passes a property, an array or a union is recursion and means something. One that does not has no meaning, and would send every
//! reader of the model round in circles, so it is cut after it was reported.

use super::reference::cycle;
use crate::finding::Finding;
use crate::schema::{SchemaId, Schemas};

/// Where a schema stands in the walk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    /// On the path that is being walked.
    Open,
    Done,
}

/// Cuts every cycle, and returns a finding for each.
pub(super) fn break_cycles(schemas: &mut Schemas) -> Vec<Finding> {
    let ids: Vec<SchemaId> = schemas.iter().map(|(id, _)| id).collect();
    let mut marks = vec![Mark::New; ids.len()];
    let mut findings = Vec::new();
    for start in ids {
        walk(schemas, start, &mut marks, &mut findings);
    }
    findings
}

/// Walks depth first with a stack of its own: a chain of references may be longer than a thread's stack is deep.
fn walk(schemas: &mut Schemas, start: SchemaId, marks: &mut [Mark], findings: &mut Vec<Finding>) {
    let mut path: Vec<(SchemaId, Vec<SchemaId>)> = Vec::new();
    enter(schemas, start, marks, &mut path);
    while let Some((id, left)) = path.last_mut() {
        let id = *id;
        let Some(next) = left.pop() else {
            set(marks, id, Mark::Done);
            path.pop();
            continue;
        };
        match marks.get(next.index()).copied() {
            Some(Mark::New) => enter(schemas, next, marks, &mut path),
            Some(Mark::Open) => {
                let target = schemas.schema(next);
                let (name, begins) = (described(target), target.span);
                let schema = schemas.schema_mut(id);
                findings.push(cycle(schema.span, &name).related(begins, "it begins here"));
                if schema.reference == Some(next) {
                    schema.reference = None;
                }
                schema.all_of.retain(|branch| *branch != next);
            }
            Some(Mark::Done) | None => {}
        }
    }
}

/// The name of a schema, or where it stands.
fn described(schema: &crate::schema::Schema) -> String {
    let place = schema.pointer.split_once('#').map(|(_, pointer)| pointer);
    let name = schema.name.as_deref().or(place);
    name.unwrap_or(&schema.pointer).to_owned()
}

fn enter(
    schemas: &Schemas,
    id: SchemaId,
    marks: &mut [Mark],
    path: &mut Vec<(SchemaId, Vec<SchemaId>)>,
) {
    if marks.get(id.index()) != Some(&Mark::New) {
        return;
    }
    set(marks, id, Mark::Open);
    let schema = schemas.schema(id);
    let next = schema.all_of.iter().rev().copied().chain(schema.reference);
    path.push((id, next.collect()));
}

fn set(marks: &mut [Mark], id: SchemaId, mark: Mark) {
    if let Some(slot) = marks.get_mut(id.index()) {
        *slot = mark;
    }
}
