//! Deployments that can't succeed: each tells why and leaves the host as it was.

use serde_json::json;

use crate::common::Folder;
use crate::control::{Control, login, with};
use crate::host::{Host, KINDS, Kind};
use crate::snapshot::{Snapshot, assert_untouched};
use crate::spiders;

#[test]
#[ignore = "boots real hosts"]
fn a_host_without_a_way_to_ground_control_is_put_back_and_its_log_shown() {
    std::thread::scope(|scope| {
        for kind in KINDS {
            scope.spawn(move || {
                let host = Host::boot(kind);
                let control = Control::start();
                host.lose_ground_control();
                let before = Snapshot::of(&host);
                let (_, work) = control.deploy(&login(&host, "root"));
                let job = work.fails("not_connected");
                let message = job["error"]["message"].as_str().unwrap();
                assert!(
                    message.contains("no way from the node") || message.contains("unreachable"),
                    "{message}"
                );
                let output = work.output();
                assert!(output.contains("stardust-spider: "), "{kind:?}: {output}");
                assert_untouched(&host, &before);
            });
        }
    });
}

#[test]
#[ignore = "boots real hosts"]
fn what_was_to_stay_stays_and_connects_when_it_can() {
    let host = Host::boot(Kind::Debian);
    let before = Snapshot::of(&host);
    let control = Control::start();
    host.lose_ground_control();
    let body = with(&login(&host, "ops"), "sudo_password", &json!("ops-pass"));
    let (node, work) = control.deploy(&with(&body, "keep_on_failure", &json!(true)));
    work.fails("not_connected");
    host.find_ground_control();
    control.is_alive(node);
    control.remove(node);
    assert_untouched(&host, &before);
}

#[test]
#[ignore = "boots real hosts"]
fn a_spider_that_does_not_run_there_is_told_before_anything_depends_on_it() {
    let folder = Folder::new("spiders");
    let broken = spiders::broken(&folder);
    std::thread::scope(|scope| {
        for kind in KINDS {
            let broken = broken.to_str().unwrap();
            scope.spawn(move || {
                let host = Host::boot(kind);
                let before = Snapshot::of(&host);
                let mut control = Control::start_fixed();
                control.start_with(&["--agent-binary", broken]);
                let (_, work) = control.deploy(&login(&host, "root"));
                let job = work.fails("unsupported");
                let message = job["error"]["message"].as_str().unwrap();
                assert!(message.contains("does not run here"), "{message}");
                assert_untouched(&host, &before);

                // Nor does it take the place of one that runs.
                control.ground.stop();
                let good = crate::common::Spider::path();
                control.ground.setup = control.ground.setup.clone().args(&["--agent-binary", good]);
                control.start_again();
                let node = control.deployed(&login(&host, "root"));
                control.start_with(&["--agent-binary", broken]);
                control.is_alive(node);
                let since = control.session.node(node)["since_ms"].clone();
                control
                    .start_work(node, "upgrade", &json!({}))
                    .fails("unsupported");
                assert_eq!(control.session.node(node)["since_ms"], since);
                control.remove(node);
                assert_untouched(&host, &before);
            });
        }
    });
}

#[test]
#[ignore = "boots real hosts"]
fn a_host_without_the_libraries_of_the_spider_says_so() {
    let host = Host::boot_with(
        Kind::Router,
        &["without=/lib/x86_64-linux-gnu/libgcc_s.so.1"],
    );
    let before = Snapshot::of(&host);
    let control = Control::start();
    let (_, work) = control.deploy(&login(&host, "root"));
    let job = work.end();
    // A static one does not care.
    if job["state"] != "succeeded" {
        let job = work.fails("unsupported");
        assert!(
            job["error"]["message"]
                .as_str()
                .unwrap()
                .contains("libgcc_s"),
            "{job:#}"
        );
        assert!(
            job["error"]["hint"].as_str().unwrap().contains("cross/"),
            "{job:#}"
        );
        assert_untouched(&host, &before);
    }
}

#[test]
#[ignore = "boots real hosts"]
fn a_disk_that_fills_up_under_the_upload_is_left_with_nothing_of_ours() {
    for kind in [Kind::Debian, Kind::Router] {
        let host = Host::boot_with(kind, &["size=48m"]);
        host.try_shell("cat /dev/zero >/fill 2>/dev/null; cat /dev/zero >/fill2");
        let before = Snapshot::of(&host);
        let control = Control::start();
        let (_, work) = control.deploy(&login(&host, "root"));
        let job = work.fails("no_space");
        assert_ne!(job["error"]["message"], "", "{job:#}");
        assert_untouched(&host, &before);
        // With room it goes on from there.
        host.shell("rm -f /fill /fill2");
        let before = Snapshot::of(&host);
        work.again().succeeds();
        let node = job["node"].as_i64().unwrap();
        control.is_alive(node);
        control.remove(node);
        assert_untouched(&host, &before);
    }
}

#[test]
#[ignore = "boots real hosts"]
fn a_user_who_may_nothing_gets_told_so() {
    let host = Host::boot(Kind::Debian);
    let before = Snapshot::of(&host);
    let control = Control::start();
    for (user, sudo_password) in [("plain", "plain-pass"), ("ops", "wrong"), ("rtty", "")] {
        let body = with(&login(&host, user), "sudo_password", &json!(sudo_password));
        let (_, work) = control.deploy(&body);
        work.fails("no_privilege");
    }
    assert_untouched(&host, &before);
}

#[test]
#[ignore = "boots real hosts"]
fn a_host_key_that_changed_stops_every_kind_of_work() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let node = control.deployed(&login(&host, "root"));
    host.new_host_keys();
    for verb in ["upgrade", "rotate-token", "remove", "deploy"] {
        control
            .start_work(node, verb, &json!({}))
            .fails("host_key_changed");
    }
    // Telemetry has nothing to do with it.
    control.is_alive(node);
}

/// A Spider that needs a newer C library than the host's: said by the check, and by a
/// deployment and an upgrade before anything is written.
#[test]
#[ignore = "boots real hosts"]
fn a_host_whose_c_library_is_too_old_is_left_as_it_is() {
    let folder = Folder::new("spiders");
    let tomorrow = spiders::of_tomorrow(&folder);
    let host = Host::boot(Kind::Debian);
    let before = Snapshot::of(&host);
    let mut control = Control::start_fixed();
    let report = control.check_confirmed(&login(&host, "root"));
    assert!(report.ok(), "{report}");
    assert_eq!(report.facts()["libc"], "glibc 2.36", "{report}");
    control.start_with(&["--agent-binary", tomorrow.to_str().unwrap()]);
    let why = "needs glibc 9.99, and this node has glibc 2.36";
    let report = control.check_confirmed(&login(&host, "root"));
    report.assert_fails("architecture", "unsupported", why);
    let hint = report.step("architecture")["hint"].as_str().unwrap();
    assert!(hint.contains("static"), "{hint}");
    let (_, work) = control.deploy(&login(&host, "root"));
    let job = work.fails("unsupported");
    let message = job["error"]["message"].as_str().unwrap();
    assert!(message.contains(why), "{message}");
    assert_untouched(&host, &before);
}
