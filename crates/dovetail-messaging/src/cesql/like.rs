//! Patterns of `LIKE`, matched in time linear in the text: what stands between two `%` is looked for once, from left to right.
//!
//! A part with `_` in it cannot be searched for as a text. It is searched for with a set of bits, one for each of its characters: a bit is set
//! where all characters up to it are those that were just read.

/// The most characters that a pattern may have: the bits of a part take memory by the square of them.
pub(super) const PATTERN_MAX: usize = 1024;

/// A pattern that texts are held against.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// What the text begins with.
    first: Part,
    /// What then comes somewhere, in this order, and what the text ends with; nothing of it if the pattern has no `%`.
    rest: Option<(Vec<Part>, Part)>,
}

impl Pattern {
    /// Reads a pattern; `None` if it is too long.
    pub(super) fn new(text: &str) -> Option<Self> {
        if text.chars().count() > PATTERN_MAX {
            return None;
        }
        let mut parts = vec![Vec::new()];
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let character = match c {
                '%' => {
                    parts.push(Vec::new());
                    continue;
                }
                '_' => None,
                // Only these two are escaped: any other backslash is itself.
                '\\' => Some(chars.next_if(|next| matches!(next, '%' | '_')).unwrap_or(c)),
                c => Some(c),
            };
            if let Some(part) = parts.last_mut() {
                part.push(character);
            }
        }
        let mut parts = parts.into_iter().map(Part::new);
        let first = parts.next()?;
        let mut middle: Vec<_> = parts.collect();
        let rest = middle.pop().map(|last| {
            middle.retain(|part| !part.is_empty());
            (middle, last)
        });
        Some(Self { first, rest })
    }

    /// Whether the whole text is as the pattern says.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.rest_of(text).is_some()
    }

    fn rest_of(&self, text: &str) -> Option<()> {
        let text = self.first.strip_prefix(text)?;
        let Some((middle, last)) = &self.rest else {
            return text.is_empty().then_some(());
        };
        let mut text = last.strip_suffix(text)?;
        for part in middle {
            // The leftmost place leaves the most for the others.
            text = part.skip(text)?;
        }
        Some(())
    }
}

/// What stands between two `%`.
#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Wild(Wild),
}

impl Part {
    fn new(characters: Vec<Option<char>>) -> Self {
        match characters.iter().copied().collect() {
            Some(text) => Self::Text(text),
            None => Self::Wild(Wild::new(characters)),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }

    fn strip_prefix<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(part) => text.strip_prefix(part.as_str()),
            Self::Wild(wild) => {
                let mut chars = text.chars();
                let is_prefix = wild
                    .characters
                    .iter()
                    .all(|expected| chars.next().is_some_and(|c| accepts(*expected, c)));
                is_prefix.then_some(chars.as_str())
            }
        }
    }

    fn strip_suffix<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(part) => text.strip_suffix(part.as_str()),
            Self::Wild(wild) => {
                let mut chars = text.chars();
                let is_suffix = wild
                    .characters
                    .iter()
                    .rev()
                    .all(|expected| chars.next_back().is_some_and(|c| accepts(*expected, c)));
                is_suffix.then_some(chars.as_str())
            }
        }
    }

    /// What follows the leftmost place of the part.
    fn skip<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(part) => text
                .find(part.as_str())
                .and_then(|at| text.get(at + part.len()..)),
            Self::Wild(wild) => wild.skip(text),
        }
    }
}

fn accepts(expected: Option<char>, c: char) -> bool {
    expected.is_none_or(|expected| expected == c)
}

/// A part with at least one `_`.
#[derive(Debug, Clone)]
struct Wild {
    /// Its characters; nothing for `_`.
    characters: Vec<Option<char>>,
    /// For each character that the part names, in order, the places that it may stand in.
    places: Vec<(char, Bits)>,
    /// The places that any other character may stand in.
    any: Bits,
}

/// A set of places in a part, 64 to a word.
type Bits = Vec<u64>;

