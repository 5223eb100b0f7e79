//! Lists that come page by page: a method for the pages and one for what they hold, where the contract says how.

mod walk;

use dovetail_contract::contract::{Pagination, PaginationStyle, ParameterLocation};
use dovetail_contract::finding::Finding;
use serde_json::Value;

use self::walk::Walk;
use super::items::Items;
use super::methods::{self, Way};
use super::operations::{Input, OperationDraft};
use super::spell::{Speller, Uses};
use super::ty::Ty;
use crate::rust_name::{Casing, Scope};
use crate::{codes, doc, ir};

/// How the list of an operation is read.
#[derive(Debug)]
pub(super) struct PagingDraft {
    /// The method for the pages.
    pages: String,
    /// The method for what they hold.
    items: String,
    /// The method that follows a link, which nobody else calls.
    at: String,
    /// What is done, unless the types do not allow it.
    plan: Option<Plan>,
}

#[derive(Debug)]
struct Plan {
    next: Next,
    /// How the list is taken from a page, and the type of what it holds.
    list: Option<(String, Ty)>,
}

/// How the next page is found.
#[derive(Debug)]
enum Next {
    /// By what this expression finds in a page.
    Cursor(String),
    /// By its number, or by how many items came before, as far as this expression counts more than none.
    Number {
        count: String,
        is_offset: bool,
        /// Where the list begins unless the caller says otherwise.
        first: u64,
    },
    /// By the link that this expression finds in a page.
    Link(String),
    /// By the header for links.
    Header,
}

impl PagingDraft {
    /// Names of the method for the pages and, where there is one, of that for what they hold.
    pub(super) fn shown(&self) -> Option<(&str, Option<&str>)> {
        let plan = self.plan.as_ref()?;
        let items = plan.list.as_ref().map(|_| self.items.as_str());
        Some((&self.pages, items))
    }
}

/// Names the methods, beside those of all operations.
pub(super) fn named(draft: &OperationDraft<'_>, methods: &mut Scope) -> Option<PagingDraft> {
    draft.operation.pagination.as_ref()?;
    let base = draft.method.trim_start_matches("r#");
    let id = &draft.operation.id.value;
    let mut claim = |suffix: &str| methods.claim_for(&format!("{base}{suffix}"), id, Casing::Snake);
    Some(PagingDraft {
        pages: claim("_pages"),
        items: claim("_items"),
        at: claim("_at"),
        plan: None,
    })
}

/// Decides how each list is read, now that all types are known.
pub(super) fn plan(drafts: &mut [OperationDraft<'_>], items: &Items<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for draft in drafts {
        let Some(pagination) = &draft.operation.pagination else {
            continue;
        };
        let planned = planned(draft, pagination, items);
        if let Err(reason) = &planned {
            let id = &draft.operation.id;
            let message = format!(
                "no method reads all pages of {}: {reason}",
                doc::code(&id.value)
            );
            findings.push(Finding::new(&codes::UNREAD_PAGES, id.span, message));
        }
        if let Some(paging) = &mut draft.paging {
            paging.plan = planned.ok();
        }
    }
    findings
}

