//! Nodes: added, listed, renamed, removed, with names of all kinds.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::schema::check;
use super::{Answer, Call, Operator, PASSWORD, Server, USER};

fn add(operator: &Operator, body: &Value) -> Answer {
    operator.post("/api/nodes", body)
}

#[test]
fn a_node_from_its_first_day_to_its_last() {
    let operator = Operator::new();
    let empty = operator.get("/api/nodes");
    assert_eq!(empty.json(), json!({"nodes": [], "next": null}));

    let added = add(
        &operator,
        &json!({"name": "  pi4 ", "tags": ["home", " arm ", "home"]}),
    );
    assert_eq!(added.status, 201);
    assert_eq!(added.header("Location"), Some("/api/nodes/1"));
    let node = added.json();
    check("NewNode", &node);
    assert_eq!(node["name"], "pi4");
    assert_eq!(node["tags"], json!(["home", "arm"]));
    assert_eq!(node["status"], "pending");

    // The token works for its Spider; the database has only its hash.
    let token = node["token"].as_str().unwrap();
    assert_eq!(
        node["command"],
        format!("STARDUST_TOKEN='{token}' stardust-spider --server 'ws://127.0.0.1:8933'")
    );
    let hash: [u8; 32] = Sha256::digest(token).into();
    assert_eq!(operator.server.app.fleet.node_of_token(&hash), Some(1));
    assert_eq!(
        operator
            .server
            .app
            .store
            .node(1)
            .unwrap()
            .unwrap()
            .token_sha256,
        hash
    );
    for target in ["/api/nodes", "/api/nodes/1"] {
        let body = String::from_utf8(operator.get(target).body).unwrap();
        assert!(!body.contains(token), "shown once only");
    }

    check("Nodes", &operator.get("/api/nodes").json());
    check("Node", &operator.get("/api/nodes/1").json());
    check("Stats", &operator.get("/api/nodes/1/stats").json());
    check("SeriesList", &operator.get("/api/nodes/1/series").json());
    check(
        "History",
        &operator.get("/api/nodes/1/history?series=cpu.*").json(),
    );

    let change = |body: Value| operator.send(Call::new("PATCH", "/api/nodes/1").json(&body));
    let changed = change(json!({"name": "pi5"}));
    check("Node", &changed.json());
    assert_eq!(
        (&changed.json()["name"], &changed.json()["tags"]),
        (&json!("pi5"), &json!(["home", "arm"]))
    );
    assert_eq!(change(json!({"tags": []})).json()["tags"], json!([]));
    assert_eq!(change(json!({})).json()["name"], "pi5");
    assert_eq!(operator.get("/api/nodes/1").json()["name"], "pi5");

    assert_eq!(add(&operator, &json!({"name": "pi5"})).kind(), "name_taken");
    assert_eq!(add(&operator, &json!({"name": "other"})).status, 201);
    assert_eq!(change(json!({"name": "other"})).kind(), "name_taken");

    let remove = || operator.send(Call::new("DELETE", "/api/nodes/1"));
    assert_eq!(remove().status, 204);
    assert_eq!(operator.server.app.fleet.node_of_token(&hash), None);
    assert_eq!(remove().kind(), "not_found");
    assert_eq!(change(json!({"name": "x"})).kind(), "not_found");
    for what in ["", "/stats", "/series", "/history?series=x"] {
        let answer = operator.get(&format!("/api/nodes/1{what}"));
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (404, "not_found"),
            "{what}"
        );
    }
}

#[test]
fn hostile_names_are_text() {
    let operator = Operator::new();
    for name in [
        "<script>alert(1)</script>",
        "'; DROP TABLE nodes; --",
        "$(rm -rf /)",
        "../../etc/passwd",
        "é日本🚀",
        "\"\\u0000\"",
        "%00",
        "null",
    ] {
        let added = add(
            &operator,
            &json!({"name": name, "tags": [name.chars().take(1).collect::<String>()]}),
        );
        assert_eq!(added.status, 201, "{name}");
        let id = added.json()["id"].as_i64().unwrap();
        let node = operator.get(&format!("/api/nodes/{id}"));
        assert_eq!(node.json()["name"], name);
        assert_eq!(node.header("X-Content-Type-Options"), Some("nosniff"));
        let command = added.json()["command"].as_str().unwrap().to_owned();
        assert!(
            command.is_ascii() && command.matches('\'').count() == 4,
            "{command}"
        );
    }
    let all = operator.get("/api/nodes").json();
    assert_eq!(all["nodes"].as_array().unwrap().len(), 8);
    // But for what can't be seen in it, in a tag too; and that is said.
    for (name, why) in [
        ("\u{202e}gnihtemos", "direction"),
        ("we\u{200b}b", "can't be seen"),
        ("we\u{2060}b", "can't be seen"),
        ("a\u{1b}[2J", "control"),
    ] {
        for body in [json!({"name": name}), json!({"name": "pi", "tags": [name]})] {
            let refused = add(&operator, &body);
            assert_eq!(refused.status, 400, "{body}");
            let message = refused.json()["error"]["message"].to_string();
            assert!(message.contains(why), "{message}");
        }
    }
}

