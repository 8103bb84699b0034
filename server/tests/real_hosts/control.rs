//! A Ground Control that the hosts can reach, and what is asked of it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Answer, GroundControl, Session, Setup, eventually};
use crate::host::{Host, MACHINE};
use crate::keys;
use crate::work::Work;

/// A Spider that found nobody waits up to a minute, and up to another one when it
/// tried just before.
const BACK_TIME_MAX: Duration = Duration::from_secs(180);

pub struct Control {
    pub ground: GroundControl,
    pub session: Session,
}

impl Control {
    /// Only while a host is up: its cable brings the address.
    pub fn start() -> Self {
        Self::start_as(Setup::new())
    }

    pub fn start_as(setup: Setup) -> Self {
        let ground = setup.args(&["--bind", MACHINE]).start();
        let session = ground.login();
        Self { ground, session }
    }

    /// Can be started again where it was.
    pub fn start_fixed() -> Self {
        Self::start_as(Setup::new().fixed_port())
    }

    /// Stops it in order, and starts it with more arguments.
    pub fn start_with(&mut self, args: &[&str]) {
        assert!(self.ground.stop().success());
        self.ground.setup = self.ground.setup.clone().args(args);
        self.start_again();
    }

    /// After its end, whatever that was: the same database, port and settings.
    pub fn start_again(&mut self) {
        self.ground.start_again();
        self.session = self.ground.login();
    }

    /// POST, again while as much as allowed is being done.
    pub fn post(&self, target: &str, body: &Value) -> Answer {
        loop {
            let answer = self.session.call("POST", target, Some(body));
            if answer.status != 503 {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Starts a deployment of a host whose key was confirmed; the node and the work.
    pub fn deploy(&self, body: &Value) -> (i64, Work<'_>) {
        static NAMES: AtomicU32 = AtomicU32::new(1);
        let number = NAMES.fetch_add(1, Ordering::Relaxed);
        let mut body = with(body, "name", &json!(format!("node {number}")));
        if body["host_key"].is_null() {
            // Only what a check knows of.
            let mut asked = body.clone();
            let fields = asked.as_object_mut().expect("an object");
            fields.retain(|name, _| {
                !matches!(
                    name.as_str(),
                    "name" | "keep_on_failure" | "host_key" | "replace"
                )
            });
            body["host_key"] = self.check(&asked).0["host_key"]["sha256"].clone();
        }
        let answer = self.post("/api/nodes/deploy", &body);
        assert_eq!(answer.status, 202, "{}", answer.text());
        let answer = answer.json();
        let node = answer["node"]["id"].as_i64().expect("a node");
        (node, Work::of(self, &answer["job"]))
    }

    /// The same to its end: a node that is online, with samples in history.
    pub fn deployed(&self, body: &Value) -> i64 {
        let (node, work) = self.deploy(body);
        work.succeeds();
        self.is_alive(node);
        node
    }

    /// Asks for work on a node.
    pub fn start_work(&self, node: i64, verb: &str, body: &Value) -> Work<'_> {
        let answer = self.post(&format!("/api/nodes/{node}/{verb}"), body);
        assert_eq!(answer.status, 202, "{verb}: {}", answer.text());
        Work::of(self, &answer.json()["job"])
    }

    /// Takes the Spider off and the node out of the fleet.
    pub fn remove(&self, node: i64) -> Value {
        let job = self.start_work(node, "remove", &json!({})).succeeds();
        let answer = self.session.get(&format!("/api/nodes/{node}"));
        assert_eq!(answer.status, 404, "{}", answer.text());
        job["result"].clone()
    }

    /// The node is online, and samples of the last seconds come into history.
    pub fn is_alive(&self, node: i64) {
        eventually("the node is online", || {
            (self.session.status(node) == "online").then_some(())
        });
        let from = crate::common::wall_ms();
        eventually("history has fresh samples", || {
            let target = format!(
                "/api/nodes/{node}/history?series=system.uptime_ms&parts=count&from={from}&to={}",
                from + 600_000
            );
            let history = self.session.get_json(&target);
            let counts = history["series"][0]["count"].as_array()?;
            counts
                .iter()
                .any(|count| count.as_i64() > Some(0))
                .then_some(())
        });
    }

    /// The same after an outage of its link, however long its Spider waits until it
    /// tries again.
    pub fn comes_back(&self, node: i64) {
        let until = Instant::now() + BACK_TIME_MAX;
        let from = crate::common::wall_ms();
        let seen = || self.session.node(node)["last_seen_ms"].as_i64() > Some(from);
        while !(seen() && self.session.status(node) == "online") {
            assert!(Instant::now() < until, "node {node} does not come back");
            std::thread::sleep(Duration::from_millis(200));
        }
        self.is_alive(node);
    }

    pub fn check(&self, body: &Value) -> Report {
        let answer = self.post("/api/nodes/check", body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        Report(answer.json())
    }

    /// A check with the host's key confirmed, as a person at the console would
    /// after comparing it.
    pub fn check_confirmed(&self, body: &Value) -> Report {
        let first = self.check(body);
        assert_eq!(first.cause("host_key"), "host_key_new", "{first}");
        self.check(&with(body, "host_key", &first.0["host_key"]["sha256"]))
    }
}

/// The ed25519 key without a passphrase.
pub fn login(host: &Host, user: &str) -> Value {
    json!({"host": host.address, "user": user, "auth": keys::auth("ed25519")})
}

/// The same body with one field more or other.
pub fn with(body: &Value, field: &str, value: &Value) -> Value {
    let mut body = body.clone();
    body[field] = value.clone();
    body
}

/// What a check has answered.
pub struct Report(pub Value);

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl Report {
    pub fn ok(&self) -> bool {
        self.0["ok"] == true
    }

    pub fn step(&self, name: &str) -> &Value {
        let steps = self.0["steps"].as_array().expect("steps");
        let found = steps.iter().find(|step| step["name"] == name);
        found.unwrap_or_else(|| panic!("no step {name}: {self}"))
    }

    /// Why a step failed; empty when it did not.
    pub fn cause(&self, name: &str) -> &str {
        self.step(name)["cause"].as_str().unwrap_or("")
    }

    pub fn detail(&self, name: &str) -> &str {
        self.step(name)["detail"].as_str().expect("a detail")
    }

    /// That step failed, for that reason, and says what to do; all before it went well.
    pub fn assert_fails(&self, name: &str, cause: &str, detail: &str) {
        assert!(!self.ok(), "{self}");
        assert_eq!(self.cause(name), cause, "{self}");
        assert!(self.detail(name).contains(detail), "{detail}: {self}");
        assert!(
            !self.step(name)["hint"].as_str().unwrap().is_empty(),
            "{self}"
        );
        let steps = self.0["steps"].as_array().unwrap();
        let failed: Vec<_> = steps.iter().filter(|step| step["ok"] != true).collect();
        assert_eq!(failed.len(), 1, "{self}");
    }

    /// How a login becomes root.
    pub fn privilege(&self) -> &str {
        self.0["privilege"].as_str().unwrap_or("")
    }

    pub fn facts(&self) -> &Value {
        &self.0["facts"]
    }
}
