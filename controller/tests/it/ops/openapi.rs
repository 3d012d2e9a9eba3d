//! The OpenAPI document: it is sound, it is the committed one, and what the routes answer is what it promises. Every answer that a
//! test of these routes looks at whole goes through [`departures`].

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use flatrender_controller::ops;
use serde_json::{Map, Value, json};

use super::{Answer, TestOps};

static DOCUMENT: LazyLock<Value> = LazyLock::new(ops::document);

/// Where an answer is not what the document says; nothing about addresses that it does not have.
pub fn departures(method: &Method, path: &str, answer: &Answer) -> Vec<String> {
    let Some(operation) = operation(method, path) else {
        return Vec::new();
    };
    let status = answer.status.as_u16().to_string();
    let Some(response) = operation["responses"].get(&status) else {
        return vec![format!("status {status} is not in the document")];
    };
    let Some(content) = response.get("content").and_then(Value::as_object) else {
        let silent = answer.text.is_empty() || method == Method::HEAD;
        return Vec::from_iter((!silent).then(|| "there should be no body".to_owned()));
    };
    let media = answer.headers.get("content-type");
    let media = media.and_then(|value| value.to_str().ok()).unwrap_or("");
    let Some(content) = content.get(media) else {
        return vec![format!("Content-Type \"{media}\" is not in the document")];
    };
    if !media.ends_with("json") {
        return Vec::new();
    }
    let body: Value = answer.json();
    let mut wrong = violations(&content["schema"], &body);
    if media == "application/problem+json" {
        let codes = response["x-codes"].as_array().expect("codes");
        if !codes.contains(&body["code"]) {
            wrong.push(format!("code {} is not in the document", body["code"]));
        }
    }
    wrong
}

/// The operation of a request: fixed segments are stronger than parameters, as in the router.
fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let known = paths.get(path).or_else(|| {
        let mut fitting = paths.iter().filter(|(template, _)| fits(template, path));
        fitting.next().map(|(_, item)| item)
    })?;
    known.get(method.as_str().to_ascii_lowercase())
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template
            .zip(path)
            .all(|(wanted, found)| wanted.starts_with('{') || wanted == found)
}

/// What `value` has that `schema` forbids or lacks; fields that the document does not have count.
fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut components = DOCUMENT["components"].clone();
    close(&mut components);
    let mut schema = schema.clone();
    schema["components"] = components;
    let validator = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("a schema");
    let errors = validator.iter_errors(value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Makes every struct refuse fields that it does not name.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            if object.get("properties").is_some_and(Value::is_object) {
                object.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_committed_document_is_what_the_routes_are() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/openapi.json");
    let committed = std::fs::read_to_string(file).expect("api/openapi.json");
    let committed: Value = serde_json::from_str(&committed).expect("JSON");
    assert!(
        committed == *DOCUMENT,
        "api/openapi.json is not what the routes are; renew it: cargo run -p flatrender-controller -- openapi > api/openapi.json"
    );
}

#[test]
fn the_document_is_sound() {
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
    let mut references = Vec::new();
    collect(&DOCUMENT, &mut references);
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("inside the document");
        assert!(DOCUMENT.pointer(pointer).is_some(), "{reference}");
    }
    let schemas = DOCUMENT["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        let usual = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        assert!(name.chars().all(usual), "{name}");
        let valid = jsonschema::meta::validate(schema).map_err(|error| error.to_string());
        assert_eq!(valid, Ok(()), "{name}");
    }
    let mut ids = BTreeSet::new();
    let paths = DOCUMENT["paths"].as_object().unwrap();
    for (path, item) in paths {
        let names = path.split('/').filter(|it| it.starts_with('{'));
        let wanted: BTreeSet<&str> = names.map(|it| it.trim_matches(['{', '}'])).collect();
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} is there twice");
            assert_ne!(operation["summary"], "", "{id}");
            let parameters = operation["parameters"].as_array().unwrap();
            let in_path = parameters.iter().filter(|it| it["in"] == "path");
            let declared: BTreeSet<&str> = in_path.map(|it| it["name"].as_str().unwrap()).collect();
            assert_eq!(declared, wanted, "{id}");
            for parameter in parameters {
                assert!(parameter["schema"].is_object(), "{id}: {parameter}");
                let valid = jsonschema::meta::validate(&parameter["schema"]);
                assert!(valid.is_ok(), "{id}: {parameter}");
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(response["description"].is_string(), "{id} {status}");
            }
            let guarded = operation["security"] == json!([{ "admin": [] }]);
            assert_eq!(operation.get("x-permission").is_some(), guarded, "{id}");
        }
    }
    assert_eq!(ids.len(), 21);
}

