//! A Spider's whole life on each kind of host: deployed, upgraded, refusing a bad
//! upgrade, removed, and then nothing is left of it.

use serde_json::{Value, json};

use crate::common::{Folder, Setup, eventually};
use crate::control::{Control, login, with};
use crate::host::{Host, Kind};
use crate::snapshot::{Snapshot, assert_untouched};
use crate::spiders;

pub struct Life {
    pub kind: Kind,
    pub options: &'static [&'static str],
    pub user: &'static str,
    pub sudo_password: Option<&'static str>,
    pub method: &'static str,
    /// Who the Spider runs as.
    pub runs_as: &'static str,
    pub folder: &'static str,
}

pub const DEBIAN: Life = Life {
    kind: Kind::Debian,
    options: &[],
    user: "root",
    sudo_password: None,
    method: "systemd",
    runs_as: "stardust-spider",
    folder: "/etc/stardust",
};

impl Life {
    fn body(&self, host: &Host) -> Value {
        let mut body = login(host, self.user);
        if let Some(password) = self.sudo_password {
            body["sudo_password"] = json!(password);
        }
        body
    }

    /// From before its deployment until after its removal.
    pub fn live(&self, bad_upgrade: bool) {
        let host = Host::boot_with(self.kind, self.options);
        if self.user == "fishy" {
            // fish makes its folders the first time.
            host.shell("su fishy -c true");
        }
        let before = Snapshot::of(&host);
        let folder = Folder::new("spiders");
        let mut control = Control::start_fixed();
        let node = control.deployed(&self.body(&host));
        self.look(&host, &control, node);

        let later = spiders::later(&folder);
        control.start_with(&["--agent-binary", later.to_str().unwrap()]);
        control.is_alive(node);
        let job = control.start_work(node, "upgrade", &json!({})).succeeds();
        assert_eq!(job["result"]["to"], "9.9.9", "{job:#}");
        self.is_later(&host, &control, node);

        if bad_upgrade {
            let foreign = spiders::foreign(&folder);
            control.start_with(&["--agent-binary", foreign.to_str().unwrap()]);
            control.is_alive(node);
            let upgrade = control.start_work(node, "upgrade", &json!({}));
            let job = upgrade.fails("not_connected");
            let message = job["error"]["message"].as_str().unwrap();
            assert!(message.contains("50 s"), "{message}");
            // Its own log tells why.
            let output = upgrade.output();
            assert!(output.contains("stardust-spider: "), "{output}");
            self.is_later(&host, &control, node);
        }

        let removed = control.remove(node);
        assert_eq!(removed["left"], json!([]), "{removed}");
        assert_untouched(&host, &before);
    }

    fn look(&self, host: &Host, control: &Control, node: i64) {
        let connection = control
            .session
            .get_json(&format!("/api/nodes/{node}/connection"));
        assert_eq!(
            connection["spider"]["method"], self.method,
            "{connection:#}"
        );
        assert_eq!(connection["spider"]["arch"], "x86_64", "{connection:#}");
        let config = format!("{}/spider.conf", self.folder);
        let owner = host.shell(&format!(
            "ls -ln {config} | cut -c1-10; id -u {0}; ls -ln {config}",
            self.runs_as
        ));
        let lines: Vec<&str> = owner.lines().collect();
        assert_eq!(lines[0], "-rw-------", "{owner}");
        assert_eq!(
            lines[2].split_whitespace().nth(2),
            Some(lines[1]),
            "{owner}"
        );
        // And that is whom it runs as.
        let running = host.shell(
            "for p in /proc/[0-9]*; do case $(readlink $p/exe) in *stardust-spider) grep ^Uid: $p/status;; esac; done",
        );
        assert_eq!(
            running.split_whitespace().nth(1),
            Some(lines[1]),
            "{running}"
        );
        assert_eq!(running.lines().count(), 1, "{running}");
    }

