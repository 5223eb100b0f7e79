//! One of several types, from tables of what tells them apart.

/// Reads and writes an enum as one of several types, from a table of what tells them apart. The enum has a variant
/// `Unknown(UnknownVariant)` beside those of the table, for values that the contract does not describe yet.
///
/// What decides is asked in this order: the kind of the JSON value, then the string of the tag, then whether an object has a
/// member, or a member of a kind; and where nothing of that decided, the variant after `otherwise`. An object without a
/// `required tag` is refused. The last section says how variants are written: with a tag where the type itself need not say it.
///
/// ```
/// use dovetail_wire::{UnknownVariant, object, union};
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
                $($(if $crate::union!(@test variant $test $arguments) {
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
    (@test $variant:ident has ($member:literal)) => {
        $variant.has($member)
    };
    (@test $variant:ident has_kind ($member:literal, $($kind:ident)|+)) => {
        $variant.has_kind($member, &[$($crate::decode::JsonKind::$kind),+])
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
/// use dovetail_wire::{alike, object, types::RawJson};
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
