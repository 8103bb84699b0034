//! Packages on real hosts, with the real managers, against repositories that are
//! made on the host itself (`server/tests/packages/make-repos.sh`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::Setup;
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

/// A host with all managers but those that would be chosen first.
fn host(without: &[&str]) -> Host {
    let layer = format!("layer={}", managers().display());
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages");
    let bind = format!("bind={}:/lab", scripts.display());
    let mut options = vec!["size=768m".to_owned(), layer, bind];
    options.extend(without.iter().map(|path| format!("without={path}")));
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    Host::boot_with(Kind::Debian, &options)
}

struct Node<'a> {
    control: &'a mut Control,
    id: i64,
}

impl<'a> Node<'a> {
    fn new(control: &'a mut Control, host: &Host, user: &str) -> Self {
        let id = control.session.add_node("lab").id;
        let mut body = login(host, user);
        let checked = control.check(&body);
        body["host_key"] = checked.0["host_key"]["sha256"].clone();
        let answer =
            control
                .session
                .call("PUT", &format!("/api/nodes/{id}/connection"), Some(&body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        Self { control, id }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/nodes/{}/packages{rest}", self.id)
    }

    fn facts(&self) -> Value {
        self.control.session.get_json(&self.path(""))
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
        }
    }
}

/// The lines of the slow package, each once and in order.
fn assert_complete(output: &str) {
    let lines: Vec<&str> = output
        .lines()
        .filter(|line| line.starts_with("labslow line "))
        .collect();
    let wanted: Vec<String> = (1..=40)
        .map(|n| format!("labslow line {n} of 40"))
        .collect();
    assert_eq!(lines, wanted, "{output}");
}

const APT: &str = r#"
sh /lab/make-repos.sh /pk deb
cd /etc/apt
rm -rf sources.list sources.list.d/*
printf 'deb [trusted=yes] file:/pk/deb1 ./\ndeb [trusted=yes] file:/pk/deb1-security ./\n' >sources.list
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -yqq install labtool lablib labconf labslow labbroken labservice labnew labess labbad labbig labheld
sed -i s/deb1/deb2/ sources.list
echo 'by hand = yes' >>/etc/labconf.conf
"#;

#[test]
#[ignore = "boots real hosts"]
fn an_upgrade_with_apt_survives_cut_links_and_a_killed_ground_control() {
    let host = host(&[]);
    host.shell(APT);
    let mut control = Control::start_as(Setup::new().fixed_port());
    // sudo asks for nothing; the job's folder is root's all the same.
    let node = Node::new(&mut control, &host, "deploy");
    assert_eq!(node.facts()["as_of_ms"], Value::Null);
    node.done("refresh", &json!({}));
    let facts = node.facts();
    assert_eq!(facts["manager"], "apt", "{facts:#}");
    assert_eq!(facts["counts"]["upgradable"], 11, "{facts:#}");
    assert_eq!(facts["counts"]["security"], 1);
    assert_eq!(node.upgradable("lablib")["security"], true);
    assert_eq!(node.upgradable("labtool")["installed"], "1.0-1");
    node.hostile_names_are_refused();

    node.done("hold", &json!({"packages": ["labheld"]}));
    assert_eq!(node.upgradable("labheld")["held"], true);

    // What must not be done is refused before it begins, and with the reason.
    let full = node.preview(&json!({"action": "full-upgrade"}));
    assert_eq!(full["refused"]["kind"], "no_space", "{full:#}");
    assert!(
        full["kept_back"]
            .as_array()
            .unwrap()
            .contains(&json!("labheld"))
    );
    let essential = node.preview(&json!({"action": "remove", "packages": ["labess"]}));
    assert_eq!(essential["refused"]["kind"], "essential", "{essential:#}");
    let missing = node.preview(&json!({"action": "install", "packages": ["nosuch"]}));
    assert_eq!(missing["refused"]["kind"], "not_found", "{missing:#}");
    let job = node.begin("remove", &json!({"packages": ["labess"]}));
    let view = node.ended(job);
    assert_eq!(view["state"], "failed");
    assert_eq!(
        view["steps"].as_array().unwrap().last().unwrap()["name"],
        "preview"
    );

    let names = json!([
        "labslow",
        "labconf",
        "lablib",
        "labtool",
        "labnew",
        "labservice"
    ]);
    let seen = node.preview(&json!({"action": "upgrade", "packages": names}));
    assert_eq!(seen["refused"], Value::Null, "{seen:#}");
    assert_eq!(seen["upgraded"].as_array().unwrap().len(), 6);
    assert_eq!(seen["installed"][0]["name"], "labdep");
    let wish = json!({"packages": names, "plan": "00112233"});
    let view = node.ended(node.begin("upgrade", &wish));
    assert_eq!(view["state"], "failed", "another plan: {view:#}");

    let wish = json!({"packages": names, "plan": seen["plan"]});
    let job = node.begin("upgrade", &wish);
    node.await_output(job, "labslow line 5 of 40");
    assert_eq!(node.job(job)["can_cancel"], false);
    // All SSH connections die.
    host.try_shell("pkill -KILL -f '^sshd: '");
    node.await_output(job, "labslow line 10 of 40");
    // Ground Control dies.
    node.control.ground.kill();
    std::thread::sleep(Duration::from_secs(1));
    node.control.ground.start_again();
    node.control.session = node.control.ground.login();
    node.await_output(job, "labslow line 20 of 40");
    // The cable is out for a while.
    host.cut();
    std::thread::sleep(Duration::from_secs(5));
    host.mend();
    let view = node.ended(job);
    let output = node.output(job);
    assert_eq!(view["state"], "succeeded", "{view:#}\n{output}");
    assert_complete(&output);
    // From the first byte to the last.
    assert!(output.starts_with("Reading package lists"), "{output}");
    for package in [
        "labslow",
        "labconf",
        "lablib",
        "labtool",
        "labnew",
        "labservice",
        "labdep",
    ] {
        assert_eq!(
            output
                .matches(&format!("Setting up {package} (2.0-1)"))
                .count(),
            1,
            "{package}: {output}"
        );
    }
    let result = &view["result"];
    assert_eq!(
        (&result["upgraded"], &result["installed"]),
        (&json!(6), &json!(1)),
        "{result:#}"
    );
    assert_eq!(result["ended"], "finished");
    assert!(host.read("/etc/labconf.conf").contains("by hand"));
    assert_eq!(
        node.facts()["leftovers"],
        json!(["/etc/labconf.conf.dpkg-dist"])
    );
    assert_eq!(node.upgradable("labtool"), Value::Null);
    assert_eq!(
        host.shell("systemctl is-active labservice").trim(),
        "active"
    );
    assert_eq!(
        host.shell("stat -c %a /var/lib/stardust-jobs").trim(),
        "700"
    );
    assert_eq!(
        host.shell("systemctl --failed --no-legend | wc -l").trim(),
        "0"
    );

    // A package that can't be set up is named, and its repair offered.
    let job = node.begin("upgrade", &json!({"packages": ["labbroken"]}));
    let view = node.ended(job);
    assert_eq!(view["state"], "failed", "{view:#}");
    assert_eq!(view["result"]["failed"][0]["name"], "labbroken", "{view:#}");
    assert_eq!(view["result"]["exit_code"], 100);
    assert_eq!(node.facts()["repair"][0]["what"], "dpkg_configure");
    host.shell("printf '#!/bin/sh\\nexit 0\\n' >/var/lib/dpkg/info/labbroken.postinst");
    node.done("repair", &json!({"what": "dpkg_configure"}));
    assert_eq!(node.facts()["repair"], json!([]));

    // Another one is at work: it is named and waited for.
    host.shell(
        "systemd-run --quiet sh -c 'apt-get -y install --reinstall --allow-downgrades -o Dpkg::Use-Pty=0 labslow'",
    );
    std::thread::sleep(Duration::from_secs(2));
    let job = node.begin("remove", &json!({"packages": ["labtool"]}));
    let view = node.ended(job);
    let output = node.output(job);
    assert_eq!(view["state"], "succeeded", "{view:#}\n{output}");
    assert!(output.contains("Waiting for apt-get (process "), "{output}");
    assert_eq!(view["result"]["removed"], 1);

    let found = node
        .control
        .session
        .get_json(&node.path("/search?q=labnew"));
    assert_eq!(found["packages"][0]["name"], "labnew", "{found:#}");
    let found = node
        .control
        .session
        .get_json(&node.path("/details?name=labnew"));
    assert_eq!(found["installed"], "2.0-1", "{found:#}");
    let found = node
        .control
        .session
        .get_json(&node.path("/installed?q=lab&limit=3"));
    assert_eq!(found["packages"].as_array().unwrap().len(), 3, "{found:#}");
    assert!(found["next"].is_string());
    let fleet = node.control.session.get_json("/api/packages");
    assert_eq!(fleet["counts"]["nodes"], 1, "{fleet:#}");
    // Short of a cancelled one, the folders of old runs are few.
    node.done("clean", &json!({}));
    let kept: u32 = host
        .shell("ls /var/lib/stardust-jobs | wc -l")
        .trim()
        .parse()
        .unwrap();
    assert!(kept <= 20);
}

const RPM: &str = r#"
sh /lab/make-repos.sh /pk rpm
mkdir -p /etc/yum.repos.d
printf '[lab]\nname=lab\nbaseurl=file:///pk/rpm1\ngpgcheck=0\nenabled=1\n' >/etc/yum.repos.d/lab.repo
rpm --initdb
"#;

#[test]
#[ignore = "boots real hosts"]
fn dnf_does_what_is_promised() {
    let host = host(&["/usr/bin/apt-get"]);
    host.shell(RPM);
    host.shell(
        "dnf -q -y install labbase labtool lablib labconf labslow labbroken labnew; \
         echo 'by hand = yes' >>/etc/labconf.conf; sed -i s/rpm1/rpm2/ /etc/yum.repos.d/lab.repo",
    );
    let mut control = Control::start();
    let node = Node::new(&mut control, &host, "root");
    node.done("refresh", &json!({}));
    let facts = node.facts();
    assert_eq!(facts["manager"], "dnf", "{facts:#}");
    assert_eq!(facts["counts"]["upgradable"], 6, "{facts:#}");
    assert_eq!(node.upgradable("labtool")["installed"], "1.0-1");
    node.hostile_names_are_refused();
    let wish = json!({"action": "upgrade", "packages": ["labslow", "labconf", "labnew"]});
    let seen = node.preview(&wish);
    assert_eq!(seen["refused"], Value::Null, "{seen:#}");
    assert_eq!(seen["installed"][0]["name"], "labdep");
    let job = node.begin(
        "upgrade",
        &json!({"packages": ["labslow", "labconf", "labnew"], "plan": seen["plan"]}),
    );
    let view = node.ended(job);
    let output = node.output(job);
    assert_eq!(view["state"], "succeeded", "{view:#}\n{output}");
    assert_complete(&output);
    assert_eq!(view["result"]["upgraded"], 3, "{view:#}");
    assert_eq!(
        node.facts()["leftovers"],
        json!(["/etc/labconf.conf.rpmnew"])
    );
    let view = node.ended(node.begin("upgrade", &json!({"packages": ["labbroken"]})));
    assert_eq!(view["state"], "failed");
    assert_eq!(view["result"]["failed"][0]["name"], "labbroken", "{view:#}");
    node.done("remove", &json!({"packages": ["labtool"]}));
    assert_eq!(host.try_shell("rpm -q labtool").status.code(), Some(1));
    let missing = node.preview(&json!({"action": "install", "packages": ["nosuch"]}));
    assert_eq!(missing["refused"]["kind"], "not_found", "{missing:#}");
    node.done("install", &json!({"packages": ["labtool"]}));
}

#[test]
#[ignore = "boots real hosts"]
fn zypper_does_what_is_promised() {
    let host = host(&["/usr/bin/apt-get", "/usr/bin/dnf", "/usr/bin/dnf-3"]);
    host.shell(RPM);
    host.shell(
        "zypper -nq ar --no-gpgcheck file:///pk/rpm1 lab && zypper -nq ref && \
         zypper -nq in labtool lablib labconf labslow labbroken labnew && \
         echo 'by hand = yes' >>/etc/labconf.conf && zypper -nq rr lab && \
         zypper -nq ar --no-gpgcheck file:///pk/rpm2 lab",
    );
    let mut control = Control::start();
    let node = Node::new(&mut control, &host, "root");
    node.done("refresh", &json!({}));
    let facts = node.facts();
    assert_eq!(facts["manager"], "zypper", "{facts:#}");
    assert_eq!(facts["counts"]["upgradable"], 6, "{facts:#}");
    node.hostile_names_are_refused();
    node.done("hold", &json!({"packages": ["lablib"]}));
    assert_eq!(node.facts()["held"], json!(["lablib"]));
    let seen = node.preview(&json!({"action": "upgrade", "packages": ["labslow", "labnew"]}));
    assert_eq!(seen["refused"], Value::Null, "{seen:#}");
    assert_eq!(seen["installed"][0]["name"], "labdep");
    let job = node.begin(
        "upgrade",
        &json!({"packages": ["labslow", "labnew"], "plan": seen["plan"]}),
    );
    let view = node.ended(job);
    let output = node.output(job);
    assert_eq!(view["state"], "succeeded", "{view:#}\n{output}");
    assert_complete(&output);
    let view = node.ended(node.begin("upgrade", &json!({"packages": ["labbroken"]})));
    assert_eq!(view["state"], "failed");
    assert_eq!(view["result"]["failed"][0]["name"], "labbroken", "{view:#}");
    node.done("remove", &json!({"packages": ["labtool"]}));
}

const PACMAN: &str = r#"
sh /lab/make-repos.sh /pk pac
printf '[options]\nArchitecture = auto\nSigLevel = Never\n[lab]\nServer = file:///pk/pac1\n' >/etc/pacman.conf
pacman -Sy --noconfirm >/dev/null
pacman -S --noconfirm labtool lablib labconf labslow labbroken labnew >/dev/null
echo 'by hand = yes' >>/etc/labconf.conf
sed -i s/pac1/pac2/ /etc/pacman.conf
"#;

#[test]
#[ignore = "boots real hosts"]
fn pacman_does_what_is_promised() {
    let host = host(&[
        "/usr/bin/apt-get",
        "/usr/bin/dnf",
        "/usr/bin/dnf-3",
        "/usr/bin/zypper",
    ]);
    host.shell(PACMAN);
    let mut control = Control::start();
    let node = Node::new(&mut control, &host, "root");
    node.done("refresh", &json!({}));
    let facts = node.facts();
    assert_eq!(facts["manager"], "pacman", "{facts:#}");
    assert_eq!(facts["counts"]["upgradable"], 6, "{facts:#}");
    node.hostile_names_are_refused();
    // A look leaves the system's own index alone, and a part of the packages is not upgraded.
    assert!(!host.shell("pacman -Qu; true").contains("labtool"));
    let answer = node
        .control
        .post(&node.path("/upgrade"), &json!({"packages": ["labtool"]}));
    assert_eq!(answer.status, 400, "{}", answer.text());
    node.done("hold", &json!({"packages": ["lablib"]}));
    assert_eq!(node.upgradable("lablib")["held"], true);
    let seen = node.preview(&json!({"action": "upgrade"}));
    assert_eq!(seen["refused"], Value::Null, "{seen:#}");
    assert_eq!(seen["kept_back"], json!(["lablib"]));
    let job = node.begin("upgrade", &json!({"plan": seen["plan"]}));
    let view = node.ended(job);
    let output = node.output(job);
    assert_complete(&output);
    // One of them has a script that fails, which pacman itself takes lightly.
    assert_eq!(view["state"], "failed", "{view:#}\n{output}");
    assert_eq!(view["result"]["failed"][0]["name"], "labbroken", "{view:#}");
    assert_eq!(view["result"]["upgraded"], 5, "{view:#}");
    assert_eq!(node.upgradable("labtool"), Value::Null);
    // After a crash the lock is left, and its repair is offered.
    host.shell("touch /var/lib/pacman/db.lck");
    node.done("unhold", &json!({"packages": ["lablib"]}));
    assert_eq!(
        node.facts()["repair"][0]["what"],
        "stale_lock",
        "{:#}",
        node.facts()
    );
    node.done("repair", &json!({"what": "stale_lock"}));
    assert_eq!(node.facts()["repair"], json!([]));
    node.done("remove", &json!({"packages": ["labtool"]}));
}

/// busybox has no package manager: what stands in for opkg prints what the real
/// one was recorded to print. It shows the flow on a node without systemd, bash
/// and sudo, and nothing of opkg itself.
const OPKG_STAND_IN: &str = r#"
mkdir -p /usr/lib/opkg
: >/usr/lib/opkg/status
cat >/bin/opkg <<'END'
#!/bin/sh
case "$1" in
  --version) echo 'opkg version stand-in' ;;
  update) echo 'Updated list of available packages in /var/opkg-lists/lab' ;;
  list-upgradable) [ -e /upgraded ] || echo 'labslow - 1.0-1 - 2.0-1' ;;
  list-installed) echo 'labslow - 1.0-1' ;;
  info) printf 'Package: labslow\nVersion: 2.0-1\nSize: 900\nInstalled-Size: 2000\n\n' ;;
  --noaction) echo 'Upgrading labslow on root from 1.0-1 to 2.0-1...' ;;
  upgrade)
    n=0; while [ $n -lt 40 ]; do n=$((n + 1)); echo "labslow line $n of 40"; sleep 0.3; done
    echo 'Upgrading labslow on root from 1.0-1 to 2.0-1...'; echo 'Configuring labslow.'; : >/upgraded ;;
esac
END
chmod 755 /bin/opkg
"#;

#[test]
#[ignore = "boots real hosts"]
fn on_a_router_work_outlives_its_link_too() {
    let host = Host::boot(Kind::Router);
    host.shell(OPKG_STAND_IN);
    let mut control = Control::start();
    let node = Node::new(&mut control, &host, "root");
    node.done("refresh", &json!({}));
    assert_eq!(node.facts()["manager"], "opkg", "{:#}", node.facts());
    let job = node.begin("upgrade", &json!({}));
    node.await_output(job, "labslow line 5 of 40");
    host.cut();
    std::thread::sleep(Duration::from_secs(4));
    host.mend();
    let view = node.ended(job);
    let output = node.output(job);
    assert_eq!(view["state"], "succeeded", "{view:#}\n{output}");
    assert_complete(&output);
    assert_eq!(view["result"]["upgraded"], 1);
    assert_eq!(node.facts()["counts"]["upgradable"], 0);
}
