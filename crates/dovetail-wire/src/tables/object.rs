//! Objects, from tables of their members.

/// Reads and writes a struct as an object, from a table of its members.
///
/// Members that must come stand first; each has a number, its field and its name on the wire. A constant is no field: it is
/// written by itself, and refused where it is something else. What stands under `any` may be missing, and may be null when it
/// is there. `rest` is the field for members that nothing else names.
///
/// A type that is only ever received begins with `read`, one that is only sent with `write`. The other direction is there
/// with the feature `full-serde` of the crate that uses the macro.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use dovetail_wire::{Patch, object};
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
        $(any { $($any_index:tt $any:ident: $any_wire:literal),* $(,)? })?
        $(rest { $rest:ident })?
    }) => {
        $($when)*
        impl $crate::decode::Object for $name {
            const NAME: &'static str = stringify!($name);
            const MEMBERS: &'static [&'static str] = &[
                $($($wire,)*)? $($($constant_wire,)*)? $($($optional_wire,)*)? $($($any_wire,)*)?
            ];

            fn read<'de, A: $crate::generated::MapAccess<'de>>(
                members: &mut $crate::decode::Members<A>,
            ) -> $crate::generated::Result<Self, A::Error> {
                $($(let mut $field = $crate::generated::None;)*)?
                $($(let mut $constant = $crate::generated::None;)*)?
                $($(let mut $optional = $crate::generated::Default::default();)*)?
                $($(let mut $any = $crate::generated::None;)*)?
                $(let mut $rest = $crate::generated::BTreeMap::new();)?
                while let $crate::generated::Some(member) = $crate::object!(@next members $(&mut $rest)?)? {
                    match member {
                        $($($index => members.required(&mut $field),)*)?
                        $($($constant_index => members.constant(&mut $constant, $value),)*)?
                        $($($optional_index => members.optional(&mut $optional),)*)?
                        $($($any_index => members.required(&mut $any),)*)?
                        _ => $crate::generated::Ok(()),
                    }?;
                }
                $(let ($($crate::generated::Some($field),)*) = ($($field,)*) else {
                    return $crate::generated::Err(members.missing());
                };)?
                $(let ($($crate::object!(@came $constant),)*) = ($($constant,)*) else {
                    return $crate::generated::Err(members.missing());
                };)?
                $crate::generated::Ok(Self { $($($field,)*)? $($($optional,)*)? $($($any,)*)? $($rest)? })
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
        $(any { $($any_index:tt $any:ident: $any_wire:literal),* $(,)? })?
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
                    $($(.optional($any_wire, &self.$any))*)?
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
