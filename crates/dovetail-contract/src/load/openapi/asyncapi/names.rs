//! Names for messages: those of the document as far as contracts can have them.

/// Longest name.
const LENGTH_MAX: usize = 128;

/// A name that a message may have, as close to this one as it can be.
pub(super) fn name_of(said: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let replaced = said.chars().map(|c| if fits(c) { c } else { '_' });
    let name: String = replaced
        .skip_while(|c| !c.is_ascii_alphabetic())
        .take(LENGTH_MAX)
        .collect();
    let name = name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    match name {
        "" => "message".to_owned(),
        name => name.to_owned(),
    }
}

/// The name with that of its channel before it.
pub(super) fn qualified(channel: &str, name: &str) -> String {
    name_of(&format!("{channel}.{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_as_it_is_where_it_can() {
        let rows = [
            ("order.created", "order.created"),
            ("orderCreated", "orderCreated"),
            ("a/b {c}", "a_b__c"),
            ("1.order", "order"),
            ("é", "message"),
            ("", "message"),
            ("../x", "x"),
        ];
        for (said, name) in rows {
            assert_eq!(name_of(said), name, "{said}");
        }
        assert_eq!(name_of(&"a".repeat(500)).len(), LENGTH_MAX);
        assert_eq!(qualified("/orders", "created"), "orders.created");
    }
}
