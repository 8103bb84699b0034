//! The OpenAPI document is true.

use std::collections::BTreeSet;

use super::{Call, Server, document};
use crate::access::{Door, table};
use crate::api::ROUTES;

fn documented_path(pattern: &str) -> String {
    pattern.replace(":id", "{id}").replace(":name", "{name}")
}

#[test]
fn every_route_is_in_the_document_and_the_reverse() {
    let ours: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| {
            (
                documented_path(route.pattern),
                route.method.name().to_lowercase(),
            )
        })
        .collect();
    assert_eq!(ours.len(), ROUTES.len(), "a route is there twice");
    let documented: BTreeSet<_> = document()["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods
                .as_object()
                .unwrap()
                .keys()
                .filter(|method| *method != "parameters")
                .map(|method| (path.clone(), method.clone()))
        })
        .collect();
    assert_eq!(ours, documented);
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn who_may_use_a_route_is_documented_and_enforced() {
    let server = Server::new();
    for route in ROUTES {
        let path = documented_path(route.pattern);
        let operation = &document()["paths"][path.as_str()][route.method.name().to_lowercase()];
        let open = operation["security"].as_array().is_some_and(Vec::is_empty);
        let rule = table::rule_of(route.method, route.pattern).unwrap();
        assert_eq!(open, rule.door == Door::Anyone, "{path}");
        if open {
            continue;
        }
        assert!(operation["responses"]["401"].is_object(), "{path}");
        let answer = server.send(&Call::new(
            route.method.name(),
            &route.pattern.replace(":id", "1").replace(":name", "a"),
        ));
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (401, "unauthenticated"),
            "{path}"
        );
    }
}

#[test]
fn the_document_is_served_as_it_is() {
    let server = Server::new();
    let answer = server.send(&Call::get("/api/openapi.json"));
    assert_eq!(answer.status, 200);
    assert_eq!(&answer.json(), document());
    super::schema::check("Health", &server.send(&Call::get("/healthz")).json());
}
