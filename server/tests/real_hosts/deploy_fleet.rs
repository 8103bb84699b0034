//! Many hosts at once, and the ways to live with those that are deployed.

use std::time::Duration;

use serde_json::json;

use crate::common::eventually;
use crate::control::{Control, login, with};
use crate::host::{Host, Kind, cable};
use crate::keys;
use crate::slow_link::SlowLink;
use crate::snapshot::{Snapshot, assert_untouched};

#[test]
#[ignore = "boots real hosts"]
fn twenty_hosts_are_deployed_at_once_upgraded_in_waves_and_removed() {
    let hosts: Vec<Host> = (0..20).map(|_| Host::boot(Kind::Router)).collect();
    let before: Vec<Snapshot> = hosts.iter().map(Snapshot::of).collect();
    let mut control = Control::start_fixed();
    // From a list, as an operator has one.
    let lines = hosts.iter().map(|host| format!("{},root\n", host.address));
    let list = format!("host,user\n{}", lines.collect::<String>());
    let answer = control.post("/api/imports/parse", &json!({"text": list}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let listed = answer.json()["hosts"].clone();
    let works: Vec<_> = listed
        .as_array()
        .expect("hosts")
        .iter()
        .map(|listed| {
            let body = json!({
                "host": listed["host"], "port": listed["port"], "user": listed["user"],
                "auth": keys::auth("ed25519"),
            });
            control.deploy(&body)
        })
        .collect();
    assert_eq!(works.len(), hosts.len());
    for (_, work) in &works {
        work.succeeds();
    }
    let nodes: Vec<i64> = works.iter().map(|(node, _)| *node).collect();
    drop(works);
    for node in &nodes {
        control.is_alive(*node);
    }
    let folder = crate::common::Folder::new("spiders");
    let later = crate::spiders::later(&folder);
    control.start_with(&["--agent-binary", later.to_str().unwrap()]);
    let answer = control.post("/api/upgrades", &json!({"nodes": nodes}));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let group = crate::work::Work::of(&control, &answer.json()["job"]);
    group.succeeds();
    for node in &nodes {
        assert_eq!(control.session.node(*node)["spider_version"], "9.9.9");
    }
    let works: Vec<_> = nodes
        .iter()
        .map(|node| control.start_work(*node, "remove", &json!({})))
        .collect();
    for work in &works {
        work.succeeds();
    }
    for (host, before) in hosts.iter().zip(&before) {
        assert_untouched(host, before);
    }
}

#[test]
#[ignore = "boots real hosts"]
fn a_version_that_is_no_good_stops_at_the_first_host() {
    let hosts: Vec<Host> = (0..4).map(|_| Host::boot(Kind::Router)).collect();
    let mut control = Control::start_fixed();
    let works: Vec<_> = hosts
        .iter()
        .map(|host| control.deploy(&login(host, "root")))
        .collect();
    for (_, work) in &works {
        work.succeeds();
    }
    let nodes: Vec<i64> = works.iter().map(|(node, _)| *node).collect();
    drop(works);
    let folder = crate::common::Folder::new("spiders");
    let broken = crate::spiders::broken(&folder);
    control.start_with(&["--agent-binary", broken.to_str().unwrap()]);
    let answer = control.post("/api/upgrades", &json!({"nodes": nodes}));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let group = crate::work::Work::of(&control, &answer.json()["job"]);
    let job = group.fails("failed");
    assert_eq!(job["result"]["stopped"]["node"], nodes[0], "{job:#}");
    let hint = job["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("3 nodes were not begun"), "{hint}");
    let target = format!("/api/jobs?group={}", group.id);
    let children = control.session.get_json(&target);
    assert_eq!(
        children["jobs"].as_array().unwrap().len(),
        1,
        "{children:#}"
    );
    for node in nodes {
        control.is_alive(node);
    }
}

#[test]
#[ignore = "boots real hosts"]
fn over_a_slow_link_that_loses_packets_all_of_it_works() {
    let host = Host::boot(Kind::Debian);
    let before = Snapshot::of(&host);
    let control = Control::start();
    let link = SlowLink::to(&host, Duration::from_millis(100), 10);
    let body = with(&login(&host, "ops"), "host", &json!(link.address));
    let body = with(&body, "sudo_password", &json!("ops-pass"));
    let node = control.deployed(&body);
    control.remove(node);
    assert_untouched(&host, &before);
    let (passed, lost) = link.counts();
    assert!(passed > 500 && lost > 0, "{passed} {lost}");
}

#[test]
#[ignore = "boots real hosts"]
fn a_host_that_is_gone_is_removed_by_force_and_cleaned_by_hand() {
    for kind in [Kind::Debian, Kind::OpenRc, Kind::Router] {
        let host = Host::boot(kind);
        let before = Snapshot::of(&host);
        let control = Control::start();
        let node = control.deployed(&login(&host, "root"));
        host.cut();
        let failed = control.start_work(node, "remove", &json!({})).end();
        assert_eq!(failed["state"], "failed", "{failed:#}");
        let job = control
            .start_work(node, "remove", &json!({"force": true}))
            .end();
        assert_eq!(job["state"], "succeeded", "{job:#}");
        let result = &job["result"];
        assert_ne!(result["left"], json!([]), "{result}");
        assert_eq!(
            control.session.get(&format!("/api/nodes/{node}")).status,
            404
        );
        host.mend();
        // What an operator would type.
        for command in result["commands"].as_array().expect("commands") {
            host.shell(command.as_str().unwrap());
        }
        assert_untouched(&host, &before);
    }
}

#[test]
#[ignore = "boots real hosts"]
fn a_token_is_rotated_and_credentials_are_forgotten_while_telemetry_goes_on() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let body = with(&login(&host, "ops"), "sudo_password", &json!("ops-pass"));
    let node = control.deployed(&body);
    let token = |host: &Host| {
        let config = host.read("/etc/stardust/spider.conf");
        let line = config.lines().find(|line| line.starts_with("token"));
        line.expect("a token").to_owned()
    };
    let first = token(&host);
    control
        .start_work(node, "rotate-token", &json!({}))
        .succeeds();
    let second = token(&host);
    assert_ne!(first, second);
    control.is_alive(node);
    let old = first.split_once('=').unwrap().1.trim();
    let (answer, _) = crate::common::upgrade(
        control.session.address,
        "/ws",
        &[
            ("Authorization", &format!("Bearer {old}")),
            ("Sec-WebSocket-Protocol", stardust_shared::SUBPROTOCOL),
        ],
    );
    assert_eq!(answer.status, 401);

    let target = format!("/api/nodes/{node}/credentials");
    assert_eq!(control.session.call("DELETE", &target, None).status, 204);
    let target = format!("/api/nodes/{node}/connection");
    let connection = control.session.get_json(&target);
    assert_eq!(
        (&connection["auth"], &connection["sudo_password"]),
        (&json!(null), &json!(false))
    );
    let refused = control.post(&format!("/api/nodes/{node}/rotate-token"), &json!({}));
    assert_eq!(
        (refused.status, refused.error_kind()),
        (409, "credentials_needed".into())
    );
    control.is_alive(node);
    let given = json!({"auth": keys::auth("ed25519"), "sudo_password": "ops-pass"});
    control.start_work(node, "rotate-token", &given).succeeds();
    assert_ne!(token(&host), second);
    control.is_alive(node);
}

#[test]
#[ignore = "boots real hosts"]
fn a_host_behind_a_jump_host_is_deployed_through_it() {
    let (front, behind) = (Host::boot(Kind::Debian), Host::boot(Kind::Debian));
    let before = [Snapshot::of(&front), Snapshot::of(&behind)];
    let control = Control::start();
    let (_, address) = cable(&front, &behind);
    let mut body = json!({
        "host": address, "user": "deploy", "auth": keys::auth("ed25519"),
        "jump": {"host": front.address, "user": "plain", "auth": keys::auth("ecdsa384")},
    });
    let report = control.check(&body);
    body["jump"]["host_key"] = report.0["jump_host_key"]["sha256"].clone();
    let node = control.deployed(&body);
    control.remove(node);
    assert_untouched(&front, &before[0]);
    assert_untouched(&behind, &before[1]);
}

#[test]
#[ignore = "boots real hosts"]
fn ground_control_moves_and_its_spiders_are_told() {
    let host = Host::boot(Kind::Debian);
    let before = Snapshot::of(&host);
    let mut control = Control::start_fixed();
    let node = control.deployed(&login(&host, "deploy"));
    let port = crate::common::free_fixed_port().to_string();
    assert!(control.ground.stop().success());
    let setup = control.ground.setup.clone().args(&["--port", &port]);
    control.ground = setup.start();
    control.session = control.ground.login();
    eventually("the node is missed", || {
        (control.session.status(node) == "offline").then_some(())
    });
    control.start_work(node, "deploy", &json!({})).succeeds();
    control.is_alive(node);
    assert!(host.read("/etc/stardust/spider.conf").contains(&port));
    control.remove(node);
    assert_untouched(&host, &before);
}
