//! What RFC 3986 allows: whether a text is a reference to a resource, or names one by itself.

/// Whether the text is a URI-reference: absolute, or relative to something.
pub(super) fn is_reference(text: &str) -> bool {
    match scheme(text) {
        Some((scheme, rest)) => is_scheme(scheme) && is_hierarchical(rest),
        None => is_hierarchical(text),
    }
}

/// Whether the text is a URI with its scheme. A fragment is taken, though section 4.3 has none: pointers into schemas are common.
pub(super) fn is_absolute(text: &str) -> bool {
    scheme(text).is_some_and(|(scheme, rest)| is_scheme(scheme) && is_hierarchical(rest))
}

/// What stands before the first colon and after it, if that colon can end a scheme. In the first segment of a relative path, no colon may stand.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let colon = text.find([':', '/', '?', '#'])?;
    let (scheme, rest) = text.split_at_checked(colon)?;
    Some((scheme, rest.strip_prefix(':')?))
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Whether the text is what may follow a scheme: authority, path, query and fragment, each of them optional.
fn is_hierarchical(text: &str) -> bool {
    let (text, fragment) = cut(text, '#');
    let (text, query) = cut(text, '?');
    let (authority, path) = match text.strip_prefix("//") {
        Some(rest) => rest
            .split_at_checked(rest.find('/').unwrap_or(rest.len()))
            .unwrap_or((rest, "")),
        None => ("", text),
    };
    is_authority(authority)
        && consists_of(path, b":@/")
        && consists_of(query, b":@/?")
        && consists_of(fragment, b":@/?")
}

fn cut(text: &str, at: char) -> (&str, &str) {
    text.split_once(at).unwrap_or((text, ""))
}

fn is_authority(authority: &str) -> bool {
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if !consists_of(user, b":") {
        return false;
    }
    let (host, port) = match host.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((literal, rest))) => {
            let is_literal = !literal.is_empty()
                && literal
                    .bytes()
                    .all(|byte| byte == b':' || is_unreserved(byte) || is_sub_delimiter(byte));
            match (is_literal, rest.strip_prefix(':')) {
                (true, Some(port)) => ("", port),
                (true, None) if rest.is_empty() => ("", ""),
                _ => return false,
            }
        }
        Some(None) => return false,
        None => host.split_once(':').unwrap_or((host, "")),
    };
    consists_of(host, b"") && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the text has nothing but what stands unescaped anywhere, whole escapes, and these others.
fn consists_of(text: &str, others: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let holds = if byte == b'%' {
            let mut is_hex = || bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
            is_hex() && is_hex()
        } else {
            is_unreserved(byte) || is_sub_delimiter(byte) || others.contains(&byte)
        };
        if !holds {
            return false;
        }
    }
    true
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn is_sub_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_absolute_ones_are_told_apart_from_other_text() {
        let rows = [
            ("https://github.com/cloudevents", true, true),
            ("mailto:cncf-wg-serverless@lists.cncf.io", true, true),
            ("urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", true, true),
            ("/cloudevents/spec/pull/123", true, false),
            ("1-555-123-4567", true, false),
            ("//host.example/a", true, false),
            ("localhost.localdomain", true, false),
            ("http://[2001:db8::1]:8080/a?b=c/d?e#f/g", true, true),
            ("http://user:pass@host:80", true, true),
            ("?q", true, false),
            ("#f", true, false),
            ("a/b:c", true, false),
            ("x:", true, true),
            ("a%20b", true, false),
            ("a b", false, false),
            ("a%2", false, false),
            ("a%zz", false, false),
            ("1a:b", false, false),
            (":b", false, false),
            ("é", false, false),
            ("a#b#c", false, false),
            ("http://[::1", false, false),
            ("http://[::1]x", false, false),
            ("http://[]", false, false),
            ("http://host:8a", false, false),
            ("http://a@b@c", false, false),
            ("/a[b]", false, false),
            ("a\"b", false, false),
            ("a\nb", false, false),
        ];
        for (text, reference, absolute) in rows {
            assert_eq!(is_reference(text), reference, "{text}");
            assert_eq!(is_absolute(text), absolute, "{text}");
        }
    }
}
