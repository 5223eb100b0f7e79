//! The way from a page to one of its members, as expressions.

use super::super::items::{Items, Presence};
use super::super::ty::Ty;

/// More steps than this are not gone.
const STEPS_MAX: usize = 16;

/// The way to a member.
#[derive(Debug)]
pub(super) struct Walk {
    steps: Vec<(String, Presence)>,
    /// The type of the member.
    pub(super) ty: Ty,
}

impl Walk {
    /// The way from a page along a JSON pointer, if types lead all the way.
    pub(super) fn to(items: &Items<'_>, page: &Ty, pointer: &str) -> Option<Self> {
        let mut ty = page;
        let mut steps = Vec::new();
        for token in pointer.split('/').skip(1).take(STEPS_MAX + 1) {
            let wire = token.replace("~1", "/").replace("~0", "~");
            let (name, presence, of) = items.member(ty, &wire)?;
            steps.push((name.to_owned(), presence));
            ty = of;
        }
        (steps.len() <= STEPS_MAX).then(|| Self {
            steps,
            ty: ty.clone(),
        })
    }

    /// The member of `page`, copied: an `Option`.
    pub(super) fn copied(&self) -> String {
        let clone = if self.ty.is_copy() { "" } else { ".clone()" };
        let Some(((last, presence), before)) = self.steps.split_last() else {
            return format!("Some(page{clone})");
        };
        let (holder, is_optional) = borrowed(before);
        let value = match presence {
            Presence::Patch => format!(".{last}{clone}.value()"),
            Presence::Plain | Presence::Option => format!(".{last}{clone}"),
        };
        match (is_optional, presence) {
            (true, Presence::Plain) => format!("{holder}.map(|inner| inner{value})"),
            (true, _) => format!("{holder}.and_then(|inner| inner{value})"),
            (false, Presence::Plain) => format!("Some({holder}{value})"),
            (false, _) => format!("{holder}{value}"),
        }
    }

    /// How many items the list in `page` has.
    pub(super) fn count(&self) -> String {
        let (list, is_optional) = borrowed(&self.steps);
        if is_optional {
            format!("{list}.map_or(0, Vec::len)")
        } else {
            format!("{list}.len()")
        }
    }

    /// The function that takes the list out of a page. `is_answered` says whether headers come beside it.
    pub(super) fn taken(&self, is_answered: bool) -> String {
        if is_answered && self.steps.is_empty() {
            return "Answered::into_body".to_owned();
        }
        let mut taken = if is_answered { "page.body" } else { "page" }.to_owned();
        let mut is_optional = false;
        for (name, presence) in &self.steps {
            let value = match presence {
                Presence::Patch => format!(".{name}.value()"),
                Presence::Plain | Presence::Option => format!(".{name}"),
            };
            taken = match (is_optional, presence) {
                (true, Presence::Plain) => format!("{taken}.map(|inner| inner{value})"),
                (true, _) => format!("{taken}.and_then(|inner| inner{value})"),
                (false, _) => format!("{taken}{value}"),
            };
            is_optional |= !matches!(presence, Presence::Plain);
        }
        let end = if is_optional {
            ".unwrap_or_default()"
        } else {
            ""
        };
        format!("|page| {taken}{end}")
    }
}

/// A member of `page`, or a reference to it in an `Option` where something on the way may be missing.
fn borrowed(steps: &[(String, Presence)]) -> (String, bool) {
    let mut place = "page".to_owned();
    let mut is_optional = false;
    for (name, presence) in steps {
        let value = match presence {
            Presence::Plain => format!(".{name}"),
            Presence::Option => format!(".{name}.as_ref()"),
            Presence::Patch => format!(".{name}.as_ref().value()"),
        };
        place = match (is_optional, presence) {
            (true, Presence::Plain) => format!("{place}.map(|inner| &inner{value})"),
            (true, _) => format!("{place}.and_then(|inner| inner{value})"),
            (false, _) => format!("{place}{value}"),
        };
        is_optional |= !matches!(presence, Presence::Plain);
    }
    (place, is_optional)
}
