//! Everything that a request may hold has its bound in the document, and every
//! reference in it leads somewhere.

use std::collections::HashSet;

use serde_json::Value;

use super::{Call, Operator, Server, document};

fn resolve(reference: &str) -> Option<&'static Value> {
    document().pointer(reference.strip_prefix('#')?)
}

#[test]
fn every_reference_leads_somewhere() {
    fn look(value: &Value, at: &str) {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    assert!(resolve(reference).is_some(), "{at}: {reference}");
                }
                for (key, value) in fields {
                    look(value, &format!("{at}/{key}"));
                }
            }
            Value::Array(items) => items.iter().for_each(|value| look(value, at)),
            _ => {}
        }
    }
    look(document(), "");
}

/// Looks at what clients send, whatever is inside of it.
fn bounded(schema: &Value, at: &str, seen: &mut HashSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        if seen.insert(reference.to_owned()) {
            bounded(
                resolve(reference).unwrap(),
                &format!("{at} {reference}"),
                seen,
            );
        }
        return;
    }
    let is = |kind: &str| match &schema["type"] {
        Value::String(only) => only == kind,
        Value::Array(kinds) => kinds.iter().any(|found| found == kind),
        _ => false,
    };
    let has = |names: &[&str]| names.iter().any(|name| !schema[*name].is_null());
    if has(&["enum", "const"]) {
        return;
    }
    if is("string") {
        assert!(has(&["maxLength", "pattern"]), "{at}: a text without bound");
    }
    if is("integer") || is("number") {
        let both = has(&["minimum"]) && has(&["maximum"]);
        assert!(both, "{at}: a number without bounds");
    }
    if is("array") {
        assert!(has(&["maxItems"]), "{at}: an array without bound");
        bounded(&schema["items"], &format!("{at}[]"), seen);
    }
    for (name, value) in schema["properties"].as_object().into_iter().flatten() {
        bounded(value, &format!("{at}.{name}"), seen);
    }
    if schema["additionalProperties"].is_object() {
        assert!(has(&["maxProperties"]), "{at}: a map without bound");
        bounded(&schema["additionalProperties"], &format!("{at}.*"), seen);
    }
    for kind in ["oneOf", "anyOf", "allOf"] {
        for one in schema[kind].as_array().into_iter().flatten() {
            bounded(one, at, seen);
        }
    }
}

#[test]
fn parameters_and_bodies_are_bounded() {
    let mut looked = 0;
    for (path, methods) in document()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = match method.as_str() {
                "parameters" => operation,
                _ => &operation["parameters"],
            };
            for parameter in parameters.as_array().into_iter().flatten() {
                let at = format!("{method} {path} {}", parameter["name"]);
                bounded(&parameter["schema"], &at, &mut HashSet::new());
                looked += 1;
            }
            let content = operation["requestBody"]["content"].as_object();
            for body in content.into_iter().flat_map(|content| content.values()) {
                bounded(
                    &body["schema"],
                    &format!("{method} {path}"),
                    &mut HashSet::new(),
                );
                looked += 1;
            }
        }
    }
    assert!(looked > 80, "only {looked} were found");
}

#[test]
fn documented_bounds_hold() {
    let server = Server::new();
    for body in [r#"["ziggy","played guitar"]"#, "[]", r#""ziggy""#, "null"] {
        let call = Call::new("POST", "/api/auth/login").header("Content-Type", "application/json");
        let answer = server.send(&call.body(body.as_bytes()));
        assert_eq!(
            (answer.status, answer.kind()),
            (400, "invalid".into()),
            "{body}"
        );
    }
    let operator = Operator::of(server);
    for target in [
        "/api/events?limit=0",
        "/api/events?limit=201",
        "/api/jobs?limit=201",
        "/api/jobs?state=other",
        "/api/nodes?limit=1001",
    ] {
        assert_eq!(operator.send(Call::get(target)).status, 400, "{target}");
    }
    let nested = r#"{"host":"a","user":"b","auth":[null,null,"c"]}"#;
    let call = Call::new("POST", "/api/nodes/check")
        .header("Content-Type", "application/json")
        .body(nested.as_bytes());
    let answer = operator.send(call);
    assert_eq!((answer.status, answer.kind()), (400, "invalid".into()));
}
