//! Every code that loading can give a finding, with its page.
//!
//! A code is a name for ever: scripts and ignore lists refer to it. What it means is told in `codes/<id>.md`, which `dovetail explain` prints.

use crate::finding::{Code, Severity};

/// Every code of this crate, in the order of the reference.
pub const ALL: &[&Code] = &[
    &UNKNOWN_KEY,
    &WRONG_TYPE,
    &MISSING_KEY,
    &INVALID_VALUE,
    &MISSING_FILE,
    &UNREADABLE_FILE,
    &YAML_SYNTAX,
    &JSON_SYNTAX,
    &PROTO_SYNTAX,
    &DUPLICATE_KEY,
    &TOO_LARGE,
    &INVALID_UTF8,
    &EMPTY_FILE,
    &DANGLING_REFERENCE,
    &REFERENCE_CYCLE,
    &REFERENCE_OUTSIDE,
    &REFERENCE_REMOTE,
    &REFERENCE_KIND,
    &UNSUPPORTED_VERSION,
    &MISSING_OPERATION_ID,
    &DUPLICATE_OPERATION_ID,
    &UNDECLARED_PATH_PARAMETER,
    &UNUSED_PATH_PARAMETER,
    &DUPLICATE_PARAMETER,
    &UNKNOWN_SECURITY_SCHEME,
    &UNFIT_PAGINATION,
    &UNFIT_RENAME,
    &UNKNOWN_MESSAGE,
    &DUPLICATE_MESSAGE,
    &COMPETING_CONSUMERS,
    &UNKNOWN_CHANNEL,
    &UNUSED_CHANNEL,
    &UNFIT_KEY,
    &UNFIT_IDEMPOTENCY,
    &SHORT_RETENTION,
    &MIXED_TRANSPORTS,
    &UNKEPT_LAW,
    &UNUSED_SETTING,
    &UNREAD_BINDING,
    &WRITTEN_AS_JSON,
];

/// A key that this kind of file does not have.
pub static UNKNOWN_KEY: Code = Code {
    id: "unknown-key",
    severity: Severity::Error,
    page: include_str!("../codes/unknown-key.md"),
};

/// A value of another type than its key takes.
pub static WRONG_TYPE: Code = Code {
    id: "wrong-type",
    severity: Severity::Error,
    page: include_str!("../codes/wrong-type.md"),
};

/// A key that must be there and is not.
pub static MISSING_KEY: Code = Code {
    id: "missing-key",
    severity: Severity::Error,
    page: include_str!("../codes/missing-key.md"),
};

/// A value of the right type that is none of the allowed ones.
pub static INVALID_VALUE: Code = Code {
    id: "invalid-value",
    severity: Severity::Error,
    page: include_str!("../codes/invalid-value.md"),
};

/// A file that is named and is not there.
pub static MISSING_FILE: Code = Code {
    id: "missing-file",
    severity: Severity::Error,
    page: include_str!("../codes/missing-file.md"),
};

/// A file that is there and cannot be read.
pub static UNREADABLE_FILE: Code = Code {
    id: "unreadable-file",
    severity: Severity::Error,
    page: include_str!("../codes/unreadable-file.md"),
};

/// Text that is not one well-formed YAML document.
pub static YAML_SYNTAX: Code = Code {
    id: "yaml-syntax",
    severity: Severity::Error,
    page: include_str!("../codes/yaml-syntax.md"),
};

/// Text that is not one well-formed JSON document.
pub static JSON_SYNTAX: Code = Code {
    id: "json-syntax",
    severity: Severity::Error,
    page: include_str!("../codes/json-syntax.md"),
};

/// Text that is not one well-formed file of protobuf, or whose names lead nowhere.
pub static PROTO_SYNTAX: Code = Code {
    id: "proto-syntax",
    severity: Severity::Error,
    page: include_str!("../codes/proto-syntax.md"),
};

/// A key that stands twice in one mapping.
pub static DUPLICATE_KEY: Code = Code {
    id: "duplicate-key",
    severity: Severity::Error,
    page: include_str!("../codes/duplicate-key.md"),
};

/// Something that goes beyond a limit of the reader.
pub static TOO_LARGE: Code = Code {
    id: "too-large",
    severity: Severity::Error,
    page: include_str!("../codes/too-large.md"),
};

/// Bytes that are not UTF-8 text.
pub static INVALID_UTF8: Code = Code {
    id: "invalid-utf8",
    severity: Severity::Error,
    page: include_str!("../codes/invalid-utf8.md"),
};

/// A file in which nothing is said.
pub static EMPTY_FILE: Code = Code {
    id: "empty-file",
    severity: Severity::Error,
    page: include_str!("../codes/empty-file.md"),
};

/// A reference to something that is not there.
pub static DANGLING_REFERENCE: Code = Code {
    id: "dangling-reference",
    severity: Severity::Error,
    page: include_str!("../codes/dangling-reference.md"),
};

/// References that lead back to themselves and nothing else.
pub static REFERENCE_CYCLE: Code = Code {
    id: "reference-cycle",
    severity: Severity::Error,
    page: include_str!("../codes/reference-cycle.md"),
};

/// A path that leaves the folder of the load.
pub static REFERENCE_OUTSIDE: Code = Code {
    id: "reference-outside",
    severity: Severity::Error,
    page: include_str!("../codes/reference-outside.md"),
};

/// A reference to another machine.
pub static REFERENCE_REMOTE: Code = Code {
    id: "reference-remote",
    severity: Severity::Error,
    page: include_str!("../codes/reference-remote.md"),
};

/// A reference to something of another kind.
pub static REFERENCE_KIND: Code = Code {
    id: "reference-kind",
    severity: Severity::Error,
    page: include_str!("../codes/reference-kind.md"),
};

