//! A router: no systemd, no bash, and an opkg that is none.

use std::time::Duration;

use serde_json::json;

use super::{Node, assert_complete};
use crate::control::Control;
use crate::host::{Host, Kind};

/// busybox has no package manager: what stands in for opkg prints what the real
/// one was recorded to print. It shows the flow on a node without systemd, bash
/// and sudo, and nothing of opkg itself.
const OPKG_STAND_IN: &str = r#"
mkdir -p /usr/lib/opkg
: >/usr/lib/opkg/status
cat >/bin/opkg <<'END'
#!/bin/sh
case "$1" in
  --version) echo 'opkg version stand-in' ;;
  update) echo 'Updated list of available packages in /var/opkg-lists/lab' ;;
  list-upgradable) [ -e /upgraded ] || echo 'labslow - 1.0-1 - 2.0-1' ;;
  list-installed) echo 'labslow - 1.0-1' ;;
  info) printf 'Package: labslow\nVersion: 2.0-1\nSize: 900\nInstalled-Size: 2000\n\n' ;;
  --noaction) echo 'Upgrading labslow on root from 1.0-1 to 2.0-1...' ;;
  upgrade)
    n=0; while [ $n -lt 40 ]; do n=$((n + 1)); echo "labslow line $n of 40"; sleep 0.3; done
    echo 'Upgrading labslow on root from 1.0-1 to 2.0-1...'; echo 'Configuring labslow.'; : >/upgraded ;;
esac
END
chmod 755 /bin/opkg
"#;

#[test]
#[ignore = "boots real hosts"]
fn on_a_router_work_outlives_its_link_too() {
    let host = Host::boot(Kind::Router);
    host.shell(OPKG_STAND_IN);
    let mut control = Control::start();
    let node = Node::new(&mut control, &host, "root");
    node.done("refresh", &json!({}));
    assert_eq!(node.facts()["manager"], "opkg", "{:#}", node.facts());
    let job = node.begin("upgrade", &json!({}));
    node.await_output(job, "labslow line 5 of 40");
    host.cut();
    std::thread::sleep(Duration::from_secs(4));
    host.mend();
    let view = node.ended(job);
    let output = node.output(job);
    assert_eq!(view["state"], "succeeded", "{view:#}\n{output}");
    assert_complete(&host, &output);
    assert_eq!(view["result"]["upgraded"], 1);
    assert_eq!(node.facts()["counts"]["upgradable"], 0);
}
