//! Messages of protobuf as schemas of the model, by the JSON mapping of protobuf.
//!
//! Messages are written as JSON whatever describes them. Members are called by their JSON names (`orderId`), 64-bit integers and bytes are text, enums are
//! the names of their values, and well-known types have the forms that the mapping gives them. What has no form in that mapping is not read as something
//! else: numbers that are none (`NaN`) cannot be sent, and an enum has the values that the file names.
//!
//! A field is required only where the file says so (`required` of proto2, or `google.api.field_behavior`): the mapping lets writers leave out what has its
//! default value. The key of a message is in every message, so the field that is the key is required as well.

mod json;
mod places;
mod pool;
mod well_known;

pub(crate) use json::Messages;
pub(crate) use pool::Pool;

#[cfg(test)]
mod tests;