/// A document of a format or version that is not read.
pub static UNSUPPORTED_VERSION: Code = Code {
    id: "unsupported-version",
    severity: Severity::Error,
    page: include_str!("../codes/unsupported-version.md"),
};

/// An operation without an id of its own.
pub static MISSING_OPERATION_ID: Code = Code {
    id: "missing-operation-id",
    severity: Severity::Note,
    page: include_str!("../codes/missing-operation-id.md"),
};

/// An id that two operations claim.
pub static DUPLICATE_OPERATION_ID: Code = Code {
    id: "duplicate-operation-id",
    severity: Severity::Warning,
    page: include_str!("../codes/duplicate-operation-id.md"),
};

/// A part of a path that no parameter declares.
pub static UNDECLARED_PATH_PARAMETER: Code = Code {
    id: "undeclared-path-parameter",
    severity: Severity::Warning,
    page: include_str!("../codes/undeclared-path-parameter.md"),
};

/// A path parameter that its path does not hold.
pub static UNUSED_PATH_PARAMETER: Code = Code {
    id: "unused-path-parameter",
    severity: Severity::Warning,
    page: include_str!("../codes/unused-path-parameter.md"),
};

/// A parameter that one list declares twice.
pub static DUPLICATE_PARAMETER: Code = Code {
    id: "duplicate-parameter",
    severity: Severity::Warning,
    page: include_str!("../codes/duplicate-parameter.md"),
};

/// A security requirement that names no declared scheme.
pub static UNKNOWN_SECURITY_SCHEME: Code = Code {
    id: "unknown-security-scheme",
    severity: Severity::Warning,
    page: include_str!("../codes/unknown-security-scheme.md"),
};

/// A pagination that an operation cannot have.
pub static UNFIT_PAGINATION: Code = Code {
    id: "unfit-pagination",
    severity: Severity::Error,
    page: include_str!("../codes/unfit-pagination.md"),
};

/// A new name for what is not there, or one that cannot be given.
pub static UNFIT_RENAME: Code = Code {
    id: "unfit-rename",
    severity: Severity::Error,
    page: include_str!("../codes/unfit-rename.md"),
};

/// A message that is consumed and that nobody provides.
pub static UNKNOWN_MESSAGE: Code = Code {
    id: "unknown-message",
    severity: Severity::Error,
    page: include_str!("../codes/unknown-message.md"),
};

/// A name that two messages claim.
pub static DUPLICATE_MESSAGE: Code = Code {
    id: "duplicate-message",
    severity: Severity::Error,
    page: include_str!("../codes/duplicate-message.md"),
};

/// A message that two services take from each other.
pub static COMPETING_CONSUMERS: Code = Code {
    id: "competing-consumers",
    severity: Severity::Error,
    page: include_str!("../codes/competing-consumers.md"),
};

/// A channel that is named and not declared.
pub static UNKNOWN_CHANNEL: Code = Code {
    id: "unknown-channel",
    severity: Severity::Error,
    page: include_str!("../codes/unknown-channel.md"),
};

/// A channel that carries no message.
pub static UNUSED_CHANNEL: Code = Code {
    id: "unused-channel",
    severity: Severity::Warning,
    page: include_str!("../codes/unused-channel.md"),
};

/// A key that a message may not have.
pub static UNFIT_KEY: Code = Code {
    id: "unfit-key",
    severity: Severity::Error,
    page: include_str!("../codes/unfit-key.md"),
};

/// A way to tell duplicates that a message does not offer.
pub static UNFIT_IDEMPOTENCY: Code = Code {
    id: "unfit-idempotency",
    severity: Severity::Error,
    page: include_str!("../codes/unfit-idempotency.md"),
};

/// Duplicates that may come back after they were forgotten.
pub static SHORT_RETENTION: Code = Code {
    id: "short-retention",
    severity: Severity::Warning,
    page: include_str!("../codes/short-retention.md"),
};

/// Channels of one service that live in several kinds of brokers.
pub static MIXED_TRANSPORTS: Code = Code {
    id: "mixed-transports",
    severity: Severity::Error,
    page: include_str!("../codes/mixed-transports.md"),
};

/// Something that is asked of a channel and that its kind of broker does not keep.
pub static UNKEPT_LAW: Code = Code {
    id: "unkept-law",
    severity: Severity::Warning,
    page: include_str!("../codes/unkept-law.md"),
};

/// Something that is said of a channel and that its kind of broker has no use for.
pub static UNUSED_SETTING: Code = Code {
    id: "unused-setting",
    severity: Severity::Warning,
    page: include_str!("../codes/unused-setting.md"),
};

/// What an AsyncAPI document tells of brokers that can mean several things.
pub static UNREAD_BINDING: Code = Code {
    id: "unread-binding",
    severity: Severity::Note,
    page: include_str!("../codes/unread-binding.md"),
};

/// A payload that another format describes, and that is written as JSON all the same.
pub static WRITTEN_AS_JSON: Code = Code {
    id: "written-as-json",
    severity: Severity::Note,
    page: include_str!("../codes/written-as-json.md"),
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_listed_once_and_has_its_page() {
        let mut ids = BTreeSet::new();
        for code in ALL {
            assert!(ids.insert(code.id), "{} is listed twice", code.id);
            assert_eq!(
                code.page.lines().next(),
                Some(format!("# {}", code.id).as_str())
            );
            for part in ["## What it means", "## Why it matters", "## Instead"] {
                assert!(code.page.contains(part), "{} lacks «{part}»", code.id);
            }
        }
        let declared = include_str!("codes.rs").matches("\npub static ").count();
        assert_eq!(ALL.len(), declared, "a code is not listed in ALL");
    }
}
