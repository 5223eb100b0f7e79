//! Tokens of JSON pointers (RFC 6901): how a key is written in one, and which key a token means.

use std::borrow::Cow;

/// A key as a token.
pub(crate) fn escape(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) {
        Cow::Owned(key.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(key)
    }
}

/// The key that a token stands for.
pub(crate) fn unescape(token: &str) -> Cow<'_, str> {
    if token.contains('~') {
        Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_as_it_was() {
        let rows = [
            ("a", "a"),
            ("", ""),
            ("a/b", "a~1b"),
            ("~", "~0"),
            ("~1", "~01"),
            ("/~/", "~1~0~1"),
        ];
        for (key, token) in rows {
            assert_eq!(escape(key), token, "{key}");
            assert_eq!(unescape(token), key, "{token}");
        }
    }
}
