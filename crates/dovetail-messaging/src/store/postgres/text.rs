//! Texts of strangers, as columns can hold them.
//!
//! PostgreSQL keeps every character but NUL, so `␀0` stands for it, and `␀␀` for the sign `␀` itself. An index keeps no more than some two
//! thousand bytes, so `␀#` and a hash stand for a longer text wherever it is only looked up.

use std::borrow::Cow;

/// Two of these and the name of a consumer have room in one row of an index.
const INDEXED_BYTES_MAX: usize = 1_024;

/// A text as it is kept, to be read back by [`read`].
pub(super) fn kept(text: &str) -> Cow<'_, str> {
    if text.contains(['\0', '␀']) {
        Cow::Owned(text.replace('␀', "␀␀").replace('\0', "␀0"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A text as it is looked up.
pub(super) fn indexed(text: &str) -> Cow<'_, str> {
    let kept = kept(text);
    if kept.len() <= INDEXED_BYTES_MAX {
        return kept;
    }
    Cow::Owned(format!("␀#{}", blake3::hash(text.as_bytes()).to_hex()))
}

/// What was meant by a text that was kept.
pub(super) fn read(kept: String) -> String {
    if !kept.contains('␀') {
        return kept;
    }
    let mut text = String::with_capacity(kept.len());
    let mut signs = kept.chars();
    while let Some(sign) = signs.next() {
        text.push(match sign {
            '␀' if signs.next() == Some('0') => '\0',
            sign => sign,
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in [
            "", "plain", "ä␤", "a\0b", "␀", "␀0", "\0\0", "␀\0", "\0␀", "0␀0",
        ] {
            let kept = kept(text);
            assert!(!kept.contains('\0'), "{text:?}");
            assert_eq!(read(kept.into_owned()), text, "{text:?}");
        }
    }

    #[test]
    fn a_text_that_is_looked_up_has_an_end_and_is_its_own() {
        let texts = [
            "x".to_owned(),
            "\0".repeat(1_024),
            "␀".repeat(1_024),
            "x".repeat(2_000),
        ];
        for one in &texts {
            assert!(indexed(one).len() <= INDEXED_BYTES_MAX);
            let same = texts.iter().filter(|other| indexed(other) == indexed(one));
            assert_eq!(same.count(), 1);
        }
    }
}
