//! Names of contracts as Rust identifiers: split into words, cased, kept clear of keywords, unique in their scope.
//!
//! Names come from strangers and may be anything. What leaves this module is always an identifier that compiles without a warning.

use std::collections::{HashMap, HashSet};

/// Longer names are cut, and a hash of the whole keeps them apart.
const LENGTH_MAX: usize = 100;

/// The casing of a name, which is also what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Casing {
    /// A type: `OrderItem`.
    Type,
    /// A variant of an enum: `OrderItem`.
    Variant,
    /// A field, an argument or a method: `order_item`.
    Snake,
    /// A constant: `ORDER_ITEM`.
    Constant,
}

/// The names that are taken in one place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    taken: HashSet<String>,
    /// The next number to try for a name that was asked for before, so that many equal names stay cheap.
    next: HashMap<String, u32>,
}

/// A name that something should have.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// What the contract calls it.
    pub(crate) text: &'a str,
    /// What tells it from others of the same text, such as where it stands.
    pub(crate) place: &'a str,
    pub(crate) name: String,
    /// Whether somebody chose the name for generated code.
    pub(crate) is_given: bool,
}

/// An identifier for `text`. Not unique yet: see [`Scope::claim`].
pub(crate) fn identifier(text: &str, casing: Casing) -> String {
    from_words(&words(text), casing)
}

/// An identifier made of words.
pub(crate) fn from_words(words: &[String], casing: Casing) -> String {
    let (separator, capital): (&str, fn(&str) -> String) = match casing {
        Casing::Type | Casing::Variant => ("", capitalised),
        Casing::Snake => ("_", str::to_lowercase),
        Casing::Constant => ("_", str::to_uppercase),
    };
    let mut name = words
        .iter()
        .map(|word| capital(word))
        .collect::<Vec<_>>()
        .join(separator);
    if name.starts_with(|c: char| !unicode_ident::is_xid_start(c)) {
        let prefix = match casing {
            Casing::Type => "T",
            Casing::Variant => "V",
            Casing::Snake => "n",
            Casing::Constant => "N",
        };
        name.insert_str(0, prefix);
    }
    shortened(&name, separator)
}

/// The words of a name: split at punctuation and where the case changes. Never empty, and made of characters that identifiers may hold.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    if text.starts_with(['-', '+']) && text.chars().nth(1).is_some_and(char::is_alphanumeric) {
        words.push(symbol_name(text.chars().next().unwrap_or('-')));
    }
    let mut word = String::new();
    let mut before: Option<char> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !is_word_character(c) {
            if c.is_alphanumeric() {
                push(&mut words, &mut word);
                word = format!("u{:x}", u32::from(c));
                push(&mut words, &mut word);
            } else if c != '\'' {
                push(&mut words, &mut word);
            }
            before = None;
            continue;
        }
        let upper = c.is_uppercase();
        let starts = before.is_some_and(|before| {
            let next_is_lower = chars.peek().is_some_and(|next| next.is_lowercase());
            upper && (!before.is_uppercase() || next_is_lower)
        });
        if starts && !ends_an_acronym(&word, c, chars.clone()) {
            push(&mut words, &mut word);
        }
        word.push(c);
        before = Some(c);
    }
    push(&mut words, &mut word);
    if words.is_empty() {
        words = text.chars().take(16).map(symbol_name).collect();
        if let Some(name) = operator(text) {
            words = name.split(' ').map(str::to_owned).collect();
        }
    }
    if words.is_empty() {
        words.push("empty".to_owned());
    }
    words
}

/// An identifier that says every character of a short text.
fn spelled(text: &str, casing: Casing) -> String {
    const SPELLED_MAX: usize = 48;
    let mut spelled = Vec::new();
    let mut plain = String::new();
    let flush = |plain: &mut String, spelled: &mut Vec<String>| {
        if !plain.is_empty() {
            spelled.extend(words(&std::mem::take(plain)));
        }
    };
    for c in text.chars().take(SPELLED_MAX) {
        if is_word_character(c) {
            plain.push(c);
        } else {
            flush(&mut plain, &mut spelled);
            spelled.push(symbol_name(c));
        }
    }
    flush(&mut plain, &mut spelled);
    // `asc` and `ASC` are the names that stand together most often.
    if text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase) {
        spelled.push("upper".to_owned());
    }
    from_words(&spelled, casing)
}

