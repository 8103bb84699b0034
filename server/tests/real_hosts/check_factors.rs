//! SSH servers that want more than one thing of a login.

use serde_json::{Value, json};

use crate::control::{Control, login, with};
use crate::host::{Host, Kind};
use crate::keys;

const METHODS: &str = "/etc/ssh/sshd_config.d/methods.conf";

// A reload is over before the server listens anew; a restart is not.
fn wants(host: &Host, methods: &str) {
    host.shell(&format!(
        "printf 'KbdInteractiveAuthentication yes\nMatch User deploy\nAuthenticationMethods {methods}\n' >{METHODS}; \
         systemctl reset-failed ssh; systemctl restart ssh",
    ));
    host.await_ssh();
}

#[test]
#[ignore = "boots real hosts"]
fn a_key_and_a_password_are_both_given_where_both_are_wanted() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    wants(&host, "publickey,password");
    let body = login(&host, "deploy");
    let key = &control.check(&body).0["host_key"]["sha256"];
    let body = with(&body, "host_key", key);
    let auth = |password: Option<&str>| {
        let mut auth: Value = keys::auth("ed25519");
        if let Some(password) = password {
            auth["password"] = json!(password);
        }
        with(&body, "auth", &auth)
    };
    for methods in [
        "publickey,password",
        "publickey,keyboard-interactive",
        "password,publickey",
    ] {
        wants(&host, methods);
        let first = methods.split(',').next().unwrap();
        if first == "publickey" {
            control.check(&auth(None)).assert_fails(
                "login",
                "second_factor",
                "The key is accepted, and a password (or code) is wanted too",
            );
            control.check(&auth(Some("not it"))).assert_fails(
                "login",
                "password_refused",
                "accepts the key, and not this password",
            );
        } else {
            let password = with(&body, "auth", &json!({"password": "deploy-pass"}));
            control.check(&password).assert_fails(
                "login",
                "second_factor",
                "The password is accepted, and a key is wanted too",
            );
            control.check(&auth(None)).assert_fails(
                "login",
                "method_refused",
                "does not take keys",
            );
        }
        let report = control.check(&auth(Some("deploy-pass")));
        assert!(report.ok(), "{methods}: {report}");
    }
    // A stranger's key stays refused, and is not called accepted.
    wants(&host, "publickey,password");
    let mut stranger = keys::auth("stranger");
    stranger["password"] = json!("deploy-pass");
    control.check(&with(&body, "auth", &stranger)).assert_fails(
        "login",
        "key_refused",
        "does not accept this key",
    );

    // Both are kept, and used by what comes later.
    let node = control.deployed(&auth(Some("deploy-pass")));
    let connection = control
        .session
        .get_json(&format!("/api/nodes/{node}/connection"));
    assert_eq!(connection["auth"], "key_and_password", "{connection:#}");
    control
        .start_work(node, "rotate-token", &json!({}))
        .succeeds();
    control.remove(node);
}

#[test]
#[ignore = "boots real hosts"]
fn either_does_where_one_is_enough() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let mut body = login(&host, "deploy");
    // A key that the host does not know, and the right password.
    body["auth"] = keys::auth("stranger");
    body["auth"]["password"] = json!("deploy-pass");
    let report = control.check_confirmed(&body);
    assert!(report.ok(), "{report}");
    body["auth"]["password"] = json!("not it");
    let report = control.check_confirmed(&body);
    report.assert_fails("login", "key_refused", "does not accept this password");
}
