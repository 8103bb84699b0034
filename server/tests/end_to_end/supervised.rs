//! What a supervisor sees: readiness, reloading, the watchdog, and secrets that are not
//! where others could read them.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use crate::common::{ADMIN_PASSWORD, Folder, Process, SECRET, Setup, eventually, request};

/// Takes what is said until a message holds `words`.
fn heard(socket: &UnixDatagram, words: &str) {
    let mut buffer = [0; 512];
    loop {
        let length = socket.recv(&mut buffer).expect("something is said");
        if String::from_utf8_lossy(&buffer[..length]).contains(words) {
            return;
        }
    }
}

#[test]
fn systemd_is_told_and_a_reload_takes_the_new_token() {
    let folder = Folder::new("supervised");
    let socket = UnixDatagram::bind(folder.join("notify")).unwrap();
    socket
        .set_read_timeout(Some(crate::common::PATIENCE))
        .unwrap();
    let (token, level) = (folder.join("metrics-token"), folder.join("level"));
    std::fs::write(&token, "the-first-token-of-all\n").unwrap();
    std::fs::write(&level, "error\n").unwrap();
    let mut ground_control = Setup::new()
        .env("NOTIFY_SOCKET", folder.join("notify").to_str().unwrap())
        .env("WATCHDOG_USEC", "1000000")
        // As a credential: no flag names it.
        .env("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())
        .args(&["--log-level", level.to_str().unwrap()])
        .start();
    heard(&socket, "READY=1");
    heard(&socket, "WATCHDOG=1");
    heard(&socket, "WATCHDOG=1");
    let scrape = |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        request(ground_control.address, "GET", "/metrics", &headers, None).status
    };
    assert_eq!(scrape("the-first-token-of-all"), 200);
    std::fs::write(&token, "the-second-token-of-all\n").unwrap();
    std::fs::write(&level, "info\n").unwrap();
    assert_eq!(scrape("the-second-token-of-all"), 401);
    ground_control.process.signal(libc::SIGHUP);
    heard(&socket, "RELOADING=1\nMONOTONIC_USEC=");
    heard(&socket, "READY=1");
    assert_eq!(scrape("the-second-token-of-all"), 200);
    assert_eq!(scrape("the-first-token-of-all"), 401);
    ground_control.process.line_with("read again");
    // What is no good changes nothing.
    std::fs::write(&token, "short").unwrap();
    ground_control.process.signal(libc::SIGHUP);
    ground_control.process.line_with("not reloaded");
    heard(&socket, "READY=1");
    assert_eq!(scrape("the-second-token-of-all"), 200);
    assert_eq!(ground_control.stop().code(), Some(0));
    heard(&socket, "STOPPING=1");
}

#[test]
fn secrets_are_not_in_the_environment_of_the_running_process() {
    let ground_control = Setup::new().start();
    let folder = format!("/proc/{}", ground_control.process.pid());
    // It belongs to root then; who is not root can't even ask.
    if let Ok(environment) = std::fs::read(format!("{folder}/environ")) {
        let text = String::from_utf8_lossy(&environment);
        assert!(text.contains("TMPDIR"), "{text}");
        for secret in [SECRET, ADMIN_PASSWORD] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    ground_control.login();
}

/// As a process of the same user sees another one.
fn environment_of(pid: u32) -> std::process::Output {
    Command::new("cat")
        .arg(format!("/proc/{pid}/environ"))
        .output()
        .unwrap()
}

#[test]
fn another_process_of_the_same_user_does_not_look_into_it() {
    /// CAP_SYS_PTRACE, CAP_SYS_ADMIN and CAP_PERFMON: with each of them root looks into
    /// everything.
    const RIGHTS: [libc::c_ulong; 3] = [19, 21, 38];
    // In a thread of its own, whose children are without these, and so to each other as
    // those of any user.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for right in RIGHTS {
                // SAFETY: plain numbers. Who is not root has no such right to give up.
                unsafe { libc::prctl(libc::PR_CAPBSET_DROP, right, 0, 0, 0) };
            }
            let open = Process::start("sleep", Command::new("sleep").arg("60"));
            let seen = environment_of(open.pid());
            assert!(
                seen.status.success(),
                "nobody could be looked into: {seen:?}"
            );
            assert!(!seen.stdout.is_empty());

            let ground_control = Setup::new().start();
            let seen = environment_of(ground_control.process.pid());
            assert!(!seen.status.success(), "it can be looked into");
            assert!(seen.stdout.is_empty());
        });
    });
}

#[test]
fn a_later_schema_is_not_tried_again() {
    let setup = Setup::new();
    setup.clone().start().stop();
    let connection = rusqlite::Connection::open(setup.database()).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    drop(connection);
    let (status, said) = setup.refused();
    assert_eq!(status.code(), Some(78), "{said}");
    assert!(said.contains("later release"), "{said}");
}

#[test]
fn the_end_of_a_certificate_is_said() {
    let folder = Folder::new("certificate");
    if !crate::common::certificates(&folder) {
        return;
    }
    // Good for two days.
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("tls.crt"), path("tls.key"));
    let mut ground_control = Setup::new()
        .args(&["--tls-cert", &cert, "--tls-key", &key])
        .start();
    ground_control.process.line_with("certificate ends in");
    let browser = crate::common::Browser::new(&folder, ground_control.address);
    let (health, _) = browser.request("GET", "/healthz", &[], None);
    let health = health.json();
    assert_eq!(health["certificate"]["state"], "ends_soon", "{health}");
    eventually("SIGHUP reads it again", || {
        ground_control.process.signal(libc::SIGHUP);
        let said = ground_control.process.output();
        said.contains("certificate was reloaded").then_some(())
    });
}