/// A short, stable hash of a text, in hexadecimal (FNV-1a).
pub(crate) fn short_hash(text: &str) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in text.bytes() {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(0x0100_0000_01b3);
    }
    format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

impl Scope {
    /// A scope where these names are taken.
    pub(crate) fn with(reserved: &[&str]) -> Self {
        Self {
            taken: reserved.iter().map(|name| (*name).to_owned()).collect(),
            next: HashMap::new(),
        }
    }

    /// A name of this scope like `name`, and takes it. Keywords become raw identifiers where the language has them.
    pub(crate) fn claim(&mut self, name: &str, casing: Casing) -> String {
        let separator = match casing {
            Casing::Type | Casing::Variant if name.ends_with(|c: char| c.is_ascii_digit()) => "N",
            Casing::Type | Casing::Variant => "",
            Casing::Snake | Casing::Constant => "_",
        };
        let first = clear_of_keywords(name);
        if self.taken.insert(first.clone()) {
            return first;
        }
        let start = self.next.get(name).copied().unwrap_or(2);
        for number in start..=u32::MAX {
            let candidate = format!("{name}{separator}{number}");
            if self.taken.insert(candidate.clone()) {
                self.next.insert(name.to_owned(), number.saturating_add(1));
                return candidate;
            }
        }
        // Four thousand million equal names cannot be read, so this is never reached; it is a name all the same.
        first
    }

    /// Names for things that stand together, in their order.
    ///
    /// A name goes to who was given it, else to who is called exactly so. Another that wants it gets one that follows from
    /// its own text, so no name changes because something else was added before it.
    pub(crate) fn claim_all(&mut self, wanted: &[Wanted<'_>], casing: Casing) -> Vec<String> {
        let mut order: Vec<(usize, &Wanted<'_>)> = wanted.iter().enumerate().collect();
        let capitals = |text: &str| text.chars().filter(|c| c.is_uppercase()).count();
        order.sort_by_cached_key(|(_, one)| {
            let is_exact = one.text == one.name;
            (
                !one.is_given,
                !is_exact,
                capitals(one.text),
                one.text,
                one.place,
            )
        });
        let mut names = vec![String::new(); wanted.len()];
        for (index, one) in order {
            let spelled = spelled(one.text, casing);
            let is_better = spelled != one.name && !self.is_taken(&spelled);
            let name = if self.is_taken(&one.name) && is_better {
                self.claim(&spelled, casing)
            } else {
                self.claim_for(&one.name, &format!("{} {}", one.text, one.place), casing)
            };
            if let Some(slot) = names.get_mut(index) {
                *slot = name;
            }
        }
        names
    }

    /// A name like `name`; where that is taken, one that follows from `text`.
    pub(crate) fn claim_for(&mut self, name: &str, text: &str, casing: Casing) -> String {
        if !self.is_taken(name) {
            return self.claim(name, casing);
        }
        let hash = short_hash(text);
        let short = hash.get(..4).unwrap_or(&hash);
        let [short, long] = [short, &hash].map(|hash| match casing {
            Casing::Type | Casing::Variant => format!("{name}X{hash}"),
            Casing::Snake => format!("{name}_x{hash}"),
            Casing::Constant => format!("{name}_X{}", hash.to_uppercase()),
        });
        let free = if self.is_taken(&short) { long } else { short };
        self.claim(&free, casing)
    }

    /// Whether a name is taken, in the shape that it would get.
    fn is_taken(&self, name: &str) -> bool {
        self.holds(&clear_of_keywords(name))
    }

    /// Whether a name is taken.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.taken.contains(name)
    }
}

fn push(words: &mut Vec<String>, word: &mut String) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

/// Whether `c` would cut the plural of an acronym in two: `IDs` is one word.
fn ends_an_acronym(word: &str, c: char, mut rest: impl Iterator<Item = char>) -> bool {
    let is_acronym = !word.is_empty() && word.chars().all(char::is_uppercase) && c.is_uppercase();
    is_acronym && rest.next() == Some('s') && rest.next().is_none_or(|next| !next.is_alphanumeric())
}

/// Scripts whose letters the compiler's lints never take for others. Letters of other scripts are spelled by their number.
fn is_word_character(c: char) -> bool {
    let plain = c.is_ascii_alphanumeric();
    let latin = ('\u{c0}'..='\u{17e}').contains(&c)
        && !matches!(
            c,
            '\u{d7}'
                | '\u{f7}'
                // Its small letter is two characters.
                | '\u{130}'
                | '\u{131}'
                | '\u{132}'
                | '\u{133}'
                | '\u{13f}'
                | '\u{140}'
                | '\u{149}'
        );
    let east_asian =
        ('\u{4e00}'..='\u{9fa5}').contains(&c) || ('\u{ac00}'..='\u{d7a3}').contains(&c);
    plain || ((latin || east_asian) && unicode_ident::is_xid_continue(c))
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    first
        .to_uppercase()
        .chain(chars.flat_map(char::to_lowercase))
        .collect()
}

fn shortened(name: &str, separator: &str) -> String {
    if name.chars().count() <= LENGTH_MAX {
        return name.to_owned();
    }
    let kept: String = name.chars().take(LENGTH_MAX - 12).collect();
    let kept = kept.trim_end_matches('_');
    let hash = short_hash(name);
    match separator {
        "" => format!("{kept}X{hash}"),
        _ if name.starts_with(char::is_uppercase) => {
            format!("{kept}_X{}", hash.to_uppercase())
        }
        _ => format!("{kept}_x{hash}"),
    }
}

/// What people call the operators that appear as values of filters.
fn operator(text: &str) -> Option<&'static str> {
    Some(match text {
        "=" | "==" => "equal",
        "!=" | "<>" => "not equal",
        "<" => "less",
        "<=" => "less or equal",
        ">" => "greater",
        ">=" => "greater or equal",
        "=~" | "~" => "matches",
        "!~" => "not matches",
        "*" => "star",
        "&&" => "and",
        "||" => "or",
        "!" => "not",
        _ => return None,
    })
}

