//! The types of a schema, in every spelling that documents have for them.

use super::at::At;
use super::{Reader, warning};
use crate::codes;
use crate::finding::Severity;
use crate::load::tree::NodeValue;
use crate::schema::{Schema, Type, Types};

/// What a name that is no type of JSON Schema was meant to be.
enum Meant {
    Type(Type),
    /// A string of bytes, as `type: file` was in Swagger 2.0.
    Bytes,
    Anything,
}

impl<'d> Reader<'d, '_> {
    /// `type`, which is a name or a list of names.
    pub(super) fn types(&mut self, at: &At<'d>, schema: &mut Schema) {
        let Some(types) = at.get("type") else {
            return;
        };
        match &types.node.value {
            NodeValue::String(name) => {
                if let Some(kind) = self.type_named(&types, name, schema) {
                    schema.types = Types::only(kind);
                }
            }
            NodeValue::Sequence(_) => {
                let mut set = Types::default();
                let mut is_limited = true;
                for element in self.list(at, "type") {
                    // `null` without quotes is not the text that was meant, but can mean nothing else.
                    let kind = match &element.node.value {
                        NodeValue::String(name) => self.type_named(&element, name, schema),
                        NodeValue::Null => Some(Type::Null),
                        _ => {
                            self.wrong_type(&element, "the name of a type", Severity::Warning);
                            None
                        }
                    };
                    match kind {
                        Some(kind) => set = set.with(kind),
                        None => is_limited = false,
                    }
                }
                if is_limited {
                    schema.types = set;
                }
            }
            _ => self.wrong_type(&types, "a type, or a list of types", Severity::Warning),
        }
    }

    /// The type of a name; `None` for no limit.
    fn type_named(&mut self, at: &At<'d>, name: &str, schema: &mut Schema) -> Option<Type> {
        if let Some(kind) = Type::from_name(name) {
            return Some(kind);
        }
        let meant = meant(name);
        let taken = match meant {
            Meant::Type(kind) => format!("it is taken as `{kind}`"),
            Meant::Bytes => "it is taken as a string of bytes".to_owned(),
            Meant::Anything => "every value is accepted".to_owned(),
        };
        self.files.push(
            warning(
                &codes::INVALID_VALUE,
                at.place(),
                format!("`{name}` is no type of JSON Schema; {taken}"),
            )
            .expected("null, boolean, integer, number, string, array or object"),
        );
        match meant {
            Meant::Type(kind) => Some(kind),
            Meant::Bytes => {
                schema.format = Some("binary".to_owned());
                Some(Type::String)
            }
            Meant::Anything => None,
        }
    }
}

fn meant(name: &str) -> Meant {
    let name = name.trim().to_ascii_lowercase();
    if let Some(kind) = Type::from_name(&name) {
        return Meant::Type(kind);
    }
    match name.as_str() {
        "int" | "int32" | "int64" | "long" => Meant::Type(Type::Integer),
        "float" | "double" | "decimal" => Meant::Type(Type::Number),
        "bool" => Meant::Type(Type::Boolean),
        "str" | "text" | "date" | "date-time" | "datetime" | "uuid" => Meant::Type(Type::String),
        "list" => Meant::Type(Type::Array),
        "map" | "dict" => Meant::Type(Type::Object),
        "file" | "binary" => Meant::Bytes,
        _ => Meant::Anything,
    }
}
