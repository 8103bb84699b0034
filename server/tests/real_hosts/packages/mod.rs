//! Packages on real hosts, with the real managers, against repositories that are
//! made on the host itself (`server/tests/packages/make-repos.sh`). All of them speak
//! German, or one Japanese, as far as their tools do.

mod apt;
mod apt_states;
mod dnf;
mod pacman;
mod router;
mod waves;
mod zypper;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::eventually;
use crate::control::{Control, login};
use crate::host::{Host, Kind, base};

/// The layer with all managers; built by the first test that asks.
fn managers() -> &'static Path {
    static LAYER: OnceLock<PathBuf> = OnceLock::new();
    LAYER.get_or_init(|| {
        let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/build.sh");
        let status = Command::new("bash")
            .arg(build)
            .arg(base())
            .arg("managers")
            .stdin(Stdio::null())
            .status()
            .expect("bash is there");
        assert!(status.success(), "build.sh: {status}");
        base().join("managers")
    })
}

const GERMAN: &str = "de_DE.UTF-8";
const JAPANESE: &str = "ja_JP.UTF-8";

/// `$locale`, wherever a session or a unit takes its language from.
const SPEAK: &str = r#"
printf 'LANG=%s\nLANGUAGE=%s\nLC_ALL=%s\n' $locale ${locale%%_*} $locale |
  tee /etc/default/locale /etc/environment >/etc/locale.conf
systemctl set-environment LANG=$locale LANGUAGE=${locale%%_*} LC_ALL=$locale
"#;

/// A host with all managers but those that would be chosen first.
fn host(without: &[&str]) -> Host {
    host_that_speaks(GERMAN, without)
}

fn host_that_speaks(locale: &str, without: &[&str]) -> Host {
    let layer = format!("layer={}", managers().display());
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages");
    let bind = format!("bind={}:/lab", scripts.display());
    let mut options = vec!["size=768m".to_owned(), layer, bind];
    options.extend(without.iter().map(|path| format!("without={path}")));
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let host = Host::boot_with(Kind::Debian, &options);
    host.shell(&format!("locale={locale}{SPEAK}"));
    host
}

/// The command really prints other words in German.
fn speaks_german(host: &Host, command: &str) {
    speaks(host, GERMAN, command);
}

fn speaks(host: &Host, locale: &str, command: &str) {
    let said = |locale: &str| {
        let script = format!("LC_ALL={locale} LANGUAGE= {command} 2>/dev/null; true");
        host.shell(&script)
    };
    assert_ne!(said(locale), said("C"), "{command}");
}

struct Node<'a> {
    control: &'a mut Control,
    id: i64,
}

impl<'a> Node<'a> {
    fn new(control: &'a mut Control, host: &Host, user: &str) -> Self {
        let id = control
            .session
            .add_node(&format!("lab {}", host.address))
            .id;
        let node = Self { control, id };
        node.keeps_its_credentials(host, user);
        node
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/nodes/{}/packages{rest}", self.id)
    }

    fn facts(&self) -> Value {
        self.control.session.get_json(&self.path(""))
    }

    /// What is installed, what a search finds, and what is told of a package, with what
    /// `body` gives: the status and the kind of error that all three have in common.
    fn looks_with(&self, body: &Value, package: &str) -> (u16, String) {
        let asked = [
            ("installed", format!("/installed?q={package}"), "packages"),
            ("search", format!("/search?q={package}"), "packages"),
            ("details", format!("/details?name={package}"), "version"),
        ];
        let mut all = asked.map(|(what, path, wanted)| {
            let answer = self.control.post(&self.path(&path), body);
            if answer.status != 200 {
                return (answer.status, answer.error_kind());
            }
            let said = answer.json();
            assert!(
                said[wanted].is_array() || said[wanted].is_string(),
                "{what}: {said:#}"
            );
            assert!(said.to_string().contains(package), "{what}: {said:#}");
            (200, String::new())
        });
        assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
        std::mem::take(&mut all[0])
    }

    fn forgets_its_credentials(&self) {
        let target = format!("/api/nodes/{}/credentials", self.id);
        let answer = self.control.session.call("DELETE", &target, None);
        assert_eq!(answer.status, 204, "{}", answer.text());
    }