    fn is_later(&self, host: &Host, control: &Control, node: i64) {
        control.is_alive(node);
        assert_eq!(control.session.node(node)["spider_version"], "9.9.9");
        let places = host.shell(
            "for p in /proc/[0-9]*; do readlink $p/exe; done | grep stardust | sed 's/ (deleted)//' | sort -u; \
             for p in /proc/[0-9]*; do readlink $p/exe; done | grep stardust | wc -l",
        );
        assert!(
            !places.contains(".old") && places.trim().ends_with('1'),
            "{places}"
        );
    }
}

#[test]
#[ignore = "boots real hosts"]
fn on_debian_as_root_without_sudo_there() {
    Life {
        options: &["without=/usr/bin/sudo"],
        ..DEBIAN
    }
    .live(false);
}

#[test]
#[ignore = "boots real hosts"]
fn on_debian_with_sudo_fish_and_a_password_nobody_asks_for() {
    Life {
        user: "fishy",
        sudo_password: Some("not-asked-for"),
        ..DEBIAN
    }
    .live(false);
}

#[test]
#[ignore = "boots real hosts"]
fn on_debian_with_a_banner_before_every_command() {
    Life {
        user: "noisy",
        ..DEBIAN
    }
    .live(false);
}

#[test]
#[ignore = "boots real hosts"]
fn on_sysvinit_with_a_sudo_password() {
    Life {
        kind: Kind::Sysvinit,
        user: "ops",
        sudo_password: Some("ops-pass"),
        method: "sysvinit",
        ..DEBIAN
    }
    .live(false);
}

#[test]
#[ignore = "boots real hosts"]
fn on_runit_with_a_sudo_password() {
    Life {
        kind: Kind::Runit,
        user: "ops",
        sudo_password: Some("ops-pass"),
        method: "runit",
        ..DEBIAN
    }
    .live(false);
}

/// Neither of these looks after what it has started, so it is done for them.
#[test]
#[ignore = "boots real hosts"]
fn a_spider_that_dies_is_started_again() {
    for kind in [Kind::Sysvinit, Kind::Runit] {
        let host = Host::boot(kind);
        let control = Control::start();
        let node = control.deployed(&login(&host, "root"));
        let pid = "for p in /proc/[0-9]*; do case $(readlink $p/exe) in *stardust-spider) echo ${p#/proc/};; esac; done";
        let before = host.shell(pid);
        host.shell(&format!("kill -KILL {}", before.trim()));
        eventually("another Spider", || {
            let now = host.shell(pid);
            (!now.trim().is_empty() && now != before).then_some(())
        });
        control.is_alive(node);
    }
}

/// dropbear starts the SFTP server that is there, and then stalls with it.
/// What work on its packages has left on a node goes with the Spider.
#[test]
#[ignore = "boots real hosts"]
fn the_folder_of_work_on_packages_goes_with_the_node() {
    const FOLDER: &str = "/var/lib/stardust-jobs";
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let node = control.deployed(&login(&host, "deploy"));
    assert!(!host.try_shell(&format!("ls {FOLDER}")).status.success());
    // There is nowhere to fetch an index from: how it ends is of no interest here.
    let look = control.start_work(node, "packages/refresh", &json!({}));
    look.end();
    let kept = host.shell(&format!("ls {FOLDER} | wc -l; stat -c %a {FOLDER}"));
    assert_eq!(kept.split_whitespace().collect::<Vec<_>>(), ["1", "700"]);
    let removed = control.remove(node);
    assert_eq!(removed["left"], json!([]), "{removed}");
    let left = host.try_shell(&format!("ls -d {FOLDER}"));
    assert!(!left.status.success(), "{left:?}");
}

#[test]
#[ignore = "boots real hosts"]
fn on_debian_through_dropbear() {
    let host = Host::boot(Kind::Debian);
    // Its own start makes the keys of each kind that it is asked for; here one.
    host.shell(
        "mkdir -p /etc/dropbear && dropbearkey -t ed25519 -f /etc/dropbear/key && \
         dropbear -r /etc/dropbear/key -p 2222",
    );
    let before = Snapshot::of(&host);
    let control = Control::start();
    let body = with(&login(&host, "ops"), "port", &json!(2222));
    let body = with(&body, "sudo_password", &json!("ops-pass"));
    let report = control.check(&body);
    assert!(report.detail("reach").contains("dropbear"), "{report}");
    let node = control.deployed(&body);
    control.remove(node);
    assert_untouched(&host, &before);
}