impl Wild {
    fn new(characters: Vec<Option<char>>) -> Self {
        let mut named: Vec<char> = characters.iter().copied().flatten().collect();
        named.sort_unstable();
        named.dedup();
        let bits = |holds: &dyn Fn(&Option<char>) -> bool| {
            let words = characters.chunks(64).map(|chunk| {
                let set = chunk.iter().enumerate().filter(|(_, c)| holds(c));
                set.fold(0, |word, (place, _)| word | 1 << place)
            });
            words.collect()
        };
        let places = named
            .into_iter()
            .map(|c| (c, bits(&|expected| accepts(*expected, c))))
            .collect();
        let any = bits(&Option::is_none);
        Self {
            characters,
            places,
            any,
        }
    }

    fn skip<'t>(&self, text: &'t str) -> Option<&'t str> {
        let last = 1_u64 << (self.characters.len().checked_sub(1)? % 64);
        let mut state = vec![0_u64; self.any.len()];
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let places = self
                .places
                .binary_search_by_key(&c, |(named, _)| *named)
                .ok()
                .and_then(|index| self.places.get(index))
                .map_or(&self.any, |(_, places)| places);
            // The first character may stand anywhere; each other one after the one before it.
            let mut carry = 1;
            for (word, places) in state.iter_mut().zip(places) {
                let shifted = *word << 1 | carry;
                carry = *word >> 63;
                *word = shifted & places;
            }
            if state.last().is_some_and(|word| word & last != 0) {
                return Some(chars.as_str());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).expect("it is short").matches(text)
    }

    #[test]
    fn a_pattern_holds_for_the_whole_text() {
        let rows = [
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
            ("%%", "a", true),
            ("a%", "a", true),
            ("%a", "ba", true),
            ("a%a", "a", false),
            ("ab%bc", "abc", false),
            ("_", "é", true),
            ("_", "", false),
            ("%_", "", false),
            ("%a_c%", "xxabxabc", true),
            ("%a_%_c", "abc", false),
            (r"\%", "%", true),
            (r"\_", "a", false),
            (r"\\%", r"\%", true),
            (r"\\%", r"\x", false),
            (r"a\b", r"a\b", true),
            (r"a\", r"a\", true),
            ("_%_%_", "ab", false),
        ];
        for (pattern, text, holds) in rows {
            assert_eq!(matches(pattern, text), holds, "{pattern} {text}");
        }
    }

    #[test]
    fn parts_longer_than_a_word_of_bits_are_found() {
        for length in [63, 64, 65, 127, 128, 129, 500] {
            let part = format!("{}_b", "a".repeat(length));
            let text = format!("{}xb{}", "a".repeat(length + 70), "c".repeat(10));
            assert!(matches(&format!("%{part}%"), &text), "{length}");
            let text = text.replace('b', "c");
            assert!(!matches(&format!("%{part}%"), &text), "{length}");
        }
    }

    #[test]
    fn hostile_patterns_take_linear_time() {
        let text = "a".repeat(64 * 1024);
        assert!(!matches(
            &"%a".repeat(500),
            &text.replace("aa", "ab")[..400]
        ));
        assert!(!matches(&format!("%{}", "%a_b".repeat(200)), &text));
        assert!(!matches(&format!("%{}_b%", "a".repeat(1000)), &text));
        assert!(Pattern::new(&"a".repeat(PATTERN_MAX + 1)).is_none());
    }

    /// What a pattern means, by trying every split.
    fn plainly(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|skipped| plainly(rest, &text[skipped..])),
            ['_', rest @ ..] => !text.is_empty() && plainly(rest, &text[1..]),
            ['\\', c @ ('%' | '_'), rest @ ..] | [c, rest @ ..] => {
                text.first() == Some(c) && plainly(rest, &text[1..])
            }
        }
    }

    proptest! {
        #[test]
        fn matching_is_what_trying_every_split_finds(
            pattern in "[ab%_\\\\]{0,10}",
            text in "[ab%\\\\]{0,12}",
        ) {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = plainly(&chars(&pattern), &chars(&text));
            prop_assert_eq!(matches(&pattern, &text), expected);
        }
    }
}