fn planned(
    draft: &OperationDraft<'_>,
    pagination: &Pagination,
    items: &Items<'_>,
) -> Result<Plan, &'static str> {
    let page = draft
        .success
        .json()
        .ok_or("it does not answer with one kind of JSON")?;
    if draft.body.as_ref().is_some_and(|body| {
        matches!(body.ty, Ty::Body | Ty::Form) || !items.is_comparable(&body.ty)
    }) {
        return Err("its body can be sent once only");
    }
    let list = Walk::to(items, page, &pagination.items);
    let next = match (pagination.style, &pagination.response) {
        (PaginationStyle::Link, None) => Next::Header,
        (PaginationStyle::Link, Some(pointer)) => {
            let walk = Walk::to(items, page, pointer).ok_or("its address cannot be reached")?;
            if walk.ty != Ty::Text {
                return Err("the address of the next page is no string");
            }
            Next::Link(walk.copied() + ".map(NextLink::new)")
        }
        (_, Some(pointer)) => {
            let walk = Walk::to(items, page, pointer).ok_or("its cursor cannot be reached")?;
            let asked = &position(draft, pagination)
                .ok_or("its cursor is no parameter")?
                .ty;
            let convert = converted(&walk.ty, asked)
                .ok_or("its cursor has another type where it is asked for")?;
            Next::Cursor(walk.copied() + convert)
        }
        (style, None) => {
            let input = position(draft, pagination).ok_or("its position is no parameter")?;
            if !matches!(input.ty, Ty::Int(_) | Ty::Text) {
                return Err("its position is no integer");
            }
            let list = list.as_ref().filter(|walk| matches!(walk.ty, Ty::List(_)));
            let is_offset = style == PaginationStyle::Offset;
            let default = items.default_of(input.parameter.schema);
            let usual = u64::from(!is_offset);
            Next::Number {
                first: default.and_then(number).unwrap_or(usual),
                count: list.ok_or("its list cannot be reached")?.count(),
                is_offset,
            }
        }
    };
    let is_answered = draft.headers.is_some() || matches!(next, Next::Header);
    let is_answered = is_answered && !matches!(next, Next::Link(_));
    let list = list.and_then(|walk| match &walk.ty {
        Ty::List(inner) => Some((walk.taken(is_answered), (**inner).clone())),
        _ => None,
    });
    Ok(Plan { next, list })
}

/// A number, or the text of one.
fn number(value: &Value) -> Option<u64> {
    let text = || value.as_str()?.parse().ok();
    value.as_u64().or_else(text)
}

/// The parameter that says which page is asked for.
fn position<'d, 'a>(
    draft: &'d OperationDraft<'a>,
    pagination: &Pagination,
) -> Option<&'d Input<'a>> {
    let name = pagination.request.as_ref()?;
    draft.inputs.iter().find(|input| {
        input.parameter.location == ParameterLocation::Query && input.parameter.name == *name
    })
}

/// What makes a parameter of what a page says, where nothing can be lost on the way.
fn converted(said: &Ty, asked: &Ty) -> Option<&'static str> {
    match (said, asked) {
        (Ty::Text | Ty::Int(_) | Ty::Uuid | Ty::Date | Ty::DateTime, _) if said == asked => {
            Some("")
        }
        (Ty::Int("i32" | "u32"), Ty::Int("i64")) => Some(".map(i64::from)"),
        (Ty::Int("u32"), Ty::Int("u64")) => Some(".map(u64::from)"),
        (Ty::Int(_), Ty::Text) => Some(".map(|cursor| format!(\"{cursor}\"))"),
        _ => None,
    }
}

/// The method that follows a link, with the steps that the operation takes anyway.
pub(super) fn at(
    draft: &OperationDraft<'_>,
    method: &ir::Method,
    speller: &Speller<'_>,
    uses: &mut Uses,
) -> Option<ir::Method> {
    let paging = draft.paging.as_ref()?;
    let next = &paging.plan.as_ref()?.next;
    if !matches!(next, Next::Link(_) | Next::Header) {
        return None;
    }
    uses.runtime(&["Call", "pagination::NextLink"]);
    let (page, _) = draft.success.returned(speller, uses);
    let mut method = ir::Method {
        docs: vec![format!(
            "A page of [`Self::{0}`]: the first, or the one that a link leads to.",
            paging.pages
        )],
        deprecated: false,
        is_private: true,
        name: paging.at.clone(),
        returns: page,
        lists: Vec::new(),
        ..method.clone()
    };
    method.arguments.push("link: Option<&NextLink>".to_owned());
    method.steps.retain(|step| step != ".with_headers()");
    let send = method.steps.pop();
    method.steps.push(".with(link, Call::follow)".to_owned());
    if matches!(next, Next::Header) {
        uses.runtime(&["Answered"]);
        method.steps.push(".with_headers()".to_owned());
        method.returns = format!("Answered<{}, Option<NextLink>>", method.returns);
    }
    method.steps.extend(send);
    Some(method)
}

