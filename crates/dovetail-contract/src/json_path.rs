//! Places in a JSON value as people write them: `$.items[3]['odd key']`.

/// One step into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into a field of an object.
    Field(&'a str),
    /// Into an element of an array.
    Element(usize),
    /// Into every element of an array.
    Elements,
}

/// The steps from the root, as text.
#[must_use]
pub fn json_path(steps: &[Step<'_>]) -> String {
    let mut path = String::from("$");
    for step in steps {
        match step {
            Step::Element(index) => path.push_str(&format!("[{index}]")),
            Step::Elements => path.push_str("[*]"),
            Step::Field(name) if is_plain(name) => {
                path.push('.');
                path.push_str(name);
            }
            Step::Field(name) => push_quoted(&mut path, name),
        }
    }
    path
}

fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn push_quoted(path: &mut String, name: &str) {
    path.push_str("['");
    for c in name.chars() {
        match c {
            '\'' | '\\' => {
                path.push('\\');
                path.push(c);
            }
            c if crate::escape::is_hidden(c) => path.extend(c.escape_unicode()),
            c => path.push(c),
        }
    }
    path.push_str("']");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_follow_a_dot_and_odd_ones_are_quoted() {
        let rows: [(&[Step<'_>], &str); 6] = [
            (&[], "$"),
            (&[Step::Elements, Step::Field("id")], "$[*].id"),
            (
                &[
                    Step::Field("items"),
                    Step::Element(3),
                    Step::Field("unit-price"),
                ],
                "$.items[3].unit-price",
            ),
            (&[Step::Field("odd key")], "$['odd key']"),
            (&[Step::Field("it's\\")], "$['it\\'s\\\\']"),
            (
                &[Step::Field("\u{1b}[0m"), Step::Field("")],
                "$['\\u{1b}[0m']['']",
            ),
        ];
        for (steps, path) in rows {
            assert_eq!(json_path(steps), path);
        }
    }
}
