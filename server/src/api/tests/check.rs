//! POST /api/nodes/check against a real SSH server.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, Call, Server, schema};
use crate::major_tom::pool::Pool;
use crate::major_tom::testing::{self, Kind, keygen};

fn check(server: &Server, token: &str, body: &Value) -> Answer {
    server.send(
        &Call::new("POST", "/api/nodes/check")
            .bearer(token)
            .json(body),
    )
}

fn report(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let report = answer.json();
    schema::check("NodeCheck", &report);
    report
}

fn step<'a>(report: &'a Value, name: &str) -> &'a Value {
    let steps = report["steps"].as_array().unwrap();
    steps
        .iter()
        .find(|step| step["name"] == name)
        .unwrap_or_else(|| panic!("no step {name}: {report:#}"))
}

fn body(node: &testing::Server) -> Value {
    json!({
        "host": "127.0.0.1", "port": node.address.port(), "user": testing::user(),
        "auth": {"key": node.read("login").expose()},
    })
}

#[test]
fn a_host_is_checked_in_two_goes_and_the_first_sends_nothing() {
    if !testing::there_is(Kind::OpenSsh) {
        return;
    }
    let node = testing::Server::start(Kind::OpenSsh);
    let server = Server::new();
    let token = server.token();
    let mut body = body(&node);

    let first = report(&check(&server, &token, &body));
    assert_eq!(first["ok"], false);
    assert_eq!(first["host_key"]["state"], "new");
    assert_eq!(step(&first, "host_key")["cause"], "host_key_new");
    assert_eq!(first["steps"].as_array().unwrap().len(), 3);
    assert!(
        !node
            .log_with("Connection closed by")
            .contains("userauth-request")
    );

    let fingerprint = first["host_key"]["sha256"].clone();
    body["host_key"] = fingerprint.clone();
    let second = report(&check(&server, &token, &body));
    assert_eq!(second["host_key"]["state"], "known");
    for name in [
        "reach",
        "host_key",
        "login",
        "commands",
        "system",
        "architecture",
    ] {
        assert_eq!(step(&second, name)["ok"], true, "{second:#}");
    }
    if testing::user() == "root" {
        assert_eq!(second["privilege"], "root");
    }
    let facts = &second["facts"];
    assert_eq!(facts["arch"], crate::embedded_spiders::NATIVE_ARCH);
    assert!(!facts["os"]["id"].as_str().unwrap().is_empty(), "{facts:#}");
    assert!(
        facts["clock_skew_ms"].as_i64().unwrap().abs() < 60_000,
        "{facts:#}"
    );

    // Another host at the same address.
    body["host_key"] = json!(format!("SHA256:{}", "A".repeat(43)));
    let changed = report(&check(&server, &token, &body));
    assert_eq!(changed["host_key"]["state"], "changed");
    assert_eq!(step(&changed, "host_key")["cause"], "host_key_changed");

    // The same behind a jump host, which is the node itself here.
    body["host_key"] = fingerprint.clone();
    body["jump"] = json!({
        "host": "127.0.0.1", "port": node.address.port(), "user": testing::user(),
        "auth": {"key": node.read("login").expose()}, "host_key": fingerprint,
    });
    let behind = report(&check(&server, &token, &body));
    assert_eq!(step(&behind, "jump_login")["ok"], true);
    assert_eq!(step(&behind, "login")["ok"], true, "{behind:#}");
}

#[test]
fn what_is_wrong_is_told_by_its_step() {
    if !testing::there_is(Kind::OpenSsh) {
        return;
    }
    let node = testing::Server::start(Kind::OpenSsh);
    let server = Server::new();
    let token = server.token();
    let plain = body(&node);
    let cause = |change: &dyn Fn(&mut Value), name: &str| {
        let mut body = plain.clone();
        body["host_key"] = json!(node.pin().sha256());
        change(&mut body);
        let report = report(&check(&server, &token, &body));
        assert_eq!(report["ok"], false);
        let last = report["steps"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["name"], name, "{report:#}");
        assert!(!last["hint"].as_str().unwrap().is_empty());
        last["cause"].as_str().unwrap().to_owned()
    };
    let path = node.folder.join("locked");
    keygen(&[
        "-t",
        "ed25519",
        "-N",
        "opens it",
        "-f",
        path.to_str().unwrap(),
    ]);
    let locked = node.read("locked");
    assert_eq!(
        cause(&|b| b["auth"] = json!({"key": "hello"}), "credentials"),
        "key_unreadable"
    );
    assert_eq!(
        cause(
            &|b| b["auth"] = json!({"key": locked.expose()}),
            "credentials"
        ),
        "passphrase_missing"
    );
    let key = |passphrase: &str| json!({"key": locked.expose(), "passphrase": passphrase});
    assert_eq!(
        cause(&|b| b["auth"] = key("no"), "login"),
        "passphrase_wrong"
    );
    assert_eq!(
        cause(&|b| b["auth"] = key("opens it"), "login"),
        "key_refused"
    );
    assert_eq!(
        cause(&|b| b["auth"] = json!({"password": "x"}), "login"),
        "method_refused"
    );
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_tried() {
    let server = Server::new();
    let token = server.token();
    let good = json!({"host": "127.0.0.1", "user": "root", "auth": {"password": "p"}});
    for (field, value) in [
        ("host", json!("-oProxyCommand=x")),
        ("host", json!("a b")),
        ("user", json!("-l")),
        ("user", json!("$(id)")),
        ("port", json!(0)),
        ("port", json!(65536)),
        ("auth", json!({})),
        ("auth", json!({"key": "k", "password": "two\nlines"})),
        ("auth", json!({"password": "p", "certificate": "c"})),
        ("auth", json!({"certificate": "c"})),
        ("auth", json!({"password": "p", "passphrase": "q"})),
        ("host_key", json!("MD5:00")),
        ("sudo_password", json!("two\nlines")),
        ("jump", json!({"host": "h"})),
        ("more", json!(1)),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = check(&server, &token, &body);
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (400, "invalid"),
            "{body}"
        );
    }
    // From a browser it needs the page's mark, like every change.
    let login = server.send(&Call::login(super::USER, super::PASSWORD));
    let cookie = format!(
        "stardust_session={}",
        login.json()["token"].as_str().unwrap()
    );
    let answer = server.send(
        &Call::new("POST", "/api/nodes/check")
            .header("Cookie", &cookie)
            .json(&good),
    );
    assert_eq!((answer.status, answer.kind().as_str()), (403, "csrf"));
}