/// The methods for the pages and for what they hold.
pub(super) fn lists(
    draft: &OperationDraft<'_>,
    (way, method): (&Way<'_>, &ir::Method),
    at: Option<&ir::Method>,
    speller: &Speller<'_>,
    uses: &mut Uses,
) -> Vec<ir::ListMethod> {
    let Some((paging, plan)) = draft
        .paging
        .as_ref()
        .and_then(|paging| Some((paging, paging.plan.as_ref()?)))
    else {
        return Vec::new();
    };
    uses.runtime(&["pagination::Pages"]);
    let page = at.map_or(&method.returns, |at| &at.returns);
    let shown = draft.method.trim_start_matches("r#");
    let pages = ir::ListMethod {
        docs: docs(&format!(
            "The pages of [`Self::{shown}`], each fetched when the one before has been taken."
        )),
        deprecated: method.deprecated,
        name: paging.pages.clone(),
        arguments: method.arguments.clone(),
        returns: format!("Pages<{page}, {}>", method.error),
        calls_deprecated: method.deprecated && at.is_none(),
        lines: pages(draft, plan, way, at),
    };
    let mut lists = vec![pages];
    if let Some((taken, item)) = &plan.list {
        uses.runtime(&["pagination::Items"]);
        let item = speller.owned(item, uses);
        let names = method
            .arguments
            .iter()
            .filter_map(|argument| argument.split_once(':').map(|(name, _)| name));
        let names: Vec<&str> = names.collect();
        lists.push(ir::ListMethod {
            docs: docs(&format!(
                "What the pages of [`Self::{shown}`] hold, one by one."
            )),
            deprecated: method.deprecated,
            calls_deprecated: method.deprecated,
            name: paging.items.clone(),
            arguments: method.arguments.clone(),
            returns: format!("Items<{page}, {item}, {}>", method.error),
            lines: vec![format!(
                "self.{}({}).items({taken})",
                paging.pages,
                names.join(", ")
            )],
        });
    }
    lists
}

fn docs(about: &str) -> Vec<String> {
    let mut docs = doc::wrap(about);
    docs.push(String::new());
    docs.extend(doc::wrap(
        "The first failure is the last item. Nothing is sent before the first item is asked for.",
    ));
    docs
}

/// The body of the method for the pages.
fn pages(
    draft: &OperationDraft<'_>,
    plan: &Plan,
    way: &Way<'_>,
    at: Option<&ir::Method>,
) -> Vec<String> {
    let owned = methods::owned_arguments(draft, way);
    // An argument keeps its name, whatever it is.
    let local = |name: &str| {
        if owned.iter().any(|argument| argument.name == name) {
            format!("the_{name}")
        } else {
            name.to_owned()
        }
    };
    let [client, first_name, fetch, link] = ["client", "first", "fetch", "link"].map(local);
    let mut lines = vec![format!("let {client} = self.clone();")];
    lines.extend(
        owned
            .iter()
            .filter(|argument| !argument.is_copy())
            .map(|argument| format!("let {0} = {0}{1};", argument.name, argument.owned)),
    );
    let input = draft
        .operation
        .pagination
        .as_ref()
        .and_then(|pagination| position(draft, pagination));
    let position = input.map(|input| Position::of(draft, input));
    let (first, taken, set) = match (&plan.next, &position) {
        (Next::Cursor(_), Some(position)) => position.cursor(&local("cursor")),
        (Next::Number { first, .. }, Some(position)) => position.number(&local("number"), *first),
        _ => (
            "None".to_owned(),
            format!("{link}: Option<NextLink>"),
            String::new(),
        ),
    };
    lines.push(format!("let {first_name} = {first};"));
    lines.push(format!("let {fetch} = move |{taken}| {{"));
    lines.push(format!("let {client} = {client}.clone();"));
    let set_name = position.as_ref().map(|position| position.holder.as_str());
    for argument in owned.iter().filter(|argument| !argument.is_copy()) {
        let name = &argument.name;
        match &position {
            // What is asked for next takes its place.
            Some(position) if position.holder == *name && position.is_argument => {}
            Some(_) if set_name == Some(name) => {
                lines.push(format!("let mut {name} = {name}.clone();"));
            }
            _ => lines.push(format!("let {name} = {name}.clone();")),
        }
    }
    lines.extend(Some(set).filter(|set| !set.is_empty()));
    let mut names: Vec<String> = owned.iter().map(methods::Owned::passed).collect();
    if at.is_some() {
        names.push(format!("{link}.as_ref()"));
    }
    let called = at.map_or(draft.method.as_str(), |at| at.name.as_str());
    lines.push(format!(
        "async move {{ {client}.{called}({}).await }}",
        names.join(", ")
    ));
    lines.push("};".to_owned());
    lines.push(made(draft, plan, &first_name, &fetch));
    lines
}

/// The expression that makes the pages.
fn made(draft: &OperationDraft<'_>, plan: &Plan, first: &str, fetch: &str) -> String {
    let (make, find) = match &plan.next {
        Next::Cursor(next) | Next::Link(next) => ("by_cursor", format!("|page| {next}")),
        Next::Header => ("by_cursor", "|page| page.headers.clone()".to_owned()),
        Next::Number {
            count, is_offset, ..
        } => {
            let make = if *is_offset { "by_offset" } else { "by_number" };
            // Headers beside a list hide what it is.
            let is_bare = count == "page.len()" && draft.headers.is_none();
            let find = if is_bare {
                "Vec::len".to_owned()
            } else {
                format!("|page| {count}")
            };
            (make, find)
        }
    };
    format!(
        "Pages::{make}(&operations::{}, {first}, {fetch}, {find})",
        draft.constant
    )
}

/// Where the position of a page stands among the arguments.
struct Position<'d> {
    /// The argument: the parameter itself, or a struct that holds it.
    holder: String,
    /// How it is reached.
    place: String,
    is_argument: bool,
    is_optional: bool,
    ty: &'d Ty,
}

