//! How a large crate is divided: by the tags of its operations, with what several of them share in a part of its own.

use super::incoming::HandlerDraft;
use super::operations::OperationDraft;
use super::types::{Body, Draft};
use crate::doc;
use crate::rust_name::{self, Casing, Scope};

/// More operations than this are divided.
const OPERATIONS_MAX: usize = 60;

/// Types of more operations than this are divided, even where the operations are few.
const TYPES_MAX: usize = 200;

/// Names that no module takes: what the crate has itself, and files that some systems cannot have.
const RESERVED: &[&str] = &[
    "shared",
    "operations",
    "policies",
    "fmt",
    "alloc",
    "core",
    "std",
    "other",
    "wire",
    "default",
    "full_serde",
    "dovetail_client",
    "bytes",
    "chrono",
    "futures_core",
    "serde",
    "serde_json",
    "uuid",
    "con",
    "prn",
    "aux",
    "nul",
    "com1",
    "com2",
    "com3",
    "com4",
    "lpt1",
    "lpt2",
    "lpt3",
    "lpt4",
];

/// Which operations and types belong together.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) parts: Vec<Part>,
    /// The part of each type.
    of_type: Vec<usize>,
}

/// A part of a crate.
#[derive(Debug)]
pub(super) struct Part {
    /// Name of its modules, if the crate is divided.
    pub(super) module: Option<String>,
    /// The feature that turns it on, as a literal.
    pub(super) feature: Option<String>,
    pub(super) about: String,
    /// Its operations, by number.
    pub(super) operations: Vec<usize>,
}

impl Parts {
    pub(super) fn new(
        drafts: &[OperationDraft<'_>],
        incoming: &[HandlerDraft<'_>],
        types: &[Draft],
    ) -> Self {
        let by_tag = by_tag(drafts);
        let is_large = drafts.len() > OPERATIONS_MAX || types.len() > TYPES_MAX;
        if !is_large || by_tag.len() < 2 {
            let all = Part {
                module: None,
                feature: None,
                about: String::new(),
                operations: (0..drafts.len()).collect(),
            };
            return Self {
                parts: vec![all],
                of_type: vec![0; types.len()],
            };
        }
        let mut scope = Scope::with(RESERVED);
        let named = by_tag.into_iter().map(|(tag, operations)| match tag {
            Some(tag) => {
                let module = scope.claim(&module_name(tag), Casing::Snake);
                let about = format!("operations of {}", doc::code(tag));
                Part::named(module, about, operations)
            }
            None => Part::named(
                "other".to_owned(),
                "operations without a tag".to_owned(),
                operations,
            ),
        });
        let mut parts: Vec<Part> = named.collect();
        let of_type = owners(&parts, drafts, incoming, types);
        parts.push(Part {
            module: Some("shared".to_owned()),
            feature: None,
            about: "several parts".to_owned(),
            operations: Vec::new(),
        });
        Self { parts, of_type }
    }

    /// The types of a part, by number.
    pub(super) fn types(&self, part: usize) -> impl Iterator<Item = usize> {
        (0..self.of_type.len()).filter(move |index| self.of_type.get(*index) == Some(&part))
    }

    /// Names of the features.
    pub(super) fn features(&self) -> impl Iterator<Item = &String> {
        self.parts.iter().filter_map(|part| part.feature.as_ref())
    }

    /// Whether the crate is divided.
    pub(super) fn are_several(&self) -> bool {
        self.parts.len() > 1
    }
}

impl Part {
    fn named(module: String, about: String, operations: Vec<usize>) -> Self {
        let feature = module.trim_start_matches("r#").replace('_', "-");
        Self {
            feature: Some(format!("\"{feature}\"")),
            module: Some(module),
            about,
            operations,
        }
    }
}

/// The name of the modules of a tag. They are files and a feature too, so it has ASCII letters only, and is not long.
fn module_name(tag: &str) -> String {
    const LENGTH_MAX: usize = 48;
    let name = rust_name::identifier(tag, Casing::Snake);
    if name.is_ascii() && name.len() <= LENGTH_MAX {
        return name;
    }
    let plain: String = name
        .chars()
        .filter(char::is_ascii)
        .take(LENGTH_MAX / 2)
        .collect();
    let words: Vec<&str> = plain.split('_').filter(|word| !word.is_empty()).collect();
    let hash = rust_name::short_hash(tag);
    format!("tag_{}_{hash}", words.join("_")).replace("__", "_")
}

/// Operations by their first tag, in the order in which tags come; those without one last.
fn by_tag<'a>(drafts: &[OperationDraft<'a>]) -> Vec<(Option<&'a str>, Vec<usize>)> {
    let mut tags: indexmap::IndexMap<Option<&'a str>, Vec<usize>> = indexmap::IndexMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        let tag = draft.operation.tags.first().map(String::as_str);
        tags.entry(tag).or_default().push(index);
    }
    let without = tags.shift_remove(&None);
    tags.into_iter()
        .chain(without.map(|operations| (None, operations)))
        .collect()
}

/// The part of each type: the only one that reaches it, else the one after all others.
fn owners(
    parts: &[Part],
    drafts: &[OperationDraft<'_>],
    incoming: &[HandlerDraft<'_>],
    types: &[Draft],
) -> Vec<usize> {
    let shared = parts.len();
    let mut owner: Vec<Option<usize>> = vec![None; types.len()];
    // What the service sends itself belongs to no tag.
    let mut open = Vec::new();
    for handler in incoming {
        let exchanged = handler.sent().chain(handler.received());
        exchanged.for_each(|ty| ty.mentioned(&mut open));
    }
    while let Some(index) = open.pop() {
        if owner.get(index).is_some_and(Option::is_none)
            && let Some(draft) = types.get(index)
        {
            if let Some(owner) = owner.get_mut(index) {
                *owner = Some(shared);
            }
            mentioned(draft, &mut open);
        }
    }
    for (number, part) in parts.iter().enumerate() {
        let mut open = Vec::new();
        for draft in part
            .operations
            .iter()
            .filter_map(|index| drafts.get(*index))
        {
            draft
                .sent()
                .chain(draft.received())
                .for_each(|ty| ty.mentioned(&mut open));
        }
        let mut seen = vec![false; types.len()];
        while let Some(index) = open.pop() {
            let (Some(seen), Some(owner)) = (seen.get_mut(index), owner.get_mut(index)) else {
                continue;
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            let is_new = owner.is_none_or(|known| known == number);
            let was_shared = *owner == Some(shared);
            *owner = Some(if is_new { number } else { shared });
            // What a shared type mentions was shared with it.
            if !was_shared && let Some(draft) = types.get(index) {
                mentioned(draft, &mut open);
            }
        }
    }
    owner
        .into_iter()
        .map(|owner| owner.unwrap_or(shared))
        .collect()
}

/// The types that a type mentions.
pub(super) fn mentioned(draft: &Draft, found: &mut Vec<usize>) {
    match &draft.body {
        Body::Struct(body) => {
            body.fields
                .iter()
                .for_each(|field| field.ty.mentioned(found));
            body.extra.iter().for_each(|(_, ty)| ty.mentioned(found));
        }
        Body::Union(body) => body
            .variants
            .iter()
            .for_each(|variant| variant.ty.mentioned(found)),
        Body::Alike(accessors) => accessors.iter().for_each(|(_, ty)| ty.mentioned(found)),
        Body::Alias(ty) => ty.mentioned(found),
        Body::Form(_, parts) => parts.iter().for_each(|part| part.ty.mentioned(found)),
        Body::Words(_) | Body::Numbers(..) | Body::Open => {}
    }
}
