//! zypper, from the first look to keys that nobody knows.

use serde_json::{Value, json};

use super::dnf::RPM;
use super::{Node, assert_complete, host, speaks_german};
use crate::common::eventually;
use crate::control::Control;

#[test]
#[ignore = "boots real hosts"]
fn zypper_does_what_is_promised_through_cut_links_and_a_killed_ground_control() {
    let host = host(&["/usr/bin/apt-get", "/usr/bin/dnf", "/usr/bin/dnf-3"]);
    host.shell(RPM);
    host.shell(
        "zypper -nq ar --no-gpgcheck file:///pk/rpm1 lab && zypper -nq ref && \
         zypper -nq in labtool lablib labconf labslow labbroken labnew labservice && \
         echo 'by hand = yes' >>/etc/labconf.conf && zypper -nq rr lab && \
         zypper -nq ar --no-gpgcheck file:///pk/rpm2 lab; \
         systemctl start labservice; touch /run/lab-hold",
    );
    let mut control = Control::start_fixed();
    let mut node = Node::new(&mut control, &host, "root");
    node.done("refresh", &json!({}));
    speaks_german(&host, "zypper -n list-updates");
    let facts = node.facts();
    assert_eq!(facts["manager"], "zypper", "{facts:#}");
    assert_eq!(facts["counts"]["upgradable"], 7, "{facts:#}");
    assert_eq!(facts["counts"]["security"], 1, "{facts:#}");
    assert_eq!(node.upgradable("lablib")["security"], true);
    assert_eq!(node.upgradable("labtool")["security"], false);
    node.hostile_names_are_refused();
    node.wants_room(&host, &json!({"action": "upgrade", "packages": ["labnew"]}));
    node.done("hold", &json!({"packages": ["lablib"]}));
    assert_eq!(node.facts()["held"], json!(["lablib"]));
    // Held, and in the list all the same.
    assert_eq!(node.upgradable("lablib")["held"], true);
    assert_eq!(node.upgradable("labtool")["held"], false);

    node.fills_up(&host, &json!({"packages": ["labtool"]}), &[]);
    node.finds_a_lock_left_behind(&host, "/run/zypp.pid");
    node.mends_the_rpm_database(&host);

    let names = json!(["labslow", "labconf", "labnew", "labservice"]);
    let seen = node.preview(&json!({"action": "upgrade", "packages": names}));
    assert_eq!(seen["refused"], Value::Null, "{seen:#}");
    assert_eq!(seen["installed"][0]["name"], "labdep");
    assert_eq!(seen["restarts"], json!(["labservice.service"]), "{seen:#}");
    let wish = json!({"packages": names, "plan": seen["plan"]});
    let job = node.begin("upgrade", &wish);
    let view = node.cut_everything(&host, job, "packages to upgrade");
    let output = node.output(job);
    assert_eq!(view["state"], "succeeded", "{view:#}\n{output}");
    assert_complete(&host, &output);
    assert_eq!(view["result"]["upgraded"], 4, "{view:#}");
    let leftovers = node.facts()["leftovers"].clone();
    assert_eq!(leftovers, json!(["/etc/labconf.conf.rpmnew"]));

    let job = node.begin("upgrade", &json!({"packages": ["labbroken"]}));
    let view = node.ended(job);
    assert_eq!(view["state"], "failed");
    assert_eq!(view["result"]["failed"][0]["name"], "labbroken", "{view:#}");
    node.waits_for(&host, "zypper -n install -f labslow", "zypper");
    node.removes_nothing_where_the_script_fails(&host, "zypper -nq in");

    let install = json!({"packages": ["labtool"]});
    host.shell("zypper -nq rr lab; zypper -nq ar file:///pk/rpm2-signed lab");
    node.distrusts("refresh", &json!({}), "zypper refresh");
    assert_eq!(host.try_shell("rpm -q gpg-pubkey").status.code(), Some(1));
    // A person accepts it on the node.
    host.shell("rpm --import /pk/lab.asc");
    node.done("refresh", &json!({}));
    node.done("install", &install);

    // Nobody asks, and it is looked at all the same; from now on once a minute.
    let before = node.facts();
    node.control.start_with(&["--packages-refresh", "1m"]);
    let facts = eventually("it is looked at by itself", || {
        let facts = node.facts();
        (facts["index_ms"].as_i64() > before["index_ms"].as_i64() && facts["job"].is_null())
            .then_some(facts)
    });
    let jobs = node.control.session.get_json("/api/jobs?limit=1");
    let job = &jobs["jobs"][0];
    assert_eq!(
        (&job["kind"], &job["by"], &job["state"]),
        (
            &json!("packages_refresh"),
            &json!("stardust"),
            &json!("succeeded")
        ),
        "{job:#}"
    );
    let pause = facts["next_refresh_ms"].as_i64().unwrap() - facts["as_of_ms"].as_i64().unwrap();
    assert!((55_000..65_000).contains(&pause), "{facts:#}");
}
