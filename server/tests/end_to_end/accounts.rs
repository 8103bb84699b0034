//! Two people at once, by the real program: what `/live` tells each of them, tokens of
//! programs, and the verbs on the host.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{
    FakeSpider, GroundControl, Live, LiveEvent, NewNode, Session, Setup, gauges, wall_ms,
};

const PASSWORD: &str = "five years is all we got";

fn add_user(admin: &Session, name: &str, role: &str, tags: &[&str]) -> i64 {
    let body = json!({"username": name, "password": PASSWORD, "role": role, "tags": tags});
    let made = admin.call("POST", "/api/users", Some(&body));
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_i64().unwrap()
}

fn tag(admin: &Session, node: i64, tags: &[&str]) {
    let body = json!({"tags": tags});
    let changed = admin.call("PATCH", &format!("/api/nodes/{node}"), Some(&body));
    assert_eq!(changed.status, 200, "{}", changed.text());
}

fn signed_in(ground_control: &GroundControl) -> Session {
    let answer = ground_control.login_as("major", PASSWORD);
    assert_eq!(answer.status, 200, "{}", answer.text());
    Session::of(ground_control.address, &answer)
}

/// A Spider that sends a sample whenever it is asked to.
struct Talker {
    spider: FakeSpider,
    seq: u64,
}

impl Talker {
    fn new(ground_control: &GroundControl, node: &NewNode) -> Self {
        let (mut spider, seq) = FakeSpider::open(ground_control.address, &node.token, "a-run");
        assert!(spider.layout(&gauges(1, 2)));
        Self { spider, seq }
    }

    fn sample(&mut self) {
        self.seq += 1;
        assert!(
            self.spider
                .sample(&gauges(1, 2), self.seq, wall_ms(), &[7, 8])
        );
    }
}

/// What is said within some time, as one text.
fn heard(live: &mut Live, time: Duration) -> Vec<Value> {
    let until = std::time::Instant::now() + time;
    let mut heard = Vec::new();
    while let Some(left) = until.checked_duration_since(std::time::Instant::now()) {
        match live.next(left) {
            LiveEvent::Json(message) => heard.push(message),
            LiveEvent::Closed(why) => panic!("closed: {why:?}"),
            LiveEvent::Silence => break,
        }
    }
    heard
}

