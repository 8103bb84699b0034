//! apt and dpkg in the states that go wrong: half-way, torn, cut off, renamed, and what
//! is said and counted of them.

use serde_json::{Value, json};

use super::apt::APT;
use super::{Node, host};
use crate::control::Control;

/// A package whose next version wants another one gone, in a repository of its own.
const SWAP: &str = r#"
make() {
  mkdir -p /swap/$1/DEBIAN /pk/$4
  printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Lab <lab@example.org>\n%sDescription: lab\n' \
    "$2" "$3" "$5" >/swap/$1/DEBIAN/control
  dpkg-deb --root-owner-group -b /swap/$1 /pk/$4/$1.deb >/dev/null
}
make labold labold 1.0-1 swap1 ''
make labswap1 labswap 1.0-1 swap1 ''
make labswap2 labswap 2.0-1 swap2 'Conflicts: labold
'
for repo in swap1 swap2; do (cd /pk/$repo && dpkg-scanpackages -m . 2>/dev/null >Packages); done
echo 'deb [trusted=yes] file:/pk/swap1 ./' >/etc/apt/sources.list.d/swap.list
apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -yqq install labold labswap
sed -i s/swap1/swap2/ /etc/apt/sources.list.d/swap.list
"#;

#[test]
#[ignore = "boots real hosts"]
fn apt_counts_what_dpkg_has_and_repairs_what_it_wants() {
    let host = host(&[]);
    host.shell(APT);
    host.shell(SWAP);
    let mut control = Control::start();
    let node = Node::new(&mut control, &host, "root");
    let view = node.done("refresh", &json!({}));
    assert_eq!(
        view["result"]["summary"], "12 upgrades, 1 for security",
        "{view:#}"
    );
    // Only a full upgrade takes another package away for it.
    assert_eq!(node.upgradable("labswap")["full_only"], true);
    assert_eq!(node.upgradable("labtool")["full_only"], false);

    // Of many nodes: what it would do on this one, before it begins.
    let wish = json!({"nodes": [node.id], "security": true});
    let answer = node.control.post("/api/packages/preview", &wish);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = answer.json();
    assert_eq!(seen["nodes"][0]["state"], "ready", "{seen:#}");
    assert_eq!(seen["nodes"][0]["counts"]["security"], 1, "{seen:#}");
    assert_eq!(seen["nodes"][0]["upgraded"][0]["name"], "lablib");

    // Nothing is named, and what nobody chose is not kept back.
    let view = node.done("upgrade", &json!({"security": true}));
    let result = &view["result"];
    assert_eq!(
        (
            &result["upgraded"],
            &result["kept_back"],
            &result["summary"]
        ),
        (
            &json!(1),
            &json!(0),
            &json!("1 upgraded, 0 newly installed, 0 removed")
        ),
        "{view:#}"
    );
    let view = node.done("upgrade", &json!({"security": true}));
    assert_eq!(view["result"]["unchanged"], true, "{view:#}");

    // While the last script runs it is not all done.
    host.shell("touch /run/lab-hold");
    let job = node.begin("upgrade", &json!({"packages": ["labslow"]}));
    node.await_output(job, "labslow line 20 of 40");
    assert_eq!(node.job(job)["progress"], json!({"done": 1, "total": 2}));
    host.shell("rm /run/lab-hold");
    let view = node.ended(job);
    assert_eq!(view["progress"], json!({"done": 2, "total": 2}), "{view:#}");

    // A removal whose script fails removes nothing.
    let prerm = "/var/lib/dpkg/info/labnew.prerm";
    host.shell(&format!(
        "printf '#!/bin/sh\\nexit 1\\n' >{prerm}; chmod 755 {prerm}"
    ));
    let job = node.begin("remove", &json!({"packages": ["labnew"]}));
    let view = node.ended(job);
    assert_eq!(view["state"], "failed", "{view:#}");
    assert_eq!(view["result"]["removed"], 0, "{view:#}");
    assert_eq!(view["result"]["failed"][0]["name"], "labnew", "{view:#}");
    host.shell(&format!("rm {prerm}"));

    // dpkg was interrupted: the preview says so, with the repair.
    host.shell(
        "sed -n '/^Package: labtool$/,/^$/p' /var/lib/dpkg/status >/var/lib/dpkg/updates/0000",
    );
    let seen = node.preview(&json!({"action": "upgrade"}));
    assert_eq!(seen["refused"]["kind"], "repair", "{seen:#}");
    assert_eq!(seen["refused"]["repair"]["what"], "dpkg_configure");
    let (message, _) = node.fails("upgrade", &json!({"packages": ["labtool"]}));
    assert!(message.contains("dpkg --configure -a"), "{message}");
    let job = &node.control.session.get_json("/api/jobs?limit=1")["jobs"][0];
    assert_eq!(
        job["steps"].as_array().unwrap().last().unwrap()["name"],
        "preview"
    );
    node.repairs(&["dpkg_configure"]);

    // What dpkg wants reinstalled is offered that, and it helps.
    host.shell(
        "sed -i '/^Package: labtool$/,/^$/s/^Status: .*/Status: install reinstreq half-installed/' \
         /var/lib/dpkg/status",
    );
    let job = node.begin("clean", &json!({}));
    node.ended(job);
    let seen = node.preview(&json!({"action": "install", "packages": ["labconf"]}));
    assert_eq!(seen["refused"]["repair"]["what"], "reinstall", "{seen:#}");
    node.repairs(&["reinstall"]);
    assert!(host.shell("dpkg -l labtool").contains("\nii "));

    // A package that can't be set up is half-way; others go on, and it is left out of
    // what is done on many nodes.
    let job = node.begin("upgrade", &json!({"packages": ["labbroken"]}));
    let view = node.ended(job);
    assert_eq!(view["result"]["upgraded"], 0, "{view:#}");
    let answer = node
        .control
        .post("/api/packages/preview", &json!({"nodes": [node.id]}));
    assert_eq!(answer.json()["left_out"][0]["why"], "repair");
    let seen = node.preview(&json!({"action": "upgrade", "packages": ["labconf"]}));
    assert_eq!(seen["refused"], Value::Null, "{seen:#}");
    host.shell("printf '#!/bin/sh\\nexit 0\\n' >/var/lib/dpkg/info/labbroken.postinst");
    let view = node.done("repair", &json!({"what": "dpkg_configure"}));
    assert_eq!(view["result"]["finished"], 1, "{view:#}");

    // A full upgrade is this node's default: what it removes is seen before.
    let set = json!({"full_upgrade": true});
    let answer = node
        .control
        .session
        .call("PATCH", &node.path(""), Some(&set));
    assert_eq!(answer.json()["full_upgrade"], true, "{}", answer.text());
    host.shell("apt-get -yqq remove labbig");
    let seen = node.preview(&json!({"action": "upgrade"}));
    assert_eq!(seen["action"], "full-upgrade", "{seen:#}");
    assert_eq!(seen["removed"][0]["name"], "labold", "{seen:#}");
    let view = node.done("upgrade", &json!({"plan": seen["plan"]}));
    assert_eq!(view["kind"], "packages_full_upgrade");
    assert_eq!(view["result"]["removed"], 1, "{view:#}");

    // A release that calls itself something else: it is said how that is accepted.
    host.shell(
        "cd /pk/deb2 && sed -i 's/^Label: .*/Label: Other/' Release && \
         sed -i \"s/^Date: .*/Date: $(date -Ru)/\" Release",
    );
    let (message, hint) = node.fails("refresh", &json!({}));
    assert!(message.contains("changed its 'Label' value"), "{message}");
    assert!(hint.contains("--allow-releaseinfo-change"), "{hint}");
    host.shell("apt-get -qq update --allow-releaseinfo-change");
    node.done("refresh", &json!({}));
}