/// Every `$ref` below.
fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                references.push(reference.to_owned());
            }
            object.values().for_each(|it| collect(it, references));
        }
        Value::Array(values) => values.iter().for_each(|it| collect(it, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn every_route_that_gives_json_gives_what_the_document_says() {
    let ops = TestOps::start().await;
    let job = ops.submit("walked").await;
    let spec = json!({ "project": ops.project(9).await, "composition": "Main", "frame": 0 });
    let answer = ops.post("/v1/farm/snapshots", spec.to_string()).await;
    let snapshot = answer.json::<Value>()["id"].as_str().unwrap().to_owned();
    let mut walked = 0;
    for route in ops.routes.iter().filter(|it| it.method == Method::GET) {
        let operation = operation(&Method::GET, route.path).expect("it is in the document");
        let content = &operation["responses"]["200"]["content"];
        if content.get("application/json").is_none() {
            continue;
        }
        walked += 1;
        let path = route.path.replace("{job}", &job.id.to_string());
        let path = path.replace("{snapshot}", &snapshot);
        let answer = ops.get(&path).await; // which compares it with the document
        let empty = path.contains("{node}") || path.ends_with("/newest") || path == "/healthz"; // no node, nobody leads
        let expected = if empty { [404, 503] } else { [200, 200] };
        assert!(
            expected.contains(&answer.status.as_u16()),
            "{path}: {}",
            answer.text
        );
    }
    assert_eq!(walked, 8);
}

#[tokio::test]
async fn the_document_is_served_to_everybody() {
    let ops = TestOps::start().await;
    let request = Request::builder().uri("/v1/openapi.json");
    let answer = ops.answer(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json::<Value>(), *DOCUMENT);
}

#[tokio::test]
async fn what_departs_from_the_document_is_seen() {
    let ops = TestOps::start().await;
    let job = ops.submit("departing").await;
    let path = format!("/v1/farm/jobs/{}", job.id);
    let good: Map<String, Value> = ops.get(&path).await.json();
    let check = |status: u16, media: &str, body: &Value| {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", media.parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        let text = body.to_string();
        departures(
            &Method::GET,
            &path,
            &Answer {
                status,
                headers,
                text,
            },
        )
    };
    let json = "application/json";
    assert_eq!(check(200, json, &json!(good)), Vec::<String>::new());
    for (name, value) in [
        ("secret", json!(1)),
        ("state", json!("nowhere")),
        ("id", json!("no uuid")),
        ("frames_total", json!(-1)),
        ("project", Value::Null),
    ] {
        let mut bad = good.clone();
        bad.insert(name.to_owned(), value);
        assert_eq!(check(200, json, &json!(bad)).len(), 1, "{name}");
    }
    let mut bad = good.clone();
    bad.remove("reason");
    assert_eq!(check(200, json, &json!(bad)).len(), 1);
    assert_eq!(check(418, json, &json!(good)).len(), 1);
    assert_eq!(check(200, "text/html", &json!(good)).len(), 1);
    let problem = json!({ "type": "x", "title": "x", "status": 404, "detail": "x", "code": "made_up", "request_id": null });
    assert_eq!(check(404, "application/problem+json", &problem).len(), 1);
}