#[test]
fn each_hears_of_their_own_nodes_alone() {
    let ground_control = GroundControl::start();
    let admin = ground_control.login();
    let (web, secret) = (admin.add_node("web-one"), admin.add_node("db-secret"));
    tag(&admin, web.id, &["web"]);
    add_user(&admin, "major", "operator", &["web"]);
    let major = signed_in(&ground_control);
    let (mut all, snapshot) = Live::open(ground_control.address, &admin);
    assert_eq!(snapshot["nodes"].as_array().unwrap().len(), 2);
    let (mut live, snapshot) = Live::open(ground_control.address, &major);
    assert_eq!(snapshot["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(snapshot["nodes"][0]["name"], "web-one");

    // Samples of both; watching what one may not know of gives nothing.
    let mut spiders = [&web, &secret].map(|node| Talker::new(&ground_control, node));
    live.watch(&[web.id, secret.id]);
    std::thread::sleep(Duration::from_millis(300));
    spiders.iter_mut().for_each(Talker::sample);
    let told = heard(&mut live, Duration::from_secs(3));
    let text = json!(told).to_string();
    assert!(text.contains("\"sample\""), "{text}");
    assert!(!text.contains("db-secret"), "{text}");
    let nodes = |message: &Value| message["node"].as_i64();
    assert!(
        told.iter().filter_map(nodes).all(|node| node == web.id),
        "{text}"
    );
    for message in told.iter().filter(|message| message["type"] == "changes") {
        let rows = message["samples"].as_array().unwrap();
        assert!(rows.iter().all(|row| row[0] == web.id), "{message}");
    }
    for message in told.iter().filter(|message| message["type"] == "events") {
        let events = message["events"].as_array().unwrap();
        assert!(
            events.iter().all(|event| event["node"] == web.id),
            "{message}"
        );
    }
    assert!(
        json!(heard(&mut all, Duration::from_millis(300)))
            .to_string()
            .contains("db-secret")
    );

    // A node comes into the scope whole, and leaves it.
    tag(&admin, secret.id, &["web"]);
    let told = heard(&mut live, Duration::from_secs(2));
    let whole = told
        .iter()
        .flat_map(|message| message["nodes"].as_array().cloned().unwrap_or_default());
    let whole: Vec<_> = whole.filter(|node| node["name"] == "db-secret").collect();
    assert_eq!(whole.len(), 1, "{told:?}");
    assert_eq!(whole[0]["status"], "online");
    live.watch(&[secret.id]);
    tag(&admin, secret.id, &[]);
    let told = heard(&mut live, Duration::from_secs(2));
    let gone = told
        .iter()
        .any(|message| message["removed"] == json!([secret.id]));
    assert!(gone, "{told:?}");
    spiders[1].sample();
    let told = json!(heard(&mut live, Duration::from_secs(2))).to_string();
    assert!(
        !told.contains("db-secret") && !told.contains("\"sample\""),
        "{told}"
    );
}

#[test]
fn who_may_less_is_asked_to_come_again_and_who_is_ended_is_told_so() {
    let ground_control = GroundControl::start();
    let admin = ground_control.login();
    tag(&admin, admin.add_node("web-one").id, &["web"]);
    let user = add_user(&admin, "major", "viewer", &[]);
    let major = signed_in(&ground_control);
    let closed = |live: &mut Live| {
        for _ in 0..50 {
            if let LiveEvent::Closed(why) = live.next(Duration::from_secs(5)) {
                return why.unwrap();
            }
        }
        panic!("it was not closed");
    };
    let change = |body: Value| {
        let changed = admin.call("PATCH", &format!("/api/users/{user}"), Some(&body));
        assert_eq!(changed.status, 200, "{}", changed.text());
    };
    let (mut live, _) = Live::open(ground_control.address, &major);
    change(json!({"tags": ["db"]}));
    assert_eq!(closed(&mut live).0, 1012);
    let (mut live, snapshot) = Live::open(ground_control.address, &major);
    assert_eq!(snapshot["nodes"], json!([]));
    change(json!({"disabled": true}));
    assert_eq!(closed(&mut live).0, 4401);

    // A program's token is good for /live, until it is ended.
    let made = admin
        .call(
            "POST",
            "/api/tokens",
            Some(&json!({"name": "wall", "read_only": true})),
        )
        .json();
    let wall = Session {
        address: ground_control.address,
        token: made["token"].as_str().unwrap().to_owned(),
        csrf: String::new(),
        cookie: String::new(),
    };
    let (mut live, snapshot) = Live::open(ground_control.address, &wall);
    assert_eq!(snapshot["nodes"].as_array().unwrap().len(), 1);
    let ended = admin.call("DELETE", &format!("/api/tokens/{}", made["id"]), None);
    assert_eq!(ended.status, 204);
    assert_eq!(closed(&mut live).0, 4401);
}

#[test]
fn users_are_kept_on_the_host_too_and_the_audit_is_verified() {
    let setup = Setup::new();
    let mut ground_control = setup.clone().start();
    let verb = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stardust-server"));
        command.args(args).arg("--db").arg(setup.database());
        let done = command.env("STARDUST_PASS_NEW", PASSWORD).output().unwrap();
        let text = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        (done.status.code().unwrap(), text)
    };
    let (code, words) = verb(&["users", "list"]);
    assert_eq!((code, words.trim()), (0, "admin  admin"));
    let (code, words) = verb(&["users", "add", "major"]);
    assert!(code == 1 && words.contains("runs on"), "{code} {words}");
    ground_control.stop();
    assert_eq!(verb(&["users", "add", "major", "--role", "operator"]).0, 0);
    assert_eq!(verb(&["users", "add", "major"]).0, 1);
    assert_eq!(verb(&["users", "add", "x", "--role", "king"]).0, 2);
    let (code, words) = verb(&["users", "disable", "admin"]);
    assert!(
        code == 1 && words.contains("nobody would be left"),
        "{code} {words}"
    );
    assert_eq!(verb(&["users", "promote", "major"]).0, 0);
    assert_eq!(verb(&["users", "disable", "admin"]).0, 0);
    let (_, words) = verb(&["users", "list"]);
    assert_eq!(words.trim(), "admin  admin, disabled\nmajor  admin");
    let ground_control = setup.clone().start();
    let major = signed_in(&ground_control);
    let lines = major.get("/api/audit?action=user.").json();
    assert_eq!(lines["audit"].as_array().unwrap().len(), 3);
    assert_eq!(lines["audit"][0]["actor"], "system");
    let (code, words) = verb(&["audit", "verify"]);
    assert!(
        code == 0 && words.contains("follow from each other"),
        "{words}"
    );
    drop(ground_control);
    let database = rusqlite::Connection::open(setup.database()).unwrap();
    database
        .execute("UPDATE audit SET name = 'somebody else' WHERE id = 2", [])
        .unwrap();
    drop(database);
    let (code, words) = verb(&["audit", "verify"]);
    assert!(code == 1 && words.contains("Line 2"), "{code} {words}");
}

#[test]
fn people_and_spiders_come_from_their_networks_alone() {
    let networks = [
        "--allow-from",
        "127.0.0.2",
        "--allow-spiders-from",
        "127.0.0.3/32",
    ];
    let ground_control = Setup::new().args(&networks).start();
    let ask = |from: [u8; 4], request: &str| {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket
            .bind(&std::net::SocketAddr::from((from, 0)).into())
            .unwrap();
        socket.connect(&ground_control.address.into()).unwrap();
        let mut stream = std::net::TcpStream::from(socket);
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let answer = crate::common::read_answer(&mut std::io::BufReader::new(stream)).unwrap();
        (answer.status, answer.text())
    };
    let page = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let login = "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
    let spider = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    for (from, request, status) in [
        ([127, 0, 0, 2], page, 200),
        ([127, 0, 0, 1], page, 403),
        ([127, 0, 0, 3], page, 403),
        ([127, 0, 0, 1], login, 403),
        ([127, 0, 0, 2], login, 415),
        ([127, 0, 0, 3], spider, 401),
        ([127, 0, 0, 2], spider, 403),
    ] {
        let (found, text) = ask(from, request);
        assert_eq!(found, status, "{from:?} {request} {text}");
        if found == 403 {
            assert!(text.contains("foreign_network"), "{text}");
        }
    }
}