/// A service of the login's own, for one that can't become root.
#[test]
#[ignore = "boots real hosts"]
fn on_debian_without_any_privilege() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let body = with(&login(&host, "plain"), "without_root", &json!(true));
    // Once logged in: that makes the folders of the login's own systemd.
    control.check_confirmed(&login(&host, "plain"));
    let before = Snapshot::of(&host);
    let (_, work) = control.deploy(&body);
    let refused = work.end();
    assert_eq!(refused["state"], "failed", "{refused:#}");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("linger"), "{message}");
    assert_untouched(&host, &before);

    host.shell("loginctl enable-linger plain");
    let before = Snapshot::of(&host);
    let (node, work) = control.deploy(&body);
    let job = work.succeeds();
    // Nobody was asked for more than the login may do.
    let steps = job["steps"].as_array().unwrap();
    let privilege = steps.iter().find(|step| step["name"] == "privilege");
    let detail = privilege.expect("that step")["detail"].as_str().unwrap();
    assert!(detail.starts_with("None is wanted"), "{detail}");
    let log = host.shell("journalctl -o cat -t sudo");
    assert!(!log.contains("plain"), "{log}");
    control.is_alive(node);
    let connection = control
        .session
        .get_json(&format!("/api/nodes/{node}/connection"));
    assert_eq!(
        connection["spider"]["method"], "systemd_user",
        "{connection:#}"
    );
    let config = host.shell("stat -c '%a %U' /home/plain/.config/stardust/spider.conf");
    assert_eq!(config.trim(), "600 plain");
    // With root there would be two of them.
    let mut as_root = with(&login(&host, "root"), "without_root", &json!(false));
    as_root["host_key"] = connection["host_key"]["sha256"].clone();
    let work = control.start_work(node, "deploy", &as_root);
    let job = work.fails("unsupported");
    let message = job["error"]["message"].as_str().unwrap();
    assert!(message.contains("service of systemd_user"), "{message}");
    control.is_alive(node);
    let mut as_before = as_root.clone();
    as_before["user"] = json!("plain");
    as_before["without_root"] = json!(true);
    control.start_work(node, "deploy", &as_before).succeeds();
    control.is_alive(node);
    let removed = control.remove(node);
    assert_eq!(removed["left"], json!([]), "{removed}");
    assert_untouched(&host, &before);
}

/// The other way to become root, where it asks for nothing. A password it takes
/// from a terminal alone, and there is none.
#[test]
#[ignore = "boots real hosts"]
fn on_debian_through_doas() {
    let host = Host::boot_with(Kind::Debian, &["without=/usr/bin/sudo"]);
    let folder = Folder::new("spiders");
    let mut control = Control::start_fixed();
    // As it is installed, without a configuration, it is of no use.
    control
        .check_confirmed(&login(&host, "deploy"))
        .assert_fails("privilege", "no_privilege", "no sudo that works");
    host.shell("umask 077; printf 'permit nopass deploy\npermit ops\n' >/etc/doas.conf");
    let before = Snapshot::of(&host);
    for password in [None, Some("ops-pass")] {
        let mut body = login(&host, "ops");
        if let Some(password) = password {
            body["sudo_password"] = json!(password);
        }
        let report = control.check_confirmed(&body);
        report.assert_fails("privilege", "no_privilege", "from a terminal alone");
        let hint = report.step("privilege")["hint"].as_str().unwrap();
        assert!(hint.contains("permit nopass"), "{hint}");
    }
    control
        .check_confirmed(&login(&host, "plain"))
        .assert_fails("privilege", "no_privilege", "doas refuses this user");
    let (_, work) = control.deploy(&login(&host, "ops"));
    work.fails("no_privilege");
    assert_untouched(&host, &before);

    let body = login(&host, "deploy");
    let report = control.check_confirmed(&body);
    assert!(report.ok(), "{report}");
    assert_eq!(report.privilege(), "doas");
    let node = control.deployed(&body);
    let later = spiders::later(&folder);
    control.start_with(&["--agent-binary", later.to_str().unwrap()]);
    control.is_alive(node);
    control.start_work(node, "upgrade", &json!({})).succeeds();
    control.is_alive(node);
    control
        .start_work(node, "rotate-token", &json!({}))
        .succeeds();
    control.is_alive(node);
    control.remove(node);
    assert_untouched(&host, &before);
}

