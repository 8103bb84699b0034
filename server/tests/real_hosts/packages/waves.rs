//! Upgrades of several nodes in waves, and what stops them.

use serde_json::json;

use super::apt::APT;
use super::{Node, host};
use crate::control::{Control, login};
use crate::work::Work;

#[test]
#[ignore = "boots real hosts"]
fn waves_of_upgrades_stop_where_one_fails_or_does_worse() {
    let hosts: Vec<_> = (0..4).map(|_| host(&[])).collect();
    for host in &hosts {
        host.shell(APT);
    }
    // On the second one an upgrade fails; on the last one it takes a service away.
    hosts[0].shell("apt-get -yqq remove labbroken");
    hosts[3].shell("apt-get -yqq remove labbroken labbad labbig labslow");
    hosts[3].shell(
        "systemd-run --quiet --unit=lablisten --socket-property=ListenStream=9999 cat && \
         echo 'DPkg::Post-Invoke { \"systemctl stop lablisten.socket\"; };' >/etc/apt/apt.conf.d/99stop",
    );
    let mut control = Control::start();
    let watched = control.deployed(&login(&hosts[3], "root"));
    let mut nodes: Vec<i64> = hosts[..3]
        .iter()
        .map(|host| Node::new(&mut control, host, "root").id)
        .collect();
    nodes.push(watched);
    for &id in &nodes {
        let node = Node {
            control: &mut control,
            id,
        };
        node.done("refresh", &json!({}));
    }
    let begin = |nodes: &[i64], packages: &[&str]| {
        let body = json!({"nodes": nodes, "packages": packages, "waves": [1, 1, "rest"]});
        let answer = control.post("/api/packages/upgrade", &body);
        assert_eq!(answer.status, 202, "{}", answer.text());
        Work::of(&control, &answer.json()["job"])
    };
    // Both at once: each of their waves is watched for more than a minute.
    let fails = begin(&nodes[..3], &["labtool", "labbroken"]);
    let worse = begin(&[watched, nodes[2]], &["labtool"]);

    let job = worse.fails("failed");
    let result = &job["result"];
    assert_eq!(result["stopped"]["rule"], "worse", "{job:#}");
    assert_eq!(result["stopped"]["node"], watched, "{job:#}");
    let detail = result["stopped"]["detail"].as_str().unwrap();
    assert!(detail.contains("network services listen"), "{detail}");
    assert_eq!(result["waves"][0]["state"], "failed", "{job:#}");
    assert_eq!(result["waves"][1]["state"], "not_begun", "{job:#}");

    let job = fails.fails("failed");
    let result = &job["result"];
    assert_eq!(result["stopped"]["rule"], "failed", "{job:#}");
    assert_eq!(result["stopped"]["node"], nodes[1], "{job:#}");
    let states: Vec<_> = (0..3)
        .map(|n| result["waves"][n]["state"].clone())
        .collect();
    assert_eq!(states, ["done", "failed", "not_begun"], "{job:#}");
    assert!(result["rules"].as_array().unwrap().len() >= 3, "{job:#}");
    assert!(hosts[0].shell("dpkg -l labtool").contains("2.0-1"));
    // Neither of them was begun on the third.
    assert!(hosts[2].shell("dpkg -l labtool").contains("1.0-1"));
}
