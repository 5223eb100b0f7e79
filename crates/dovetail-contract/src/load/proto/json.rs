//! What messages look like in JSON, as schemas.

use std::collections::{HashMap, VecDeque};

use prost_reflect::prost_types::{FieldOptions, MessageOptions};
use prost_reflect::{
    Cardinality, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor,
    OneofDescriptor, ReflectMessage as _, Value,
};

use super::places::Places;
use super::pool::Pool;
use super::well_known::{SIGNED, UNSIGNED, bytes, number, text, typed, well_known};
use crate::codes;
use crate::finding::Finding;
use crate::load::files::Files;
use crate::load::lower;
use crate::schema::{Number, Property, Schema, SchemaId, Schemas, Type};
use crate::source::{Span, Spanned};

/// Most members of a `oneof` that are held against each other. Each names all others, so their square counts.
const ONEOF_MAX: usize = 16;

/// Most schemas that the messages of one service become, members of a `oneof` counted for each other.
const SCHEMAS_MAX: usize = 500_000;

/// The option that says that a field must be there.
const BEHAVIOR: &str = "google.api.field_behavior";
/// Its value for that.
const REQUIRED: i32 = 2;

/// The messages that were made schemas of an arena.
#[derive(Debug)]
pub(crate) struct Messages<'a> {
    pool: &'a mut Pool,
    arena: &'a mut Schemas,
    /// The schemas by file and full name.
    known: HashMap<(String, String), SchemaId>,
    queue: VecDeque<(SchemaId, MessageDescriptor)>,
    /// Schemas that may still be made.
    left: usize,
}

impl<'a> Messages<'a> {
    /// Nothing made yet.
    pub(crate) fn new(pool: &'a mut Pool, arena: &'a mut Schemas) -> Self {
        Self {
            pool,
            arena,
            known: HashMap::new(),
            queue: VecDeque::new(),
            left: SCHEMAS_MAX,
        }
    }

    /// The schema of a message of a file, by its name. `None` where there is none; a finding says so.
    pub(crate) fn message(
        &mut self,
        files: &mut Files,
        path: &str,
        name: &Spanned<String>,
    ) -> Option<SchemaId> {
        let linked = self.pool.link(files, path)?;
        let file = linked.get_file_by_name(path)?;
        let full = format!("{}.{}", file.package_name(), name.value);
        let named = [name.value.as_str(), full.trim_start_matches('.')];
        let found = named.into_iter().find_map(|name| {
            let message = linked.get_message_by_name(name)?;
            (message.parent_file() == file && !message.is_map_entry()).then_some(message)
        });
        let Some(message) = found else {
            files.push(unknown(files, &file, path, name));
            return None;
        };
        let id = self.of_message(&message);
        while let Some((id, message)) = self.queue.pop_front() {
            if self.left == 0 {
                let text = format!("the messages of `{path}` become too many schemas");
                files.push(Finding::new(&codes::TOO_LARGE, name.span, text));
                return None;
            }
            self.fill(id, &message);
        }
        Some(id)
    }

    fn of_message(&mut self, message: &MessageDescriptor) -> SchemaId {
        let name = message.full_name();
        let file = message.parent_file();
        let key = (file.name().to_owned(), name.to_owned());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let id = self.reserve(&file, message.path(), name);
        let span = self.arena.schema(id).span;
        self.known.insert(key, id);
        match well_known(span, name) {
            Some(schema) => self.keep(id, schema),
            None => {
                self.arena.schema_mut(id).name = Some(message.name().to_owned());
                self.queue.push_back((id, message.clone()));
            }
        }
        id
    }

