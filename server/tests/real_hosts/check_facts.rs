//! POST /api/nodes/check: what a host is, and what a deployment would meet there.

use serde_json::json;

use crate::control::{Control, login};
use crate::host::{Host, Kind};

#[test]
#[ignore = "boots real hosts"]
fn each_kind_of_host_is_recognised() {
    for (kind, os, init, packages) in [
        (Kind::Debian, "debian", "systemd", Some("apt")),
        (Kind::OpenRc, "debian", "openrc", Some("apt")),
        (Kind::Router, "openwrt", "procd", None),
    ] {
        let host = Host::boot(kind);
        let control = Control::start();
        let report = control.check_confirmed(&login(&host, "root"));
        let facts = report.facts();
        assert_eq!(facts["os"]["id"], os, "{report}");
        assert_eq!(facts["init"], init, "{report}");
        assert_eq!(facts["package_manager"], json!(packages), "{report}");
        assert_eq!(facts["arch"], "x86_64");
        let name = host.shell("hostname");
        assert_eq!(facts["hostname"], name.trim());
        assert_eq!(facts["server"]["ok"], true, "{report}");
        assert!(
            facts["clock_skew_ms"].as_i64().unwrap().abs() < 60_000,
            "{facts}"
        );
        for folder in facts["folders"].as_array().unwrap() {
            assert_eq!(folder["read_only"], false, "{folder}");
            let free = folder["free_bytes"].as_u64().unwrap();
            assert!(free > 64 << 20, "{folder}");
        }
    }
}

#[test]
#[ignore = "boots real hosts"]
fn a_full_disk_is_told_and_the_check_itself_needs_none() {
    for kind in [Kind::Debian, Kind::Router] {
        let host = Host::boot_with(kind, &["size=48m"]);
        let control = Control::start();
        // Until nothing more fits.
        host.try_shell("cat /dev/zero >/fill 2>/dev/null; cat /dev/zero >/fill2");
        let report = control.check_confirmed(&login(&host, "root"));
        report.assert_fails("space", "no_space", "/usr/local/bin has 0 KiB left");
    }
}

#[test]
#[ignore = "boots real hosts"]
fn mounts_that_matter_are_seen() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let body = login(&host, "deploy");
    host.shell("mount -o remount,noexec /tmp");
    let report = control.check_confirmed(&body);
    // The Spider is not run from there.
    assert!(report.ok(), "{report}");
    let tmp = report.facts()["folders"].as_array().unwrap().clone();
    let tmp = tmp.iter().find(|folder| folder["path"] == "/tmp").unwrap();
    assert_eq!(tmp["noexec"], true, "{tmp}");

    host.shell("mount --bind /usr /usr && mount -o remount,bind,ro /usr");
    let report = control.check_confirmed(&body);
    report.assert_fails("space", "read_only", "/usr is mounted read-only");
}

#[test]
#[ignore = "boots real hosts"]
fn a_host_that_does_not_reach_ground_control_says_so_with_each_of_its_tools() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let body = login(&host, "root");
    for tool in ["curl", "bash"] {
        if tool == "bash" {
            host.shell("mv /usr/bin/curl /usr/bin/curl.away");
        }
        let there = control.check_confirmed(&body);
        assert!(there.ok(), "{tool}: {there}");
    }
    host.lose_ground_control();
    for tool in ["bash", "curl"] {
        if tool == "curl" {
            host.shell("mv /usr/bin/curl.away /usr/bin/curl");
        }
        let report = control.check_confirmed(&body);
        report.assert_fails("server", "unreachable", "http://198.19.0.1:");
        let hint = report.step("server")["hint"].as_str().unwrap();
        assert!(hint.contains("firewall"), "{tool}: {hint}");
    }
    // wget, GNU's and busybox's.
    for kind in [Kind::OpenRc, Kind::Router] {
        let host = Host::boot(kind);
        let body = login(&host, "root");
        assert_eq!(control.check_confirmed(&body).facts()["server"]["ok"], true);
        host.lose_ground_control();
        let report = control.check_confirmed(&body);
        assert_eq!(report.cause("server"), "unreachable", "{report}");
    }
}
