//! Parameters: those of the path item and of the operation in one list, each with the way in which its value becomes text.

use std::collections::HashSet;

use indexmap::IndexMap;
use indexmap::map::Entry;

use super::at::At;
use super::fields::shown;
use super::path::{Draft, template_names};
use super::reference::Kind;
use super::schema::string_type;
use super::{Reader, warning};
use crate::codes;
use crate::contract::{Parameter, ParameterEncoding, ParameterLocation, Style};
use crate::finding::{Finding, Severity};
use crate::json_pointer::escape;
use crate::schema::{SchemaId, Types};

/// Where a parameter goes, as OpenAPI tells it.
enum Place {
    One(ParameterLocation),
    /// Not a part of the query, but all of it.
    WholeQuery,
}

impl<'d> Reader<'d, '_> {
    /// The parameters of an operation: unique by place and name, and those in the path exactly those of its template.
    pub(super) fn parameters(&mut self, draft: &Draft<'d>) -> Vec<Parameter> {
        let own = self.list(&draft.at, "parameters");
        let mut merged = self.parameter_list(&draft.item.parameters);
        merged.extend(self.parameter_list(&own));
        let mut parameters = merged.into_values().collect();
        self.match_template(draft, &mut parameters);
        parameters
    }

    fn parameter_list(&mut self, declared: &[At<'d>]) -> IndexMap<Slot, Parameter> {
        let mut parameters: IndexMap<Slot, Parameter> = IndexMap::new();
        for at in declared {
            if !self.spend(at, size_of::<Parameter>()) {
                break;
            }
            let Some(parameter) = self.parameter(at) else {
                continue;
            };
            match parameters.entry(slot(&parameter)) {
                Entry::Vacant(free) => {
                    free.insert(parameter);
                }
                Entry::Occupied(first) => {
                    let message = format!("the parameter `{}` is declared twice", parameter.name);
                    let finding = warning(&codes::DUPLICATE_PARAMETER, parameter.span, message)
                        .related(first.get().span, "first here, and this one counts");
                    self.files.push(finding);
                }
            }
        }
        parameters
    }

    fn parameter(&mut self, written: &At<'d>) -> Option<Parameter> {
        let at = self.follow(written.clone(), Kind::Parameter)?;
        let Some(name) = self.text(&at, "name").filter(|name| !name.is_empty()) else {
            self.missing_key(&at, "name", "a parameter");
            return None;
        };
        let span = at.get("name")?.place();
        let (location, is_whole) = match self.place_of(&at, &name)? {
            Place::One(location) => (location, false),
            Place::WholeQuery => (ParameterLocation::Query, true),
        };
        if location == ParameterLocation::Header && is_reserved_header(&name) {
            return None;
        }
        let declared = self.flag(&at, "required").unwrap_or(false);
        let (encoding, schema) = match is_whole {
            true => self.whole_query(&at, declared)?,
            false => self.encoding(&at, location),
        };
        Some(Parameter {
            span,
            location,
            // A path without one of its parts is another path.
            required: declared || location == ParameterLocation::Path,
            deprecated: self.note_flag(&at, "deprecated"),
            description: self.described(written, &at),
            encoding,
            schema,
            examples: self.examples(&at),
            name,
        })
    }

    fn place_of(&mut self, at: &At<'d>, name: &str) -> Option<Place> {
        let Some(location) = at.get("in") else {
            self.missing_key(at, "in", &format!("the parameter `{name}`"));
            return None;
        };
        let expected = "path, query, header or cookie";
        let Some(text) = location.node.as_str() else {
            self.wrong_type(&location, expected, Severity::Error);
            return None;
        };
        match text {
            "path" => Some(Place::One(ParameterLocation::Path)),
            "query" => Some(Place::One(ParameterLocation::Query)),
            "header" => Some(Place::One(ParameterLocation::Header)),
            "cookie" => Some(Place::One(ParameterLocation::Cookie)),
            "querystring" => Some(Place::WholeQuery),
            _ => {
                let finding = Finding::new(
                    &codes::INVALID_VALUE,
                    location.place(),
                    format!("`{text}` is no place for a parameter"),
                );
                let finding = match text {
                    "body" | "formData" => finding.help("declare a `requestBody` instead"),
                    _ => finding.did_you_mean(text, ["path", "query", "header", "cookie"]),
                };
                self.files.push(finding.expected(expected));
                None
            }
        }
    }

    fn encoding(
        &mut self,
        at: &At<'d>,
        location: ParameterLocation,
    ) -> (ParameterEncoding, SchemaId) {
        let content = self.entries(at, "content");
        if let Some((entry, media)) = content.into_iter().next() {
            let schema = self.media_schema(at, &media);
            return (ParameterEncoding::Content(entry.key.clone()), schema);
        }
        let schema = self.schema_at(at, "schema").unwrap_or_else(|| {
            let message = "the parameter does not say `schema`; any value is accepted";
            self.warn(&codes::MISSING_KEY, at.declared(), message);
            self.unsaid_schema(at.declared(), at, "schema", Types::default())
        });
        (self.styled(at, location), schema)
    }

    /// The style of a parameter or header, and what belongs to it.
    pub(super) fn styled(&mut self, at: &At<'d>, location: ParameterLocation) -> ParameterEncoding {
        let style = self.parameter_style(at, location);
        let explode = self.flag(at, "explode").unwrap_or(style == Style::Form);
        ParameterEncoding::Style {
            style,
            explode,
            allow_reserved: self.flag(at, "allowReserved").unwrap_or(false),
        }
    }

    /// How a parameter is encoded that is the whole query, as OpenAPI 3.2 has it. As a form it is what `form` with `explode` has always been.
    fn whole_query(
        &mut self,
        at: &At<'d>,
        required: bool,
    ) -> Option<(ParameterEncoding, SchemaId)> {
        let content = self.entries(at, "content").into_iter().next();
        let Some((entry, media)) = content else {
            self.missing_key(at, "content", "a parameter that is the whole query");
            return None;
        };
        let media_type = entry.key.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let encoding = ParameterEncoding::Style {
                style: Style::Form,
                explode: true,
                allow_reserved: false,
            };
            return Some((encoding, self.media_schema(at, &media)));
        }
        let message = format!(
            "a query that is `{}` as a whole is left out",
            shown(&entry.key)
        );
        let mut finding = warning(&codes::INVALID_VALUE, entry.key_span, message);
        // Without a part that it must have, a request would be another one.
        if required {
            finding.severity = Severity::Error;
        }
        self.files
            .push(finding.expected("`application/x-www-form-urlencoded`"));
        None
    }

    fn media_schema(&mut self, at: &At<'d>, media: &At<'d>) -> SchemaId {
        let schema = self.schema_at(media, "schema");
        schema
            .unwrap_or_else(|| self.unsaid_schema(at.declared(), media, "schema", Types::default()))
    }

    fn parameter_style(&mut self, at: &At<'d>, location: ParameterLocation) -> Style {
        let (default, allowed): (Style, &[Style]) = match location {
            ParameterLocation::Path => {
                (Style::Simple, &[Style::Simple, Style::Label, Style::Matrix])
            }
            ParameterLocation::Query => (
                Style::Form,
                &[
                    Style::Form,
                    Style::SpaceDelimited,
                    Style::PipeDelimited,
                    Style::DeepObject,
                ],
            ),
            ParameterLocation::Header => (Style::Simple, &[Style::Simple]),
            ParameterLocation::Cookie => (Style::Form, &[Style::Form]),
        };
        let Some(style) = self.style(at) else {
            return default;
        };
        if allowed.contains(&style) {
            return style;
        }
        if let Some(written) = at.get("style") {
            let text = written.node.as_str().unwrap_or_default();
            let message = format!("`{text}` is no style for a parameter in this place");
            self.warn(&codes::INVALID_VALUE, written.place(), message);
        }
        default
    }

    /// The style that is declared, if it is one.
    pub(super) fn style(&mut self, at: &At<'d>) -> Option<Style> {
        let text = self.text(at, "style")?;
        let style = match text.as_str() {
            "simple" => Style::Simple,
            "label" => Style::Label,
            "matrix" => Style::Matrix,
            // What 3.2 adds for cookies differs from `form` in escaping alone.
            "form" | "cookie" => Style::Form,
            "spaceDelimited" => Style::SpaceDelimited,
            "pipeDelimited" => Style::PipeDelimited,
            "deepObject" => Style::DeepObject,
            _ => {
                let place = at.get("style")?.place();
                self.files.push(
                    warning(
                        &codes::INVALID_VALUE,
                        place,
                        format!("`{text}` is no style of OpenAPI"),
                    )
                    .did_you_mean(&text, STYLES),
                );
                return None;
            }
        };
        Some(style)
    }

    /// Declares what only the template names, and drops what it does not name.
    fn match_template(&mut self, draft: &Draft<'d>, parameters: &mut Vec<Parameter>) {
        let path = &draft.path;
        let names = template_names(&path.value);
        let shown_path = shown(&path.value);
        let in_path = |parameter: &Parameter| parameter.location == ParameterLocation::Path;
        parameters.retain(|parameter| {
            let fits = !in_path(parameter) || names.contains(parameter.name.as_str());
            if !fits {
                let message = format!("`{shown_path}` has no `{{{}}}`", parameter.name);
                let finding = warning(&codes::UNUSED_PATH_PARAMETER, parameter.span, message)
                    .related(path.span, "the path")
                    .did_you_mean(&parameter.name, names.iter().copied());
                self.files.push(finding);
            }
            fits
        });
        let declared: HashSet<String> = parameters
            .iter()
            .filter(|parameter| in_path(parameter))
            .map(|parameter| parameter.name.clone())
            .collect();
        for name in names.iter().filter(|name| !declared.contains(**name)) {
            if !self.spend(&draft.at, size_of::<Parameter>() + name.len()) {
                break;
            }
            let method = draft.method;
            let message = format!("{method} {shown_path} does not declare `{name}`");
            let finding = warning(&codes::UNDECLARED_PATH_PARAMETER, path.span, message)
                .related(draft.at.declared(), "this operation")
                .expected(format!("a parameter `{name}` with `in: path`"));
            self.files.push(finding);
            let key = format!("parameters/{}", escape(name));
            let schema = self.unsaid_schema(path.span, &draft.at, &key, string_type());
            parameters.push(Parameter {
                name: (*name).to_owned(),
                span: path.span,
                location: ParameterLocation::Path,
                required: true,
                deprecated: false,
                description: None,
                encoding: ParameterEncoding::Style {
                    style: Style::Simple,
                    explode: false,
                    allow_reserved: false,
                },
                schema,
                examples: IndexMap::new(),
            });
        }
    }
}

const STYLES: [&str; 7] = [
    "simple",
    "label",
    "matrix",
    "form",
    "spaceDelimited",
    "pipeDelimited",
    "deepObject",
];

/// What two parameters must not share: place and name. Headers have the same name in any case.
type Slot = (ParameterLocation, String);

fn slot(parameter: &Parameter) -> Slot {
    let name = match parameter.location {
        ParameterLocation::Header => parameter.name.to_ascii_lowercase(),
        _ => parameter.name.clone(),
    };
    (parameter.location, name)
}

/// Headers that media types and security decide, so that OpenAPI has parameters of these names ignored.
fn is_reserved_header(name: &str) -> bool {
    ["Accept", "Content-Type", "Authorization"]
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(name))
}
