//! How types are read and written: the tables that the runtime's macros take.

use super::forms::PartDraft;
use super::items::{Directions, wire_kind};
use super::spell::{Speller, Uses};
use super::ty::Ty;
use super::types::{Draft, FieldDraft, StructBody, Test, UnionBody, WordDraft};
use crate::{ir, literal};

/// More variants than this are kept in a table that is searched rather than in a `match`.
const MATCH_MAX: usize = 60;

/// Longer lines are broken.
const WIDTH_MAX: usize = 100;

/// The table of a struct.
pub(super) fn object(
    draft: &Draft,
    body: &StructBody,
    is_required: impl Fn(usize) -> bool,
    ways: Directions,
    uses: &mut Uses,
) -> ir::Table {
    uses.runtime(&["object"]);
    let (mut required, mut constant) = (Vec::new(), Vec::new());
    let (mut optional, mut any) = (Vec::new(), Vec::new());
    for (index, field) in body.fields.iter().enumerate() {
        let entry =
            |number: usize| format!("{number} {}: {}", field.name, literal::rust(&field.wire));
        match &field.constant {
            Some(value) => constant.push((field, value)),
            None if is_required(index) => required.push(entry(required.len())),
            // Null is a value of what may be anything.
            None if field.ty == Ty::Value => any.push(field),
            None => optional.push(field),
        }
    }
    let mut number = required.len();
    let mut next = || {
        number += 1;
        number - 1
    };
    let constants: Vec<String> = constant
        .iter()
        .map(|(field, value)| {
            let wire = literal::rust(&field.wire);
            format!("{} {}: {wire} = {value}", next(), field.name)
        })
        .collect();
    let mut entries = |fields: &[&FieldDraft]| -> Vec<String> {
        let entry = |field: &&FieldDraft| {
            format!("{} {}: {}", next(), field.name, literal::rust(&field.wire))
        };
        fields.iter().map(entry).collect()
    };
    let (optional, any) = (entries(&optional), entries(&any));
    let mut lines = Vec::new();
    section(&mut lines, "required", &required);
    section(&mut lines, "constant", &constants);
    section(&mut lines, "optional", &optional);
    section(&mut lines, "any", &any);
    if let Some((name, _)) = &body.extra {
        lines.push(format!("rest {{ {name} }}"));
    }
    table("object", ways, &draft.name, lines)
}

/// The table of an enum of strings.
pub(super) fn words(draft: &Draft, variants: &[WordDraft], uses: &mut Uses) -> ir::Table {
    uses.runtime(&["open_enum"]);
    let entries = variants
        .iter()
        .map(|word| format!("{} = {},", word.name, literal::rust(&word.value)));
    let is_long = variants.len() > MATCH_MAX;
    ir::Table {
        name: "open_enum",
        head: format!("{}{}", if is_long { "table " } else { "" }, draft.name),
        lines: entries.collect(),
    }
}

/// The table of an enum of integers.
pub(super) fn numbers(
    draft: &Draft,
    repr: &str,
    variants: &[WordDraft],
    uses: &mut Uses,
) -> ir::Table {
    uses.runtime(&["open_numbers"]);
    let entries = variants.iter().map(|word| {
        let digits = word.value.trim_start_matches('-');
        let sign = if word.value.starts_with('-') { "-" } else { "" };
        let digits = digits
            .parse()
            .map_or_else(|_| digits.to_owned(), super::policies::grouped);
        format!("{} = {sign}{digits},", word.name)
    });
    ir::Table {
        name: "open_numbers",
        head: format!("{}({repr})", draft.name),
        lines: entries.collect(),
    }
}

