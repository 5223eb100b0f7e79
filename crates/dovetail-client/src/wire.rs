//! How generated types stand on the wire, as tables: one macro for each kind of type.
//!
//! What a table becomes is a few calls of [`decode`](crate::decode) and [`encode`](crate::encode). Deriving the same costs
//! about seven times as much to compile, and has no room for what a newer service may say.

/// Reads and writes a struct as an object, from a table of its members.
///
/// Members that must come stand first; each has a number, its field and its name on the wire. A constant is no field: it is
/// written by itself, and refused where it is something else. `rest` is the field for members that nothing else names.
///
/// A type that is only ever received begins with `read`, one that is only sent with `write`. The other direction is there
/// with the feature `full-serde` of the crate that uses the macro.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use dovetail_client::{Patch, object};
///
/// #[derive(Debug, PartialEq)]
/// struct Card {
///     last4: String,
///     holder: Option<String>,
///     note: Patch<String>,
///     extra: BTreeMap<String, u8>,
/// }
///
/// object! {
///     Card {
///         required { 0 last4: "last4" }
///         constant { 1 kind: "kind" = "card" }
///         optional { 2 holder: "holder", 3 note: "note" }
///         rest { extra }
///     }
/// }
///
/// let json = r#"{"kind":"card","last4":"4242","note":null,"new":1}"#;
/// let card: Card = serde_json::from_str(json)?;
/// assert_eq!((card.note.is_null(), card.extra["new"]), (true, 1));
/// assert_eq!(serde_json::to_string(&card)?, json);
/// let error = serde_json::from_str::<Card>(r#"{"last4":"4242"}"#).unwrap_err();
/// assert!(error.to_string().starts_with("missing field `kind`"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
macro_rules! object {
    (read $name:ident $table:tt) => {
        $crate::object!(@read [] $name $table);
        $crate::object!(@write [#[cfg(feature = "full-serde")]] $name $table);
    };
    (write $name:ident $table:tt) => {
        $crate::object!(@read [#[cfg(feature = "full-serde")]] $name $table);
        $crate::object!(@write [] $name $table);
    };
    ($name:ident $table:tt) => {
        $crate::object!(@read [] $name $table);
        $crate::object!(@write [] $name $table);
    };
    (@read [$($when:tt)*] $name:ident {
        $(required { $($index:tt $field:ident: $wire:literal),* $(,)? })?
        $(constant { $($constant_index:tt $constant:ident: $constant_wire:literal = $value:literal),* $(,)? })?
        $(optional { $($optional_index:tt $optional:ident: $optional_wire:literal),* $(,)? })?
        $(rest { $rest:ident })?
    }) => {
        $($when)*
        impl $crate::decode::Object for $name {
            const NAME: &'static str = stringify!($name);
            const MEMBERS: &'static [&'static str] = &[
                $($($wire,)*)? $($($constant_wire,)*)? $($($optional_wire,)*)?
            ];

            fn read<'de, A: $crate::generated::MapAccess<'de>>(
                members: &mut $crate::decode::Members<A>,
            ) -> $crate::generated::Result<Self, A::Error> {
                $($(let mut $field = $crate::generated::None;)*)?
                $($(let mut $constant = $crate::generated::None;)*)?
                $($(let mut $optional = $crate::generated::Default::default();)*)?
                $(let mut $rest = $crate::generated::BTreeMap::new();)?
                while let $crate::generated::Some(member) = $crate::object!(@next members $(&mut $rest)?)? {
                    match member {
                        $($($index => members.required(&mut $field),)*)?
                        $($($constant_index => members.constant(&mut $constant, $value),)*)?
                        $($($optional_index => members.optional(&mut $optional),)*)?
                        _ => $crate::generated::Ok(()),
                    }?;
                }
                $(let ($($crate::generated::Some($field),)*) = ($($field,)*) else {
                    return $crate::generated::Err(members.missing());
                };)?
                $(let ($($crate::object!(@came $constant),)*) = ($($constant,)*) else {
                    return $crate::generated::Err(members.missing());
                };)?
                $crate::generated::Ok(Self { $($($field,)*)? $($($optional,)*)? $($rest)? })
            }
        }

        $($when)*
        impl<'de> $crate::generated::Deserialize<'de> for $name {
            fn deserialize<D: $crate::generated::Deserializer<'de>>(
                deserializer: D,
            ) -> $crate::generated::Result<Self, D::Error> {
                $crate::decode::object(deserializer)
            }
        }
    };
    (@write [$($when:tt)*] $name:ident {
        $(required { $($index:tt $field:ident: $wire:literal),* $(,)? })?
        $(constant { $($constant_index:tt $constant:ident: $constant_wire:literal = $value:literal),* $(,)? })?
        $(optional { $($optional_index:tt $optional:ident: $optional_wire:literal),* $(,)? })?
        $(rest { $rest:ident })?
    }) => {
        $($when)*
        impl $crate::generated::Serialize for $name {
            fn serialize<S: $crate::generated::Serializer>(
                &self,
                serializer: S,
            ) -> $crate::generated::Result<S::Ok, S::Error> {
                $crate::encode::object(serializer)
                    $($(.required($constant_wire, &$value))*)?
                    $($(.required($wire, &self.$field))*)?
                    $($(.optional($optional_wire, &self.$optional))*)?
                    $(.rest(&self.$rest))?
                    .end()
            }
        }
    };
    (@next $members:ident) => {
        $members.next()
    };
    (@next $members:ident $rest:expr) => {
        $members.next_or($rest)
    };
    (@came $constant:ident) => {
        $crate::generated::Some(())
    };
}

/// Reads and writes an enum as one of several strings, from a table of its values. The enum has a variant
/// `Unknown(UnknownValue)` beside those of the table, for values that the contract does not name yet.
///
/// ```
/// use dovetail_client::{UnknownValue, open_enum};
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
            const KNOWN: &'static [(&'static str, Self)] = &[$(($text, Self::$variant)),*];

            /// The value as it goes on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    Self::Unknown(value) => value.as_str(),
                    _ => Self::KNOWN.iter().find(|(_, known)| known == self).map_or("", |(text, _)| text),
                }
            }

            fn known(text: &str) -> $crate::generated::Option<Self> {
                Self::KNOWN.iter().find(|(known, _)| *known == text).map(|(_, known)| known.clone())
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
/// dovetail_client::open_numbers! {
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

/// Reads and writes an enum as one of several types, from a table of what tells them apart. The enum has a variant
/// `Unknown(UnknownVariant)` beside those of the table, for values that the contract does not describe yet.
///
/// What decides is asked in this order: the kind of the JSON value, then the string of the tag, then whether an object has a
/// member, or a member of a kind; and where nothing of that decided, the variant after `otherwise`. An object without a
/// `required tag` is refused. The last section says how variants are written: with a tag where the type itself need not say it.
///
/// ```
/// use dovetail_client::{UnknownVariant, object, union};
///
/// #[derive(Debug)]
/// struct Card { last4: String }
/// object! { Card { required { 0 last4: "last4" } } }
///
/// #[derive(Debug)]
/// struct Transfer { iban: String }
/// object! { Transfer { required { 0 iban: "iban" } } }
///
/// #[derive(Debug)]
/// enum Payment { Card(Card), Transfer(Transfer), Voucher(String), Unknown(UnknownVariant) }
///
/// union! {
///     Payment {
///         kinds { Voucher: String }
///         tag "kind" { Card: "card" }
///         members { Transfer: has("iban") }
///         write { Card: "kind" = "card", Transfer, Voucher }
///     }
/// }
///
/// let json = r#"[{"kind":"card","last4":"4242"},{"iban":"DE1"},"v-1",{"kind":"iou","amount":1.10}]"#;
/// let payments: Vec<Payment> = serde_json::from_str(json)?;
/// assert!(matches!(&payments[0], Payment::Card(card) if card.last4 == "4242"));
/// assert!(matches!(&payments[1], Payment::Transfer(_)));
/// assert!(matches!(&payments[3], Payment::Unknown(other) if other.tag() == Some("iou")));
/// assert_eq!(serde_json::to_string(&payments)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
macro_rules! union {
    (read $name:ident $table:tt) => {
        $crate::union!(@read [] $name $table);
        $crate::union!(@write [#[cfg(feature = "full-serde")]] $name $table);
    };
    (write $name:ident $table:tt) => {
        $crate::union!(@read [#[cfg(feature = "full-serde")]] $name $table);
        $crate::union!(@write [] $name $table);
    };
    ($name:ident $table:tt) => {
        $crate::union!(@read [] $name $table);
        $crate::union!(@write [] $name $table);
    };
    (@read [$($when:tt)*] $name:ident {
        $(kinds { $($of_kind:ident: $($kind:ident)|+),* $(,)? })?
        $(required tag $must:literal { $($required:ident: $($required_value:literal)|+),* $(,)? })?
        $(tag $tag:literal { $($tagged:ident: $($value:literal)|+),* $(,)? })?
        $(members { $($with:ident: $test:ident $arguments:tt),* $(,)? })?
        $(otherwise $otherwise:ident)?
        write $written:tt
    }) => {
        $($when)*
        impl<'de> $crate::generated::Deserialize<'de> for $name {
            fn deserialize<D: $crate::generated::Deserializer<'de>>(
                deserializer: D,
            ) -> $crate::generated::Result<Self, D::Error> {
                let variant = <$crate::decode::Variant as $crate::generated::Deserialize>::deserialize(deserializer)?;
                $($(if $crate::generated::matches!(variant.kind(), $($crate::decode::JsonKind::$kind)|+) {
                    return variant.read().map(Self::$of_kind);
                })*)?
                $(let tag = variant.tag($must);
                match tag.as_deref() {
                    $($crate::generated::Some($($required_value)|+) => return variant.read().map(Self::$required),)*
                    $crate::generated::None if variant.kind() == $crate::decode::JsonKind::Object => {
                        return $crate::generated::Err($crate::generated::DecodeError::missing_field($must));
                    }
                    _ => {}
                })?
                $(let tag = variant.tag($tag);
                match tag.as_deref() {
                    $($crate::generated::Some($($value)|+) => return variant.read().map(Self::$tagged),)*
                    _ => {}
                })?
                $($(if variant.$test $arguments {
                    return variant.read().map(Self::$with);
                })*)?
                $(if variant.kind() == $crate::decode::JsonKind::Object {
                    return variant.read().map(Self::$otherwise);
                })?
                $crate::generated::Ok(Self::Unknown(variant.unknown($crate::union!(@tag variant $($must)? $($tag)?).as_deref())))
            }
        }
    };
    (@write [$($when:tt)*] $name:ident {
        $(kinds $kinds:tt)?
        $(required tag $must:literal $required:tt)?
        $(tag $tag:literal $tags:tt)?
        $(members $members:tt)?
        $(otherwise $otherwise:ident)?
        write { $($variant:ident $(: $member:literal = $value:literal)?),* $(,)? }
    }) => {
        $($when)*
        impl $crate::generated::Serialize for $name {
            fn serialize<S: $crate::generated::Serializer>(
                &self,
                serializer: S,
            ) -> $crate::generated::Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(value) => $crate::union!(@value value serializer $($member = $value)?),)*
                    Self::Unknown(value) => $crate::generated::Serialize::serialize(value, serializer),
                }
            }
        }
    };
    (@tag $variant:ident) => {
        $crate::generated::None::<$crate::generated::String>
    };
    (@tag $variant:ident $tag:literal) => {
        $variant.tag($tag)
    };
    (@value $value:ident $serializer:ident) => {
        $crate::generated::Serialize::serialize($value, $serializer)
    };
    (@value $value:ident $serializer:ident $member:literal = $tag:literal) => {
        $crate::encode::tagged($value, $member, $tag, $serializer)
    };
}

/// Gives what a value is of several types that nothing tells apart an accessor for each of them, from a table. The struct
/// holds the text as a public `RawJson`.
///
/// ```
/// use dovetail_client::{alike, object, types::RawJson};
///
/// #[derive(Debug)]
/// struct Range { from: Option<u8> }
/// object! { Range { optional { 0 from: "from" } } }
///
/// struct Filter(RawJson);
/// alike! { Filter { as_range: Range, as_words: Vec<String> } }
///
/// let filter: Filter = serde_json::from_str(r#"{"from":7}"#)?;
/// assert_eq!(filter.as_range()?.from, Some(7));
/// assert!(filter.as_words().is_err());
/// assert_eq!(serde_json::to_string(&Filter(RawJson::of(&["a"])?))?, r#"["a"]"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! alike {
    ($name:ident { $($accessor:ident: $of:ty),* $(,)? }) => {
        impl $name {
            $(
                /// The value as this type.
                ///
                /// # Errors
                ///
                /// Where it is not what the type says, with the place.
                pub fn $accessor(&self) -> $crate::generated::Result<$of, $crate::DecodeError> {
                    self.0.read()
                }
            )*
        }

        impl $crate::generated::Serialize for $name {
            fn serialize<S: $crate::generated::Serializer>(
                &self,
                serializer: S,
            ) -> $crate::generated::Result<S::Ok, S::Error> {
                $crate::generated::Serialize::serialize(&self.0, serializer)
            }
        }

        impl<'de> $crate::generated::Deserialize<'de> for $name {
            fn deserialize<D: $crate::generated::Deserializer<'de>>(
                deserializer: D,
            ) -> $crate::generated::Result<Self, D::Error> {
                $crate::generated::Deserialize::deserialize(deserializer).map(Self)
            }
        }
    };
}

#[cfg(test)]
mod tests;
