//! The OpenAPI 3.1 document of a route table, made from its entries and nothing else. Schemas come from the types that
//! the entries name, by the serde attributes that the handlers read and write with: requests as they are read, answers
//! as they are written.

use std::collections::{BTreeMap, BTreeSet};

use flatrender_protocol::rest;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::auth::Credential;
use super::problem::Problem;
use super::shape::{Answer, Refusal, Shape};
use super::table::{Route, Takes};

/// The name of the security scheme of operators' routes.
const ADMIN: &str = "admin";

/// The document of these routes, in their order.
///
/// # Panics
/// When one name stands for two schemas, or a query is not an object: a mistake in the program, found at start.
pub(super) fn document(routes: &[Route]) -> Value {
    let mut schemas = Schemas::new();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in routes {
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = schemas.operation(route);
        paths
            .entry(route.path)
            .or_default()
            .insert(method, operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "FlatRender",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A render farm for Adobe After Effects. Errors are application/problem+json (RFC 9457).",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions(),
            "securitySchemes": { ADMIN: { "type": "http", "scheme": "bearer", "description": "The token of an operator" } },
        },
    })
}

/// `post_v1_farm_jobs_by_job_cancel`: unique, since method and path are.
fn operation_id(route: &Route) -> String {
    let path = route.path.trim_start_matches('/').replace('{', "by_");
    let path: String = path
        .chars()
        .filter(|c| *c != '}')
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    format!("{}_{path}", route.method.as_str().to_ascii_lowercase())
}

/// Schemas by name, of what is read and of what is written.
struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
        });
        Self {
            read: settings.clone().for_deserialize().into_generator(),
            written: settings.for_serialize().into_generator(),
        }
    }

    fn operation(&mut self, route: &Route) -> Value {
        let mut operation = json!({
            "operationId": operation_id(route),
            "summary": route.summary,
            "parameters": self.parameters(route),
            "responses": self.responses(route),
        });
        match route.credential {
            Credential::Public => operation["security"] = json!([]),
            Credential::Admin => {
                operation["security"] = json!([{ ADMIN: [] }]);
                operation["x-permission"] = json!(route.permission);
            }
        }
        match route.takes {
            Takes::Nothing => {}
            Takes::Json(shape) => {
                let schema = shape.named(&mut self.read);
                operation["requestBody"] = json!({
                    "required": true,
                    "content": { "application/json": { "schema": schema } },
                });
            }
            Takes::Bytes { limit_bytes } => {
                operation["requestBody"] = json!({
                    "required": true,
                    "description": format!("At most {limit_bytes} bytes, with their Content-Length"),
                    "content": { "application/octet-stream": {} },
                });
            }
        }
        operation
    }

    fn parameters(&mut self, route: &Route) -> Vec<Value> {
        let mut parameters = Vec::new();
        for (name, shape) in route.params {
            let schema = shape.named(&mut self.read);
            parameters
                .push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        }
        if let Some(query) = route.query {
            parameters.extend(self.query(query, route.path));
        }
        if let Answer::Events(_) = route.gives.body {
            let schema = json!({ "type": "integer", "format": "int64", "minimum": 0 });
            parameters.push(
                json!({ "name": "Last-Event-ID", "in": "header", "schema": schema,
                "description": "Where the client was: the events after this one" }),
            );
        }
        parameters
    }

    /// The fields of a query as parameters.
    fn query(&mut self, query: Shape, path: &str) -> Vec<Value> {
        let schema = query.inline(&mut self.read);
        let fields = schema.get("properties").and_then(Value::as_object);
        let fields = fields.unwrap_or_else(|| panic!("{path}: a query is a struct with fields"));
        let required = schema.get("required").and_then(Value::as_array);
        let parameter = |(name, field): (&String, &Value)| {
            let mut field = without_null(field);
            let description = field
                .as_object_mut()
                .and_then(|field| field.remove("description"));
            let mut parameter = json!({ "name": name, "in": "query", "schema": field });
            if let Some(description) = description {
                parameter["description"] = description;
            }
            if required.is_some_and(|names| names.iter().any(|it| it == name)) {
                parameter["required"] = json!(true);
            }
            parameter
        };
        fields.iter().map(parameter).collect()
    }

    fn responses(&mut self, route: &Route) -> Value {
        let mut responses = Map::new();
        let content = match route.gives.body {
            Answer::Nothing => None,
            Answer::Json(shape) => {
                let schema = shape.named(&mut self.written);
                Some(json!({ "application/json": { "schema": schema } }))
            }
            Answer::Events(shape) => {
                let data = shape.named(&mut self.written);
                let schema = json!({ "type": "string", "description": "Server-sent events",
                    "contentMediaType": "text/event-stream" });
                Some(json!({ "text/event-stream": { "schema": schema, "x-data": data } }))
            }
            Answer::Bytes(media) => Some(json!({ media: {} })),
            Answer::OneOf(media) => {
                let media = media.iter().map(|media| ((*media).to_owned(), json!({})));
                Some(Value::Object(media.collect()))
            }
        };
        for status in route.gives.statuses {
            let mut response = json!({ "description": "What was asked for" });
            if let Some(content) = &content {
                response["content"] = content.clone();
            }
            responses.insert(status.to_string(), response);
        }
        let problem = self.written.subschema_for::<rest::Problem>();
        for (status, codes) in refusals(route) {
            let codes: Vec<_> = codes.into_iter().collect();
            // Where the route's own answer has this status too, either comes.
            let response = responses
                .entry(status.to_string())
                .or_insert_with(|| json!({ "description": codes.join(", "), "content": {} }));
            response["x-codes"] = json!(codes);
            // To HEAD nothing comes but the status.
            if route.method == axum::http::Method::HEAD {
                response.as_object_mut().map(|it| it.remove("content"));
            } else {
                response["content"]["application/problem+json"] = json!({ "schema": problem });
            }
        }
        responses.into()
    }

    fn definitions(mut self) -> Map<String, Value> {
        let mut all = self.read.take_definitions(true);
        for (name, schema) in self.written.take_definitions(true) {
            let known = all.get(&name);
            assert!(
                known.is_none_or(|known| *known == schema),
                "{name} is read and written in different shapes; give them two names"
            );
            all.insert(name, schema);
        }
        all
    }
}

