//! POST /api/nodes/check: getting in, with every key, and every way not to.

use serde_json::json;

use crate::control::{Control, login, with};
use crate::host::{Host, KINDS, Kind};
use crate::keys::{self, PASSPHRASE};

#[test]
#[ignore = "boots real hosts"]
fn every_kind_and_format_of_key_logs_in_everywhere() {
    for kind in KINDS {
        let host = Host::boot(kind);
        let control = Control::start();
        let body = login(&host, "root");
        let first = control.check(&body);
        let body = with(&body, "host_key", &first.0["host_key"]["sha256"]);
        for (name, locked) in keys::all() {
            let auth = if locked {
                keys::auth_with(&name, PASSPHRASE)
            } else {
                keys::auth(&name)
            };
            let report = control.check(&with(&body, "auth", &auth));
            assert!(report.ok(), "{name} at {kind:?}: {report}");
            assert_eq!(report.privilege(), "root");
            let told = report.detail("credentials");
            assert_eq!(told.contains("with a passphrase"), locked, "{name}: {told}");
        }
    }
}

#[test]
#[ignore = "boots real hosts"]
fn a_login_that_is_refused_tells_why() {
    for kind in KINDS {
        let host = Host::boot(kind);
        let control = Control::start();
        let body = login(&host, "root");
        let first = control.check(&body);
        let body = with(&body, "host_key", &first.0["host_key"]["sha256"]);
        let failing = |auth| control.check(&with(&body, "auth", &auth));

        failing(keys::auth("stranger")).assert_fails(
            "login",
            "key_refused",
            "does not accept this key for root",
        );
        for (name, locked) in keys::all() {
            if locked {
                let missing = failing(keys::auth(&name));
                missing.assert_fails("credentials", "passphrase_missing", "");
                let wrong = failing(keys::auth_with(&name, "not it"));
                assert!(!wrong.ok(), "{name}: {wrong}");
                let last = wrong.0["steps"].as_array().unwrap().last().unwrap();
                assert_eq!(
                    last["cause"], "passphrase_wrong",
                    "{name} at {kind:?}: {wrong}"
                );
            }
        }
        // Debian's sshd takes keys only from root; dropbear tries the password.
        let password = failing(json!({"password": "guessed"}));
        password.assert_fails(
            "login",
            "password_refused",
            "does not accept this password for root",
        );
    }
}

#[test]
#[ignore = "boots real hosts"]
fn a_password_logs_in_where_the_server_takes_it() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let mut body = login(&host, "ops");
    body["auth"] = json!({"password": "ops-pass"});
    body["sudo_password"] = json!("ops-pass");
    let report = control.check_confirmed(&body);
    assert!(report.ok(), "{report}");
    assert_eq!(report.privilege(), "sudo_password");
}

#[test]
#[ignore = "boots real hosts"]
fn a_host_key_that_changed_stops_everything_before_a_credential_is_sent() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let body = login(&host, "root");
    let before = control.check_confirmed(&body).0["host_key"]["sha256"].clone();
    // What the host itself says of its key.
    let shown = host.shell("ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub");
    assert!(
        shown.contains(before.as_str().unwrap()),
        "{shown}: {before}"
    );

    host.new_host_keys();
    let mark = "---- from here on";
    host.shell(&format!("logger -t test -- '{mark}'"));
    let report = control.check(&with(&body, "host_key", &before));
    report.assert_fails("host_key", "host_key_changed", "");
    assert_eq!(report.0["host_key"]["state"], "changed");
    assert_ne!(report.0["host_key"]["sha256"], before);
    let log = host.shell("journalctl -o cat -t test -t sshd");
    let after = log.split(mark).nth(1).expect("the mark");
    assert!(
        !after.contains("root") && !after.contains("Accepted") && !after.contains("Failed"),
        "the server heard of a user: {after}"
    );

    // Confirmed anew, it goes on.
    let again = with(&body, "host_key", &report.0["host_key"]["sha256"]);
    assert!(control.check(&again).ok());
}

#[test]
#[ignore = "boots real hosts"]
fn a_login_that_runs_no_commands_is_told_from_one_that_is_refused() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    for (shell, said) in [
        (
            "/usr/sbin/nologin",
            "This account is currently not available",
        ),
        ("/bin/false", "ended with 1"),
    ] {
        host.shell(&format!("usermod --shell {shell} plain"));
        let report = control.check_confirmed(&login(&host, "plain"));
        report.assert_fails("commands", "no_shell", said);
    }
    // Only SFTP.
    host.shell(
        "printf 'Match User plain\nForceCommand internal-sftp\n' >/etc/ssh/sshd_config.d/zz.conf; \
         usermod --shell /bin/bash plain; systemctl reload ssh",
    );
    host.await_ssh();
    let report = control.check_confirmed(&login(&host, "plain"));
    assert_eq!(report.cause("commands"), "no_shell", "{report}");
}
