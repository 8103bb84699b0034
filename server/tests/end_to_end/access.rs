//! What Ground Control refuses to start with, in words that help.

use std::net::TcpListener;

use crate::common::{ADMIN_PASSWORD, SECRET, Setup};

fn assert_refused(setup: &Setup, words: &[&str]) {
    let (status, output) = setup.refused();
    assert!(
        status.code().is_some_and(|code| code > 0),
        "{status}: {output}"
    );
    for word in words {
        assert!(output.contains(word), "nothing of {word:?} in:\n{output}");
    }
    assert!(
        !output.contains("panicked") && !output.contains("listens on"),
        "{output}"
    );
    assert!(
        !output.contains(SECRET) && !output.contains(ADMIN_PASSWORD),
        "{output}"
    );
}

#[test]
fn without_a_good_secret_it_does_not_start() {
    let none = Setup::new().without_env("STARDUST_SECRET");
    assert_refused(
        &none,
        &["STARDUST_SECRET is not set", "openssl rand -hex 32"],
    );
    let empty = Setup::new().env("STARDUST_SECRET", "");
    assert_refused(&empty, &["STARDUST_SECRET is not set"]);
    let short = Setup::new().env("STARDUST_SECRET", "fifteen letters");
    assert_refused(&short, &["STARDUST_SECRET is shorter than 16 characters"]);
    for setup in [none, empty, short] {
        assert!(
            !setup.database().exists(),
            "a database was made all the same"
        );
    }
}

#[test]
fn a_wrong_secret_on_a_database_is_recognised() {
    let setup = Setup::new();
    let mut ground_control = setup.clone().start();
    let session = ground_control.login();
    let node = session.add_node("kept");
    ground_control.stop();
    let wrong = setup
        .clone()
        .env("STARDUST_SECRET", "planet earth is blue and there is");
    assert_refused(&wrong, &["STARDUST_SECRET"]);
    // The right one still works, and so does what was made with it.
    let ground_control = setup.start();
    let again = ground_control.login();
    assert_eq!(again.node(node.id)["name"], "kept");
    let old = crate::common::Session {
        address: ground_control.address,
        ..session
    };
    assert_eq!(
        old.get("/api/nodes").status,
        200,
        "a login outlives a restart"
    );
}

#[test]
fn the_default_password_is_not_served_to_the_world() {
    // Nobody gave one: a random one is made and told, once, and must be changed.
    let none = Setup::new()
        .without_env("STARDUST_ADMIN_PASS")
        .args(&["--bind", "0.0.0.0"]);
    let mut ground_control = none.clone().start();
    let line = ground_control
        .process
        .line_with("first login is admin with the password");
    let words = line.split("with the password ").nth(1).unwrap();
    let password = words.split(',').next().unwrap().to_owned();
    assert_eq!(password.len(), 19, "{line}");
    ground_control.address.set_ip([127, 0, 0, 1].into());
    assert_eq!(ground_control.login_as("admin", "admin").status, 401);
    let login = ground_control.login_as("admin", &password);
    assert_eq!(login.status, 200, "{}", login.text());
    assert_eq!(login.json()["must_change_password"], true);
    let session = crate::common::Session::of(ground_control.address, &login);
    assert_eq!(session.get("/api/nodes").status, 403);
    ground_control.stop();
    // The next start has nothing to tell but that it still holds.
    let mut ground_control = none.start();
    ground_control.process.line_with("one-time password");
    ground_control.address.set_ip([127, 0, 0, 1].into());
    let login = ground_control.login_as("admin", &password);
    let session = crate::common::Session::of(ground_control.address, &login);
    let body = serde_json::json!({"current": password, "new": ADMIN_PASSWORD});
    let changed = session.call("POST", "/api/auth/password", Some(&body));
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert!(!ground_control.process.output().contains(&password));

    // Spelled out, the default one is no better than left out.
    let spelled = Setup::new().env("STARDUST_ADMIN_PASS", "admin");
    assert_refused(
        &spelled.args(&["--bind", "0.0.0.0"]),
        &["STARDUST_ADMIN_PASS"],
    );
    // A database that still has it stays refused, whatever the environment says now.
    let defaults = Setup::new().without_env("STARDUST_ADMIN_PASS");
    let mut ground_control = defaults.clone().start();
    ground_control
        .process
        .line_with("as admin with the password admin");
    ground_control.stop();
    for later in [
        defaults.clone(),
        defaults.env("STARDUST_ADMIN_PASS", ADMIN_PASSWORD),
    ] {
        assert_refused(
            &later.args(&["--bind", "0.0.0.0"]),
            &["password is still the default"],
        );
    }
}

#[test]
fn a_taken_port_and_a_foreign_file_are_told_apart() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    assert_refused(
        &Setup::new().args(&["--port", &port]),
        &["Can't listen on", &port, "--port"],
    );

    let foreign = Setup::new();
    std::fs::write(
        foreign.database(),
        "this is no database, and nobody may overwrite it",
    )
    .unwrap();
    assert_refused(&foreign, &["stardust.db"]);
    let kept = std::fs::read_to_string(foreign.database()).unwrap();
    assert!(kept.starts_with("this is no database"));

    let nowhere = Setup::new().args(&["--db", "/nonexistent/folder/stardust.db"]);
    assert_refused(&nowhere, &["/nonexistent/folder"]);
    assert_refused(&Setup::new().args(&["--prot", "1"]), &["--prot", "--help"]);
}
