//! Values that keep a schema, drawn by chance that can be repeated.
//!
//! Drawing follows what schemas say as far as it is worth it, and the validator has the last word: what it refuses is drawn anew.

mod number;
mod pattern;
mod text;
mod view;

use serde_json::{Map, Value};

use super::chance::Chance;
use view::{View, Walk};

/// How much of what is optional a sample holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// Only what must be there.
    Least,
    /// Everything, as long as the sample stays small.
    Most,
    /// Some of it.
    Some,
}

/// A value with the places in it that drift can change.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) value: Value,
    pub(super) sites: Vec<Site>,
}

/// A place in a value of which the schema says something that a newer service may change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Site {
    /// JSON Pointer (RFC 6901) of the place.
    pub(super) pointer: String,
    /// Whether a branch of a union was chosen on the way: another value may then be one of another branch.
    pub(super) in_union: bool,
    pub(super) kind: SiteKind,
}

/// What stands at a place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SiteKind {
    /// An object with named members.
    Object {
        /// Members that are there and need not be.
        optional: Vec<String>,
        /// Members that must be there, and that go both ways.
        required: Vec<String>,
        /// Whether a member that is not named may be added without being one of a map.
        is_open: bool,
    },
    /// One of several strings.
    Word,
    /// One of several integers.
    Number,
    /// An object whose branch a member names.
    Tagged(String),
}

/// Values within values after which only what must be there is drawn.
const DEPTH_SOFT: usize = 5;
/// Values within values after which drawing is given up.
const DEPTH_HARD: usize = 40;
/// Values of one sample after which only what must be there is drawn.
const SIZE_SOFT: usize = 300;
/// Values of one sample after which drawing is given up.
const SIZE_HARD: usize = 5_000;

/// Draws a value of a self-contained schema, or says why it cannot.
pub(super) fn draw(root: &Value, fill: Fill, chance: Chance) -> Result<Drawn, String> {
    let mut sampler = Sampler {
        root,
        fill,
        chance,
        sites: Vec::new(),
        size: 0,
    };
    let value = sampler.value(&[root], &Place::default())?;
    Ok(Drawn {
        value,
        sites: sampler.sites,
    })
}

/// Where in the value drawing is.
#[derive(Debug, Clone, Default)]
struct Place {
    pointer: String,
    depth: usize,
    in_union: bool,
}

impl Place {
    fn member(&self, name: &str, in_union: bool) -> Self {
        Self {
            pointer: format!(
                "{}/{}",
                self.pointer,
                name.replace('~', "~0").replace('/', "~1")
            ),
            depth: self.depth + 1,
            in_union,
        }
    }
}

struct Sampler<'s> {
    root: &'s Value,
    fill: Fill,
    chance: Chance,
    sites: Vec<Site>,
    size: usize,
}

