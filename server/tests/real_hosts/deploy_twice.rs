//! The same host twice: it is one node, whatever name it is reached by.

use serde_json::json;

use crate::control::{Control, login, with};
use crate::host::{Host, Kind};

#[test]
#[ignore = "boots real hosts"]
fn a_host_that_is_a_node_is_not_deployed_as_another_one() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let node = control.deployed(&login(&host, "root"));
    let name = control.session.node(node)["name"]
        .as_str()
        .unwrap()
        .to_owned();

    // By another address of it.
    let number = host.address.split('.').nth(2).unwrap();
    let mut body = login(&host, "root");
    body["host"] = json!(format!("fd57:a2d0::{number}:2"));
    let report = control.check(&body);
    assert_eq!(report.0["known_node"]["id"], node, "{report}");
    assert_eq!(report.0["known_node"]["name"], name.as_str());
    body["host_key"] = report.0["host_key"]["sha256"].clone();
    let refused = control.post("/api/nodes/deploy", &with(&body, "name", &json!("twin")));
    assert_eq!(refused.status, 409, "{}", refused.text());
    let text = refused.text();
    assert!(text.contains(&name) && text.contains("replace"), "{text}");
    let all = control.session.get_json("/api/nodes");
    assert_eq!(all["nodes"].as_array().unwrap().len(), 1, "{all:#}");
    control.is_alive(node);

    // Its SSH server was installed anew: the machine is the same, and nothing is
    // written on it.
    host.new_host_keys();
    let mut body = login(&host, "root");
    let first = control.check(&body);
    assert_eq!(first.0["known_node"], json!(null), "{first}");
    body["host_key"] = first.0["host_key"]["sha256"].clone();
    let report = control.check(&body);
    assert_eq!(report.0["known_node"]["id"], node, "{report}");
    let (twin, work) = control.deploy(&body);
    let job = work.fails("known_node");
    assert!(
        job["error"]["message"].as_str().unwrap().contains(&name),
        "{job:#}"
    );
    control.is_alive(node);

    // Who means it says so.
    let again = with(&body, "replace", &json!(true));
    control.start_work(twin, "deploy", &again).succeeds();
    control.is_alive(twin);
    crate::common::eventually("the other one is offline", || {
        (control.session.status(node) != "online").then_some(())
    });
}
