//! Every code that generating can give a finding, with its page.

use dovetail_contract::finding::{Code, Severity};

/// Every code of this crate, in the order of the reference.
pub const ALL: &[&Code] = &[
    &UNTYPED_SCHEMA,
    &INDISTINCT_UNION,
    &CONFLICTING_ALL_OF,
    &RAW_BODY,
    &PART_HEADERS,
    &UNREAD_PAGES,
    &PACKAGE_COLLISION,
    &BROKEN_OUTPUT,
];

/// Codes of what becomes untyped JSON, or bytes.
pub const UNTYPED: &[&Code] = &[
    &UNTYPED_SCHEMA,
    &INDISTINCT_UNION,
    &CONFLICTING_ALL_OF,
    &RAW_BODY,
];

/// A schema that Rust types cannot say.
pub static UNTYPED_SCHEMA: Code = Code {
    id: "untyped-schema",
    severity: Severity::Note,
    page: include_str!("../codes/untyped-schema.md"),
};

/// A union whose branches nothing tells apart.
pub static INDISTINCT_UNION: Code = Code {
    id: "indistinct-union",
    severity: Severity::Warning,
    page: include_str!("../codes/indistinct-union.md"),
};

/// Parts of an `allOf` that contradict each other.
pub static CONFLICTING_ALL_OF: Code = Code {
    id: "conflicting-all-of",
    severity: Severity::Warning,
    page: include_str!("../codes/conflicting-all-of.md"),
};

/// A body that is sent as the bytes it is.
pub static RAW_BODY: Code = Code {
    id: "raw-body",
    severity: Severity::Note,
    page: include_str!("../codes/raw-body.md"),
};

/// Headers of a part of a multipart body, which are not sent.
pub static PART_HEADERS: Code = Code {
    id: "part-headers",
    severity: Severity::Warning,
    page: include_str!("../codes/part-headers.md"),
};

/// A list whose pages callers must fetch themselves.
pub static UNREAD_PAGES: Code = Code {
    id: "unread-pages",
    severity: Severity::Warning,
    page: include_str!("../codes/unread-pages.md"),
};

/// Two services whose crates would have one name.
pub static PACKAGE_COLLISION: Code = Code {
    id: "package-collision",
    severity: Severity::Error,
    page: include_str!("../codes/package-collision.md"),
};

/// Generated text that is no Rust, which is our defect.
pub static BROKEN_OUTPUT: Code = Code {
    id: "broken-output",
    severity: Severity::Error,
    page: include_str!("../codes/broken-output.md"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_of_the_usual_shape() {
        for code in ALL {
            assert!(
                code.page.starts_with(&format!("# {}\n", code.id)),
                "{}",
                code.id
            );
            for heading in ["## What it means", "## Why it matters", "## Instead"] {
                assert!(code.page.contains(heading), "{}: {heading}", code.id);
            }
        }
    }
}