/// The table of a union.
pub(super) fn union(
    draft: &Draft,
    body: &UnionBody,
    write_tag: impl Fn(usize) -> Option<String>,
    ways: Directions,
    uses: &mut Uses,
) -> ir::Table {
    uses.runtime(&["union"]);
    let (mut kinds, mut tags, mut members, mut otherwise) =
        (Vec::new(), Vec::new(), Vec::new(), None);
    let mut written = Vec::new();
    for (index, variant) in body.variants.iter().enumerate() {
        let name = &variant.name;
        match &variant.test {
            Test::Kind(kind) => kinds.push(format!("{name}: {}", wire_kind(*kind))),
            Test::Tags(values) => {
                let values: Vec<String> = values.iter().map(|tag| literal::rust(tag)).collect();
                tags.push(format!("{name}: {}", values.join(" | ")));
            }
            Test::Has(member) => {
                let test = format!("{name}: has({})", literal::rust(member));
                members.push((variant.rank, test));
            }
            Test::HasKind(member, of) => {
                let of: Vec<&str> = of.iter().map(|kind| wire_kind(*kind)).collect();
                let member = literal::rust(member);
                let test = format!("{name}: has_kind({member}, {})", of.join(" | "));
                members.push((variant.rank, test));
            }
            Test::Otherwise => otherwise = Some(name),
        }
        written.push(match write_tag(index) {
            Some(tag) => format!("{name}: {tag}"),
            None => name.clone(),
        });
    }
    let mut lines = Vec::new();
    section(&mut lines, "kinds", &kinds);
    if let Some(tag) = &body.tag {
        let required = if body.is_tag_required {
            "required "
        } else {
            ""
        };
        let head = format!("{required}tag {}", literal::rust(tag));
        section(&mut lines, &head, &tags);
    }
    members.sort_by_key(|(rank, _)| *rank);
    let members: Vec<String> = members.into_iter().map(|(_, test)| test).collect();
    section(&mut lines, "members", &members);
    lines.extend(otherwise.map(|name| format!("otherwise {name}")));
    section(&mut lines, "write", &written);
    table("union", ways, &draft.name, lines)
}

/// The table of what nothing tells apart.
pub(super) fn alike(
    draft: &Draft,
    accessors: &[(String, Ty)],
    speller: &Speller<'_>,
    ways: Directions,
    uses: &mut Uses,
) -> ir::Table {
    uses.runtime(&["alike"]);
    // What is only sent is never taken apart.
    let entries = accessors
        .iter()
        .filter(|_| ways.received)
        .map(|(name, ty)| format!("{name}: {},", speller.owned(ty, uses)));
    ir::Table {
        name: "alike",
        head: draft.name.clone(),
        lines: entries.collect(),
    }
}

/// The table of a multipart form.
pub(super) fn form(
    draft: &Draft,
    subtype: Option<&str>,
    parts: &[PartDraft],
    uses: &mut Uses,
) -> ir::Table {
    uses.runtime(&["form"]);
    let entries = |is_file: bool, is_typed: bool| -> Vec<String> {
        let of = parts
            .iter()
            .filter(|part| part.is_file == is_file && part.content_type.is_some() == is_typed);
        of.map(|part| {
            let media = part.content_type.as_ref().map(|name| literal::rust(name));
            let media = media.map_or_else(String::new, |name| format!(" = {name}"));
            format!("{}: {}{media}", part.name, literal::rust(&part.wire))
        })
        .collect()
    };
    let mut lines = Vec::new();
    section(&mut lines, "values", &entries(false, false));
    section(&mut lines, "values_as", &entries(false, true));
    section(&mut lines, "files", &entries(true, false));
    section(&mut lines, "files_as", &entries(true, true));
    let subtype = subtype.map_or_else(String::new, |name| format!("{} ", literal::rust(name)));
    ir::Table {
        name: "form",
        head: format!("{subtype}{}", draft.name),
        lines,
    }
}

fn table(name: &'static str, ways: Directions, of: &str, lines: Vec<String>) -> ir::Table {
    let direction = match (ways.received, ways.sent) {
        (true, false) => "read ",
        (false, true) => "write ",
        _ => "",
    };
    ir::Table {
        name,
        head: format!("{direction}{of}"),
        lines,
    }
}

/// A section of a table: on one line where it fits, else with a line for each entry.
pub(super) fn section(lines: &mut Vec<String>, head: &str, entries: &[String]) {
    const INDENT: usize = 8;
    if entries.is_empty() {
        return;
    }
    let line = format!("{head} {{ {} }}", entries.join(", "));
    if line.chars().count() + INDENT <= WIDTH_MAX {
        lines.push(line);
        return;
    }
    lines.push(format!("{head} {{"));
    lines.extend(entries.iter().map(|entry| format!("    {entry},")));
    lines.push("}".to_owned());
}
