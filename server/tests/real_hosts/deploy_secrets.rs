//! No secret of a deployment is seen where it does not belong: not in a command
//! line on either side, a log, an answer, the database or a file that is left.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::common::Live;
use crate::control::{Control, login, with};
use crate::host::{Host, Kind};
use crate::keys::{self, PASSPHRASE};
use crate::snapshot::{Snapshot, assert_untouched};
use crate::work::Work;

/// Texts that must be nowhere, each with a name that may be shown.
type Secrets = Vec<(&'static str, String)>;

fn assert_free(place: &str, text: &[u8], secrets: &Secrets) {
    for (name, secret) in secrets {
        let found = text
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{place} holds {name}");
    }
}

fn search(folder: &Path, secrets: &Secrets) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map_while(Result::ok)
    {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            files += search(&entry.path(), secrets);
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            assert_free(&entry.path().display().to_string(), &bytes, secrets);
            files += 1;
        }
    }
    files
}

/// Command lines and environments of this machine's processes that are ours.
fn look_around(seen: &mut Vec<u8>, pid: u32) {
    for name in ["cmdline", "environ"] {
        if let Ok(bytes) = std::fs::read(format!("/proc/{pid}/{name}")) {
            seen.extend(bytes);
        }
    }
}

/// A key that was given for one job is kept until that is over, also through a
/// death of Ground Control, and not longer, however the job ends.
#[test]
#[ignore = "boots real hosts"]
fn what_is_not_to_be_kept_is_forgotten_when_the_job_is_over() {
    let host = Host::boot(Kind::Debian);
    let before = Snapshot::of(&host);
    let mut control = Control::start_fixed();
    let mut body = with(&login(&host, "ops"), "sudo_password", &json!("ops-pass"));
    body["host_key"] = control.check(&body).0["host_key"]["sha256"].clone();
    body["remember"] = json!(false);
    let (node, work) = control.deploy(&body);
    assert!(work.reaches("upload"));
    let id = work.id;
    control.ground.kill();
    control.start_again();
    Work::of(&control, &json!({"id": id})).succeeds();
    control.is_alive(node);
    let is_forgotten = || {
        let target = format!("/api/nodes/{node}/connection");
        let connection = control.session.get_json(&target);
        assert_eq!(connection["auth"], json!(null), "{connection:#}");
        assert_eq!(connection["sudo_password"], false, "{connection:#}");
        assert_eq!(connection["user"], "ops", "{connection:#}");
    };
    is_forgotten();
    for verb in ["upgrade", "rotate-token", "remove"] {
        let asked = control.post(&format!("/api/nodes/{node}/{verb}"), &json!({}));
        let kind = asked.error_kind();
        assert_eq!((asked.status, kind.as_str()), (409, "credentials_needed"));
    }
    let given = |sudo: &str| json!({"auth": keys::auth("ed25519"), "sudo_password": sudo});
    let work = control.start_work(node, "rotate-token", &given("ops-pass"));
    work.succeeds();
    is_forgotten();
    let wrong = with(&body, "sudo_password", &json!("not it"));
    control
        .start_work(node, "deploy", &wrong)
        .fails("no_privilege");
    is_forgotten();
    control.is_alive(node);
    let work = control.start_work(node, "remove", &given("ops-pass"));
    work.succeeds();
    assert_untouched(&host, &before);
}

#[test]
#[ignore = "boots real hosts"]
fn no_secret_is_left_or_seen_anywhere() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let (mut live, snapshot) = Live::open(control.session.address, &control.session);
    let mut heard = snapshot.to_string();
    // All that runs on the host, for as long as this takes.
    host.shell(
        "(while [ ! -e /run/stop ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '; \
         done >/run/seen; touch /run/done) >/dev/null 2>&1 &",
    );
    let mut body = json!({
        "host": host.address, "user": "ops", "sudo_password": "ops-pass",
        "auth": keys::auth_with("ed25519-locked", PASSPHRASE),
    });
    let report = control.check(&body);
    body["host_key"] = report.0["host_key"]["sha256"].clone();
    let stop = AtomicBool::new(false);
    let pid = control.ground.process.pid();
    let (node, token, answers, here) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                look_around(&mut seen, pid);
                std::thread::sleep(Duration::from_millis(50));
            }
            seen
        });
        let (node, work) = control.deploy(&body);
        work.succeeds();
        control.is_alive(node);
        let config = host.read("/etc/stardust/spider.conf");
        let token = config
            .lines()
            .find_map(|line| line.strip_prefix("token")?.split_once('='))
            .map(|(_, token)| token.trim().to_owned());
        let session = &control.session;
        let mut answers = String::new();
        for target in [
            "/api/nodes".to_owned(),
            format!("/api/nodes/{node}"),
            format!("/api/nodes/{node}/connection"),
            format!("/api/nodes/{node}/stats"),
            "/api/jobs".to_owned(),
            format!("/api/jobs/{}", work.id),
            format!("/api/jobs/{}/output", work.id),
            format!("/api/jobs/{}/output.txt", work.id),
        ] {
            let answer = session.get(&target);
            assert_eq!(answer.status, 200, "{target}: {}", answer.text());
            answers += &answer.text();
        }
        stop.store(true, Ordering::Relaxed);
        (
            node,
            token.expect("a token"),
            answers,
            watcher.join().unwrap(),
        )
    });
    while let crate::common::LiveEvent::Json(message) = live.next(Duration::from_millis(300)) {
        heard += &message.to_string();
        if heard.len() > 1 << 20 {
            break;
        }
    }
    host.shell("touch /run/stop; until [ -e /run/done ]; do sleep 0.1; done");

    let key = keys::text("ed25519-locked");
    let middle: String = key.lines().nth(3).expect("a line of the key").to_owned();
    let mut secrets: Secrets = vec![
        ("the sudo password", "ops-pass".into()),
        ("the passphrase", PASSPHRASE.into()),
        ("the key", middle),
        ("the token", token),
    ];
    assert!(secrets.iter().all(|(_, secret)| secret.len() >= 8));
    assert_free("an answer of the API", answers.as_bytes(), &secrets);
    assert_free("/live", heard.as_bytes(), &secrets);
    assert!(heard.contains("\"job\""), "/live said nothing of the job");
    assert_free(
        "Ground Control's log",
        control.ground.process.output().as_bytes(),
        &secrets,
    );
    assert_free(
        "Ground Control's command line or environment",
        &here,
        &secrets,
    );
    let seen = std::fs::read(host.root().join("run/seen")).unwrap();
    assert!(seen.len() > 10_000 && String::from_utf8_lossy(&seen).contains("sudo"));
    assert_free("a command line or environment on the host", &seen, &secrets);
    // Database, WAL, and the temp folder, which are in one place here.
    let database = control.ground.setup.database();
    assert!(search(database.parent().unwrap(), &secrets) >= 2);
    host.shell("rm /run/seen");
    let journal = host.shell("journalctl -o export");
    assert_free("the host's journal", journal.as_bytes(), &secrets);
    for folder in [
        "tmp",
        "var/tmp",
        "var/log",
        "var/lib",
        "home",
        "root",
        "run/systemd",
        "run/user",
        "usr/local",
    ] {
        search(&host.root().join(folder), &secrets);
    }
    // The token is in one file, for its user alone.
    let places = host.shell(&format!(
        "grep -rlsFe '{}' /etc /run /usr/local /var",
        secrets[3].1
    ));
    assert_eq!(places.trim(), "/etc/stardust/spider.conf");
    secrets.pop();
    search(&host.root().join("etc/stardust"), &secrets);
    control.remove(node);
}
