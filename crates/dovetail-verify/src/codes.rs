//! The codes of what a verification finds, each with the page that explains it.
//!
//! Where a code means the same as one of loading, it is that one.

pub use dovetail_contract::codes::{DUPLICATE_KEY, TOO_LARGE, WRONG_TYPE};
use dovetail_contract::finding::{Code, Severity};

/// Every code that only a verification uses, in the order of the reference.
pub const ALL: &[&Code] = &[
    &MISSING,
    &UNEXPECTED,
    &NULL,
    &NOT_EQUAL,
    &NOT_ONE_OF,
    &NO_MATCH,
    &TOO_FEW,
    &TOO_MANY,
    &WRONG_STATUS,
    &WRONG_CONTENT_TYPE,
    &NOT_JSON,
    &ENCODED_BODY,
    &UNEXPECTED_BODY,
    &UNDECLARED_MEDIA_TYPE,
    &BROKEN_PROMISE,
    &UNUSABLE_SCHEMA,
    &UNREACHABLE,
    &TIMEOUT,
    &BROKEN_CONNECTION,
    &STATE_SET_UP,
    &STATE_TEARDOWN,
    &NOT_TEXT,
    &UNDECLARED_ANSWER,
    &UNSENDABLE_REQUEST,
];

/// See `codes/missing.md`.
pub static MISSING: Code = code("missing", include_str!("../codes/missing.md"));

/// See `codes/unexpected.md`.
pub static UNEXPECTED: Code = code("unexpected", include_str!("../codes/unexpected.md"));

/// See `codes/null.md`.
pub static NULL: Code = code("null", include_str!("../codes/null.md"));

/// See `codes/not-equal.md`.
pub static NOT_EQUAL: Code = code("not-equal", include_str!("../codes/not-equal.md"));

/// See `codes/not-one-of.md`.
pub static NOT_ONE_OF: Code = code("not-one-of", include_str!("../codes/not-one-of.md"));

/// See `codes/no-match.md`.
pub static NO_MATCH: Code = code("no-match", include_str!("../codes/no-match.md"));

/// See `codes/too-few.md`.
pub static TOO_FEW: Code = code("too-few", include_str!("../codes/too-few.md"));

/// See `codes/too-many.md`.
pub static TOO_MANY: Code = code("too-many", include_str!("../codes/too-many.md"));

/// See `codes/wrong-status.md`.
pub static WRONG_STATUS: Code = code("wrong-status", include_str!("../codes/wrong-status.md"));

/// See `codes/wrong-content-type.md`.
pub static WRONG_CONTENT_TYPE: Code = code(
    "wrong-content-type",
    include_str!("../codes/wrong-content-type.md"),
);

/// See `codes/not-json.md`.
pub static NOT_JSON: Code = code("not-json", include_str!("../codes/not-json.md"));

/// See `codes/encoded-body.md`.
pub static ENCODED_BODY: Code = code("encoded-body", include_str!("../codes/encoded-body.md"));

/// See `codes/unexpected-body.md`.
pub static UNEXPECTED_BODY: Code = code(
    "unexpected-body",
    include_str!("../codes/unexpected-body.md"),
);

/// See `codes/undeclared-media-type.md`.
pub static UNDECLARED_MEDIA_TYPE: Code = code(
    "undeclared-media-type",
    include_str!("../codes/undeclared-media-type.md"),
);

/// See `codes/broken-promise.md`.
pub static BROKEN_PROMISE: Code =
    code("broken-promise", include_str!("../codes/broken-promise.md"));

/// See `codes/unusable-schema.md`.
pub static UNUSABLE_SCHEMA: Code = code(
    "unusable-schema",
    include_str!("../codes/unusable-schema.md"),
);

/// See `codes/unreachable.md`.
pub static UNREACHABLE: Code = code("unreachable", include_str!("../codes/unreachable.md"));

/// See `codes/timeout.md`.
pub static TIMEOUT: Code = code("timeout", include_str!("../codes/timeout.md"));

/// See `codes/broken-connection.md`.
pub static BROKEN_CONNECTION: Code = code(
    "broken-connection",
    include_str!("../codes/broken-connection.md"),
);

/// See `codes/state-set-up.md`.
pub static STATE_SET_UP: Code = code("state-set-up", include_str!("../codes/state-set-up.md"));

/// See `codes/state-teardown.md`.
pub static STATE_TEARDOWN: Code =
    code("state-teardown", include_str!("../codes/state-teardown.md"));

/// See `codes/not-text.md`.
pub static NOT_TEXT: Code = code("not-text", include_str!("../codes/not-text.md"));

/// See `codes/undeclared-answer.md`.
pub static UNDECLARED_ANSWER: Code = code(
    "undeclared-answer",
    include_str!("../codes/undeclared-answer.md"),
);

/// See `codes/unsendable-request.md`.
pub static UNSENDABLE_REQUEST: Code = code(
    "unsendable-request",
    include_str!("../codes/unsendable-request.md"),
);

const fn code(id: &'static str, page: &'static str) -> Code {
    Code {
        id,
        severity: Severity::Error,
        page,
    }
}
