//! The types that come with protobuf and have forms of their own in JSON.

use crate::schema::{Schema, Type, Types};
use crate::source::Span;

/// A duration: seconds with up to nine digits after the point.
const DURATION: &str = "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$";

/// Integers of 64 bits, which are text.
pub(super) const SIGNED: &str = "^-?(0|[1-9][0-9]{0,18})$";
/// The same without sign.
pub(super) const UNSIGNED: &str = "^(0|[1-9][0-9]{0,19})$";

/// A schema of these types.
pub(super) fn typed(span: Span, kinds: &[Type]) -> Schema {
    let mut schema = Schema::any(span, String::new());
    let none = Types::default();
    schema.types = kinds.iter().fold(none, |types, kind| types.with(*kind));
    schema
}

/// Text of a format.
pub(super) fn text(span: Span, format: Option<&str>, pattern: Option<&str>) -> Schema {
    let mut schema = typed(span, &[Type::String]);
    schema.format = format.map(str::to_owned);
    schema.string.pattern = pattern.map(str::to_owned);
    schema
}

/// Bytes, which are base64.
pub(super) fn bytes(span: Span) -> Schema {
    let mut schema = text(span, Some("byte"), None);
    schema.string.content_encoding = Some("base64".to_owned());
    schema
}

/// A number of a format.
pub(super) fn number(span: Span, kind: Type, format: &str) -> Schema {
    let mut schema = typed(span, &[kind]);
    schema.format = Some(format.to_owned());
    schema
}

/// The form of a well-known type. `None` for every other message. `Any` is the one form that is read in part: what it holds is not looked at.
pub(super) fn well_known(span: Span, name: &str) -> Option<Schema> {
    let name = name.strip_prefix("google.protobuf.")?;
    let nullable = |mut schema: Schema| {
        schema.types = schema.types.with(Type::Null);
        schema
    };
    Some(match name {
        "Timestamp" => text(span, Some("date-time"), None),
        "Duration" => text(span, None, Some(DURATION)),
        "FieldMask" => text(span, None, None),
        "Empty" | "Struct" => typed(span, &[Type::Object]),
        "ListValue" => typed(span, &[Type::Array]),
        "Value" => Schema::any(span, String::new()),
        "Any" => {
            let mut schema = typed(span, &[Type::Object]);
            schema.object.required = vec!["@type".to_owned()];
            schema
        }
        "BoolValue" => nullable(typed(span, &[Type::Boolean])),
        "StringValue" => nullable(text(span, None, None)),
        "BytesValue" => nullable(bytes(span)),
        "Int32Value" => nullable(number(span, Type::Integer, "int32")),
        "UInt32Value" => nullable(number(span, Type::Integer, "uint32")),
        "Int64Value" => nullable(text(span, Some("int64"), Some(SIGNED))),
        "UInt64Value" => nullable(text(span, Some("uint64"), Some(UNSIGNED))),
        "FloatValue" => nullable(number(span, Type::Number, "float")),
        "DoubleValue" => nullable(number(span, Type::Number, "double")),
        _ => return None,
    })
}
