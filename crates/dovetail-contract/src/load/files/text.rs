//! Bytes to text: UTF-8, with or without a byte order mark, and nothing else.

use crate::codes;
use crate::finding::Finding;
use crate::source::{FileId, Sources, Span};

/// What is wrong with the bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadBytes {
    /// Every character takes two bytes.
    Utf16,
    /// The first byte that is not UTF-8; the text before it is kept.
    Invalid(u8),
}

impl BadBytes {
    /// The finding for it, where the text that could be read ends.
    pub(super) fn finding(self, sources: &Sources, file: FileId) -> Finding {
        let end = sources.file(file).text.len();
        let message = match self {
            Self::Utf16 => "the file is encoded as UTF-16".to_owned(),
            Self::Invalid(byte) => format!("the byte 0x{byte:02X} at {end} is not UTF-8"),
        };
        Finding::new(&codes::INVALID_UTF8, Span::new(file, end, end), message)
            .expected("UTF-8 text")
            .help("save the file as UTF-8")
    }
}

/// The text of a file without a byte order mark, or what of it can be read.
pub(super) fn decode(mut bytes: Vec<u8>) -> (String, Option<BadBytes>) {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return (String::new(), Some(BadBytes::Utf16));
    }
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        bytes.drain(..3);
    }
    // UTF-16 without a mark: every other byte of plain text is zero, which no YAML or JSON may hold.
    if matches!(bytes.as_slice(), [0, second, ..] if *second != 0)
        || matches!(bytes.as_slice(), [first, 0, ..] if *first != 0)
    {
        return (String::new(), Some(BadBytes::Utf16));
    }
    String::from_utf8(bytes).map_or_else(
        |error| {
            let good = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            let bad = bytes.get(good).copied().unwrap_or_default();
            bytes.truncate(good);
            let text = String::from_utf8(bytes).unwrap_or_default();
            (text, Some(BadBytes::Invalid(bad)))
        },
        |text| (text, None),
    )
}
