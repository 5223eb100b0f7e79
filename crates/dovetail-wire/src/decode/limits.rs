//! What bounds the reading of unions within unions, whatever a service sends.
//!
//! A union is read from a text of its own, by a reader that knows nothing of the one around it. So the depth of the text
//! is measured once for all of them, and one that fails is read once more for its place, rather than once more per level.

use std::cell::Cell;

/// The deepest nesting of a union's text. Half of what `serde_json` allows elsewhere, because a level costs more stack.
const DEPTH_MAX: usize = 64;

thread_local! {
    static PASS: Cell<Pass> = const { Cell::new(Pass::Outside) };
}

/// What the running thread reads unions for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// It reads none now.
    Outside,
    /// For the value, without following the path.
    Plain,
    /// For the place where it is wrong, after a plain pass failed.
    Located,
}

impl Pass {
    pub(super) fn current() -> Self {
        PASS.get()
    }

    /// Reads in this pass.
    pub(super) fn run<T>(self, read: impl FnOnce() -> T) -> T {
        let _end = End(PASS.replace(self));
        read()
    }
}

/// Restores the pass before, even where a reader panics.
struct End(Pass);

impl Drop for End {
    fn drop(&mut self) {
        PASS.set(self.0);
    }
}

/// Whether the brackets of a JSON text nest deeper than a union's may.
pub(super) fn is_too_deep(json: &str) -> bool {
    // Shorter texts have no room for that.
    if json.len() <= DEPTH_MAX {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_where_they_nest_and_not_within_texts() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_too_deep(&nested(DEPTH_MAX)));
        assert!(is_too_deep(&nested(DEPTH_MAX + 1)));
        assert!(!is_too_deep(&"[]".repeat(1_000)));
        assert!(!is_too_deep(&format!(r#"["\"{}"]"#, "[".repeat(1_000))));
        assert!(is_too_deep(&format!(r#"["\\",{}"#, "[".repeat(1_000))));
    }

    #[test]
    fn a_pass_ends_with_what_it_runs_even_by_a_panic() {
        let panicked = std::panic::catch_unwind(|| Pass::Plain.run(|| panic!("as planned")));
        assert!(panicked.is_err());
        assert_eq!(Pass::current(), Pass::Outside);
        let nested = Pass::Plain.run(|| Pass::Located.run(Pass::current));
        assert_eq!((nested, Pass::current()), (Pass::Located, Pass::Outside));
    }
}