/// A query has no null: what is not there is left out.
fn without_null(field: &Value) -> Value {
    let mut field = field.clone();
    if let Some(types) = field.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            field["type"] = one.clone();
        }
    }
    if let Some(any) = field.get("anyOf").and_then(Value::as_array) {
        let left: Vec<&Value> = any.iter().filter(|it| it["type"] != "null").collect();
        if let [one] = left.as_slice() {
            return (*one).clone();
        }
    }
    field
}

/// The codes a route may refuse with, by status: what its credential, its address and its body imply, and what it names.
fn refusals(route: &Route) -> BTreeMap<u16, BTreeSet<String>> {
    let mut problems = vec![
        Problem::uri_too_long(0),
        Problem::headers_too_large(0),
        Problem::unexplained(),
    ];
    match route.credential {
        Credential::Public => {}
        Credential::Admin => problems.extend([
            Problem::unauthorized(),
            Problem::bad_token(),
            Problem::forbidden(""),
            Refusal::Header.problem(),
        ]),
    }
    if route.takes.deadline().is_some() {
        problems.push(Problem::timed_out());
    }
    match route.takes {
        Takes::Nothing => {}
        Takes::Json(_) => problems.extend([
            Refusal::Header.problem(),
            Problem::malformed_json(""),
            Problem::incomplete_body(""),
            Problem::too_large(0),
            Problem::unsupported_media_type(None, ""),
            Refusal::Fields.problem(),
        ]),
        Takes::Bytes { .. } => problems.extend([
            Refusal::Header.problem(),
            Problem::incomplete_body(""),
            Problem::length_required(),
            Problem::too_large(0),
        ]),
    }
    if !route.params.is_empty() {
        problems.push(Refusal::NotFound.problem());
    }
    if route.query.is_some() {
        problems.push(Refusal::Fields.problem());
    }
    problems.extend(route.refuses.iter().map(|refusal| refusal.problem()));
    let mut codes: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
    for problem in problems {
        let code = problem.body().code.clone();
        codes
            .entry(problem.status().as_u16())
            .or_default()
            .insert(code);
    }
    codes
}
