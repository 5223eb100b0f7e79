//! How generated types stand on the wire, as tables: one macro for each kind of type.
//!
//! What a table becomes is a few calls of [`decode`](crate::decode) and [`encode`](crate::encode). Deriving the same costs
//! about seven times as much to compile, and has no room for what a newer service may say.

mod object;
mod union;
mod words;

#[cfg(test)]
mod tests;