impl<'d> Position<'d> {
    fn of(draft: &OperationDraft<'_>, input: &'d Input<'_>) -> Self {
        let holder = match (&draft.request, input.required) {
            (_, false) => "options".to_owned(),
            (Some(_), true) => "request".to_owned(),
            (None, true) => input.name.clone(),
        };
        let is_argument = holder == input.name && input.required && draft.request.is_none();
        let place = if is_argument {
            holder.clone()
        } else {
            format!("{holder}.{}", input.name)
        };
        Self {
            holder,
            place,
            is_argument,
            is_optional: !input.required,
            ty: &input.ty,
        }
    }

    /// The statement that asks for a page.
    fn set(&self, value: &str) -> String {
        let value = if self.is_optional {
            format!("Some({value})")
        } else {
            value.to_owned()
        };
        let keyword = if self.is_argument { "let " } else { "" };
        format!("{keyword}{} = {value};", self.place)
    }

    /// The first cursor, what the closure takes, and how it is asked for.
    fn cursor(&self, cursor: &str) -> (String, String, String) {
        let place = &self.place;
        let clone = if self.ty.is_copy() { "" } else { ".clone()" };
        if self.is_optional {
            let set = format!("{place} = {cursor};");
            return (format!("{place}{clone}"), cursor.to_owned(), set);
        }
        // The first page has a cursor, too, so there always is one.
        let own = if self.is_argument { "let " } else { "" };
        let set = format!("{own}{place} = {cursor}.unwrap_or_default();");
        let owned = match self.ty {
            Ty::Text if self.is_argument => ".clone()",
            _ => clone,
        };
        let taken = format!("{cursor}: Option<_>");
        (format!("Some({place}{owned})"), taken, set)
    }

    /// The first number, what the closure takes, and how it is asked for.
    fn number(&self, number: &str, usual: u64) -> (String, String, String) {
        let place = &self.place;
        let usual = super::policies::grouped(usual);
        let (name, value) = match self.ty {
            Ty::Int(name) => (*name, number.to_owned()),
            _ => ("u64", format!("format!(\"{{{number}}}\")")),
        };
        let read = match (self.ty, name) {
            (Ty::Text, _) => format!("{place}.as_deref().and_then(|first| first.parse().ok())"),
            (_, "u64") => place.clone(),
            (_, "u8" | "u16" | "u32") => format!("{place}.map(u64::from)"),
            _ => format!("{place}.and_then(|first| u64::try_from(first).ok())"),
        };
        let first = if self.is_optional {
            format!("{read}.unwrap_or({usual})")
        } else {
            match (self.ty, name) {
                (Ty::Text, _) => format!("{place}.parse().unwrap_or({usual})"),
                (_, "u64") => place.clone(),
                (_, "u8" | "u16" | "u32") => format!("u64::from({place})"),
                _ => format!("u64::try_from({place}).unwrap_or({usual})"),
            }
        };
        (first, format!("{number}: {name}"), self.set(&value))
    }
}
