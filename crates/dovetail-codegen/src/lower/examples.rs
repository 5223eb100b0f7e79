//! An example of how each operation is called: a line in its documentation, and a function that is compiled.

use serde_json::Value;

use super::methods::{self, Way};
use super::operations::{Input, OperationDraft};
use super::spell::{Speller, Uses};
use super::ty::Ty;
use super::types::Types;
use crate::{doc, ir, literal};

/// Longer examples of texts say nothing at a glance.
const TEXT_MAX: usize = 40;

/// The example of a call. What takes more than a word to make is an argument of its function.
pub(super) fn example(
    draft: &OperationDraft<'_>,
    way: &Way<'_>,
    method: &ir::Method,
    speller: &Speller<'_>,
    uses: &mut Uses,
) -> ir::Example {
    let mut given = Vec::new();
    let mut taken = Vec::new();
    let mut argument = |name: &str, ty: &Ty, uses: &mut Uses| {
        taken.push(format!("{name}: {}", speller.owned(ty, uses)));
        let borrow = if ty.is_copy() || matches!(ty, Ty::Body | Ty::Form) {
            ""
        } else {
            "&"
        };
        format!("{borrow}{name}")
    };
    match &draft.request {
        Some(_) => given.push("&request".to_owned()),
        None => {
            for input in draft.inputs.iter().filter(|input| input.required) {
                given.push(match &input.example {
                    Some(plain) => plain.clone(),
                    None => argument(&input.name, &input.ty, uses),
                });
            }
            let content_type = draft.content_type.iter();
            given.extend(content_type.map(|_| "\"application/octet-stream\"".to_owned()));
        }
    }
    if let Some(body) = way.body.filter(|body| draft.is_body_argument(body)) {
        given.push(match body.ty {
            Ty::Text => "\"text\"".to_owned(),
            _ => argument(&draft.body_name, &body.ty, uses),
        });
    }
    if let Some(request) = &draft.request {
        taken.insert(0, format!("request: {}", uses.add("crate::types", request)));
    }
    if let Some(options) = &draft.options {
        let options = uses.add("crate::types", options);
        given.push(format!("&{options}::default()"));
    }
    let operation = draft.operation;
    let mut client = "client".to_owned();
    // A parameter may be called that, too.
    while taken
        .iter()
        .any(|taken| taken.split(':').next() == Some(&client))
    {
        client.insert_str(0, "the_");
    }
    ir::Example {
        docs: vec![format!(
            "{}.",
            doc::code(&format!("{} {}", operation.method, operation.path.value))
        )],
        calls_deprecated: operation.deprecated,
        name: draft.method.clone(),
        arguments: taken,
        returns: method.returns.clone(),
        error: method.error.clone(),
        call: format!("{client}.{}({})", draft.method, given.join(", ")),
        client,
    }
}

/// The call of an operation, for the front page.
pub(super) fn call(draft: &OperationDraft<'_>, speller: &Speller<'_>) -> String {
    let uses = &mut Uses::default();
    let (way, method) = methods::main(draft, speller, uses);
    example(draft, &way, &method, speller, uses).call
}

/// The lines of documentation that show a call.
pub(super) fn shown(example: &ir::Example) -> Vec<String> {
    let answer = if example.returns == "()" {
        ""
    } else {
        "let answer = "
    };
    [
        String::new(),
        "# Example".to_owned(),
        String::new(),
        "```ignore".to_owned(),
        format!("{answer}{}.await?;", example.call),
        "```".to_owned(),
    ]
    .into()
}

/// Gives each parameter a value that fits into a line, where its type has one.
pub(super) fn choose(drafts: &mut [OperationDraft<'_>], types: &Types<'_>) {
    for draft in drafts {
        for input in &mut draft.inputs {
            input.example = literal_of(input, types);
        }
    }
}

fn literal_of(input: &Input<'_>, types: &Types<'_>) -> Option<String> {
    let schema = types.views.schemas.schema(input.parameter.schema);
    let notes = &schema.notes;
    let declared = input.parameter.examples.values();
    let declared: Vec<&Value> = declared
        .chain(&notes.examples)
        .chain(&notes.default)
        .collect();
    let text = || declared.iter().find_map(|value| plain_text(value));
    let number = || declared.iter().find_map(|value| value.as_u64());
    Some(match &input.ty {
        Ty::Text => literal::rust(text().unwrap_or(input.name.trim_start_matches("r#"))),
        Ty::Bool => "true".to_owned(),
        Ty::Float => "1.5".to_owned(),
        Ty::Int(name) => {
            let number = number().filter(|number| fits(*number, name)).unwrap_or(1);
            super::policies::grouped(number)
        }
        _ => return None,
    })
}

/// A text that can stand in a line of documentation, whatever it says.
fn plain_text(value: &Value) -> Option<&str> {
    let text = value.as_str()?;
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '`' | '"' | '\\');
    let fits = !text.is_empty() && text.len() <= TEXT_MAX;
    (fits && text.chars().all(|c| is_plain(c) || c == ' ')).then_some(text)
}

/// Whether an integer type holds a number.
fn fits(number: u64, name: &str) -> bool {
    match name {
        "i8" => i8::try_from(number).is_ok(),
        "u8" => u8::try_from(number).is_ok(),
        "i16" => i16::try_from(number).is_ok(),
        "u16" => u16::try_from(number).is_ok(),
        "i32" => i32::try_from(number).is_ok(),
        "u32" => u32::try_from(number).is_ok(),
        _ => i64::try_from(number).is_ok(),
    }
}

/// The examples of all operations, as a file.
pub(super) fn file(
    drafts: &[OperationDraft<'_>],
    speller: &Speller<'_>,
    (library, setup): (&str, ir::Setup),
) -> Option<ir::Examples> {
    let mut uses = Uses::default();
    let examples: Vec<ir::Example> = drafts
        .iter()
        .map(|draft| {
            let (way, method) = methods::main(draft, speller, &mut uses);
            example(draft, &way, &method, speller, &mut uses)
        })
        .collect();
    if examples.is_empty() {
        return None;
    }
    // What the steps of a method import has no place here.
    let mut kept = Uses::default();
    kept.add("crate", "Client");
    kept.add("dovetail_client", "Error");
    let text: Vec<String> = examples
        .iter()
        .map(|example| {
            let arguments = example.arguments.join(" ");
            format!(
                "{arguments} {} {} {}",
                example.returns, example.error, example.call
            )
        })
        .collect();
    kept.take_mentioned(&uses, &text.join(" "));
    let lines = kept.lines();
    let lines = lines
        .iter()
        .map(|line| line.replace("use crate::", &format!("use {library}::")));
    let file = ir::Examples {
        uses: lines.collect(),
        items: examples,
        setup,
    };
    Some(file)
}