fn symbol_name(c: char) -> String {
    let name = match c {
        '+' => "plus",
        '-' => "minus",
        '*' => "star",
        '/' => "slash",
        '\\' => "backslash",
        '%' => "percent",
        '=' => "equal",
        '<' => "less",
        '>' => "greater",
        '!' => "not",
        '?' => "question",
        '.' => "dot",
        ',' => "comma",
        ':' => "colon",
        ';' => "semicolon",
        '&' => "and",
        '|' => "or",
        '^' => "caret",
        '~' => "tilde",
        '#' => "hash",
        '@' => "at",
        '$' => "dollar",
        '_' => "underscore",
        '"' => "quote",
        '\'' => "apostrophe",
        '`' => "backtick",
        '(' => "open",
        ')' => "close",
        '[' => "openbracket",
        ']' => "closebracket",
        '{' => "openbrace",
        '}' => "closebrace",
        ' ' => "space",
        '\n' => "newline",
        '\t' => "tab",
        _ => return format!("u{:x}", u32::from(c)),
    };
    name.to_owned()
}

/// A name as code may write it. Keywords become raw identifiers where the language has them.
fn clear_of_keywords(name: &str) -> String {
    match name {
        "Self" => "SelfType".to_owned(),
        "self" | "super" | "crate" | "_" => format!("{name}_"),
        _ if is_keyword(name) => format!("r#{name}"),
        _ => name.to_owned(),
    }
}

