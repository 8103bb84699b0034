//! dnf, from the first look to keys that nobody knows.

use serde_json::{Value, json};

use super::{Node, assert_complete, host, speaks_german};
use crate::control::Control;

/// For all managers of RPM packages.
pub const RPM: &str = r#"
sh /lab/make-repos.sh /pk rpm
sh /lab/sign-repos.sh /pk rpm2
mkdir -p /etc/yum.repos.d
printf '[lab]\nname=lab\nbaseurl=file:///pk/rpm1\ngpgcheck=0\nenabled=1\n' >/etc/yum.repos.d/lab.repo
mkdir -p /etc/rpm
# Debian's rpm has its database elsewhere.
echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros
rpm --initdb
"#;

#[test]
#[ignore = "boots real hosts"]
fn dnf_does_what_is_promised_through_cut_links_and_a_killed_ground_control() {
    let host = host(&["/usr/bin/apt-get"]);
    host.shell(RPM);
    host.shell(
        "dnf -q -y install labbase labtool lablib labconf labslow labbroken labnew labservice; \
         echo 'by hand = yes' >>/etc/labconf.conf; sed -i s/rpm1/rpm2/ /etc/yum.repos.d/lab.repo; \
         systemctl start labservice; touch /run/lab-hold",
    );
    let mut control = Control::start_fixed();
    let mut node = Node::new(&mut control, &host, "root");
    node.done("refresh", &json!({}));
    speaks_german(&host, "dnf --assumeno upgrade");
    let facts = node.facts();
    assert_eq!(facts["manager"], "dnf", "{facts:#}");
    assert_eq!(facts["counts"]["upgradable"], 7, "{facts:#}");
    assert_eq!(facts["counts"]["security"], 1, "{facts:#}");
    assert_eq!(node.upgradable("lablib")["security"], true);
    assert_eq!(node.upgradable("labtool")["installed"], "1.0-1");
    node.hostile_names_are_refused();
    node.wants_room(&host, &json!({"action": "upgrade", "packages": ["labnew"]}));

    node.fills_up(&host, &json!({"packages": ["labtool"]}), &[]);
    node.finds_a_lock_left_behind(&host, "/var/lib/dnf/rpmdb_lock.pid");
    node.mends_the_rpm_database(&host);

    let names = json!(["labslow", "labconf", "labnew", "labservice"]);
    let seen = node.preview(&json!({"action": "upgrade", "packages": names}));
    assert_eq!(seen["refused"], Value::Null, "{seen:#}");
    assert_eq!(seen["installed"][0]["name"], "labdep");
    assert_eq!(seen["restarts"], json!(["labservice.service"]), "{seen:#}");
    let started = "systemctl show -p ExecMainPID labservice";
    let before = host.shell(started);
    let wish = json!({"packages": names, "plan": seen["plan"]});
    let job = node.begin("upgrade", &wish);
    let view = node.cut_everything(&host, job, "Running transaction");
    let output = node.output(job);
    assert_eq!(view["state"], "succeeded", "{view:#}\n{output}");
    assert_complete(&host, &output);
    assert_eq!(view["result"]["upgraded"], 4, "{view:#}");
    assert_ne!(host.shell(started), before);
    let leftovers = node.facts()["leftovers"].clone();
    assert_eq!(leftovers, json!(["/etc/labconf.conf.rpmnew"]));

    let job = node.begin("upgrade", &json!({"packages": ["labbroken"]}));
    let view = node.ended(job);
    assert_eq!(view["state"], "failed");
    assert_eq!(view["result"]["failed"][0]["name"], "labbroken", "{view:#}");
    node.waits_for(&host, "dnf -y reinstall labslow", "dnf");
    node.removes_nothing_where_the_script_fails(&host, "dnf -q -y install");
    assert_eq!(host.try_shell("rpm -q labtool").status.code(), Some(1));
    let missing = node.preview(&json!({"action": "install", "packages": ["nosuch"]}));
    assert_eq!(missing["refused"]["kind"], "not_found", "{missing:#}");

    // A repository names its own key: that makes it no more trusted.
    let install = json!({"packages": ["labtool"]});
    host.shell(
        "printf '[lab]\nname=lab\nbaseurl=file:///pk/rpm2-signed\ngpgcheck=1\n\
         gpgkey=file:///pk/lab.asc\n' >/etc/yum.repos.d/lab.repo",
    );
    node.done("refresh", &json!({}));
    node.distrusts("install", &install, "rpm --import");
    assert_eq!(host.try_shell("rpm -q gpg-pubkey").status.code(), Some(1));
    host.shell("echo repo_gpgcheck=1 >>/etc/yum.repos.d/lab.repo");
    node.distrusts("refresh", &json!({}), "dnf makecache");
    // A person accepts it on the node.
    host.shell("dnf -y makecache --refresh && rpm --import /pk/lab.asc");
    node.done("refresh", &json!({}));
    node.done("install", &install);

    // Where dnf goes by the name of yum.
    host.shell(
        "mv /usr/bin/dnf-3 /usr/bin/yum && rm -f /usr/bin/dnf /usr/bin/zypper /usr/bin/pacman && \
         rpm -e labtool",
    );
    node.done("refresh", &json!({}));
    assert_eq!(node.facts()["manager"], "yum", "{:#}", node.facts());
    let seen = node.preview(&json!({"action": "install", "packages": ["labtool"]}));
    assert_eq!(seen["installed"][0]["name"], "labtool", "{seen:#}");
    node.done("install", &install);
    assert_eq!(node.upgradable("lablib")["new"], "2.0-1");
    node.done("upgrade", &json!({"packages": ["lablib"]}));
    assert_eq!(host.shell("rpm -q --qf '%{version}' lablib"), "2.0");
}
