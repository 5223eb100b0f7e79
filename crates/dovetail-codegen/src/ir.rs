//! The generated crate as data: every name chosen, every type written out, every line of documentation in place.
//!
//! Lowering decides all of it; templates print these fields and nothing else.

mod messaging;

pub(crate) use messaging::{
    Arm, Channel, Consumers, ConsumersReadme, Dispatcher, HandlerMethod, HandlerModule,
    HandlerTrait, MessageRoute, MessageRow, MessageType, Messages, MessagesReadme, Producer,
    ProducerMethod, RouteGroup, RouteRow,
};

/// One client crate.
#[derive(Debug, Clone)]
pub(crate) struct Crate {
    /// What the banner names as its origin.
    pub(crate) source: String,
    pub(crate) manifest: Manifest,
    pub(crate) readme: Readme,
    /// Documentation of the crate, line by line.
    pub(crate) docs: Vec<String>,
    /// How deep the compiler must look into types, where they are deeper than usual.
    pub(crate) recursion_limit: Option<usize>,
    pub(crate) service: Service,
    /// Addresses that the contract declares.
    pub(crate) servers: Vec<Scheme>,
    pub(crate) client: ClientFile,
    /// How every operation is called, as an expression, where there is any operation.
    pub(crate) policy: Option<String>,
    pub(crate) operation_uses: Vec<String>,
    /// Whether a type has so many true-or-false fields that they have a name of their own.
    pub(crate) has_flags: bool,
    pub(crate) callers: Vec<Caller>,
    /// What the service sends itself.
    pub(crate) handlers: Vec<Handlers>,
    /// How each operation is called, if there are any.
    pub(crate) examples: Option<Examples>,
    pub(crate) policy_uses: Vec<String>,
    /// One part without a name, or one for each tag and one for the types that several share.
    pub(crate) parts: Vec<Part>,
}

/// A part of the crate: what belongs to the operations of one tag, or everything.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Name of its modules, if it has modules of its own.
    pub(crate) module: Option<String>,
    /// The feature that turns it on, as a literal, if one does.
    pub(crate) feature: Option<String>,
    /// What it holds, for the documentation of its modules.
    pub(crate) about: String,
    pub(crate) methods: Section<Method>,
    pub(crate) operations: Section<Operation>,
    pub(crate) errors: Section<Answer>,
    pub(crate) types: Section<TypeItem>,
    pub(crate) tables: Section<Table>,
}

/// What a part adds to one file, or to one file of its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Section<T> {
    pub(crate) uses: Vec<String>,
    pub(crate) items: Vec<T>,
}

/// How a type is read and written: a macro of the runtime and its lines.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) head: String,
    pub(crate) lines: Vec<String>,
}

/// `Cargo.toml`; all values are TOML already.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    /// Names of features, each with those that it turns on, as lines.
    pub(crate) features: Vec<String>,
    /// Names of features that the examples need, as literals.
    pub(crate) required: Vec<String>,
    /// Whole lines, sorted.
    pub(crate) dependencies: Vec<String>,
}

/// `README.md`; all values are Markdown already.
#[derive(Debug, Clone)]
pub(crate) struct Readme {
    pub(crate) title: String,
    pub(crate) summary: Vec<String>,
    /// Where more is written.
    pub(crate) more: Vec<String>,
    /// Name of the crate as code writes it.
    pub(crate) library: String,
    pub(crate) setup: Setup,
    /// A call of an operation, as an expression.
    pub(crate) call: Option<String>,
    /// One for each part of the crate that has operations.
    pub(crate) tables: Vec<ReadmeTable>,
    /// Methods that read lists page by page, as items of a list.
    pub(crate) lists: Vec<String>,
    pub(crate) has_errors: bool,
    pub(crate) has_webhooks: bool,
    pub(crate) has_callbacks: bool,
}

/// How a client is made.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) uses: Vec<String>,
    /// An expression, line by line.
    pub(crate) lines: Vec<String>,
}

/// A table of operations.
#[derive(Debug, Clone)]
pub(crate) struct ReadmeTable {
    pub(crate) title: String,
    /// The feature that turns it on.
    pub(crate) feature: String,
    pub(crate) is_feature: bool,
    pub(crate) rows: Vec<ReadmeRow>,
}

