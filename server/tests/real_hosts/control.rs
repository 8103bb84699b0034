//! A Ground Control that the hosts can reach, and what is asked of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Answer, GroundControl, Session, Setup};
use crate::host::{Host, MACHINE};
use crate::keys;

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
