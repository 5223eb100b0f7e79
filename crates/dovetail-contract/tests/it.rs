//! Reading real and hostile documents from outside of the crate: one binary, a module for each question.

#[path = "it/asyncapi.rs"]
mod asyncapi;
#[path = "it/avro.rs"]
mod avro;
#[path = "it/cases.rs"]
mod cases;
#[path = "it/corpus.rs"]
mod corpus;
#[path = "it/export.rs"]
mod export;
#[path = "it/growth.rs"]
mod growth;
#[path = "it/hostile.rs"]
mod hostile;
#[path = "it/hostile_documents.rs"]
mod hostile_documents;
#[path = "it/hostile_messages.rs"]
mod hostile_messages;
#[path = "it/hostile_workspaces.rs"]
mod hostile_workspaces;
#[cfg(feature = "proto")]
#[path = "it/proto.rs"]
mod proto;
#[path = "it/same.rs"]
mod same;
#[path = "it/second_opinion.rs"]
mod second_opinion;
#[path = "it/shared.rs"]
mod shared;