/// A row of the table of operations.
#[derive(Debug, Clone)]
pub(crate) struct ReadmeRow {
    pub(crate) method: String,
    pub(crate) request: String,
    pub(crate) refusals: String,
}

/// The constant that describes the service.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) docs: Vec<String>,
    /// A string literal.
    pub(crate) name: String,
    /// Ids of all operations, as literals.
    pub(crate) operations: Vec<String>,
    pub(crate) schemes: Vec<Scheme>,
}

/// The constant of a security scheme or of an address.
#[derive(Debug, Clone)]
pub(crate) struct Scheme {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    /// An expression.
    pub(crate) value: String,
}

/// `client.rs`.
#[derive(Debug, Clone)]
pub(crate) struct ClientFile {
    pub(crate) uses: Vec<String>,
    pub(crate) docs: Vec<String>,
    /// How long a connection may take, as an expression, if the contracts say.
    pub(crate) connect: Option<String>,
    pub(crate) constructors: Vec<Constructor>,
}

/// A constructor with the policies of one consumer.
#[derive(Debug, Clone)]
pub(crate) struct Constructor {
    pub(crate) name: String,
    /// The consumer, as Markdown.
    pub(crate) caller: String,
    pub(crate) table: String,
    pub(crate) connect: Option<String>,
}

/// A method of the client.
#[derive(Debug, Clone)]
pub(crate) struct Method {
    pub(crate) docs: Vec<String>,
    pub(crate) deprecated: bool,
    pub(crate) name: String,
    /// `name: Type`, after `&self`.
    pub(crate) arguments: Vec<String>,
    pub(crate) returns: String,
    pub(crate) error: String,
    /// Name of the operation's constant.
    pub(crate) operation: String,
    /// Calls on the request, such as `.path("id", id)`.
    pub(crate) steps: Vec<String>,
    /// Whether only the crate itself calls it.
    pub(crate) is_private: bool,
    /// Methods that read its list page by page.
    pub(crate) lists: Vec<ListMethod>,
}

/// A method that reads a list page by page.
#[derive(Debug, Clone)]
pub(crate) struct ListMethod {
    pub(crate) docs: Vec<String>,
    pub(crate) deprecated: bool,
    /// Whether it calls another method that is deprecated.
    pub(crate) calls_deprecated: bool,
    pub(crate) name: String,
    /// `name: Type`, after `&self`.
    pub(crate) arguments: Vec<String>,
    pub(crate) returns: String,
    /// What it does, line by line.
    pub(crate) lines: Vec<String>,
}

/// A constant of `operations.rs`.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// A variant of `Idempotency`, where the method does not say it already.
    pub(crate) idempotency: Option<String>,
    /// Alternatives: names of constants, separated by commas.
    pub(crate) security: Vec<String>,
}

/// One consumer's policies.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    /// What holds for operations without a policy of their own, if there are any: the constant's name, and the expression.
    pub(crate) usual: Option<(String, String)>,
    pub(crate) entries: Vec<CallerEntry>,
}

/// The policy of one operation for one consumer; both are expressions.
#[derive(Debug, Clone)]
pub(crate) struct CallerEntry {
    pub(crate) id: String,
    pub(crate) policy: String,
}

/// A type of `types.rs`.
#[derive(Debug, Clone)]
pub(crate) enum TypeItem {
    Struct(Struct),
    Words(Words),
    Union(Union),
    Alike(Alike),
    Alias(Alias),
    Answer(Answer),
}

/// An object, or the optional parameters of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Struct {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) derives: String,
    pub(crate) fields: Vec<Field>,
}

/// A field of a struct.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) ty: String,
}

/// An enum of strings or integers that may grow.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) derives: &'static str,
    pub(crate) variants: Vec<Word>,
    /// Type of a value that is not known.
    pub(crate) unknown: String,
}

/// A variant of an enum of strings or integers.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
}

/// One of several types.
#[derive(Debug, Clone)]
pub(crate) struct Union {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) derives: String,
    pub(crate) variants: Vec<Variant>,
}

/// A variant of a union.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) ty: String,
}

/// JSON text that is one of several types, none of which can be told from the others.
#[derive(Debug, Clone)]
pub(crate) struct Alike {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
}