/// What cross/ builds needs nothing of a router but its kernel.
#[test]
#[ignore = "boots real hosts"]
fn on_a_router_with_the_static_spider_and_nothing_to_link_with() {
    let spider = spiders::built_static();
    let host = Host::boot_with(
        Kind::Router,
        &["without=/lib/x86_64-linux-gnu/libgcc_s.so.1"],
    );
    let before = Snapshot::of(&host);
    let folder = spider.parent().unwrap().to_str().unwrap();
    let setup = Setup::new().fixed_port().args(&["--agent-dir", folder]);
    let mut control = Control::start_as(setup);
    let node = control.deployed(&login(&host, "root"));
    let is_there = |what: &std::path::Path| {
        let there = std::fs::read(host.root().join("usr/bin/stardust-spider")).unwrap();
        assert!(
            there == std::fs::read(what).unwrap(),
            "not {}",
            what.display()
        );
    };
    is_there(&spider);

    // Named itself it goes before the folder.
    let named = Folder::new("spiders");
    let file = named.join("my-spider");
    let mut bytes = std::fs::read(&spider).unwrap();
    bytes.extend_from_slice(b"mine");
    std::fs::write(&file, bytes).unwrap();
    control.start_with(&["--agent-binary", file.to_str().unwrap()]);
    control.is_alive(node);
    control.start_work(node, "upgrade", &json!({})).succeeds();
    control.is_alive(node);
    is_there(&file);
    control.remove(node);
    assert_untouched(&host, &before);
}

#[test]
#[ignore = "boots real hosts"]
fn on_a_system_whose_usr_is_read_only() {
    let host = Host::boot(Kind::Debian);
    host.shell(
        "mount --bind /usr /usr && mount -o remount,bind,ro /usr && mount -o remount,noexec /tmp",
    );
    let before = Snapshot::of(&host);
    let control = Control::start();
    let node = control.deployed(&login(&host, "deploy"));
    let found = host.shell("ls /var/lib/stardust");
    assert_eq!(found.trim(), "stardust-spider");
    control.remove(node);
    assert_untouched(&host, &before);
}

/// systemd-nspawn mounts a boot id over the kernel's for each boot of a container, and
/// the sandbox of a service takes it away: without it the Spider tells the boots apart
/// as on a machine of its own.
const BOOT_ID_SEEN: &str = r#"
mkdir -p /etc/systemd/system/stardust-spider.service.d
cat >/etc/systemd/system/stardust-spider.service.d/container.conf <<'END'
[Service]
ProtectSystem=no
ProtectHome=no
ProtectControlGroups=no
ProtectKernelModules=no
ProtectKernelTunables=no
END
systemctl daemon-reload
systemctl restart stardust-spider
"#;

#[test]
#[ignore = "boots real hosts"]
fn a_host_that_restarts_is_back_by_itself() {
    for kind in [
        Kind::Debian,
        Kind::OpenRc,
        Kind::Sysvinit,
        Kind::Runit,
        Kind::Router,
    ] {
        let host = Host::boot(kind);
        let control = Control::start();
        let node = control.deployed(&login(&host, "root"));
        if kind == Kind::Debian {
            host.shell(BOOT_ID_SEEN);
            control.is_alive(node);
        }
        let boots = control.session.node(node)["since_ms"].as_i64();
        let job = control.start_work(node, "reboot", &json!({})).succeeds();
        let (before, after) = (
            &job["result"]["boot_id_before"],
            &job["result"]["boot_id_after"],
        );
        assert!(before.is_string() && after.is_string(), "{job:#}");
        assert_ne!(before, after, "{kind:?}: {job:#}");
        eventually("another connection", || {
            (control.session.node(node)["since_ms"].as_i64() != boots).then_some(())
        });
        control.is_alive(node);
    }
}
