//! Work on nodes that have their Spider, cut off at each of its steps: what the
//! tests of upgrades, rotations and removals share.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::Setup;
use crate::control::{Control, login, with};
use crate::host::{Host, Kind};
use crate::slow_link::SlowLink;
use crate::snapshot::{Snapshot, assert_untouched};
use crate::work::Work;

/// One way's; so that a step can be met while it runs.
const DELAY: Duration = Duration::from_millis(25);

/// Hears of its Spiders often, so that little is waited for.
pub fn control() -> Control {
    let setup = Setup::new().fixed_port();
    Control::start_as(setup.args(&["--ssh-threads", "16", "--interval", "500"]))
}

/// A host with its Spider, behind a slow link.
pub struct Scene {
    pub host: Host,
    /// Before its Spider came.
    pub bare: Snapshot,
    pub link: SlowLink,
    pub body: Value,
    pub node: i64,
}

impl Scene {
    pub fn new(control: &Control, kind: Kind, user: &str) -> Self {
        let host = Host::boot(kind);
        let bare = Snapshot::of(&host);
        let link = SlowLink::to(&host, DELAY, 0);
        let mut body = login(&host, user);
        body["host"] = json!(link.address);
        body["sudo_password"] = json!("ops-pass");
        let first = control.check(&body);
        let body = with(&body, "host_key", &first.0["host_key"]["sha256"]);
        let node = control.deployed(&body);
        Self {
            host,
            bare,
            link,
            body,
            node,
        }
    }

    /// One for each of `steps`, booted and deployed at once.
    pub fn for_each(
        control: &Control,
        kind: Kind,
        user: &str,
        steps: &[&'static str],
    ) -> Vec<(&'static str, Self)> {
        std::thread::scope(|scope| {
            let scenes: Vec<_> = steps
                .iter()
                .map(|step| (*step, scope.spawn(|| Self::new(control, kind, user))))
                .collect();
            scenes
                .into_iter()
                .map(|(step, scene)| (step, scene.join().expect("a scene")))
                .collect()
        })
    }

    /// Cuts the link when the work is at `step`, until Ground Control has given up.
    pub fn cut_off(&self, work: &Work<'_>, step: &str) -> Value {
        assert!(work.reaches(step), "{step} was never there");
        self.link.cut(true);
        // A link that is back in time shows what the node did meanwhile.
        if step == "settle" && work.reaches("stays") {
            self.link.cut(false);
        }
        let job = work.end();
        assert_ne!(job["state"], "cancelled", "{step}: {job:#}");
        if job["state"] == "failed" {
            let message = job["error"]["message"].as_str().unwrap_or("");
            let hint = job["error"]["hint"].as_str().unwrap_or("");
            assert!(!message.is_empty() && !hint.is_empty(), "{step}: {job:#}");
        }
        self.link.cut(false);
        job
    }

    /// Files that are not as they were then.
    pub fn changed(&self, before: &Snapshot) -> BTreeSet<String> {
        let lines = Snapshot::of(&self.host).since(before);
        let path = |line: &String| {
            let words: Vec<&str> = line.splitn(3, ' ').take(2).collect();
            words.join(" ")
        };
        lines.iter().map(path).collect()
    }

    /// Nothing but these files is other than then, and one Spider runs.
    pub fn assert_same_but(&self, before: &Snapshot, files: &[&str], step: &str) {
        let changed = self.changed(before);
        let allowed: BTreeSet<String> = files.iter().map(|file| format!("~ {file}")).collect();
        assert!(
            changed.is_subset(&allowed),
            "after {step}: {changed:?} and not only {allowed:?}"
        );
        let running = self.spiders();
        assert_eq!(running.len(), 1, "after {step}: {running:?}");
        assert!(!running[0].contains(".old"), "after {step}: {running:?}");
    }

    /// What runs of ours there.
    fn spiders(&self) -> Vec<String> {
        let found = self.host.shell(
            "for p in /proc/[0-9]*; do readlink $p/exe; done 2>/dev/null | grep stardust-spider || :",
        );
        found.lines().map(str::to_owned).collect()
    }

    pub fn token(&self) -> String {
        let config = self.host.read("/etc/stardust/spider.conf");
        let token = config
            .lines()
            .find_map(|line| line.strip_prefix("token")?.split_once('='));
        token.expect("a token").1.trim().to_owned()
    }

    /// Takes the Spider off; nothing of it is left.
    pub fn ends(&self, control: &Control) {
        control.remove(self.node);
        assert_untouched(&self.host, &self.bare);
    }
}

/// Kills Ground Control when the work is at `step`; it is found again, and ends well.
pub fn kill_at(control: &mut Control, node: i64, verb: &str, step: &str) -> Value {
    let work = control.start_work(node, verb, &json!({}));
    assert!(work.reaches(step), "{verb}: {step} was never there");
    let id = work.id;
    control.ground.kill();
    control.start_again();
    let work = Work::of(control, &json!({"id": id}));
    let job = work.end();
    assert_eq!(
        job["state"],
        "succeeded",
        "{verb}, killed at {step}: {job:#}\n{}",
        work.output()
    );
    job
}

/// Cancels the work at `step`; whether that came in time.
pub fn cancel_at(control: &Control, node: i64, verb: &str, step: &str) -> bool {
    let work = control.start_work(node, verb, &json!({}));
    assert!(work.reaches(step), "{verb}: {step} was never there");
    work.cancel();
    let job = work.end();
    if job["state"] == "cancelled" {
        let steps = job["steps"].as_array().unwrap();
        let undone = steps.iter().filter(|step| step["name"] == "rollback");
        for step in undone {
            assert_eq!(step["state"], "done", "{job:#}");
        }
        return true;
    }
    // Too late.
    assert_eq!(job["state"], "succeeded", "{verb}, {step}: {job:#}");
    false
}
