//! Ground Control as a child process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Answer, Folder, Process, free_fixed_port, request};

pub const SECRET: &str = "ground-control-to-major-tom";
pub const ADMIN_PASSWORD: &str = "commencing-countdown";

/// What a Ground Control is started with.
#[derive(Clone)]
pub struct Setup {
    folder: Arc<Folder>,
    args: Vec<String>,
    environment: Vec<(String, String)>,
    port: u16,
    /// Files that it may have open.
    files: Option<usize>,
}

impl Setup {
    /// Any port, a fresh database, a password that needs no change, commits
    /// every 300 ms.
    pub fn new() -> Self {
        let setup = Self {
            folder: Arc::new(Folder::new("ground-control")),
            args: Vec::new(),
            environment: Vec::new(),
            port: 0,
            files: None,
        };
        setup
            .env("STARDUST_SECRET", SECRET)
            .env("STARDUST_ADMIN_PASS", ADMIN_PASSWORD)
            .args(&["--commit-interval", "300"])
    }

    /// Appended: a flag that is given twice has its last value.
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(ToString::to_string));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// A port that it can be started on again.
    pub fn fixed_port(mut self) -> Self {
        self.port = free_fixed_port();
        self
    }

    pub fn database(&self) -> PathBuf {
        self.folder.join("stardust.db")
    }

    /// It may have so many files open, of which half are for connections.
    pub fn files(mut self, count: usize) -> Self {
        self.files = Some(count);
        self
    }

    pub fn command(&self) -> Command {
        let binary = env!("CARGO_BIN_EXE_stardust-server");
        let mut command = match self.files {
            None => Command::new(binary),
            Some(count) => {
                // The shell lowers both limits for itself and what it becomes.
                let mut command = Command::new("sh");
                let script = format!("ulimit -n {count} && exec \"$@\"");
                command.args(["-c", &script, "sh", binary]);
                command
            }
        };
        command.arg("--db").arg(self.database());
        command
            .args(["--port", &self.port.to_string()])
            .args(&self.args);
        for name in [
            "STARDUST_SECRET",
            "STARDUST_ADMIN_USER",
            "STARDUST_ADMIN_PASS",
        ] {
            command.env_remove(name);
        }
        // Its own temp files are told from those of tests that run beside it.
        command
            .env("TMPDIR", self.folder.path())
            .current_dir(self.folder.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn start(self) -> GroundControl {
        let mut process = Process::start("Ground Control", &mut self.command());
        let line = process.line_with("listens on http");
        let address = line
            .rsplit("://")
            .next()
            .and_then(|text| text.trim().parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        GroundControl {
            setup: self,
            process,
            address,
        }
    }

    /// Starts it where it must refuse: how it ended, and what it said.
    pub fn refused(&self) -> (ExitStatus, String) {
        let mut process = Process::start("Ground Control", &mut self.command());
        (process.wait(), process.output())
    }
}

pub struct GroundControl {
    pub setup: Setup,
    pub process: Process,
    pub address: SocketAddr,
}

/// A node as `POST /api/nodes` answers it.
pub struct NewNode {
    pub id: i64,
    pub token: String,
    pub command: String,
}

impl GroundControl {
    pub fn start() -> Self {
        Setup::new().start()
    }

    /// `kill -9`: nothing is said to anybody.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM, then waits for an orderly end.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.signal(libc::SIGTERM);
        self.process.wait()
    }

    /// The same database, port and settings.
    pub fn start_again(&mut self) {
        assert!(self.process.ended().is_some(), "it is still running");
        assert_ne!(
            self.setup.port, 0,
            "only with fixed_port() it comes back where it was"
        );
        *self = self.setup.clone().start();
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    pub fn get(&self, target: &str) -> Answer {
        request(self.address, "GET", target, &[], None)
    }

    pub fn login_as(&self, user: &str, password: &str) -> Answer {
        let body = json!({"user": user, "password": password});
        request(self.address, "POST", "/api/auth/login", &[], Some(&body))
    }

    pub fn login(&self) -> Session {
        let answer = self.login_as("admin", ADMIN_PASSWORD);
        assert_eq!(answer.status, 200, "{}", answer.text());
        Session::of(self.address, &answer)
    }
}

/// A login, usable as a script (Bearer) and as a browser (cookie).
#[derive(Clone)]
pub struct Session {
    pub address: SocketAddr,
    pub token: String,
    pub csrf: String,
    /// `name=value` pairs, as a browser sends them back.
    pub cookie: String,
}

impl Session {
    pub fn of(address: SocketAddr, answer: &Answer) -> Self {
        let json = answer.json();
        let cookies = answer.headers_named("Set-Cookie");
        let pairs: Vec<&str> = cookies
            .iter()
            .map(|cookie| cookie.split(';').next().unwrap_or(""))
            .collect();
        Self {
            address,
            token: json["token"].as_str().expect("a token").to_owned(),
            csrf: json["csrf"].as_str().expect("a CSRF token").to_owned(),
            cookie: pairs.join("; "),
        }
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub fn call(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        request(
            self.address,
            method,
            target,
            &[("Authorization", &self.bearer())],
            body,
        )
    }

    pub fn get(&self, target: &str) -> Answer {
        self.call("GET", target, None)
    }

    pub fn get_json(&self, target: &str) -> Value {
        let answer = self.get(target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    pub fn add_node(&self, name: &str) -> NewNode {
        let answer = self.call("POST", "/api/nodes", Some(&json!({"name": name})));
        assert_eq!(answer.status, 201, "{}", answer.text());
        let json = answer.json();
        let text = |key: &str| json[key].as_str().expect(key).to_owned();
        NewNode {
            id: json["id"].as_i64().expect("an id"),
            token: text("token"),
            command: text("command"),
        }
    }

    pub fn node(&self, id: i64) -> Value {
        self.get_json(&format!("/api/nodes/{id}"))
    }

    pub fn status(&self, id: i64) -> String {
        self.node(id)["status"]
            .as_str()
            .expect("a status")
            .to_owned()
    }
}
