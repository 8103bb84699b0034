//! What Ground Control refuses to start with, in words that help.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::Stdio;

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

/// What is in the folder of the database, and of temporary files.
fn files(setup: &Setup) -> Vec<String> {
    let database = setup.database();
    let entries = std::fs::read_dir(database.parent().unwrap()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn a_refused_first_start_writes_nothing_and_the_next_one_is_the_first() {
    let setup = Setup::new();
    let defaults = setup.clone().without_env("STARDUST_ADMIN_PASS");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let none = ["--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"];
    let weak = |password| defaults.clone().env("STARDUST_ADMIN_PASS", password);
    for (refused, words) in [
        (
            defaults.clone().args(&["--port", &port]),
            ["Can't listen on", "--port"],
        ),
        (
            defaults.clone().args(&none),
            ["certificate", "/nonexistent"],
        ),
        (
            defaults
                .clone()
                .args(&["--metrics-token-file", "/nonexistent"]),
            ["--metrics-token-file", "/nonexistent"],
        ),
        (
            weak("a"),
            ["STARDUST_ADMIN_PASS is shorter", "10 characters"],
        ),
        (
            weak("aaaaaaaaaa"),
            ["one character again and again", "unusual words"],
        ),
        (weak("Password123!"), ["tried first", "unusual words"]),
        (
            defaults.clone().env("STARDUST_SECRET", &"s".repeat(64)),
            ["STARDUST_SECRET is made of fewer", "openssl rand"],
        ),
        (
            setup.clone().args(&["--keep-raw", "soon"]),
            ["--keep-raw", "1h"],
        ),
    ] {
        assert_refused(&refused, &words);
        assert_eq!(files(&setup), [""; 0], "{words:?}");
    }
    let ground_control = setup.start();
    ground_control.login();
}

/// `stardust-server reset-password`, with `typed` through a pipe.
fn reset(setup: &Setup, user: &str, typed: &str) -> (bool, String) {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_stardust-server"))
        .args(["reset-password", user, "--db"])
        .arg(setup.database())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may refuse before it reads.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    let output = child.wait_with_output().unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.success(), said)
}

#[test]
fn a_forgotten_password_has_a_way_back() {
    let setup = Setup::new();
    let mut ground_control = setup.clone().start();
    let session = ground_control.login();
    let (done, said) = reset(&setup, "admin", "rockets burn out up here\n");
    assert!(!done && said.contains("runs on"), "{said}");
    let pid = ground_control.process.pid().to_string();
    assert!(said.contains(&pid), "{said}");
    ground_control.stop();

    let (done, said) = reset(&setup, "nobody", "rockets burn out up here\n");
    assert!(!done && said.contains("\"admin\""), "{said}");
    let (done, said) = reset(&setup, "admin", "short\n");
    assert!(!done && said.contains("shorter than 10"), "{said}");
    let (done, said) = reset(&setup, "admin", "rockets burn out up here\n");
    assert!(done && !said.contains("rockets"), "{said}");
    let mut ground_control = setup.clone().start();
    assert_eq!(ground_control.login_as("admin", ADMIN_PASSWORD).status, 401);
    let new = ground_control.login_as("admin", "rockets burn out up here");
    assert_eq!(new.status, 200, "{}", new.text());
    let old = crate::common::Session {
        address: ground_control.address,
        ..session
    };
    assert_eq!(old.get("/api/nodes").status, 401, "old sessions have ended");
    ground_control.stop();

    // Nothing given: a random one, for one login. It is not the default one.
    let (done, said) = reset(&setup, "admin", "");
    assert!(done, "{said}");
    let one_time = said.trim_end().rsplit(' ').next().unwrap();
    let mut ground_control = setup.args(&["--bind", "0.0.0.0"]).start();
    ground_control.address.set_ip([127, 0, 0, 1].into());
    let answer = ground_control.login_as("admin", one_time);
    assert_eq!(
        answer.json()["must_change_password"],
        true,
        "{}",
        answer.text()
    );
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

#[test]
fn who_takes_everybody_for_a_proxy_is_told_what_that_means() {
    for (network, is_told) in [("0.0.0.0/0", true), ("::/0", true), ("10.0.0.0/8", false)] {
        let mut ground_control = Setup::new().args(&["--trusted-proxy", network]).start();
        ground_control.stop();
        let said = ground_control.process.output();
        assert_eq!(
            said.contains("takes everybody for a proxy"),
            is_told,
            "{said}"
        );
    }
}