    fn fill(&mut self, id: SchemaId, message: &MessageDescriptor) {
        let mut schema = typed(self.arena.schema(id).span, &[Type::Object]);
        schema.name = Some(message.name().to_owned());
        schema.notes.description = self.comment(&message.parent_file(), message.path());
        let options = message.descriptor_proto().options.as_ref();
        schema.notes.deprecated = options.is_some_and(MessageOptions::deprecated);
        for field in message.fields() {
            let name = field.json_name().to_owned();
            if field.cardinality() == Cardinality::Required || self.must_be_there(&field) {
                schema.object.required.push(name.clone());
            }
            let property = Property {
                span: self.place(&field.parent_file(), field.path()),
                schema: self.field(&field),
            };
            schema.object.properties.insert(name, property);
        }
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            self.one_of(&mut schema, &oneof);
        }
        self.keep(id, schema);
    }

    fn field(&mut self, field: &FieldDescriptor) -> SchemaId {
        let own = self.reserve(&field.parent_file(), field.path(), field.full_name());
        let span = self.arena.schema(own).span;
        let mut schema = if field.is_map() {
            let entry = field.kind();
            let mut schema = typed(span, &[Type::Object]);
            schema.object.additional = entry.as_message().map(|entry| {
                let value = entry.map_entry_value_field();
                self.value(&value, "value")
            });
            schema
        } else if field.is_list() {
            let mut schema = typed(span, &[Type::Array]);
            schema.array.items = Some(self.value(field, "item"));
            schema
        } else {
            self.single(span, field)
        };
        schema.notes.description = self.comment(&field.parent_file(), field.path());
        let options = field.field_descriptor_proto().options.as_ref();
        schema.notes.deprecated = options.is_some_and(FieldOptions::deprecated);
        self.keep(own, schema);
        own
    }

    /// What each element of a list or each value of a map is.
    fn value(&mut self, field: &FieldDescriptor, part: &str) -> SchemaId {
        match field.kind() {
            Kind::Message(message) => self.of_message(&message),
            _ => {
                let name = format!("{}/{part}", field.full_name());
                let id = self.reserve(&field.parent_file(), field.path(), &name);
                let schema = self.single(self.arena.schema(id).span, field);
                self.keep(id, schema);
                id
            }
        }
    }

    /// One value of a field.
    fn single(&mut self, span: Span, field: &FieldDescriptor) -> Schema {
        match field.kind() {
            Kind::Double => number(span, Type::Number, "double"),
            Kind::Float => number(span, Type::Number, "float"),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => number(span, Type::Integer, "int32"),
            Kind::Uint32 | Kind::Fixed32 => {
                let mut schema = number(span, Type::Integer, "uint32");
                schema.number.minimum = Number::parse("0");
                schema.number.maximum = Number::parse("4294967295");
                schema
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => text(span, Some("int64"), Some(SIGNED)),
            Kind::Uint64 | Kind::Fixed64 => text(span, Some("uint64"), Some(UNSIGNED)),
            Kind::Bool => typed(span, &[Type::Boolean]),
            Kind::String => text(span, None, None),
            Kind::Bytes => bytes(span),
            Kind::Message(message) => reference(span, self.of_message(&message)),
            Kind::Enum(kind) if kind.full_name() == "google.protobuf.NullValue" => {
                typed(span, &[Type::Null])
            }
            Kind::Enum(kind) => reference(span, self.of_enum(&kind)),
        }
    }

    /// The names of the values, of which two may have one number.
    fn of_enum(&mut self, kind: &EnumDescriptor) -> SchemaId {
        let name = kind.full_name();
        let file = kind.parent_file();
        let key = (file.name().to_owned(), name.to_owned());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let id = self.reserve(&file, kind.path(), name);
        self.known.insert(key, id);
        let mut schema = typed(self.arena.schema(id).span, &[Type::String]);
        schema.name = Some(kind.name().to_owned());
        schema.notes.description = self.comment(&file, kind.path());
        let values: Vec<_> = kind.values().collect();
        let names = values.iter().map(|value| value.name().into());
        schema.enumeration = Some(names.collect());
        let meanings = values.iter().map(|value| self.comment(&file, value.path()));
        let meanings: Vec<String> = meanings.map(Option::unwrap_or_default).collect();
        if meanings.iter().any(|meaning| !meaning.is_empty()) {
            schema.enumeration_descriptions = meanings;
        }
        self.keep(id, schema);
        id
    }

    /// Whoever has one member of a `oneof` has none of the others.
    fn one_of(&mut self, schema: &mut Schema, oneof: &OneofDescriptor) {
        let fields: Vec<FieldDescriptor> = oneof.fields().collect();
        if fields.len() < 2 || fields.len() > ONEOF_MAX {
            return;
        }
        let file = oneof.parent_file();
        self.left = self.left.saturating_sub(fields.len() * fields.len());
        let never = self.reserve(
            &file,
            oneof.path(),
            &format!("{}/~never", oneof.full_name()),
        );
        self.arena.schema_mut(never).never = true;
        for field in &fields {
            let name = format!("{}/~only", field.full_name());
            let only = self.reserve(&file, field.path(), &name);
            let mut alone = Schema::any(self.arena.schema(only).span, String::new());
            for other in fields.iter().filter(|other| *other != field) {
                let property = Property {
                    span: self.place(&file, other.path()),
                    schema: never,
                };
                let other = other.json_name().to_owned();
                alone.object.properties.insert(other, property);
            }
            self.keep(only, alone);
            let dependent = &mut schema.object.dependent_schemas;
            dependent.insert(field.json_name().to_owned(), only);
        }
    }

    /// Whether `google.api.field_behavior` says that a field is in every message.
    fn must_be_there(&self, field: &FieldDescriptor) -> bool {
        let Some(behavior) = field.parent_pool().get_extension_by_name(BEHAVIOR) else {
            return false;
        };
        let options = field.options();
        if behavior.containing_message() != options.descriptor() || !behavior.is_list() {
            return false;
        }
        let said = options.get_extension(&behavior);
        let is_required = |value: &Value| value.as_enum_number() == Some(REQUIRED);
        said.as_list()
            .is_some_and(|said| said.iter().any(is_required))
    }

    fn reserve(&mut self, file: &FileDescriptor, path: &[i32], name: &str) -> SchemaId {
        self.left = self.left.saturating_sub(1);
        let span = self.place(file, path);
        self.arena.reserve(span, format!("{}#{name}", file.name()))
    }

    /// Keeps what a schema says. Its place stays as it is.
    fn keep(&mut self, id: SchemaId, schema: Schema) {
        let known = self.arena.schema_mut(id);
        let (span, pointer) = (known.span, std::mem::take(&mut known.pointer));
        *known = Schema {
            span,
            pointer,
            ..schema
        };
    }

    fn places(&self, file: &FileDescriptor) -> Option<&Places> {
        self.pool.places.get(file.name())
    }

    /// Where something stands. What is built in stands at the begin of the contract.
    fn place(&self, file: &FileDescriptor, path: &[i32]) -> Span {
        match self.places(file) {
            Some(places) => places.of(path),
            None => Span::start_of(self.pool.contract),
        }
    }

    fn comment(&self, file: &FileDescriptor, path: &[i32]) -> Option<String> {
        self.places(file)?.comment(path).map(str::to_owned)
    }
}

fn reference(span: Span, id: SchemaId) -> Schema {
    let mut schema = Schema::any(span, String::new());
    schema.reference = Some(id);
    schema
}

fn unknown(files: &Files, file: &FileDescriptor, path: &str, name: &Spanned<String>) -> Finding {
    let said = lower::shorten(&name.value);
    let text = match said.is_empty() {
        true => format!("`{path}` holds messages, and none of them is named"),
        false => format!("`{path}` declares no message `{said}`"),
    };
    let known: Vec<String> = file
        .messages()
        .map(|message| message.name().to_owned())
        .collect();
    let finding = Finding::new(&codes::DANGLING_REFERENCE, name.span, text)
        .expected(format!("`{path}#` and the name of a message of the file"));
    let known = known.iter().map(String::as_str);
    match said.is_empty() {
        true => finding.help("write it like `orders.proto#OrderCreated`"),
        false => lower::suggest(files, finding, &name.value, known),
    }
}
