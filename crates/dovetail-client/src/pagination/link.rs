//! The page that an answer links to as the next (RFC 8288).

use std::fmt;

use http::{HeaderMap, header};

use crate::{
    answered::{FromHeaders, Headers},
    error::DecodeError,
};

/// Where the next page of a list is, as an answer said: `Link: <…>; rel="next"`.
///
/// It is fetched by [`Call::follow`](crate::Call::follow), which goes nowhere but to the same service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NextLink(String);

impl NextLink {
    /// A link, absolute or relative to the request that it came in answer to.
    #[must_use]
    pub fn new(target: impl Into<String>) -> Self {
        Self(target.into())
    }

    pub(crate) fn target(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NextLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromHeaders for Option<NextLink> {
    fn from_headers(headers: &Headers<'_>) -> Result<Self, DecodeError> {
        Ok(headers.next_link())
    }
}

/// Finds the next page among the links of an answer.
pub(crate) fn next_link(headers: &HeaderMap) -> Option<NextLink> {
    let mut values = headers.get_all(header::LINK).iter();
    values.find_map(|value| next_of(value.to_str().ok()?))
}

/// Finds it in one value, which may hold several links with commas. What is no link ends the search.
fn next_of(value: &str) -> Option<NextLink> {
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (target, after) = rest.strip_prefix('<')?.split_once('>')?;
        let mut relation: Option<String> = None;
        let mut has_anchor = false;
        rest = after.trim_start();
        while let Some(after) = rest.strip_prefix(';') {
            let (name, text, after) = parameter(after)?;
            match name.to_ascii_lowercase().as_str() {
                // Only the first counts.
                "rel" => relation = relation.or(Some(text)),
                // Such a link is about another resource than the one that was asked for.
                "anchor" => has_anchor = true,
                _ => {}
            }
            rest = after.trim_start();
        }
        let relations = relation.as_deref().unwrap_or_default();
        let is_next = relations
            .split_ascii_whitespace()
            .any(|one| one.eq_ignore_ascii_case("next"));
        if is_next && !has_anchor {
            return Some(NextLink::new(target.trim()));
        }
        rest = rest.strip_prefix(',')?;
    }
}

/// Reads `name=value` or `name="value"` or `name`, and what stands after it.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let text = text.trim_start();
    let end = text.find(['=', ';', ',']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let name = name.trim();
    let Some(value) = rest.strip_prefix('=') else {
        return Some((name, String::new(), rest));
    };
    let value = value.trim_start();
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find([';', ',']).unwrap_or(value.len());
        let (value, rest) = value.split_at(end);
        return Some((name, value.trim().to_owned(), rest));
    };
    let mut content = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((name, content, &quoted[at + 1..])),
            '\\' => content.push(characters.next()?.1),
            other => content.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_next_page_is_found_among_all_links() {
        for (values, expected) in [
            (
                &["<https://a/b?p=2>; rel=\"next\""][..],
                Some("https://a/b?p=2"),
            ),
            (&["<?p=2>;rel=next"], Some("?p=2")),
            (
                &["</b?a=1,2;3>; rel=\"prev\", </c>; REL=\"last Next\""],
                Some("/c"),
            ),
            (&["</b>; rel=prev", "</c>; rel=next"], Some("/c")),
            (
                &["</b>; title=\"a, \\\"<x>; rel=next\"; rel=\"next\""],
                Some("/b"),
            ),
            (&["</b>; title=\"a, <x>; rel=next\""], None),
            (&["</b>; rel=prev; rel=next"], None),
            (
                &["</b>; rel=next; anchor=\"/x\", </c>; rel=next"],
                Some("/c"),
            ),
            (&["</b>; crossorigin; rel = next"], Some("/b")),
            (&[",, </b>; rel=next ,"], Some("/b")),
            (&["</b>; rel=\"nextish\""], None),
            (&["</b>; rel=\"next"], None),
            (&["</b>"], None),
            (&["/b; rel=next"], None),
            (&["</b; rel=next"], None),
            (&["<>; rel=next"], Some("")),
            (&["</b>; rel=\"\\"], None),
            (&[""], None),
            (&[], None),
        ] {
            let values = values
                .iter()
                .map(|value| HeaderValue::from_str(value).unwrap());
            let headers: HeaderMap = values.map(|value| (header::LINK, value)).collect();
            let found = next_link(&headers);
            assert_eq!(found, expected.map(NextLink::new), "{headers:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_a_service_sends_is_read(value in "([<>;,=\"\\\\ ]|rel|next|/a|\u{e4}){0,24}") {
            // Nothing but what stands between brackets is ever a link.
            if let Some(link) = next_of(&value) {
                let bracketed = format!("<{}", link.target());
                prop_assert!(value.replace(' ', "").contains(&bracketed.replace(' ', "")));
            }
        }
    }
}
