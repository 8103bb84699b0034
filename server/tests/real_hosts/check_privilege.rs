//! POST /api/nodes/check: how a login becomes root, and whatever its shell says.

use serde_json::json;

use crate::control::{Control, login, with};
use crate::host::{Host, Kind};

#[test]
#[ignore = "boots real hosts"]
fn each_user_becomes_root_in_its_way_or_hears_why_not() {
    for kind in [Kind::Debian, Kind::OpenRc] {
        let host = Host::boot(kind);
        let control = Control::start();
        for (user, password, way) in [
            ("root", None, "root"),
            ("ops", Some("ops-pass"), "sudo_password"),
            ("deploy", None, "sudo"),
            // A password that sudo does not ask for must not get anywhere.
            ("deploy", Some("not-asked-for"), "sudo"),
            // fish, and a banner before every command.
            ("fishy", None, "sudo"),
            ("noisy", None, "sudo"),
        ] {
            let mut body = login(&host, user);
            if let Some(password) = password {
                body["sudo_password"] = json!(password);
            }
            let report = control.check_confirmed(&body);
            assert!(report.ok(), "{user} at {kind:?}: {report}");
            assert_eq!(report.privilege(), way, "{user}: {report}");
            let facts = report.facts().to_string();
            assert!(!facts.contains("Authorised use only"), "{facts}");
        }
        for (user, password, why, what_to_do) in [
            (
                "ops",
                None,
                "sudo asks for a password",
                "Give the sudo password",
            ),
            (
                "ops",
                Some("not it"),
                "sudo does not accept this password",
                "of the user on the node",
            ),
            (
                "ops",
                Some("ops-pass "),
                "sudo does not accept this password",
                "",
            ),
            ("plain", None, "sudo asks for a password", ""),
            (
                "plain",
                Some("plain-pass"),
                "This user may not use sudo",
                "/etc/sudoers",
            ),
            ("rtty", None, "sudo wants a terminal", "!requiretty"),
            (
                "rtty",
                Some("rtty-pass"),
                "sudo wants a terminal",
                "!requiretty",
            ),
        ] {
            let mut body = login(&host, user);
            if let Some(password) = password {
                body["sudo_password"] = json!(password);
            }
            let report = control.check_confirmed(&body);
            report.assert_fails("privilege", "no_privilege", why);
            let hint = report.step("privilege")["hint"].as_str().unwrap();
            assert!(hint.contains(what_to_do), "{user}: {hint}");
            // The rest is told all the same.
            assert!(report.facts().is_object(), "{report}");
        }
    }
}

#[test]
#[ignore = "boots real hosts"]
fn without_sudo_on_the_host_only_root_will_do() {
    let host = Host::boot_with(Kind::Debian, &["without=/usr/bin/sudo"]);
    let control = Control::start();
    for user in ["ops", "deploy"] {
        let body = with(&login(&host, user), "sudo_password", &json!("ops-pass"));
        let report = control.check_confirmed(&body);
        report.assert_fails("privilege", "no_privilege", "has no sudo that works");
    }
    let report = control.check_confirmed(&login(&host, "root"));
    assert!(report.ok(), "{report}");
}

#[test]
#[ignore = "boots real hosts"]
fn the_sudo_password_is_seen_nowhere_on_the_host() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let body = with(&login(&host, "ops"), "sudo_password", &json!("ops-pass"));
    // Every command line for as long as the check runs.
    host.shell(
        "(while [ ! -e /run/stop ]; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; done >/run/seen; \
         touch /run/done) >/dev/null 2>&1 &",
    );
    let report = control.check_confirmed(&body);
    assert!(report.ok(), "{report}");
    host.shell("touch /run/stop; until [ -e /run/done ]; do sleep 0.1; done");
    let seen = host.read("/run/seen");
    assert!(seen.contains("sudo"), "nothing was seen of sudo");
    assert!(
        !seen.contains("ops-pass"),
        "a command line held the password"
    );
    // Nor was anything left.
    host.shell("! grep -rqs ops-pass /var/log /tmp /var/tmp /home/ops /run/user");
    assert_eq!(
        host.shell("ls /tmp /home/ops | grep -v systemd-private")
            .trim(),
        "/home/ops:\n\n/tmp:"
    );
    let journal = host.shell("journalctl -o cat");
    assert!(!journal.contains("ops-pass"));
    assert!(!control.ground.process.output().contains("ops-pass"));
}
