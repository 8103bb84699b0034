//! Packages over the API, as far as no node is needed.

use serde_json::json;

use super::schema::check;
use super::{Call, Operator, Server};
use crate::packages::Manager;
use crate::packages::facts::Facts;
use crate::packages::model::Upgrade;
use crate::secret::Secret;
use crate::vault::{Credentials, Login, SshAuth};
use stardust_model::host_key::Pin;

fn upgrade(name: &str, security: bool) -> Upgrade {
    Upgrade {
        name: name.into(),
        arch: Some("amd64".into()),
        installed: Some("1".into()),
        new: "2".into(),
        repo: None,
        security: Some(security),
        held: false,
        full_only: false,
    }
}

#[test]
fn facts_are_shown_as_of_when_and_wishes_are_checked() {
    let server = Server::new();
    let token = server.token();
    let send = |method: &'static str, path: &str, body: Option<serde_json::Value>| {
        let call = Call::new(method, path);
        let call = match &body {
            Some(body) => call.json(body),
            None => call,
        };
        server.send(&call.bearer(&token))
    };
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        let answer = send("POST", "/api/nodes", Some(json!({"name": name})));
        ids.push(answer.json()["id"].as_i64().unwrap());
    }
    let path = |id: i64, rest: &str| format!("/api/nodes/{id}/packages{rest}");
    let never = send("GET", &path(ids[0], ""), None);
    assert_eq!(never.status, 200);
    check("Packages", &never.json());
    assert_eq!(never.json()["as_of_ms"], json!(null));
    assert_eq!(send("GET", &path(99, ""), None).status, 404);

    // What to do is not known before a look.
    let install = json!({"packages": ["nginx"]});
    let early = send("POST", &path(ids[0], "/install"), Some(install.clone()));
    assert_eq!(early.status, 409);

    let facts = Facts {
        manager: Some(Manager::Apt),
        upgradable: vec![upgrade("lablib", true), upgrade("labtool", false)],
        ..Facts::default()
    };
    let store = &server.app.store;
    store
        .put_package_facts(ids[0], &facts, 1000, Some(900), 5000)
        .unwrap();
    store
        .put_package_facts(ids[1], &facts, 1000, None, 5000)
        .unwrap();
    let seen = send("GET", &path(ids[0], ""), None).json();
    check("Packages", &seen);
    assert_eq!(
        (&seen["as_of_ms"], &seen["index_ms"]),
        (&json!(1000), &json!(900))
    );
    assert_eq!(seen["counts"]["security"], 1);
    // A look that fails leaves what was known.
    let error = crate::jobs::JobError {
        cause: "lost".into(),
        message: "m".into(),
        hint: "h".into(),
    };
    store.put_package_error(ids[0], Some(&error), 9000).unwrap();
    let seen = send("GET", &path(ids[0], ""), None).json();
    assert_eq!(
        (&seen["error"]["cause"], &seen["as_of_ms"]),
        (&json!("lost"), &json!(1000))
    );

    for bad in ["-y", "a;b", "$(id)", "a\nb", &"a".repeat(300)] {
        for action in ["install", "remove", "hold", "unhold", "upgrade"] {
            let wish = json!({"packages": [bad]});
            let answer = send("POST", &path(ids[0], &format!("/{action}")), Some(wish));
            assert_eq!(
                (answer.status, answer.kind().as_str()),
                (400, "invalid"),
                "{bad}"
            );
        }
        let wish = json!({"action": "install", "packages": [bad]});
        assert_eq!(
            send("POST", &path(ids[0], "/preview"), Some(wish)).status,
            400
        );
    }
    let plan = json!({"packages": ["nginx"], "plan": "'; rm"});
    assert_eq!(
        send("POST", &path(ids[0], "/install"), Some(plan)).status,
        400
    );
    // Nobody knows how it is reached.
    let answer = send("POST", &path(ids[0], "/install"), Some(install));
    assert_eq!(
        (answer.status, answer.kind().as_str()),
        (409, "credentials_needed")
    );

    let fleet = send("GET", "/api/packages", None).json();
    check("FleetPackages", &fleet);
    assert_eq!(fleet["counts"]["upgrades"], 4);
    assert_eq!(fleet["counts"]["security_nodes"], 2);
    assert_eq!(fleet["packages"][0]["name"], "lablib");
    assert_eq!(fleet["packages"][0]["nodes"].as_array().unwrap().len(), 2);
    let bad = send("POST", "/api/packages/upgrade", Some(json!({"nodes": []})));
    assert_eq!(bad.status, 400);
    let bad = json!({"nodes": ids, "packages": ["$(id)"]});
    assert_eq!(send("POST", "/api/packages/upgrade", Some(bad)).status, 400);
    let good = send("POST", "/api/packages/upgrade", Some(json!({"nodes": ids})));
    assert_eq!(good.status, 202);
    assert_eq!(good.json()["job"]["kind"], "packages_upgrade_fleet");
}

#[test]
fn a_node_that_is_not_reached_is_no_mistake_of_who_asks() {
    let operator = Operator::new();
    let added = operator.post("/api/nodes", &json!({"name": "gone"})).json();
    let id = added["id"].as_i64().unwrap();
    let app = &operator.server.app;
    let facts = Facts {
        manager: Some(Manager::Apt),
        ..Facts::default()
    };
    app.store
        .put_package_facts(id, &facts, 1000, None, 5000)
        .unwrap();
    // Nobody listens there any more.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let credentials = Credentials {
        node: Login {
            host: "127.0.0.1".into(),
            port,
            user: "root".into(),
            auth: Some(SshAuth::Password(Secret::new("rosebud".into()))),
            host_key: Pin::fingerprint(&format!("SHA256:{}", "a".repeat(43))),
        },
        sudo_password: None,
        jump: None,
        machine_id: None,
    };
    app.vault.put(id, &credentials, 5000).unwrap();
    let preview = format!("/api/nodes/{id}/packages/preview");
    let answer = operator.post(&preview, &json!({"action": "upgrade"}));
    let error = &answer.json()["error"];
    assert_eq!(
        (answer.status, &error["kind"], &error["cause"]),
        (502, &json!("node"), &json!("refused")),
        "{error}"
    );
    check("Error", &answer.json());

    // What the database says of itself is nobody's business but the log's.
    let broken = crate::store::StoreError::from(rusqlite::Error::InvalidColumnName("salt".into()));
    let error = crate::error::Error::from(crate::major_tom::Fault::from(broken));
    assert_eq!(error.kind.http_status(), 500);
    assert!(!error.message.contains("salt"), "{error}");
}