fn is_keyword(name: &str) -> bool {
    const KEYWORDS: [&str; 50] = [
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do",
        "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in",
        "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
        "return", "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe",
        "unsized", "use", "virtual", "where", "while", "yield", "union_", "static_",
    ];
    KEYWORDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cased_and_compile() {
        let rows = [
            ("orderItem", Casing::Type, "OrderItem"),
            ("order_item", Casing::Type, "OrderItem"),
            ("HTTPServerError", Casing::Snake, "http_server_error"),
            ("userIDs", Casing::Snake, "user_ids"),
            ("IDs", Casing::Snake, "ids"),
            ("get/orders/{id}", Casing::Snake, "get_orders_id"),
            ("v2.Order", Casing::Type, "V2Order"),
            ("x-request-id", Casing::Snake, "x_request_id"),
            ("1h", Casing::Variant, "V1h"),
            ("404", Casing::Snake, "n404"),
            ("404", Casing::Type, "T404"),
            ("", Casing::Variant, "Empty"),
            ("_", Casing::Snake, "underscore"),
            ("=", Casing::Variant, "Equal"),
            ("!=", Casing::Snake, "not_equal"),
            ("+1", Casing::Variant, "Plus1"),
            ("-created", Casing::Variant, "MinusCreated"),
            ("🦀", Casing::Variant, "U1f980"),
            ("Größe", Casing::Snake, "größe"),
            ("имя", Casing::Snake, "u438_u43c_u44f"),
            ("İd", Casing::Snake, "u130_d"),
            ("r#type", Casing::Snake, "r_type"),
            ("GET_ORDER", Casing::Constant, "GET_ORDER"),
            ("getOrder", Casing::Constant, "GET_ORDER"),
            ("it's", Casing::Snake, "its"),
        ];
        for (text, casing, expected) in rows {
            assert_eq!(identifier(text, casing), expected, "{text}");
        }
    }

    #[test]
    fn a_scope_gives_each_name_once() {
        let mut scope = Scope::with(&["Option"]);
        let claims: Vec<_> = ["Asc", "Asc", "Asc", "V1", "V1", "Option", "Self"]
            .into_iter()
            .map(|name| scope.claim(name, Casing::Variant))
            .collect();
        assert_eq!(
            claims,
            ["Asc", "Asc2", "Asc3", "V1", "V1N2", "Option2", "SelfType"]
        );
        let mut fields = Scope::default();
        let claims: Vec<_> = ["type", "type", "self", "gen"]
            .into_iter()
            .map(|name| fields.claim(name, Casing::Snake))
            .collect();
        assert_eq!(claims, ["r#type", "type_2", "self_", "r#gen"]);
    }

    #[test]
    fn a_name_follows_from_its_own_text_and_not_from_its_place() {
        let names = |texts: &[&str]| -> HashMap<String, String> {
            let wanted: Vec<Wanted<'_>> = texts
                .iter()
                .map(|text| Wanted {
                    text,
                    place: "",
                    name: identifier(text, Casing::Snake),
                    is_given: *text == "given",
                })
                .collect();
            let names = Scope::with(&["given"]).claim_all(&wanted, Casing::Snake);
            let texts = texts.iter().map(|text| (*text).to_owned());
            texts.zip(names).collect()
        };
        let few = names(&["a-b", "a_b", "a.b", "type", "Type", "aB", "x", "given"]);
        let shown = |text: &str| few.get(text).map(String::as_str);
        assert_eq!(shown("a_b"), Some("a_b"));
        assert_eq!(shown("a-b"), Some("a_minus_b"));
        assert_eq!(shown("a.b"), Some("a_dot_b"));
        assert_eq!(shown("type"), Some("r#type"));
        assert_eq!(shown("x"), Some("x"));
        assert!(shown("aB").is_some_and(|name| name.starts_with("a_b_x")));
        assert!(shown("Type").is_some_and(|name| name.starts_with("type_x")));
        assert!(shown("given").is_some_and(|name| name.starts_with("given_x")));
        let more = names(&[
            "z", "given", "b", "aB", "x", "Type", "type", "new", "a.b", "a_b", "a-b",
        ]);
        for (text, name) in &few {
            assert_eq!(more.get(text), Some(name), "{text}");
        }
    }

    #[test]
    fn a_very_long_name_is_cut_and_stays_apart_from_its_like() {
        let long = identifier(&"abc".repeat(4000), Casing::Type);
        let other = identifier(&format!("{}d", "abc".repeat(4000)), Casing::Type);
        assert!(long.len() <= LENGTH_MAX, "{}", long.len());
        assert_ne!(long, other);
    }

    #[test]
    fn whatever_the_text_the_name_is_an_identifier() {
        let mut texts: Vec<String> = (0..0x3000u32)
            .filter_map(char::from_u32)
            .map(String::from)
            .collect();
        texts.extend(["\u{202e}a", "a\u{301}", "ǅx", "a b\nc", "ſ"].map(String::from));
        for text in &texts {
            for casing in [
                Casing::Type,
                Casing::Variant,
                Casing::Snake,
                Casing::Constant,
            ] {
                let name = Scope::default().claim(&identifier(text, casing), casing);
                assert!(
                    syn::parse_str::<syn::Ident>(&name).is_ok(),
                    "{text:?} → {name}"
                );
            }
        }
    }
}