    fn keeps_its_credentials(&self, host: &Host, user: &str) {
        let mut body = login(host, user);
        let checked = self.control.check(&body);
        body["host_key"] = checked.0["host_key"]["sha256"].clone();
        let target = format!("/api/nodes/{}/connection", self.id);
        let answer = self.control.session.call("PUT", &target, Some(&body));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    fn begin(&self, action: &str, body: &Value) -> i64 {
        let answer = self.control.post(&self.path(&format!("/{action}")), body);
        assert_eq!(answer.status, 202, "{action}: {}", answer.text());
        answer.json()["job"]["id"].as_i64().unwrap()
    }

    fn job(&self, job: i64) -> Value {
        self.control.session.get_json(&format!("/api/jobs/{job}"))
    }

    fn output(&self, job: i64) -> String {
        let target = format!("/api/jobs/{job}/output");
        let answer = self.control.session.get_json(&target);
        answer["text"].as_str().unwrap().to_owned()
    }

    fn await_output(&self, job: i64, part: &str) {
        let until = Instant::now() + Duration::from_secs(120);
        while !self.output(job).contains(part) {
            let view = self.job(job);
            assert!(
                view["state"] == "running" || view["state"] == "queued",
                "{part}: {view:#}\n{}",
                self.output(job)
            );
            assert!(
                Instant::now() < until,
                "{part}: {view:#}\n{}",
                self.output(job)
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn ended(&self, job: i64) -> Value {
        let until = Instant::now() + Duration::from_secs(240);
        loop {
            let view = self.job(job);
            if view["finished_ms"].is_i64() {
                return view;
            }
            assert!(Instant::now() < until, "{view:#}\n{}", self.output(job));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn done(&self, action: &str, body: &Value) -> Value {
        let job = self.begin(action, body);
        let view = self.ended(job);
        assert_eq!(view["state"], "succeeded", "{view:#}\n{}", self.output(job));
        // Whatever it did, what is known of the node is as of after it.
        let as_of_ms = self.facts()["as_of_ms"].as_i64();
        assert!(as_of_ms > view["started_ms"].as_i64(), "{view:#}");
        view
    }

    fn preview(&self, body: &Value) -> Value {
        let answer = self.control.post(&self.path("/preview"), body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// What the facts say of one package.
    fn upgradable(&self, name: &str) -> Value {
        let facts = self.facts();
        let all = facts["upgradable"].as_array().unwrap();
        let found = all.iter().find(|package| package["name"] == name);
        found.cloned().unwrap_or(Value::Null)
    }

    /// It fails; the error's message and hint.
    fn fails(&self, action: &str, body: &Value) -> (String, String) {
        let job = self.begin(action, body);
        let view = self.ended(job);
        assert_eq!(view["state"], "failed", "{view:#}\n{}", self.output(job));
        let text = |field: &str| view["error"][field].as_str().unwrap_or("").to_owned();
        (text("message"), text("hint"))
    }

    /// What is signed by a key that the node does not know is not taken, and it is
    /// said what a person may do.
    fn distrusts(&self, action: &str, body: &Value, advice: &str) {
        let (message, hint) = self.fails(action, body);
        assert!(message.contains("that the node trusts"), "{message}");
        assert!(hint.contains(advice), "{hint}");
    }

    /// On a disk with 8 MiB left it is refused, by the preview and as a job.
    fn wants_room(&self, host: &Host, wish: &Value) {
        host.shell("fallocate -l $((($(df -Pk / | awk 'END { print $4 }') - 8192) * 1024)) /fill");
        let seen = self.preview(wish);
        assert_eq!(seen["refused"]["kind"], "no_space", "{seen:#}");
        let mut body = wish.clone();
        let action = body["action"].take();
        body.as_object_mut().unwrap().remove("action");
        let (message, _) = self.fails(action.as_str().unwrap(), &body);
        assert!(message.contains("no room"), "{message}");
        host.shell("rm /fill");
    }

    /// The disk fills up in the midst of an upgrade of labtool: that is said plainly, and
    /// once there is room, and what is offered was repaired, it is done.
    fn fills_up(&self, host: &Host, wish: &Value, repairs: &[&str]) {
        host.shell("touch /run/lab-fill");
        let job = self.begin("upgrade", wish);
        let view = self.ended(job);
        let output = self.output(job);
        host.shell("rm /run/lab-fill /fill");
        assert_eq!(view["state"], "failed", "{view:#}\n{output}");
        assert_eq!(view["result"]["ended"], "finished", "{view:#}\n{output}");
        assert_eq!(view["error"]["cause"], "no_space", "{view:#}\n{output}");
        self.done("refresh", &json!({}));
        self.repairs(repairs);
        self.done("upgrade", wish);
        assert_eq!(self.upgradable("labtool"), Value::Null);
    }

    /// Exactly these repairs are offered, and nothing is to be repaired after them.
    fn repairs(&self, wanted: &[&str]) {
        let facts = self.facts();
        let offered = facts["repair"].as_array().unwrap();
        let offered: Vec<_> = offered.iter().map(|repair| &repair["what"]).collect();
        assert_eq!(offered, wanted, "{facts:#}");
        for what in wanted {
            self.done("repair", &json!({"what": what}));
        }
        assert_eq!(self.facts()["repair"], json!([]));
    }

    /// A lock whose process has ended, and whose number is another's by now, is not
    /// waited for; its removal is offered.
    fn finds_a_lock_left_behind(&self, host: &Host, file: &str) {
        host.shell(&format!(
            "systemd-run --quiet --collect --unit=labother sleep infinity; \
             systemctl show -P MainPID labother >{file}; touch -d '1 hour ago' {file}"
        ));
        let (message, hint) = self.fails("remove", &json!({"packages": ["labtool"]}));
        assert!(message.contains("left behind"), "{message}");
        assert!(hint.contains("repair"), "{hint}");
        let detail = self.facts()["repair"][0]["detail"].clone();
        let detail = detail.as_str().unwrap();
        assert!(
            detail.contains(file) && detail.contains("sleep"),
            "{detail}"
        );
        self.repairs(&["stale_lock"]);
        host.shell(&format!("[ ! -e {file} ]; systemctl stop labother"));
    }

    /// A removal whose script fails is none, whatever is printed.
    fn removes_nothing_where_the_script_fails(&self, host: &Host, install: &str) {
        host.shell(&format!(
            "printf 'Name: labstay\nVersion: 1.0\nRelease: 1\nSummary: lab\nLicense: MIT\nBuildArch: noarch\n\
             %%description\nlab\n%%preun\nexit 1\n%%files\n' >/labstay.spec && \
             rpmbuild -bb --define '_topdir /labstay' --define '_rpmdir /labstay' /labstay.spec >/dev/null 2>&1 && \
             {install} --nogpgcheck /labstay/noarch/labstay-1.0-1.noarch.rpm >/dev/null 2>&1 || \
             rpm -i --nodeps /labstay/noarch/labstay-1.0-1.noarch.rpm"
        ));
        let job = self.begin("remove", &json!({"packages": ["labstay"]}));
        let view = self.ended(job);
        let output = self.output(job);
        assert_eq!(view["result"]["removed"], 0, "{view:#}\n{output}");
        assert_eq!(view["state"], "failed", "{view:#}\n{output}");
        host.shell("rpm -q labstay && rpm -e --noscripts labstay");
    }

    /// The RPM database can't be read any more.
    fn mends_the_rpm_database(&self, host: &Host) {
        host.shell(
            "python3 -c 'import sqlite3; c = sqlite3.connect(\"/var/lib/rpm/rpmdb.sqlite\"); \
             c.execute(\"drop table Name\"); c.commit()'",
        );
        let job = self.begin("clean", &json!({}));
        self.ended(job);
        self.repairs(&["rpm_database"]);
        assert_eq!(host.try_shell("rpm -q labbase").status.code(), Some(0));
    }

    /// Another process is at work: it is named and waited for, and who waits can be
    /// told to give up.
    fn waits_for(&self, host: &Host, command: &str, process: &str) {
        host.shell("rm -f /run/lab-there; touch /run/lab-hold");
        host.shell(&format!("systemd-run --quiet --collect {command}"));
        await_middle(host);
        let said = format!("Waiting for {process} (process ");
        let body = json!({"packages": ["labtool"]});
        let job = self.begin("remove", &body);
        self.await_output(job, &said);
        let target = format!("/api/jobs/{job}/cancel");
        let answer = self.control.session.call("POST", &target, None);
        assert_eq!(answer.status, 202, "{}", answer.text());
        let view = self.ended(job);
        assert_eq!(view["state"], "cancelled", "{view:#}");
        assert_eq!(view["result"]["ended"], "cancelled", "{view:#}");
        let impatient = json!({"packages": ["labtool"], "wait_s": 1});
        let (message, _) = self.fails("remove", &impatient);
        let told = format!("in use by {process} (process ");
        assert!(message.contains(&told), "{message}");
        let job = self.begin("remove", &body);
        self.await_output(job, &said);
        host.shell("rm /run/lab-hold");
        let view = self.ended(job);
        assert_eq!(view["state"], "succeeded", "{view:#}\n{}", self.output(job));
        assert_eq!(view["result"]["removed"], 1, "{view:#}");
    }

    /// In the middle of labslow's script all SSH connections die, then Ground
    /// Control, then the cable; the rest is done while nobody looks. `before` is
    /// printed before that script runs.
    fn cut_everything(&mut self, host: &Host, job: i64, before: &str) -> Value {
        await_middle(host);
        eventually("it can't be cancelled", || {
            (self.job(job)["can_cancel"] == false).then_some(())
        });
        // Who wants to end it all the same is told why not.
        let target = format!("/api/jobs/{job}/cancel");
        let answer = self.control.session.call("POST", &target, None);
        assert_eq!(answer.status, 409, "{}", answer.text());
        assert!(answer.text().contains("half-way"), "{}", answer.text());
        host.try_shell("pkill -KILL -f '^sshd: '");
        std::thread::sleep(Duration::from_secs(1));
        self.await_output(job, before);
        self.control.ground.kill();
        std::thread::sleep(Duration::from_millis(500));
        self.control.start_again();
        self.await_output(job, before);
        host.cut();
        host.shell("rm /run/lab-hold");
        std::thread::sleep(Duration::from_secs(4));
        host.mend();
        let view = self.ended(job);
        let progress = &view["progress"];
        assert!(progress["done"].as_u64() > Some(0), "{view:#}");
        assert!(
            progress["total"].as_u64() >= progress["done"].as_u64(),
            "{view:#}"
        );
        // To be had as a file, too.
        let target = format!("/api/jobs/{job}/output.txt");
        let file = self.control.session.get(&target);
        assert_eq!(file.status, 200, "{}", file.text());
        assert_eq!(file.text(), self.output(job));
        view
    }

    fn hostile_names_are_refused(&self) {
        for name in [
            "-y",
            "--root=/",
            "a;reboot",
            "$(reboot)",
            "a\nb",
            "a b",
            "../x",
        ] {
            for action in ["install", "remove", "hold"] {
                let body = json!({"packages": [name]});
                let answer = self.control.post(&self.path(&format!("/{action}")), &body);
                assert_eq!(answer.status, 400, "{name}: {}", answer.text());
            }
            let body = json!({"action": "install", "packages": [name]});
            let answer = self.control.post(&self.path("/preview"), &body);
            assert_eq!(answer.status, 400, "{name}: {}", answer.text());
        }
    }
}

/// Until labslow's script is where it waits.
fn await_middle(host: &Host) {
    let there = host.root().join("run/lab-there");
    eventually("labslow's script is in its middle", || {
        there.exists().then_some(())
    });
}

/// The lines of the slow package, each once and in order; and all that the node has
/// written down of its last work.
fn assert_complete(host: &Host, output: &str) {
    let kept = host.shell("cat \"$(ls -td /var/lib/stardust-jobs/*/ | head -n 1)output\"");
    let plain = |line: &&str| !line.is_empty() && !line.contains(char::is_control);
    for line in kept.lines().filter(plain) {
        let count = |text: &str| text.lines().filter(|other| *other == line).count();
        assert_eq!(
            count(output),
            count(&kept),
            "{line:?}\n{output}\n----\n{kept}"
        );
    }
    let lines: Vec<&str> = output
        .lines()
        .filter(|line| line.starts_with("labslow line "))
        .collect();
    let wanted: Vec<String> = (1..=40)
        .map(|n| format!("labslow line {n} of 40"))
        .collect();
    assert_eq!(lines, wanted, "{output}");
}
