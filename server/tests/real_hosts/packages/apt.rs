//! apt, from the first look to a disk that fills up in the middle.

use serde_json::{Value, json};

use super::{
    JAPANESE, Node, assert_complete, host, host_that_speaks, login, speaks, speaks_german,
};
use crate::common::Setup;
use crate::common::eventually;
use crate::control::Control;
use crate::host::Host;

pub const APT: &str = r#"
sh /lab/make-repos.sh /pk deb
cd /etc/apt
rm -rf sources.list sources.list.d/*
printf 'deb [trusted=yes] file:/pk/deb1 ./\ndeb [trusted=yes] file:/pk/deb1-security ./\n' >sources.list
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -yqq install labtool lablib labconf labslow labbroken labservice labnew labess labbad labbig labheld
sed -i s/deb1/deb2/ sources.list
echo 'by hand = yes' >>/etc/labconf.conf
"#;

#[test]
#[ignore = "boots real hosts"]
fn an_upgrade_with_apt_survives_cut_links_and_a_killed_ground_control() {
    let host = host(&[]);
    host.shell(APT);
    host.shell("touch /run/lab-hold");
    let mut control = Control::start_as(Setup::new().fixed_port());
    // sudo asks for nothing; the job's folder is root's all the same.
    let mut node = Node::new(&mut control, &host, "deploy");
    assert_eq!(node.facts()["as_of_ms"], Value::Null);
    node.done("refresh", &json!({}));
    speaks_german(&host, "apt list --upgradable");
    let facts = node.facts();
    assert_eq!(facts["manager"], "apt", "{facts:#}");
    assert_eq!(facts["counts"]["upgradable"], 11, "{facts:#}");
    assert_eq!(facts["counts"]["security"], 1);
    assert_eq!(node.upgradable("lablib")["security"], true);
    assert_eq!(node.upgradable("labtool")["installed"], "1.0-1");
    node.hostile_names_are_refused();

    node.done("hold", &json!({"packages": ["labheld"]}));
    assert_eq!(node.upgradable("labheld")["held"], true);

    // What must not be done is refused before it begins, and with the reason.
    let full = node.preview(&json!({"action": "full-upgrade"}));
    assert_eq!(full["refused"]["kind"], "no_space", "{full:#}");
    let kept = full["kept_back"].as_array().unwrap();
    assert!(kept.contains(&json!("labheld")), "{full:#}");
    let essential = node.preview(&json!({"action": "remove", "packages": ["labess"]}));
    assert_eq!(essential["refused"]["kind"], "essential", "{essential:#}");
    // Nobody would become root any more: neither asked nor told to.
    let way_in = node.preview(&json!({"action": "remove", "packages": ["sudo"]}));
    let why = way_in["refused"]["message"].as_str().unwrap();
    assert!(why.contains("remove sudo, by which"), "{way_in:#}");
    let view = node.ended(node.begin("remove", &json!({"packages": ["sudo"]})));
    assert_eq!(view["state"], "failed", "{view:#}");
    host.shell("dpkg-query -W sudo && test -x /usr/bin/sudo");
    let missing = node.preview(&json!({"action": "install", "packages": ["nosuch"]}));
    assert_eq!(missing["refused"]["kind"], "not_found", "{missing:#}");
    let view = node.ended(node.begin("remove", &json!({"packages": ["labess"]})));
    assert_eq!(view["state"], "failed");
    let steps = view["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["name"], "preview");

    let names = json!([
        "labslow",
        "labconf",
        "lablib",
        "labtool",
        "labnew",
        "labservice"
    ]);
    let seen = node.preview(&json!({"action": "upgrade", "packages": names}));
    assert_eq!(seen["refused"], Value::Null, "{seen:#}");
    assert_eq!(seen["upgraded"].as_array().unwrap().len(), 6);
    assert_eq!(seen["installed"][0]["name"], "labdep");
    assert_eq!(seen["restarts"], json!(["labservice.service"]), "{seen:#}");
    let wish = json!({"packages": names, "plan": "00112233"});
    let (message, _) = node.fails("upgrade", &wish);
    assert!(message.contains("not what the preview said"), "{message}");

    // Of a node whose credentials are not kept the same is asked with some that are given.
    let (status, kind) = node.looks_with(&json!({}), "labtool");
    assert_eq!((status, kind.as_str()), (200, ""));
    node.forgets_its_credentials();
    let (status, kind) = node.looks_with(&json!({}), "labtool");
    assert_eq!((status, kind.as_str()), (409, "credentials_needed"));
    let given = login(&host, "deploy");
    let given = json!({"auth": given["auth"]});
    let (status, kind) = node.looks_with(&given, "labtool");
    assert_eq!((status, kind.as_str()), (200, ""));
    // They were for these answers alone.
    let (status, _) = node.looks_with(&json!({}), "labtool");
    assert_eq!(status, 409);
    node.keeps_its_credentials(&host, "deploy");

    let wish = json!({"packages": names, "plan": seen["plan"]});
    let job = node.begin("upgrade", &wish);
    let view = node.cut_everything(&host, job, "labslow line 20 of 40");
    let output = node.output(job);
    assert_eq!(view["state"], "succeeded", "{view:#}\n{output}");
    assert_complete(&host, &output);
    // From the first byte to the last.
    assert!(output.starts_with("Reading package lists"), "{output}");
    let all = names.as_array().unwrap().iter();
    for package in all.map(|name| name.as_str().unwrap()).chain(["labdep"]) {
        let line = format!("Setting up {package} (2.0-1)");
        assert_eq!(output.matches(&line).count(), 1, "{package}: {output}");
    }
    let result = &view["result"];
    assert_eq!(
        (&result["upgraded"], &result["installed"]),
        (&json!(6), &json!(1)),
        "{result:#}"
    );
    assert_eq!(result["ended"], "finished");
    assert!(host.read("/etc/labconf.conf").contains("by hand"));
    let leftovers = node.facts()["leftovers"].clone();
    assert_eq!(leftovers, json!(["/etc/labconf.conf.dpkg-dist"]));
    assert_eq!(node.upgradable("labtool"), Value::Null);
    let active = host.shell("systemctl is-active labservice");
    assert_eq!(active.trim(), "active");
    let mode = host.shell("stat -c %a /var/lib/stardust-jobs");
    assert_eq!(mode.trim(), "700");
    let failed = host.shell("systemctl --failed --no-legend | wc -l");
    assert_eq!(failed.trim(), "0");

    // A package that can't be set up is named, and its repair offered.
    let view = node.ended(node.begin("upgrade", &json!({"packages": ["labbroken"]})));
    assert_eq!(view["state"], "failed", "{view:#}");
    assert_eq!(view["result"]["failed"][0]["name"], "labbroken", "{view:#}");
    assert_eq!(view["result"]["exit_code"], 100);
    assert_eq!(node.facts()["repair"][0]["what"], "dpkg_configure");
    // Once more: nothing waits any more, and that is not all that there is to say.
    let again = format!("/api/jobs/{}/retry", view["id"]);
    let answer = node.control.post(&again, &json!({}));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let again = answer.json()["job"]["id"].as_i64().unwrap();
    let view = node.ended(again);
    assert_eq!(view["state"], "failed", "{view:#}");
    let error = &view["error"];
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("something to repair"), "{view:#}");
    assert!(message.contains("labbroken"), "{view:#}");
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("dpkg --configure -a"), "{view:#}");
    host.shell("printf '#!/bin/sh\\nexit 0\\n' >/var/lib/dpkg/info/labbroken.postinst");
    node.done("repair", &json!({"what": "dpkg_configure"}));
    assert_eq!(node.facts()["repair"], json!([]));

    // What a package needs is gone.
    host.shell("dpkg --remove --force-depends labdep");
    node.done("clean", &json!({}));
    node.repairs(&["fix_broken"]);
    assert!(host.shell("dpkg -l labdep").contains("\nii "));

    node.waits_for(
        &host,
        "apt-get -y install --reinstall -o Dpkg::Use-Pty=0 labslow",
        "apt-get",
    );

    let found = node
        .control
        .session
        .get_json(&node.path("/search?q=labnew"));
    assert_eq!(found["packages"][0]["name"], "labnew", "{found:#}");
    let found = node
        .control
        .session
        .get_json(&node.path("/details?name=labnew"));
    assert_eq!(found["installed"], "2.0-1", "{found:#}");
    let found = node
        .control
        .session
        .get_json(&node.path("/installed?q=lab&limit=3"));
    assert_eq!(found["packages"].as_array().unwrap().len(), 3, "{found:#}");
    assert!(found["next"].is_string());
    let fleet = node.control.session.get_json("/api/packages");
    assert_eq!(fleet["counts"]["nodes"], 1, "{fleet:#}");

    // What runs on a library that is not there any more, and that a reboot is due.
    host.shell(
        "cp /lib/x86_64-linux-gnu/libm.so.6 /usr/local/lib/liblab.so && \
         systemd-run --quiet --unit=labold -E LD_PRELOAD=/usr/local/lib/liblab.so sleep infinity && \
         sleep 0.5 && rm /usr/local/lib/liblab.so && \
         echo '*** reboot ***' >/run/reboot-required && echo lablib >/run/reboot-required.pkgs",
    );
    // needrestart says so too, and neither asks nor restarts anything by itself.
    host.shell("dpkg -i /opt/needrestart/*.deb");
    let started = "systemctl show -p ExecMainPID labold";
    let before = host.shell(started);
    let job = node.begin("install", &json!({"packages": ["labtool"]}));
    let view = node.ended(job);
    let output = node.output(job);
    assert_eq!(view["state"], "succeeded", "{view:#}\n{output}");
    assert!(output.contains("labold.service"), "{output}");
    assert_eq!(host.shell(started), before);
    let facts = node.facts();
    let services = facts["services"].as_array().unwrap();
    assert!(services.contains(&json!("labold.service")), "{facts:#}");
    assert_eq!(
        facts["reboot_required"],
        json!({"required": true, "reasons": ["lablib was updated"]})
    );
    keeps_little(&node, &host);
}

/// The folders of old runs are few, small, and not old.
fn keeps_little(node: &Node<'_>, host: &Host) {
    let jobs = "cd /var/lib/stardust-jobs && last=$(ls -t | head -n 1)";
    let left = |before: &str| {
        host.shell(&format!("{jobs} && {before}"));
        node.done("clean", &json!({}));
        host.shell("ls /var/lib/stardust-jobs | wc -l")
            .trim()
            .to_owned()
    };
    let many = "for n in $(seq 30); do cp -a $last $(printf %024x $n); done";
    assert_eq!(left(many), "20");
    assert_eq!(left("fallocate -l 9M $last/output"), "1");
    assert_eq!(left("cp -a $last old && touch -d '32 days ago' old"), "2");
}

/// A repository that stops in the middle of each package.
const STALLING: &str = r#"
cat >/stalling.py <<'END'
import http.server, os, time
class Stalling(http.server.SimpleHTTPRequestHandler):
    def copyfile(self, source, output):
        if not self.path.endswith('.deb'):
            return super().copyfile(source, output)
        output.write(source.read(200))
        output.flush()
        open('/run/lab-asked', 'w').close()
        time.sleep(3600)
os.chdir('/pk/deb2')
http.server.ThreadingHTTPServer(('127.0.0.1', 8080), Stalling).serve_forever()
END
systemd-run --quiet --unit=labstalling python3 /stalling.py
until curl -sf http://127.0.0.1:8080/Release >/dev/null; do sleep 0.1; done
cp /etc/apt/sources.list /sources.list
echo 'deb [trusted=yes] http://127.0.0.1:8080/ ./' >/etc/apt/sources.list
"#;

/// What is still being fetched is ended, and leaves nothing behind.
fn gives_up_a_download(node: &Node<'_>, host: &Host) {
    host.shell(STALLING);
    node.done("refresh", &json!({}));
    let job = node.begin("upgrade", &json!({"packages": ["labconf"]}));
    let asked = host.root().join("run/lab-asked");
    eventually("apt fetches it", || asked.exists().then_some(()));
    let target = format!("/api/jobs/{job}/cancel");
    let answer = node.control.session.call("POST", &target, None);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let view = node.ended(job);
    assert_eq!(view["state"], "cancelled", "{view:#}\n{}", node.output(job));
    assert_eq!(view["result"]["ended"], "cancelled", "{view:#}");
    let hint = view["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("Nothing had been installed"), "{hint}");
    host.shell(
        "! pgrep -x apt-get && [ -z \"$(dpkg --audit)\" ] && dpkg -l labconf | grep -q 1.0-1 && \
         ! systemctl --quiet is-active 'stardust-job-*' && \
         systemctl stop labstalling && mv /sources.list /etc/apt/sources.list",
    );
    assert_eq!(node.facts()["repair"], json!([]));
    node.done("refresh", &json!({}));
    node.done("upgrade", &json!({"packages": ["labconf"]}));
}

/// Fills the disk just before dpkg begins.
const FILLED: &str = r#"
echo 'DPkg::Pre-Invoke { "dd if=/dev/zero of=/fill bs=64k 2>/dev/null; true"; };' >/etc/apt/apt.conf.d/99fill
"#;

#[test]
#[ignore = "boots real hosts"]
fn apt_tells_of_full_disks_unknown_keys_reboots_and_kills() {
    let host = host_that_speaks(JAPANESE, &[]);
    host.shell(APT);
    host.shell("sh /lab/sign-repos.sh /pk deb2");
    let mut control = Control::start();
    let node = Node::new(&mut control, &host, "root");
    node.done("refresh", &json!({}));
    speaks(&host, JAPANESE, "apt list --upgradable");
    assert_eq!(
        node.facts()["counts"]["upgradable"],
        11,
        "{:#}",
        node.facts()
    );
    gives_up_a_download(&node, &host);
    node.wants_room(&host, &json!({"action": "upgrade", "packages": ["labnew"]}));

    // The disk fills up when all is decided already.
    host.shell(FILLED);
    let job = node.begin("upgrade", &json!({"packages": ["labtool", "lablib"]}));
    let view = node.ended(job);
    let output = node.output(job);
    assert_eq!(view["state"], "failed", "{view:#}\n{output}");
    assert_eq!(view["result"]["ended"], "finished", "{view:#}\n{output}");
    assert_eq!(view["error"]["cause"], "no_space", "{view:#}\n{output}");
    assert!(output.contains("No space left on device"), "{output}");
    assert_eq!(view["result"]["upgraded"], 0, "{view:#}");
    host.shell("rm /fill /etc/apt/apt.conf.d/99fill");
    node.done("refresh", &json!({}));
    for repair in node.facts()["repair"].as_array().unwrap() {
        node.done("repair", &json!({"what": repair["what"]}));
    }
    assert_eq!(node.facts()["repair"], json!([]));
    node.done("upgrade", &json!({"packages": ["labtool", "lablib"]}));
    assert_eq!(node.upgradable("labtool"), Value::Null);

    let sources = "/etc/apt/sources.list";
    host.shell(&format!("echo 'deb file:/pk/deb2-signed ./' >{sources}"));
    node.distrusts("refresh", &json!({}), "/etc/apt/keyrings");
    // A person accepts it on the node.
    host.shell(&format!(
        "mkdir -p /etc/apt/keyrings && cp /pk/lab.asc /etc/apt/keyrings/ && \
         echo 'deb [signed-by=/etc/apt/keyrings/lab.asc] file:/pk/deb2-signed ./' >{sources}"
    ));
    node.done("refresh", &json!({}));
    // Odd, and a name all the same.
    let odd = "lab-odd.name+x=1:2.0~rc1-1";
    node.done("install", &json!({"packages": [odd]}));
    let version = host.shell("dpkg-query -W -f '${Version}' lab-odd.name+x");
    assert_eq!(version, "1:2.0~rc1-1");

    // The power goes in the middle of a package's script: it is told, and repaired.
    host.shell("touch /run/lab-hold");
    let job = node.begin("upgrade", &json!({"packages": ["labslow"]}));
    node.await_output(job, "labslow line 20 of 40");
    host.cut_power();
    let view = node.ended(job);
    assert_eq!(view["state"], "failed", "{view:#}");
    assert_eq!(view["result"]["ended"], "rebooted", "{view:#}");
    // Unpacked is not upgraded.
    assert_eq!(view["result"]["upgraded"], 0, "{view:#}");
    assert_eq!(view["result"]["failed"][0]["name"], "labslow", "{view:#}");
    let facts = node.facts();
    assert_eq!(facts["repair"][0]["what"], "dpkg_configure", "{facts:#}");
    node.done("repair", &json!({"what": "dpkg_configure"}));
    assert_eq!(node.facts()["repair"], json!([]));
    // Who reboots in order has to wait for it.
    let again = "apt-get -yqq purge labslow; rm -f /run/lab-there; touch /run/lab-hold";
    host.shell(again);
    let job = node.begin("install", &json!({"packages": ["labslow"]}));
    node.await_output(job, "labslow line 20 of 40");
    host.shell("systemctl --no-block reboot; sleep 2; rm /run/lab-hold");
    let view = node.ended(job);
    assert_eq!(view["state"], "succeeded", "{view:#}");
    assert_complete(&host, &node.output(job));
    host.await_ssh();
    // And where its own process is killed.
    host.shell(again);
    let job = node.begin("install", &json!({"packages": ["labslow"]}));
    node.await_output(job, "labslow line 20 of 40");
    host.shell("systemctl kill --signal=KILL 'stardust-job-*'");
    let view = node.ended(job);
    assert_eq!(view["state"], "failed", "{view:#}");
    assert_eq!(view["result"]["ended"], "killed", "{view:#}");
    assert!(!view["error"]["hint"].as_str().unwrap().is_empty());
}
