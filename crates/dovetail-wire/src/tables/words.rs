//! Enums of strings and integers, from tables of their values.

/// Reads and writes an enum as one of several strings, from a table of its values. The enum has a variant
/// `Unknown(UnknownValue)` beside those of the table, for values that the contract does not name yet.
///
/// ```
/// use dovetail_wire::{UnknownValue, open_enum};
///
/// #[derive(Debug, Clone, PartialEq)]
/// enum Status { Open, Closed, Unknown(UnknownValue) }
///
/// open_enum! {
///     Status { Open = "open", Closed = "closed" }
/// }
///
/// let (open, new): (Status, Status) = serde_json::from_str(r#"["open","paused"]"#).map(|[a, b]: [Status; 2]| (a, b))?;
/// assert_eq!((open, new.as_str()), (Status::Open, "paused"));
/// assert_eq!(serde_json::to_string(&new)?, r#""paused""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Of an enum with very many values the table begins with `table`, and is searched rather than compiled.
#[macro_export]
macro_rules! open_enum {
    ($name:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        impl $name {
            /// The value as it goes on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Unknown(value) => value.as_str(),
                }
            }

            fn known(text: &str) -> $crate::generated::Option<Self> {
                match text {
                    $($text => $crate::generated::Some(Self::$variant),)*
                    _ => $crate::generated::None,
                }
            }
        }

        $crate::open_enum!(@traits $name);
    };
    (table $name:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        impl $name {
            // A static, since a constant would be an array of its own wherever it is named.
            fn table() -> &'static [(&'static str, Self)] {
                static KNOWN: &[(&str, $name)] = &[$(($text, $name::$variant)),*];
                KNOWN
            }

            /// The value as it goes on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    Self::Unknown(value) => value.as_str(),
                    _ => Self::table().iter().find(|(_, known)| known == self).map_or("", |(text, _)| text),
                }
            }

            fn known(text: &str) -> $crate::generated::Option<Self> {
                Self::table().iter().find(|(known, _)| *known == text).map(|(_, known)| known.clone())
            }
        }

        $crate::open_enum!(@traits $name);
    };
    (@traits $name:ident) => {
        impl $crate::generated::Display for $name {
            fn fmt(&self, formatter: &mut $crate::generated::Formatter<'_>) -> $crate::generated::FormatResult {
                formatter.write_str(self.as_str())
            }
        }

        impl $crate::generated::Serialize for $name {
            fn serialize<S: $crate::generated::Serializer>(
                &self,
                serializer: S,
            ) -> $crate::generated::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::generated::Deserialize<'de> for $name {
            fn deserialize<D: $crate::generated::Deserializer<'de>>(
                deserializer: D,
            ) -> $crate::generated::Result<Self, D::Error> {
                $crate::decode::open_enum(deserializer, Self::known, Self::Unknown)
            }
        }
    };
}

/// Reads and writes an enum as one of several integers, from the integer type and a table of its values. The enum has a
/// variant `Unknown` with the integer beside those of the table.
///
/// ```
/// #[derive(Debug, Clone, Copy, PartialEq)]
/// enum Level { Low, High, Unknown(i32) }
///
/// dovetail_wire::open_numbers! {
///     Level(i32) { Low = 1, High = 10 }
/// }
///
/// assert_eq!(serde_json::from_str::<Level>("10")?, Level::High);
/// assert_eq!((Level::from(7), Level::Unknown(7).value()), (Level::Unknown(7), 7));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
macro_rules! open_numbers {
    ($name:ident($repr:ident) { $($variant:ident = $value:literal),* $(,)? }) => {
        impl $name {
            /// The value as it goes on the wire.
            #[must_use]
            pub const fn value(self) -> $repr {
                match self {
                    $(Self::$variant => $value,)*
                    Self::Unknown(value) => value,
                }
            }
        }

        impl $crate::generated::From<$repr> for $name {
            fn from(value: $repr) -> Self {
                match value {
                    $($value => Self::$variant,)*
                    _ => Self::Unknown(value),
                }
            }
        }

        impl $crate::generated::Serialize for $name {
            fn serialize<S: $crate::generated::Serializer>(
                &self,
                serializer: S,
            ) -> $crate::generated::Result<S::Ok, S::Error> {
                $crate::generated::Serialize::serialize(&self.value(), serializer)
            }
        }

        impl<'de> $crate::generated::Deserialize<'de> for $name {
            fn deserialize<D: $crate::generated::Deserializer<'de>>(
                deserializer: D,
            ) -> $crate::generated::Result<Self, D::Error> {
                <$repr as $crate::generated::Deserialize>::deserialize(deserializer).map(Self::from)
            }
        }
    };
}
