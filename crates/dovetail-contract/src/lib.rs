//! What services promise and expect, and how to read it from YAML and OpenAPI.
//!
//! [`load`] reads a folder of contracts into one format-free model and says everything that is wrong with it, each problem with its place.
//! The model knows nothing of rules, Rust or networks: checking, generating and verifying are other crates.

pub mod codes;
pub mod conform;
pub mod contract;
pub mod escape;
pub mod expect;
pub mod export;
pub mod finding;
pub mod format;
pub mod frame;
pub mod json_path;
mod json_pointer;
pub mod load;
pub mod placeholder;
pub mod policy;
pub mod schema;
pub mod source;
pub mod transport_laws;
