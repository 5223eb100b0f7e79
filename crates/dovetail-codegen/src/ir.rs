//! The generated crate as data: every name chosen, every type written out, every line of documentation in place.
//!
//! Lowering decides all of it; templates print these fields and nothing else.

/// One client crate.
#[derive(Debug, Clone)]
pub(crate) struct Crate {
    /// What the banner names as its origin.
    pub(crate) source: String,
    pub(crate) manifest: Manifest,
    pub(crate) readme: Readme,
    /// Documentation of the crate, line by line.
    pub(crate) docs: Vec<String>,
    pub(crate) service: Service,
    pub(crate) client: ClientFile,
    /// How every operation is called, as an expression, where there is any operation.
    pub(crate) policy: Option<String>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) operation_uses: Vec<String>,
    pub(crate) types: Vec<TypeItem>,
    pub(crate) type_uses: Vec<String>,
    /// Whether a type has so many true-or-false fields that they have a name of their own.
    pub(crate) has_flags: bool,
    pub(crate) errors: Vec<Answer>,
    pub(crate) error_uses: Vec<String>,
    pub(crate) callers: Vec<Caller>,
    pub(crate) policy_uses: Vec<String>,
}

/// `Cargo.toml`; all values are TOML already.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    /// Whole lines, sorted.
    pub(crate) dependencies: Vec<String>,
}

/// `README.md`; all values are Markdown already.
#[derive(Debug, Clone)]
pub(crate) struct Readme {
    pub(crate) title: String,
    pub(crate) summary: Vec<String>,
    /// Name of the crate as code writes it.
    pub(crate) library: String,
    pub(crate) rows: Vec<ReadmeRow>,
    pub(crate) has_errors: bool,
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

/// The constant of a security scheme.
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
    pub(crate) methods: Vec<Method>,
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
    Numbers(Numbers),
    Union(Union),
    Answer(Answer),
}

/// An object, or the optional parameters of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Struct {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) derives: String,
    pub(crate) fields: Vec<Field>,
    /// What values of undeclared fields are, if the contract says; the field is called `extra`.
    pub(crate) extra: Option<Extra>,
}

/// The field that holds undeclared fields.
#[derive(Debug, Clone)]
pub(crate) struct Extra {
    pub(crate) name: String,
    pub(crate) ty: String,
}

/// A field of a struct.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) docs: Vec<String>,
    /// Parts of its `serde` attribute; empty for none.
    pub(crate) serde: Vec<String>,
    pub(crate) name: String,
    /// Name of the variable that holds it while an object is read.
    pub(crate) local: String,
    pub(crate) ty: String,
    /// A string literal.
    pub(crate) wire: String,
    /// What makes a value of what was read: `required()?` or `or_default()`.
    pub(crate) read: String,
}

/// An enum of strings that may grow.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) variants: Vec<Word>,
    /// Too many for a `match` that anyone would read.
    pub(crate) is_long: bool,
}

/// A variant of an enum of strings or integers.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    /// A literal.
    pub(crate) value: String,
}

/// An enum of integers that may grow.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) repr: String,
    pub(crate) variants: Vec<Word>,
    pub(crate) is_long: bool,
}

/// One of several types.
#[derive(Debug, Clone)]
pub(crate) struct Union {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) derives: String,
    pub(crate) variants: Vec<Variant>,
    /// The property that tells objects apart, as a literal, if one does.
    pub(crate) tag: Option<String>,
    /// The arms of a match on the tag.
    pub(crate) arms: Vec<Arm>,
    /// Conditions on the value, asked in order where no tag decides.
    pub(crate) tests: Vec<Arm>,
}

/// A variant of a union or of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) ty: String,
    /// The expression that writes it.
    pub(crate) write: String,
}

/// A pattern and the variant that it leads to.
#[derive(Debug, Clone)]
pub(crate) struct Arm {
    pub(crate) pattern: String,
    pub(crate) variant: String,
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
