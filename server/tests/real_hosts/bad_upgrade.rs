//! Upgrades that must not stay: the host has its old Spider again, with our help or
//! without. Each waits for a minute, so they begin first.

use serde_json::json;

use crate::common::{Folder, eventually};
use crate::control::{Control, login};
use crate::deploy_life::{DEBIAN, Life};
use crate::host::{Host, Kind};
use crate::spiders;
use crate::work::is_over;

#[test]
#[ignore = "boots real hosts"]
fn on_debian_with_a_sudo_password() {
    Life {
        user: "ops",
        sudo_password: Some("ops-pass"),
        ..DEBIAN
    }
    .live(true);
}

#[test]
#[ignore = "boots real hosts"]
fn on_openrc_with_a_sudo_password() {
    Life {
        kind: Kind::OpenRc,
        user: "ops",
        sudo_password: Some("ops-pass"),
        method: "openrc",
        ..DEBIAN
    }
    .live(true);
}

#[test]
#[ignore = "boots real hosts"]
fn on_a_router() {
    Life {
        kind: Kind::Router,
        method: "procd",
        ..DEBIAN
    }
    .live(true);
}

#[test]
#[ignore = "boots real hosts"]
fn a_spider_that_cuts_its_host_off_is_taken_back_by_the_host_itself() {
    let host = Host::boot(Kind::Debian);
    let folder = Folder::new("spiders");
    let foreign = spiders::foreign(&folder);
    let mut control = Control::start_fixed();
    let node = control.deployed(&login(&host, "root"));
    control.start_with(&["--agent-binary", foreign.to_str().unwrap()]);
    let work = control.start_work(node, "upgrade", &json!({}));
    assert!(work.reaches("verify"));
    // As if the new Spider had taken the network down: no SSH helps any more.
    host.cut();
    let job = work.end();
    assert_eq!(job["state"], "failed", "{job:#}");
    eventually("the host has gone back by itself", || {
        let left = host.shell("ls /usr/local/bin; pgrep -f '[s]tardust/guard' || :");
        (left.trim() == "stardust-spider").then_some(())
    });
    host.mend();
    control.is_alive(node);
    assert!(is_over(&work.job()));
    // And all goes on from there.
    control.remove(node);
}