#[test]
fn bounds_of_names_and_tags() {
    let operator = Operator::new();
    let tags = |count: usize| (0..count).map(|n| format!("t{n}")).collect::<Vec<_>>();
    for body in [
        json!({"name": "x".repeat(64)}),
        json!({"name": "é".repeat(64), "tags": ["é".repeat(32)]}),
        json!({"name": "many tags", "tags": tags(16)}),
    ] {
        assert_eq!(add(&operator, &body).status, 201, "{body}");
    }
    for body in [
        json!({}),
        json!([]),
        json!({"name": ""}),
        json!({"name": "  \t"}),
        json!({"name": "x".repeat(65)}),
        json!({"name": "a\nb"}),
        json!({"name": "a\u{0}b"}),
        json!({"name": "a\u{9b}b"}),
        json!({"name": 7}),
        json!({"name": "a", "tags": "home"}),
        json!({"name": "a", "tags": [""]}),
        json!({"name": "a", "tags": ["x".repeat(33)]}),
        json!({"name": "a", "tags": ["a\u{7f}"]}),
        json!({"name": "a", "tags": tags(17)}),
        json!({"name": "a", "id": 7}),
    ] {
        let answer = add(&operator, &body);
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (400, "invalid"),
            "{body}"
        );
    }
    assert_eq!(operator.server.app.store.nodes().unwrap().len(), 3);
}

#[test]
fn lists_come_in_pages() {
    let operator = Operator::new();
    for n in 0..5 {
        add(&operator, &json!({"name": format!("n{n}")}));
    }
    let mut seen = Vec::new();
    let mut target = "/api/nodes?limit=2".to_owned();
    loop {
        let page = operator.get(&target).json();
        check("Nodes", &page);
        let nodes = page["nodes"].as_array().unwrap();
        assert!(nodes.len() <= 2);
        seen.extend(nodes.iter().map(|node| node["id"].as_i64().unwrap()));
        match page["next"].as_str() {
            Some(next) => target = format!("/api/nodes?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    for query in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "cursor=-1",
        "cursor=x",
        "limit=1&limit=2",
    ] {
        let answer = operator.get(&format!("/api/nodes?{query}"));
        assert_eq!(answer.kind(), "invalid", "{query}");
    }
}

#[test]
fn the_command_names_where_this_server_is_reached() {
    let command = |server: Server, headers: &[(&str, &str)]| {
        let operator = Operator::of(server);
        let mut call = Call::new("POST", "/api/nodes").json(&json!({"name": "a"}));
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let command = operator.send(call).json()["command"]
            .as_str()
            .unwrap()
            .to_owned();
        let port = operator.server.app.address.port().to_string();
        command
            .split("--server ")
            .nth(1)
            .unwrap()
            .replace(&port, "PORT")
    };
    let bound_to = |bind: &'static str| {
        Server::with(USER, PASSWORD, move |config| {
            config.binds = vec![crate::listen::Listen::parse(bind).unwrap()]
        })
    };
    let configured = Server::with(USER, PASSWORD, |config| {
        config.server_url =
            Some(stardust_shared::ServerUrl::parse_origin("https://stardust.example").unwrap());
    });
    assert_eq!(
        command(configured, &[("Host", "other")]),
        "'wss://stardust.example'"
    );
    let https = [("Host", "proxy.example"), ("X-Stardust-Scheme", "https")];
    assert_eq!(command(Server::new(), &https), "'wss://proxy.example'");
    assert_eq!(
        command(bound_to("0.0.0.0"), &[("Host", "192.0.2.7:99")]),
        "'ws://192.0.2.7:99'"
    );
    // A tunnel's end, though nodes can reach us otherwise.
    assert_eq!(
        command(bound_to("0.0.0.0"), &[("Host", "localhost:99")]),
        "'ws://localhost:99'"
    );
    for hostile in [
        "a'; rm -rf /;'",
        "$(id)",
        "a b",
        "",
        "a/b",
        "user@a",
        "a:99999",
    ] {
        let found = command(Server::new(), &[("Host", hostile)]);
        assert_eq!(found, "'ws://127.0.0.1:PORT'", "{hostile}");
    }
}

#[test]
fn history_refuses_what_makes_no_sense() {
    let operator = Operator::new();
    add(&operator, &json!({"name": "a"}));
    for query in [
        "",
        "series=",
        "series=x&from=5&to=5",
        "series=x&from=9&to=5",
        "series=x&from=-5&to=5",
        "series=x&from=a",
        "series=x&points=0",
        "series=x&points=-1",
        "series=x&points=2001",
        "series=x&parts=",
        "series=x&parts=average",
        "series=x&parts=avg&parts=min",
        "series=x&digits=1",
        "series=x&digits=13",
        "series=x&from=253402300799999",
        "series=x&from=1&from=2",
        "series=%ff",
        "series=x&from=9223372036854775808",
        "series=x&from=0&to=9223372036854775807",
        "series=x&from=0&to=253402300800000",
    ] {
        let answer = operator.get(&format!("/api/nodes/1/history?{query}"));
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (400, "invalid"),
            "{query}"
        );
    }
    for query in [
        "series=x",
        "series=cpu.*,mem.free_bytes&series=fs.free_bytes%7Bmount%3D%2F%2Ctype%3Dext4%7D&points=2000",
        "series=x&from=0&to=253402300799999&points=1",
    ] {
        let answer = operator.get(&format!("/api/nodes/1/history?{query}"));
        assert_eq!(answer.status, 200, "{query}");
        check("History", &answer.json());
    }
}
