//! Workspaces made by hand: one consumer, one provider, one operation, as many interactions as a test adds.

use dovetail_contract::contract::{
    Exposure, HttpApi, Idempotency, Isolation, Media, Messaging, Method, Operation, Parameter,
    ParameterEncoding, ParameterLocation, Renames, RequestBody, Response, Service, State, States,
    StatusRange, Style, Workspace,
};
use dovetail_contract::expect::{
    Argument, Expectation, Expected, Given, Interaction, Matcher, Request,
};
use dovetail_contract::schema::{Schemas, Type, Types};
use dovetail_contract::source::{FileId, Sources, Span, Spanned};
use indexmap::IndexMap;
use serde_json::Value;

/// A workspace in the making.
pub(crate) struct World {
    pub(crate) workspace: Workspace,
    pub(crate) sources: Sources,
    expects: FileId,
    api: FileId,
}

const EXPECTS: &str =
    "interactions:\n  - name: it works\n    call: operate\n    response: { status: 200 }\n";
const API: &str = "openapi: 3.1.0\npaths: { /a: { get: { operationId: operate } } }\n";

impl World {
    /// One interaction of `orders` with the one operation of `payments`; it expects and promises a 200 with any body.
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let mut sources = Sources::default();
        let expects = sources.add("orders/expects/payments.yaml", EXPECTS);
        let api = sources.add("payments/openapi.yaml", API);
        let mut world = Self {
            workspace: Workspace::default(),
            sources,
            expects,
            api,
        };
        let provider = world.provider(method, path);
        world
            .workspace
            .services
            .insert("payments".to_owned(), provider);
        let interaction = world.plain_interaction("it works");
        world.workspace.expectations.push(Expectation {
            file: expects,
            consumer: world.said("orders".to_owned()),
            provider: world.said("payments".to_owned()),
            interactions: vec![interaction],
        });
        world
    }

    fn provider(&self, method: &str, path: &str) -> Service {
        let mut schemas = Schemas::default();
        let anything = schemas.reserve(self.at_api("operate"), "openapi.yaml#/any");
        let method = Method::ALL
            .into_iter()
            .find(|known| known.as_str() == method);
        let names = path
            .split('{')
            .skip(1)
            .filter_map(|part| part.split('}').next());
        let parameter = |name: &str| Parameter {
            name: name.to_owned(),
            span: self.at_api("paths"),
            location: ParameterLocation::Path,
            required: true,
            deprecated: false,
            description: None,
            encoding: ParameterEncoding::Style {
                style: Style::Simple,
                explode: false,
                allow_reserved: false,
            },
            schema: anything,
            examples: IndexMap::new(),
        };
        let media = |media_type: &str| Media {
            media_type: media_type.to_owned(),
            span: self.at_api("paths"),
            schema: Some(anything),
            item_schema: None,
            encoding: IndexMap::new(),
            prefix_encoding: Vec::new(),
            item_encoding: None,
            examples: IndexMap::new(),
        };
        let operation = Operation {
            id: Spanned::new("operate".to_owned(), self.at_api("operate")),
            id_is_declared: true,
            method: method.expect("a method"),
            path: Spanned::new(path.to_owned(), self.at_api("paths")),
            summary: None,
            description: None,
            tags: Vec::new(),
            deprecated: false,
            parameters: names.map(parameter).collect(),
            request_body: Some(RequestBody {
                span: self.at_api("paths"),
                required: false,
                description: None,
                content: vec![media("application/json")],
            }),
            responses: vec![Response {
                status: StatusRange::Exactly(200),
                span: self.at_api("paths"),
                summary: None,
                description: String::new(),
                headers: IndexMap::new(),
                content: vec![media("*/*")],
                links: IndexMap::new(),
            }],
            security: Vec::new(),
            idempotency: Idempotency::None,
            servers: Vec::new(),
            callbacks: Vec::new(),
            pagination: None,
            external_docs: None,
        };
        Service {
            name: Spanned::new("payments".to_owned(), self.at_api("openapi")),
            version: None,
            owner: None,
            summary: None,
            slo: None,
            http: Some(HttpApi {
                file: self.api,
                title: "Payments".to_owned(),
                version: "1".to_owned(),
                description: None,
                exposure: Exposure::Internal,
                states: States::default(),
                servers: Vec::new(),
                operations: vec![operation],
                webhooks: Vec::new(),
                schemas,
                security_schemes: IndexMap::new(),
                tags: IndexMap::new(),
                external_docs: None,
                renames: Renames::default(),
            }),
            calls: IndexMap::new(),
            messaging: Messaging::default(),
            file: self.api,
        }
    }

    fn plain_interaction(&self, name: &str) -> Interaction {
        Interaction {
            name: self.said(name.to_owned()),
            given: Vec::new(),
            operation: Spanned::new("operate".to_owned(), self.at("operate")),
            request: Request {
                span: self.at("call"),
                path: IndexMap::new(),
                query: IndexMap::new(),
                headers: IndexMap::new(),
                cookies: IndexMap::new(),
                body: None,
                content_type: None,
            },
            response: Expected {
                span: self.at("response"),
                status: Spanned::new(200, self.at("200")),
                headers: IndexMap::new(),
                content_type: None,
                body: None,
            },
        }
    }

    fn at(&self, text: &str) -> Span {
        let start = EXPECTS.find(text).expect("the text is in the file");
        Span::new(self.expects, start, start + text.len())
    }

    fn at_api(&self, text: &str) -> Span {
        let start = API.find(text).expect("the text is in the file");
        Span::new(self.api, start, start + text.len())
    }

    pub(crate) fn said<T>(&self, value: T) -> Spanned<T> {
        Spanned::new(value, self.at("it works"))
    }

    pub(crate) fn api_mut(&mut self) -> &mut HttpApi {
        let service = self.workspace.services.get_mut("payments");
        service
            .and_then(|service| service.http.as_mut())
            .expect("the provider is there")
    }

    pub(crate) fn operation(&self) -> &Operation {
        let api = self.workspace.services["payments"].http.as_ref();
        &api.expect("the provider is there").operations[0]
    }

    pub(crate) fn interaction(&self) -> &Interaction {
        &self.workspace.expectations[0].interactions[0]
    }

    pub(crate) fn interaction_mut(&mut self) -> &mut Interaction {
        let interactions = &mut self.workspace.expectations[0].interactions;
        interactions.last_mut().expect("an interaction is there")
    }

    /// Adds another interaction, which further changes are made to.
    pub(crate) fn add(&mut self, name: &str) {
        let interaction = self.plain_interaction(name);
        self.workspace.expectations[0]
            .interactions
            .push(interaction);
    }

    fn argument(&self, value: Value) -> Argument {
        Argument {
            name_span: self.at("call"),
            value: self.said(value),
        }
    }

    pub(crate) fn path(&mut self, name: &str, value: Value) {
        let argument = self.argument(value);
        self.interaction_mut()
            .request
            .path
            .insert(name.to_owned(), argument);
    }

    pub(crate) fn query(&mut self, name: &str, value: Value) {
        let argument = self.argument(value);
        self.interaction_mut()
            .request
            .query
            .insert(name.to_owned(), argument);
    }

    pub(crate) fn header(&mut self, name: &str, value: Value) {
        let argument = self.argument(value);
        self.interaction_mut()
            .request
            .headers
            .insert(name.to_owned(), argument);
    }

    pub(crate) fn cookie(&mut self, name: &str, value: Value) {
        let argument = self.argument(value);
        self.interaction_mut()
            .request
            .cookies
            .insert(name.to_owned(), argument);
    }

    pub(crate) fn body(&mut self, value: Value) {
        let body = self.said(value);
        self.interaction_mut().request.body = Some(body);
    }

    pub(crate) fn content_type(&mut self, media_type: &str) {
        let media_type = self.said(media_type.to_owned());
        self.interaction_mut().request.content_type = Some(media_type);
    }

    /// What is read of the body: fields with an example each.
    pub(crate) fn reads(&mut self, fields: &[(&str, Value)]) {
        let mut body = Matcher::anything(self.at("response"), self.at("response"));
        for (name, example) in fields {
            let mut matcher = Matcher::anything(self.at("status"), self.at("status"));
            matcher.example = Some(Spanned::new(example.clone(), self.at("200")));
            body.fields.insert((*name).to_owned(), matcher);
        }
        self.interaction_mut().response.body = Some(body);
    }

    pub(crate) fn matcher(&self) -> Matcher {
        Matcher::anything(self.at("status"), self.at("status"))
    }

    /// Has the provider promise an object with these required fields.
    pub(crate) fn promises(&mut self, fields: &[(&str, Type)]) {
        let span = self.at_api("operate");
        let api = self.api_mut();
        let id = api.operations[0].responses[0].content[0]
            .schema
            .expect("a schema");
        for (name, kind) in fields {
            let field = api.schemas.reserve(span, format!("openapi.yaml#/{name}"));
            api.schemas.schema_mut(field).types = Types::only(*kind);
            let object = &mut api.schemas.schema_mut(id).object;
            let property = dovetail_contract::schema::Property {
                span,
                schema: field,
            };
            object.properties.insert((*name).to_owned(), property);
            object.required.push((*name).to_owned());
        }
        api.schemas.schema_mut(id).types = Types::only(Type::Object);
    }

    /// Has the provider take states at `/_states`, and the interaction need one.
    pub(crate) fn given(&mut self, state: &str, isolation: Isolation, returns: &[&str]) {
        let (span, path) = (self.at_api("operate"), "/_states".to_owned());
        let states = &mut self.api_mut().states;
        states.path = Some(Spanned::new(path, span));
        let names = returns.iter().map(|&name| name.to_owned()).collect();
        let known = State {
            span,
            returns: names,
            isolation,
        };
        states.known.insert(state.to_owned(), known);
        let example = self.said(Value::from("example"));
        let given = Given {
            state: self.said(state.to_owned()),
            with: serde_json::Map::new(),
            returns: returns
                .iter()
                .map(|&name| (name.to_owned(), example.clone()))
                .collect(),
        };
        self.interaction_mut().given.push(given);
    }
}