/// Another name for a type that is long to write.
#[derive(Debug, Clone)]
pub(crate) struct Alias {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) ty: String,
}

/// An enum whose variant follows from the status of a response: several successes, or the refusals of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) derives: String,
    pub(crate) variants: Vec<AnswerVariant>,
    /// Whether it has one variant, which takes any status.
    pub(crate) takes_any: bool,
    /// Whether statuses remain that are none of its variants.
    pub(crate) is_partial: bool,
}

/// What one status, or a range of them, means.
#[derive(Debug, Clone)]
pub(crate) struct AnswerVariant {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    /// Pattern of the status.
    pub(crate) pattern: String,
    pub(crate) has_body: bool,
    /// Type of the body, if it has one.
    pub(crate) ty: String,
    /// The expression that makes it of the response.
    pub(crate) outcome: String,
    /// Whether the variant keeps the status, because it stands for several.
    pub(crate) keeps_status: bool,
    /// What it says of itself, as a literal.
    pub(crate) message: String,
}

/// The file of examples.
#[derive(Debug, Clone)]
pub(crate) struct Examples {
    pub(crate) setup: Setup,
    pub(crate) uses: Vec<String>,
    pub(crate) items: Vec<Example>,
}

/// A call of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    pub(crate) docs: Vec<String>,
    pub(crate) calls_deprecated: bool,
    pub(crate) name: String,
    /// What the client is called.
    pub(crate) client: String,
    /// `name: Type`, after the client.
    pub(crate) arguments: Vec<String>,
    pub(crate) returns: String,
    pub(crate) error: String,
    /// The call, as an expression.
    pub(crate) call: String,
}

/// A file of what the service sends itself, with the trait of who handles it.
#[derive(Debug, Clone)]
pub(crate) struct Handlers {
    /// Name of the module.
    pub(crate) module: &'static str,
    /// Name of the trait.
    pub(crate) handler: &'static str,
    pub(crate) about: String,
    pub(crate) uses: Vec<String>,
    pub(crate) requests: Vec<IncomingRequest>,
}

/// A request that the service sends.
#[derive(Debug, Clone)]
pub(crate) struct IncomingRequest {
    pub(crate) docs: Vec<String>,
    /// Name of the method that handles it.
    pub(crate) method: String,
    /// What the dispatcher knows it by, as an expression.
    pub(crate) route: String,
    /// `name: Type`, after `&self`.
    pub(crate) arguments: Vec<String>,
    /// Expressions that read the arguments, separated by commas.
    pub(crate) reads: String,
    /// Name of the struct of parameters, if it has some.
    pub(crate) holder: Option<String>,
    pub(crate) holder_derives: String,
    pub(crate) parameters: Vec<IncomingField>,
    /// Name of the enum of answers, if the contract declares some.
    pub(crate) answer: Option<String>,
    pub(crate) answer_derives: String,
    pub(crate) answers: Vec<IncomingAnswer>,
}

/// A parameter of a request that the service sends.
#[derive(Debug, Clone)]
pub(crate) struct IncomingField {
    pub(crate) field: Field,
    /// The expression that reads it.
    pub(crate) read: String,
}

/// A way to answer a request that the service sends.
#[derive(Debug, Clone)]
pub(crate) struct IncomingAnswer {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    /// What the variant holds, as it is declared.
    pub(crate) shape: String,
    /// What the variant holds, as it is matched.
    pub(crate) pattern: String,
    /// The expression that makes the reply.
    pub(crate) reply: String,
}

impl IncomingRequest {
    /// The name of its method, as documentation links to it.
    pub(crate) fn shown(&self) -> &str {
        self.method.trim_start_matches("r#")
    }
}

impl TypeItem {
    /// The name of the type.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Struct(item) => &item.name,
            Self::Words(item) => &item.name,
            Self::Union(item) => &item.name,
            Self::Alike(item) => &item.name,
            Self::Alias(item) => &item.name,
            Self::Answer(item) => &item.name,
        }
    }
}

impl Part {
    /// The name of the files of its modules.
    pub(crate) fn file(&self) -> Option<&str> {
        self.module
            .as_deref()
            .map(|module| module.trim_start_matches("r#"))
    }
}
