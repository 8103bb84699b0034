//! pacman, from the first look to keys that nobody knows.

use serde_json::{Value, json};

use super::{Node, assert_complete, host, speaks_german};
use crate::control::Control;

const PACMAN: &str = r#"
sh /lab/make-repos.sh /pk pac
sh /lab/sign-repos.sh /pk pac2
printf '[options]\nArchitecture = auto\nSigLevel = Never\n[lab]\nServer = file:///pk/pac1\n' >/etc/pacman.conf
pacman -Sy --noconfirm >/dev/null
pacman -S --noconfirm labtool lablib labconf labslow labbroken labnew >/dev/null
echo 'by hand = yes' >>/etc/labconf.conf
sed -i s/pac1/pac2/ /etc/pacman.conf
touch /run/lab-hold
"#;

#[test]
#[ignore = "boots real hosts"]
fn pacman_does_what_is_promised_through_cut_links_and_a_killed_ground_control() {
    let host = host(&[
        "/usr/bin/apt-get",
        "/usr/bin/dnf",
        "/usr/bin/dnf-3",
        "/usr/bin/zypper",
    ]);
    host.shell(PACMAN);
    let mut control = Control::start_fixed();
    let mut node = Node::new(&mut control, &host, "root");
    node.done("refresh", &json!({}));
    speaks_german(&host, "pacman -Qi labtool");
    let facts = node.facts();
    assert_eq!(facts["manager"], "pacman", "{facts:#}");
    assert_eq!(facts["counts"]["upgradable"], 6, "{facts:#}");
    assert_eq!(facts["counts"]["security"], Value::Null, "nothing tells");
    node.hostile_names_are_refused();
    node.wants_room(&host, &json!({"action": "upgrade"}));
    // A look leaves the system's own index alone, and a part of the packages is not upgraded.
    assert!(!host.shell("pacman -Qu; true").contains("labtool"));
    let answer = node
        .control
        .post(&node.path("/upgrade"), &json!({"packages": ["labtool"]}));
    assert_eq!(answer.status, 400, "{}", answer.text());
    node.done("hold", &json!({"packages": ["lablib"]}));
    assert_eq!(node.upgradable("lablib")["held"], true);
    let seen = node.preview(&json!({"action": "upgrade"}));
    assert_eq!(seen["refused"], Value::Null, "{seen:#}");
    assert_eq!(seen["kept_back"], json!(["lablib"]));
    let job = node.begin("upgrade", &json!({"plan": seen["plan"]}));
    let view = node.cut_everything(&host, job, "labslow line 20 of 40");
    let output = node.output(job);
    assert_complete(&host, &output);
    // One of them has a script that fails, which pacman itself takes lightly.
    assert_eq!(view["state"], "failed", "{view:#}\n{output}");
    assert_eq!(view["result"]["failed"][0]["name"], "labbroken", "{view:#}");
    assert_eq!(view["result"]["upgraded"], 5, "{view:#}");
    let facts = node.facts();
    let leftovers = facts["leftovers"].as_array().unwrap();
    assert!(leftovers.contains(&json!("/etc/labconf.conf.pacnew")));
    assert_eq!(node.upgradable("labtool"), Value::Null);
    node.waits_for(&host, "pacman -S --noconfirm labslow", "pacman");

    // After a crash the lock is left, and its repair is offered.
    host.shell("touch /var/lib/pacman/db.lck");
    node.done("unhold", &json!({"packages": ["lablib"]}));
    let facts = node.facts();
    assert_eq!(facts["repair"][0]["what"], "stale_lock", "{facts:#}");
    node.done("repair", &json!({"what": "stale_lock"}));
    assert_eq!(node.facts()["repair"], json!([]));

    // On a full disk pacman counts as installed what it could not unpack.
    host.shell(
        "pacman -U --noconfirm /pk/pac1/labconf-1.0-1-any.pkg.tar.zst \
         /pk/pac1/labtool-1.0-1-any.pkg.tar.zst >/dev/null",
    );
    node.done("refresh", &json!({}));
    node.fills_up(&host, &json!({}), &["torn"]);
    host.shell(
        "cmp /usr/share/lab/labtool.data /pk/src/pac-labtool-2.0-1/usr/share/lab/labtool.data && \
         pacman -R --noconfirm labtool",
    );

    let install = json!({"packages": ["labtool"]});
    host.shell(
        "sed -i 's/SigLevel = .*/SigLevel = Required DatabaseOptional/; s/pac2/pac2-signed/' \
         /etc/pacman.conf; rm -rf /var/cache/pacman/pkg/*; pacman-key --init",
    );
    node.done("refresh", &json!({}));
    node.distrusts("install", &install, "pacman-key --add");
    // A person accepts it on the node.
    host.shell("pacman-key --add /pk/lab.asc && pacman-key --lsign-key lab@example.org");
    node.done("install", &install);
}
