//! What a newer service may send: members, values and branches that the contract did not name, null where nothing was, and less than was promised.

use serde_json::{Value, json};

use super::chance::Chance;
use super::sample::{Site, SiteKind};

/// A way to drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A member that no schema names.
    ExtraMember,
    /// A string that an enum does not list.
    NewWord,
    /// An integer that an enum does not list.
    NewNumber,
    /// A tag that leads to no branch.
    NewBranch,
    /// Null for a member that need not be there.
    Null,
    /// Without a member that must be there. The only one that must be refused.
    Missing,
}

impl Kind {
    /// A few words for people.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ExtraMember => "extra member",
            Self::NewWord => "new enum value",
            Self::NewNumber => "new enum number",
            Self::NewBranch => "new branch",
            Self::Null => "null for an optional member",
            Self::Missing => "required member missing",
        }
    }
}

/// A sample that drifted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drift {
    pub(super) kind: Kind,
    pub(super) value: Value,
    /// JSON Pointer to the place.
    pub(super) pointer: String,
    /// The member that is concerned.
    pub(super) member: Option<String>,
}

/// Every kind of drift that a sample has a place for, at a place by chance.
pub(super) fn drifts(sample: &Value, sites: &[Site], chance: &mut Chance) -> Vec<Drift> {
    let kinds = [
        Kind::ExtraMember,
        Kind::NewWord,
        Kind::NewNumber,
        Kind::NewBranch,
        Kind::Null,
        Kind::Missing,
    ];
    let mut drifts = Vec::new();
    for kind in kinds {
        let fitting: Vec<(&Site, Option<&str>)> =
            sites.iter().flat_map(|site| places(kind, site)).collect();
        if let Some((site, member)) = chance.pick(&fitting)
            && let Some(value) = changed(kind, sample, &site.pointer, *member)
        {
            drifts.push(Drift {
                kind,
                value,
                pointer: site.pointer.clone(),
                member: member.map(str::to_owned),
            });
        }
    }
    drifts
}

/// The members of a site that can drift so; none is a site that can as a whole.
fn places(kind: Kind, site: &Site) -> Vec<(&Site, Option<&str>)> {
    match (kind, &site.kind) {
        (Kind::ExtraMember, SiteKind::Object { is_open: true, .. })
        | (Kind::NewWord, SiteKind::Word)
        | (Kind::NewNumber, SiteKind::Number) => vec![(site, None)],
        (Kind::NewBranch, SiteKind::Tagged(tag)) => vec![(site, Some(tag))],
        // In a union, a value that lost something may be one of another branch, and rightly so.
        (Kind::Null, SiteKind::Object { optional, .. }) if !site.in_union => optional
            .iter()
            .map(|name| (site, Some(name.as_str())))
            .collect(),
        (Kind::Missing, SiteKind::Object { required, .. }) if !site.in_union => required
            .iter()
            .map(|name| (site, Some(name.as_str())))
            .collect(),
        _ => Vec::new(),
    }
}

fn changed(kind: Kind, sample: &Value, pointer: &str, member: Option<&str>) -> Option<Value> {
    let mut value = sample.clone();
    let place = value.pointer_mut(pointer)?;
    match kind {
        Kind::NewWord => *place = "dovetail-new-value".into(),
        Kind::NewNumber => *place = 987_654_321.into(),
        Kind::ExtraMember => {
            let extra = json!({ "new": [1, "two", null] });
            place
                .as_object_mut()?
                .insert("dovetail_extra".to_owned(), extra);
        }
        Kind::NewBranch => {
            let place = place.as_object_mut()?;
            place.insert(member?.to_owned(), "dovetail-new-branch".into());
            place.insert("dovetail_payload".to_owned(), json!({ "deep": [1, 2.5] }));
        }
        Kind::Null => {
            place
                .as_object_mut()?
                .insert(member?.to_owned(), Value::Null);
        }
        Kind::Missing => {
            place.as_object_mut()?.remove(member?)?;
        }
    }
    Some(value)
}

/// The sample without a member.
pub(super) fn without(sample: &Value, pointer: &str, member: &str) -> Option<Value> {
    changed(Kind::Missing, sample, pointer, Some(member))
}

/// The sample with text in place of what a type describes. Types that hold any JSON take it, all others do not.
pub(super) fn probe(sample: &Value, pointer: &str) -> Option<Value> {
    let mut value = sample.clone();
    *value.pointer_mut(pointer)? = "dovetail-probe".into();
    Some(value)
}

/// A pointer as errors of generated clients write it: `items[2].price`, and a full stop for the value itself.
pub(super) fn path(pointer: &str, sample: &Value) -> String {
    let mut path = String::new();
    let mut at = Some(sample);
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        match at {
            Some(Value::Array(elements)) => {
                path.push_str(&format!("[{name}]"));
                at = name
                    .parse()
                    .ok()
                    .and_then(|index: usize| elements.get(index));
            }
            _ => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&name);
                at = at.and_then(|value| value.get(&name));
            }
        }
    }
    match path.is_empty() {
        true => ".".to_owned(),
        false => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_changes_one_place() {
        let sample = json!({ "a": [{ "k": "x", "n": 1 }] });
        let rows = [
            (
                Kind::NewWord,
                "/a/0/k",
                None,
                json!({ "a": [{ "k": "dovetail-new-value", "n": 1 }] }),
            ),
            (
                Kind::NewNumber,
                "/a/0/n",
                None,
                json!({ "a": [{ "k": "x", "n": 987_654_321 }] }),
            ),
            (
                Kind::Null,
                "/a/0",
                Some("n"),
                json!({ "a": [{ "k": "x", "n": null }] }),
            ),
            (
                Kind::Missing,
                "/a/0",
                Some("n"),
                json!({ "a": [{ "k": "x" }] }),
            ),
            (
                Kind::NewBranch,
                "/a/0",
                Some("k"),
                json!({ "a": [{ "k": "dovetail-new-branch", "n": 1, "dovetail_payload": { "deep": [1, 2.5] } }] }),
            ),
            (
                Kind::ExtraMember,
                "",
                None,
                json!({ "a": [{ "k": "x", "n": 1 }], "dovetail_extra": { "new": [1, "two", null] } }),
            ),
        ];
        for (kind, pointer, member, expected) in rows {
            assert_eq!(
                changed(kind, &sample, pointer, member),
                Some(expected),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn nothing_is_taken_from_a_branch_of_a_union() {
        let kind = SiteKind::Object {
            optional: vec!["n".to_owned()],
            required: vec!["k".to_owned()],
            is_open: true,
        };
        let site = |in_union| Site {
            pointer: String::new(),
            in_union,
            kind: kind.clone(),
        };
        let kinds = |in_union| -> Vec<Kind> {
            let sample = json!({ "k": "x", "n": 1 });
            let drifts = drifts(&sample, &[site(in_union)], &mut Chance::new(1, &[]));
            drifts.iter().map(|drift| drift.kind).collect()
        };
        assert_eq!(kinds(false), [Kind::ExtraMember, Kind::Null, Kind::Missing]);
        assert_eq!(kinds(true), [Kind::ExtraMember]);
    }

    #[test]
    fn paths_are_those_of_errors() {
        let sample = json!({ "a": [{ "b/c": { "0": 1 } }] });
        let rows = [("", "."), ("/a/0", "a[0]"), ("/a/0/b~1c/0", "a[0].b/c.0")];
        for (pointer, expected) in rows {
            assert_eq!(path(pointer, &sample), expected);
        }
    }
}
