//! POST /api/nodes/check: networks as they are.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::control::{Control, login, with};
use crate::host::{Host, KINDS, Kind, cable};
use crate::keys;
use crate::slow_link::SlowLink;

#[test]
#[ignore = "boots real hosts"]
fn a_slow_link_that_loses_packets_is_good_enough() {
    for kind in [Kind::Debian, Kind::Router] {
        let host = Host::boot(kind);
        let control = Control::start();
        let link = SlowLink::to(&host, Duration::from_millis(100), 20);
        let body = with(&login(&host, "root"), "host", &json!(link.address));
        let started = Instant::now();
        let report = control.check_confirmed(&body);
        let took = started.elapsed();
        assert_eq!(report.cause("login"), "", "{report}");
        assert_eq!(report.facts()["server"]["ok"], true, "{report}");
        // It did go that way: a check is a dozen round trips of 200 ms.
        let (passed, lost) = link.counts();
        assert!(
            passed > 50 && took > Duration::from_secs(2),
            "{passed} {lost} {took:?}"
        );
    }
}

#[test]
#[ignore = "boots real hosts"]
fn ipv6_and_other_ports_are_no_matter() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    host.shell("echo 'Port 2200' >>/etc/ssh/sshd_config.d/test.conf && systemctl restart ssh");
    let number = host.address.split('.').nth(2).unwrap();
    let mut body = login(&host, "deploy");
    body["host"] = json!(format!("fd57:a2d0::{number}:2"));
    body["port"] = json!(2200);
    let report = control.check_confirmed(&body);
    assert!(report.ok(), "{report}");
    assert!(
        report.detail("reach").contains("]:2200 is SSH-2.0-OpenSSH"),
        "{report}"
    );
}

#[test]
#[ignore = "boots real hosts"]
fn a_firewall_that_swallows_the_way_to_ground_control_is_told_in_time() {
    let bash = ["without=/usr/bin/curl"];
    for (kind, options) in [
        (Kind::Debian, &[][..]),
        (Kind::Debian, &bash),
        (Kind::OpenRc, &[]),
        (Kind::Router, &[]),
    ] {
        let host = Host::boot_with(kind, options);
        let control = Control::start();
        let _swallows_all = SlowLink::to(&host, Duration::ZERO, 1000);
        let report = control.check_confirmed(&login(&host, "root"));
        report.assert_fails("server", "unreachable", "It does not answer the node");
    }
}

#[test]
#[ignore = "boots real hosts"]
fn a_host_that_is_off_or_has_no_ssh_is_told_apart() {
    let host = Host::boot(Kind::Debian);
    let other = Host::boot(Kind::Debian);
    let control = Control::start();
    host.shell("systemctl stop ssh.service ssh.socket 2>/dev/null; systemctl stop ssh");
    control.check(&login(&host, "root")).assert_fails(
        "reach",
        "refused",
        "nothing listens on that port",
    );
    // The cable of one host is no matter to the other.
    host.cut();
    assert!(control.check_confirmed(&login(&other, "root")).ok());
    host.mend();
}

#[test]
#[ignore = "boots real hosts"]
fn a_jump_host_leads_to_a_host_that_only_it_reaches() {
    let (front, behind) = (Host::boot(Kind::Debian), Host::boot(Kind::Router));
    let control = Control::start();
    let (_, address) = cable(&front, &behind);
    behind.cut();
    let mut body = json!({
        "host": address, "user": "root", "auth": keys::auth("ed25519"),
        "jump": {"host": front.address, "user": "plain", "auth": keys::auth("ecdsa384")},
    });
    let report = control.check(&body);
    assert_eq!(report.cause("jump_host_key"), "host_key_new", "{report}");
    body["jump"]["host_key"] = report.0["jump_host_key"]["sha256"].clone();
    let report = control.check(&body);
    assert_eq!(report.cause("host_key"), "host_key_new", "{report}");
    body["host_key"] = report.0["host_key"]["sha256"].clone();
    let report = control.check(&body);
    assert_eq!(report.facts()["os"]["id"], "openwrt", "{report}");
    // It is told that this host has no way to Ground Control.
    assert_eq!(report.cause("server"), "unreachable", "{report}");
}

#[test]
#[ignore = "boots real hosts"]
fn twenty_checks_of_one_host_at_once_all_come_to_an_end() {
    for kind in KINDS {
        let host = Host::boot(kind);
        let control = Control::start();
        let body = login(&host, "root");
        let first = control.check(&body);
        let body = with(&body, "host_key", &first.0["host_key"]["sha256"]);
        std::thread::scope(|scope| {
            for number in 0..20 {
                let (control, body) = (&control, &body);
                scope.spawn(move || {
                    let report = control.check(body);
                    assert_eq!(report.cause("login"), "", "{number} at {kind:?}: {report}");
                    assert!(report.facts().is_object(), "{number} at {kind:?}: {report}");
                });
            }
        });
    }
}
