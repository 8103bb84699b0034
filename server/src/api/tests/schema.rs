//! As much of JSON Schema as our document uses, to hold answers against it.

use serde_json::Value;

use super::document;

/// Fails when `value` is not what the document says `name` is.
pub fn check(name: &str, value: &Value) {
    if let Err(why) = fits(schema(name), value) {
        panic!("not a {name}: {why}\n{value:#}");
    }
}

fn schema(name: &str) -> &'static Value {
    let schema = &document()["components"]["schemas"][name];
    assert!(schema.is_object(), "the document has no schema {name}");
    schema
}

fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    let rules = schema.as_object().ok_or("a schema is an object")?;
    for (rule, wanted) in rules {
        match rule.as_str() {
            "$ref" => {
                let name = wanted.as_str().unwrap().rsplit('/').next().unwrap();
                fits(self::schema(name), value)?;
            }
            "oneOf" => {
                let good = wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|s| fits(s, value).is_ok());
                if good.count() != 1 {
                    return Err(format!("{value} fits not exactly one of {wanted}"));
                }
            }
            "type" => {
                let types = match wanted {
                    Value::Array(types) => types.clone(),
                    one => vec![one.clone()],
                };
                if !types.iter().any(|t| is_type(t.as_str().unwrap(), value)) {
                    return Err(format!("{value} is no {wanted}"));
                }
            }
            "enum" => {
                if !wanted.as_array().unwrap().contains(value) {
                    return Err(format!("{value} is none of {wanted}"));
                }
            }
            "required" => {
                for key in wanted.as_array().unwrap() {
                    if value.get(key.as_str().unwrap()).is_none() {
                        return Err(format!("{key} is missing"));
                    }
                }
            }
            "properties" => {
                for (key, schema) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        fits(schema, value).map_err(|why| format!("{key}: {why}"))?;
                    }
                }
            }
            "additionalProperties" => {
                let known = rules.get("properties").and_then(Value::as_object);
                for (key, value) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(key)) {
                        continue;
                    }
                    match wanted {
                        Value::Bool(false) => return Err(format!("{key} is not described")),
                        schema => fits(schema, value).map_err(|why| format!("{key}: {why}"))?,
                    }
                }
            }
            "items" => {
                for value in value.as_array().into_iter().flatten() {
                    fits(wanted, value)?;
                }
            }
            "minItems" => {
                let count = value.as_array().map_or(0, Vec::len) as u64;
                if wanted.as_u64().is_some_and(|least| count < least) {
                    return Err(format!("{value} has fewer than {wanted}"));
                }
            }
            "description" | "minLength" | "maxLength" | "maxItems" | "default" | "minimum"
            | "maximum" => {}
            other => return Err(format!("the test does not know the rule {other}")),
        }
    }
    Ok(())
}

fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the test does not know the type {other}"),
    }
}

#[test]
fn the_checker_itself_refuses() {
    let session = serde_json::json!({
        "user": "a", "username": "a", "user_id": 1, "role": "viewer", "grants": [],
        "read_only": false, "everywhere": [], "somewhere": ["view"], "csrf": "b",
        "must_change_password": false, "must_enrol": false, "expires_ms": 1
    });
    check("Session", &session);
    for (key, value) in [
        ("user", Value::from(1)),
        ("expires_ms", Value::from(1.5)),
        ("more", Value::from("x")),
    ] {
        let mut wrong = session.clone();
        wrong[key] = value;
        assert!(fits(schema("Session"), &wrong).is_err(), "{key}");
    }
    let mut wrong = session.clone();
    wrong.as_object_mut().unwrap().remove("csrf");
    assert!(fits(schema("Session"), &wrong).is_err());
}
