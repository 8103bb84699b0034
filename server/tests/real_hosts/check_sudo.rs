//! Becoming root by sudo in other ways than most: sudo-rs, a sudo that allows only
//! some commands, one that wants the password of another, and none wanted at all.

use serde_json::json;

use crate::control::{Control, login, with};
use crate::host::{Host, Kind, built};

/// As Ubuntu has it since 25.10.
#[test]
#[ignore = "boots real hosts"]
fn sudo_rs_does_as_sudo_does() {
    let layer = format!("layer={}", built("sudors").display());
    let host = Host::boot_with(Kind::Debian, &[&layer]);
    // It knows no requiretty, and says so each time.
    host.shell(
        "sed -i /requiretty/d /etc/sudoers.d/people && rm /usr/bin/sudo && cp -a /usr/bin/sudo-rs /usr/bin/sudo",
    );
    assert!(host.shell("sudo --version 2>&1").contains("sudo-rs"));
    let control = Control::start();
    let with_password = |user: &str, password: &str| {
        control.check_confirmed(&with(
            &login(&host, user),
            "sudo_password",
            &json!(password),
        ))
    };
    let report = control.check_confirmed(&login(&host, "deploy"));
    assert!(report.ok(), "{report}");
    assert_eq!(report.privilege(), "sudo");
    control.check_confirmed(&login(&host, "ops")).assert_fails(
        "privilege",
        "no_privilege",
        "sudo asks for a password",
    );
    with_password("ops", "not it").assert_fails(
        "privilege",
        "no_privilege",
        "sudo does not accept this password",
    );
    for password in [None, Some("plain-pass")] {
        let mut body = login(&host, "plain");
        body["sudo_password"] = json!(password.unwrap_or_default());
        control.check_confirmed(&body).assert_fails(
            "privilege",
            "no_privilege",
            "This user may not use sudo",
        );
    }
    let report = with_password("ops", "ops-pass");
    assert!(report.ok(), "{report}");
    assert_eq!(report.privilege(), "sudo_password");
    let body = with(&login(&host, "ops"), "sudo_password", &json!("ops-pass"));
    let node = control.deployed(&body);
    control
        .start_work(node, "rotate-token", &json!({}))
        .succeeds();
    control.is_alive(node);
    assert_eq!(control.remove(node)["left"], json!([]));
}

#[test]
#[ignore = "boots real hosts"]
fn a_sudo_that_will_not_do_for_a_deployment_is_said_by_the_check() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    host.shell(
        "printf 'plain ALL=(ALL) NOPASSWD: /usr/bin/apt-get\n' >/etc/sudoers.d/some; chmod 440 /etc/sudoers.d/some",
    );
    for password in [None, Some("plain-pass")] {
        let mut body = login(&host, "plain");
        if let Some(password) = password {
            body["sudo_password"] = json!(password);
        }
        let report = control.check_confirmed(&body);
        report.assert_fails(
            "privilege",
            "no_privilege",
            "only some commands: (ALL) NOPASSWD: /usr/bin/apt-get",
        );
    }
    // What it allows asks for the password too, so that it can't be known before.
    host.shell("sed -i 's/NOPASSWD: //' /etc/sudoers.d/some");
    let body = with(
        &login(&host, "plain"),
        "sudo_password",
        &json!("plain-pass"),
    );
    control
        .check_confirmed(&body)
        .assert_fails("privilege", "no_privilege", "a shell as root");

    let asks = |password: &str| {
        control.check_confirmed(&with(
            &login(&host, "ops"),
            "sudo_password",
            &json!(password),
        ))
    };
    for whose in ["targetpw", "rootpw"] {
        host.shell(&format!(
            "printf 'Defaults:ops {whose}\n' >/etc/sudoers.d/some"
        ));
        asks("ops-pass").assert_fails("privilege", "no_privilege", "it wants that of root here");
        let report = asks("root-pass");
        assert!(report.ok(), "{whose}: {report}");
        assert_eq!(report.privilege(), "sudo_password");
    }
}

#[test]
#[ignore = "boots real hosts"]
fn a_login_that_wants_no_root_is_checked_as_it_will_be_deployed() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let body = with(&login(&host, "plain"), "without_root", &json!(true));
    let report = control.check_confirmed(&body);
    report.assert_fails("linger", "no_privilege", "plain");
    let hint = report.step("linger")["hint"].as_str().unwrap();
    assert!(hint.contains("loginctl enable-linger plain"), "{hint}");
    host.shell("loginctl enable-linger plain");
    let report = control.check_confirmed(&body);
    assert!(report.ok(), "{report}");
    assert_eq!(report.privilege(), "");
    // The same login can't be deployed as root.
    control
        .check_confirmed(&login(&host, "plain"))
        .assert_fails("privilege", "no_privilege", "sudo asks");
    // Where there is no systemd there are no services of a login's own.
    let other = Host::boot(Kind::OpenRc);
    let body = with(&login(&other, "plain"), "without_root", &json!(true));
    let report = control.check_confirmed(&body);
    assert_eq!(report.cause("init"), "no_privilege", "{report}");
}
