//! Objects, member by member.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Unexpected, Visitor,
};
use serde_json::Value;

/// A type that is read from an object. [`object!`](crate::object) implements it from a table.
///
/// ```
/// use dovetail_wire::{Patch, decode::{self, Members, Object}};
/// use serde::{Deserialize, Deserializer, de::MapAccess};
///
/// #[derive(Debug, PartialEq)]
/// struct Order {
///     id: String,
///     note: Option<String>,
///     coupon: Patch<String>,
/// }
///
/// impl Object for Order {
///     const NAME: &'static str = "Order";
///     const MEMBERS: &'static [&'static str] = &["id", "note", "coupon"];
///
///     fn read<'de, A: MapAccess<'de>>(members: &mut Members<A>) -> Result<Self, A::Error> {
///         let (mut id, mut note, mut coupon) = (None, None, Patch::Absent);
///         while let Some(member) = members.next()? {
///             match member {
///                 0 => members.required(&mut id),
///                 1 => members.optional(&mut note),
///                 _ => members.optional(&mut coupon),
///             }?;
///         }
///         let Some(id) = id else {
///             return Err(members.missing());
///         };
///         Ok(Self { id, note, coupon })
///     }
/// }
///
/// impl<'de> Deserialize<'de> for Order {
///     fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
///         decode::object(deserializer)
///     }
/// }
///
/// let order: Order = serde_json::from_str(r#"{"id":"o-1","note":null,"coupon":null,"new":[1]}"#)?;
/// assert_eq!(order, Order { id: "o-1".into(), note: None, coupon: Patch::Null });
/// # Ok::<(), serde_json::Error>(())
/// ```
pub trait Object: Sized {
    /// The name of the type in error messages.
    const NAME: &'static str;

    /// The names of the members: those that must come, then the others.
    const MEMBERS: &'static [&'static str];

    /// Reads the members.
    ///
    /// # Errors
    ///
    /// Where a member is missing, or is not what the type says.
    fn read<'de, A: MapAccess<'de>>(members: &mut Members<A>) -> Result<Self, A::Error>;
}

/// Reads an object.
///
/// # Errors
///
/// Where the value is not an object, or not such an object.
pub fn object<'de, T: Object, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(ObjectVisitor(PhantomData))
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Object> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object of the type {}", T::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::read(&mut Members::new(map, T::MEMBERS))
    }
}

/// The members of an object that is being read. Of a member that comes twice, the last value counts.
#[derive(Debug)]
pub struct Members<A> {
    map: A,
    names: &'static [&'static str],
    /// Where the next member is looked for first: most services send members in the order of the contract.
    likely: usize,
    /// The members that came, a bit for each.
    seen: u128,
    /// Bits of the members for which `seen` has no room.
    seen_beyond: Vec<u128>,
}

impl<'de, A: MapAccess<'de>> Members<A> {
    fn new(map: A, names: &'static [&'static str]) -> Self {
        Self {
            map,
            names,
            likely: 0,
            seen: 0,
            seen_beyond: Vec::new(),
        }
    }

    /// The number of the next member that the type knows, after which its value must be read. Others are skipped.
    ///
    /// # Errors
    ///
    /// Where the text is broken.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not lend the value that follows"
    )]
    pub fn next(&mut self) -> Result<Option<usize>, A::Error> {
        loop {
            let key = Known {
                names: self.names,
                likely: self.likely,
            };
            match self.map.next_key_seed(key)? {
                None => return Ok(None),
                Some(Some(index)) => return Ok(Some(self.came(index))),
                Some(None) => self.map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
    }

    /// As [`Members::next`], but members that the type does not know go to `rest` by their names.
    ///
    /// # Errors
    ///
    /// Where the text is broken, or such a member is not what `rest` holds.
    pub fn next_or<T: Deserialize<'de>>(
        &mut self,
        rest: &mut BTreeMap<String, T>,
    ) -> Result<Option<usize>, A::Error> {
        while let Some(name) = self.map.next_key::<String>()? {
            match position(self.names, self.likely, &name) {
                Some(index) => return Ok(Some(self.came(index))),
                None => drop(rest.insert(name, self.map.next_value()?)),
            }
        }
        Ok(None)
    }

    /// Reads a member that must come, or of which null is a value like any other. One whose type is an `Option` may be null.
    ///
    /// # Errors
    ///
    /// Where the value is not what the type says.
    pub fn required<T: Deserialize<'de>>(
        &mut self,
        member: &mut Option<T>,
    ) -> Result<(), A::Error> {
        *member = Some(self.map.next_value()?);
        Ok(())
    }

    /// Reads a member that may be missing: an `Option`, or a `Patch` where null is something else.
    ///
    /// # Errors
    ///
    /// Where the value is not what the type says.
    pub fn optional<T: Deserialize<'de>>(&mut self, member: &mut T) -> Result<(), A::Error> {
        *member = self.map.next_value()?;
        Ok(())
    }

    /// Reads a member that has but one value.
    ///
    /// # Errors
    ///
    /// Where the value is another.
    pub fn constant(
        &mut self,
        came: &mut Option<()>,
        expected: impl Into<Value>,
    ) -> Result<(), A::Error> {
        let (value, expected) = (self.map.next_value::<Value>()?, expected.into());
        if value != expected {
            let message = format!("invalid value: {value}, expected {expected}");
            return Err(A::Error::custom(message));
        }
        *came = Some(());
        Ok(())
    }

    /// Says that a member did not come that must.
    pub fn missing(&self) -> A::Error {
        // Those that must come are named first, so the first that did not come is one of them.
        let missing = (0..self.names.len()).find(|index| !self.has_seen(*index));
        A::Error::missing_field(
            missing
                .and_then(|index| self.names.get(index))
                .unwrap_or(&""),
        )
    }

    fn came(&mut self, index: usize) -> usize {
        self.likely = index + 1;
        match index / BITS {
            0 => self.seen |= 1 << index,
            beyond => {
                self.seen_beyond.resize(self.names.len() / BITS, 0);
                if let Some(bits) = self.seen_beyond.get_mut(beyond - 1) {
                    *bits |= 1 << (index % BITS);
                }
            }
        }
        index
    }

    fn has_seen(&self, index: usize) -> bool {
        let bits = match index / BITS {
            0 => self.seen,
            beyond => self.seen_beyond.get(beyond - 1).copied().unwrap_or(0),
        };
        bits & 1 << (index % BITS) != 0
    }
}

/// How many members one number keeps track of.
const BITS: usize = u128::BITS as usize;

/// The number of the member that is named next, without an allocation.
struct Known {
    names: &'static [&'static str],
    likely: usize,
}

impl<'de> DeserializeSeed<'de> for Known {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Known {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a member")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(position(self.names, self.likely, name))
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Self::Value, E> {
        match std::str::from_utf8(name) {
            Ok(name) => self.visit_str(name),
            Err(_) => Err(E::invalid_value(Unexpected::Bytes(name), &self)),
        }
    }
}

fn position(names: &[&str], likely: usize, name: &str) -> Option<usize> {
    if names.get(likely) == Some(&name) {
        return Some(likely);
    }
    names.iter().position(|known| *known == name)
}