#[test]
fn no_more_at_a_time_than_configured() {
    let server = Server::with(super::USER, super::PASSWORD, |config| {
        config.ssh_threads = 1
    });
    let token = server.token();
    let good = json!({"host": "127.0.0.1", "user": "root", "auth": {"password": "p"}});
    let pool = Arc::clone(&server.app.major_tom.pool);
    let (now, long) = (Duration::ZERO, Duration::from_secs(60));
    let waits = |pool: &Arc<Pool>| {
        while pool.waiting() == 0 {
            std::thread::yield_now();
        }
    };
    // It waits for its turn, which comes.
    let (other, taken) = (Arc::clone(&pool), pool.enter(now).unwrap());
    let frees = std::thread::spawn(move || {
        waits(&other);
        drop(taken);
    });
    assert_eq!(check(&server, &token, &good).status, 200);
    frees.join().unwrap();
    // Where as many wait as may, the next does not.
    let (other, taken) = (Arc::clone(&pool), pool.enter(now).unwrap());
    let first = std::thread::spawn(move || other.enter(long).is_ok());
    waits(&pool);
    let answer = check(&server, &token, &good);
    assert_eq!((answer.status, answer.kind().as_str()), (503, "busy"));
    assert!(answer.header("Retry-After").is_some());
    drop(taken);
    assert!(first.join().unwrap());
}

#[test]
fn secrets_are_nowhere_after_a_check() {
    if !testing::there_is(Kind::OpenSsh) {
        return;
    }
    let node = testing::Server::start(Kind::OpenSsh);
    let server = Server::new();
    let token = server.token();
    let path = node.folder.join("locked");
    let (passphrase, sudo) = ("a-recognisable-passphrase", "a-recognisable-sudo-password");
    keygen(&[
        "-t",
        "ed25519",
        "-N",
        passphrase,
        "-f",
        path.to_str().unwrap(),
    ]);
    node.authorize("locked");
    let key = node.read("locked");
    let mut body = body(&node);
    body["auth"] = json!({"key": key.expose(), "passphrase": passphrase});
    body["sudo_password"] = json!(sudo);
    body["host_key"] = json!(node.pin().sha256());
    let password = "a-recognisable-password";
    let mut by_password = body.clone();
    by_password["auth"] = json!({"password": password});

    // While it runs, no process has one of them in its arguments.
    let middle = key.expose().lines().nth(2).unwrap().to_owned();
    let needles = [passphrase, sudo, password, middle.as_str()];
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut answers = Vec::new();
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = Vec::new();
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    for name in ["cmdline", "environ"] {
                        // Processes come and go.
                        let bytes = std::fs::read(entry.path().join(name)).unwrap_or_default();
                        let text = String::from_utf8_lossy(&bytes).into_owned();
                        if !text.contains("ssh-keygen") {
                            seen.extend(
                                needles
                                    .iter()
                                    .filter(|n| text.contains(**n))
                                    .map(|n| (n.to_string(), text.clone())),
                            );
                        }
                    }
                }
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            seen
        });
        for body in [&body, &by_password] {
            answers.push(check(&server, &token, body));
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(watcher.join().unwrap(), []);
    });
    assert_eq!(step(&report(&answers[0]), "login")["ok"], true);
    for answer in &answers {
        let text = String::from_utf8_lossy(&answer.body);
        assert!(
            needles.iter().all(|needle| !text.contains(needle)),
            "{text}"
        );
    }
    // Nor the database, nor what the node's server wrote down.
    let folder = server.app.config.db.parent().unwrap();
    for path in std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|e| e.path())
    {
        let bytes = std::fs::read(&path).unwrap_or_default();
        for needle in needles {
            assert!(
                !bytes.windows(needle.len()).any(|w| w == needle.as_bytes()),
                "{path:?}"
            );
        }
    }
    let log = node.log();
    assert!(needles.iter().all(|needle| !log.contains(needle)));
}
