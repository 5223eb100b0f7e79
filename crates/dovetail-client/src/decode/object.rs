//! Objects, member by member.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// A type that is read from an object.
///
/// ```
/// use dovetail_client::{Patch, decode::{self, Field, Fields, Object}};
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
///
///     fn read<'de, A: MapAccess<'de>>(fields: &mut Fields<A>) -> Result<Self, A::Error> {
///         let (mut id, mut note, mut coupon) = (Field::new("id"), Field::new("note"), Field::new("coupon"));
///         while let Some(name) = fields.next_name()? {
///             match &*name {
///                 "id" => fields.read(&mut id)?,
///                 "note" => fields.read(&mut note)?,
///                 "coupon" => fields.read(&mut coupon)?,
///                 _ => fields.skip()?,
///             }
///         }
///         Ok(Self { id: id.required()?, note: note.or_default(), coupon: coupon.or_default() })
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

    /// Reads the members.
    ///
    /// # Errors
    ///
    /// Where a member is missing, or is not what the type says.
    fn read<'de, A: MapAccess<'de>>(fields: &mut Fields<A>) -> Result<Self, A::Error>;
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
        T::read(&mut Fields { map })
    }
}

/// The members of an object that is being read.
#[derive(Debug)]
pub struct Fields<A> {
    map: A,
}

impl<'de, A: MapAccess<'de>> Fields<A> {
    /// The name of the next member, after which its value must be read or skipped.
    ///
    /// # Errors
    ///
    /// Where the text is broken.
    pub fn next_name(&mut self) -> Result<Option<Cow<'de, str>>, A::Error> {
        Ok(self.map.next_key::<Name<'de>>()?.map(|name| name.0))
    }

    /// Reads the value of a member. Of a member that comes twice, the last value counts.
    ///
    /// # Errors
    ///
    /// Where the value is not what the type says.
    pub fn read<T: Deserialize<'de>>(&mut self, field: &mut Field<T>) -> Result<(), A::Error> {
        field.value = Some(self.map.next_value()?);
        Ok(())
    }

    /// Reads the value of a member that the type does not name, for types that keep those.
    ///
    /// # Errors
    ///
    /// Where the value is not what the type says.
    pub fn value<T: Deserialize<'de>>(&mut self) -> Result<T, A::Error> {
        self.map.next_value()
    }

    /// Skips the value of a member that the contract does not know.
    ///
    /// # Errors
    ///
    /// Where the text is broken.
    pub fn skip(&mut self) -> Result<(), A::Error> {
        self.map.next_value::<IgnoredAny>().map(drop)
    }
}

/// A member that may come.
#[derive(Debug)]
pub struct Field<T> {
    name: &'static str,
    value: Option<T>,
}

impl<T> Field<T> {
    /// A member that has not come yet.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: None }
    }

    /// The value of a member that must come. A member of type `Option` must come too, and may be null.
    ///
    /// # Errors
    ///
    /// Where it did not come.
    pub fn required<E: Error>(self) -> Result<T, E> {
        self.value.ok_or_else(|| E::missing_field(self.name))
    }
}

impl<T: Default> Field<T> {
    /// The value of a member that may be missing: `None` of an `Option`, `Absent` of a `Patch`, or the default.
    #[must_use]
    pub fn or_default(self) -> T {
        self.value.unwrap_or_default()
    }
}

/// A name, borrowed from the text where it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a member")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }

            fn visit_string<E: Error>(self, name: String) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name)))
            }
        }
        deserializer.deserialize_identifier(NameVisitor)
    }
}