impl<'s> Sampler<'s> {
    /// A value that keeps several schemas at once.
    fn value(&mut self, schemas: &[&'s Value], place: &Place) -> Result<Value, String> {
        self.size += 1;
        if place.depth > DEPTH_HARD || self.size > SIZE_HARD {
            return Err("samples of it have no end".to_owned());
        }
        let is_tight = self.is_tight(place);
        let mut walk = Walk::new(self.root, &mut self.chance, is_tight);
        let view = walk.view(schemas)?;
        let in_union = place.in_union || view.chose;
        if let Some(values) = &view.enumeration {
            return self.listed(values, &view, place, in_union);
        }
        let kinds = view.kinds();
        let is_null_wanted = self.fill == Fill::Some && self.chance.once_in(6);
        let kind = match kinds.iter().position(|kind| *kind == "null") {
            Some(_) if kinds.len() == 1 || is_null_wanted => "null",
            _ => {
                let others: Vec<&str> = kinds.into_iter().filter(|kind| *kind != "null").collect();
                *self
                    .chance
                    .pick(&others)
                    .ok_or("its parts have no type in common")?
            }
        };
        match kind {
            "null" => Ok(Value::Null),
            "boolean" => Ok(Value::Bool(self.chance.once_in(2))),
            "integer" => number::integer(&view, &mut self.chance),
            "number" => number::number(&view, &mut self.chance),
            "string" => text::text(&view, &mut self.chance).map(Value::String),
            "array" => self.array(
                &view,
                &Place {
                    in_union,
                    ..place.clone()
                },
            ),
            _ => self.object(
                &view,
                &Place {
                    in_union,
                    ..place.clone()
                },
            ),
        }
    }

    /// Whether only what must be there is drawn.
    fn is_tight(&self, place: &Place) -> bool {
        self.fill == Fill::Least || place.depth > DEPTH_SOFT || self.size > SIZE_SOFT
    }

    fn listed(
        &mut self,
        values: &[Value],
        view: &View<'s>,
        place: &Place,
        in_union: bool,
    ) -> Result<Value, String> {
        let fits = |value: &&Value| view.allows(value);
        let fitting: Vec<&Value> = values.iter().filter(fits).collect();
        let chosen = self
            .chance
            .pick(&fitting)
            .ok_or("none of its values has its type")?;
        let said: Vec<&&Value> = fitting.iter().filter(|value| !value.is_null()).collect();
        let kind = if said.len() < 2 {
            // One value is a constant, and a constant that changes is no drift but another contract.
            None
        } else if said.iter().all(|value| value.is_string()) {
            Some(SiteKind::Word)
        } else if said.iter().all(|value| value.is_i64()) {
            Some(SiteKind::Number)
        } else {
            None
        };
        if let Some(kind) = kind.filter(|_| !chosen.is_null()) {
            self.sites.push(Site {
                pointer: place.pointer.clone(),
                in_union,
                kind,
            });
        }
        Ok((*chosen).clone())
    }

    fn array(&mut self, view: &View<'s>, place: &Place) -> Result<Value, String> {
        let least = view.items_range.0.max(view.contains.map_or(0, |_| 1));
        let most = view.items_range.1.unwrap_or(usize::MAX);
        let wanted = match self.is_tight(place) {
            true => 0,
            false => self.chance.between(1, 3),
        };
        let wanted = match view.is_closed_tuple() {
            true => view.prefix.len(),
            false => wanted.max(view.prefix.len()),
        };
        let count = wanted.max(least).min(most.max(least));
        let mut elements: Vec<Value> = Vec::new();
        for index in 0..count {
            let schemas = match view.prefix.get(index) {
                Some(schemas) => schemas.clone(),
                None => view.items.clone(),
            };
            let schemas = match view.contains {
                Some(contains) if index == 0 && view.prefix.is_empty() => {
                    [schemas, vec![contains]].concat()
                }
                _ => schemas,
            };
            let inner = place.member(&index.to_string(), place.in_union);
            let sites = self.sites.len();
            let element = self.value(&schemas, &inner)?;
            if view.is_unique && elements.contains(&element) {
                // The next one has this one's index, so what was said of this one's places is forgotten.
                self.sites.truncate(sites);
                if elements.len() >= least {
                    break;
                }
                return Err("its elements cannot all differ".to_owned());
            }
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn object(&mut self, view: &View<'s>, place: &Place) -> Result<Value, String> {
        let mut members = Map::new();
        let mut names: Vec<&str> = view.required.iter().copied().collect();
        for name in view.properties.keys() {
            let is_wanted = match self.fill {
                Fill::Least => false,
                Fill::Most => !self.is_tight(place),
                Fill::Some => !self.is_tight(place) && self.chance.once_in(2),
            };
            if is_wanted && !view.required.contains(name) && !view.is_never(name) {
                names.push(name);
            }
        }
        for name in &names {
            let value = match view.tags.get(*name) {
                Some(tag) => Value::String(tag.clone()),
                None => self.value(&view.member(name), &place.member(name, place.in_union))?,
            };
            members.insert((*name).to_owned(), value);
        }
        self.add_members(view, place, &mut members)?;
        let is_both_ways =
            |name: &&str| !view.is_one_way(name, self.root) && !view.tags.contains_key(*name);
        let named = |wanted: bool| -> Vec<String> {
            let names = names
                .iter()
                .filter(|name| view.required.contains(**name) == wanted);
            names
                .filter(|name| view.properties.contains_key(**name))
                .copied()
                .filter(|name| is_both_ways(name))
                .map(str::to_owned)
                .collect()
        };
        let kind = SiteKind::Object {
            optional: named(false),
            required: named(true),
            is_open: view.lets_others_be_anything()
                && view.patterns_of_names.is_empty()
                && !view.properties.is_empty(),
        };
        let tag = view.branch_tag.map(|tag| SiteKind::Tagged(tag.to_owned()));
        for kind in [Some(kind), tag].into_iter().flatten() {
            self.sites.push(Site {
                pointer: place.pointer.clone(),
                in_union: place.in_union,
                kind,
            });
        }
        Ok(Value::Object(members))
    }

    /// Members that no property names: those of maps.
    fn add_members(
        &mut self,
        view: &View<'s>,
        place: &Place,
        members: &mut Map<String, Value>,
    ) -> Result<(), String> {
        let (least, most) = view.members_range;
        let most = most.unwrap_or(usize::MAX);
        let wanted = match self.is_tight(place) || !view.is_map() {
            true => 0,
            false => self.chance.between(1, 2),
        };
        let target = (members.len() + wanted).max(least).min(most);
        for _ in 0..target.saturating_sub(members.len()).saturating_mul(4) {
            if members.len() >= target {
                break;
            }
            let (name, schemas) = self.new_member(view)?;
            if view.properties.contains_key(name.as_str()) || members.contains_key(&name) {
                continue;
            }
            let value = self.value(&schemas, &place.member(&name, place.in_union))?;
            members.insert(name, value);
        }
        Ok(())
    }

    fn new_member(&mut self, view: &View<'s>) -> Result<(String, Vec<&'s Value>), String> {
        if let Some((pattern, schema)) = self.chance.pick(&view.patterns_of_names).copied() {
            return Ok((pattern::matching(pattern, &mut self.chance)?, vec![schema]));
        }
        if view
            .additional
            .iter()
            .any(|schema| **schema == Value::Bool(false))
        {
            return Err("it must have more members than it may".to_owned());
        }
        let name = if view.names.is_empty() {
            format!("key{}", self.chance.below(1000))
        } else {
            match self.value(
                &view.names,
                &Place {
                    depth: DEPTH_SOFT,
                    ..Place::default()
                },
            )? {
                Value::String(name) => name,
                _ => return Err("its members must have names that are no text".to_owned()),
            }
        };
        Ok((name, view.additional.clone()))
    }
}

#[cfg(test)]
mod tests;
