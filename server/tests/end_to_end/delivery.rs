//! Nothing is lost and nothing is stored twice, whatever happens between a
//! Spider and the disk.

use std::time::{Duration, Instant};

use crate::common::{
    GroundControl, Mode, NewNode, PATIENCE, Relay, Session, Setup, Spider, Stored, eventually,
    stored, wall_ms,
};

const INTERVAL_MS: u32 = 200;

struct Scene {
    ground_control: GroundControl,
    session: Session,
    node: NewNode,
}

impl Scene {
    fn new() -> Self {
        // Commits so far apart that each outage finds samples pending, and that
        // blocks are not merged while the test runs.
        let setup = Setup::new()
            .fixed_port()
            .args(&["--commit-interval", "1500"]);
        let ground_control = setup.start();
        let session = ground_control.login();
        let node = session.add_node("delivery");
        Self {
            ground_control,
            session,
            node,
        }
    }

    fn stored(&self) -> Stored {
        stored(&self.ground_control.setup.database(), self.node.id)
    }

    fn wait_for_seq(&self, seq: u64) -> Stored {
        eventually(&format!("sequence {seq} is durable"), || {
            Some(self.stored()).filter(|stored| stored.last_seq() >= seq)
        })
    }

    /// Time passes; the Spider goes on taking samples.
    fn outage(&self, seconds: u64) -> (i64, i64) {
        let from = wall_ms();
        std::thread::sleep(Duration::from_secs(seconds));
        (from, wall_ms())
    }

    /// What the API says of all that is stored.
    fn assert_api_counts(&self, stored: &Stored) {
        let times = stored.samples.iter().map(|(_, time)| *time);
        let (first, last) = (times.clone().min().unwrap(), times.max().unwrap());
        let answer = self.session.get_json(&format!(
            "/api/nodes/{}/history?series=mem.free_bytes&parts=count&from={first}&to={}&points=100",
            self.node.id,
            last + 1
        ));
        let counts = answer["series"][0]["count"].as_array().expect("counts");
        let sum: u64 = counts.iter().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(
            sum,
            stored.samples.len() as u64,
            "the API counts other samples"
        );
        assert_eq!(answer["gaps"], serde_json::json!([]));
    }
}

/// Samples were taken all through an outage: as many as a slow machine manages.
fn assert_sampled(stored: &Stored, (from, to): (i64, i64)) {
    let expected = (to - from) / i64::from(INTERVAL_MS);
    let found = stored.between(from, to) as i64;
    assert!(
        found * 2 >= expected,
        "only {found} of about {expected} samples in an outage"
    );
}

#[test]
fn kill_9_of_the_server_loses_and_doubles_nothing() {
    let mut scene = Scene::new();
    let _spider = Spider::start(
        &scene.ground_control.url(),
        &scene.node.token,
        INTERVAL_MS,
        &[],
    );
    let mut outages = Vec::new();
    // Killed at different points between two commits.
    for (seconds, after_ms) in [(1, 0), (2, 700), (6, 1_300)] {
        let seq = scene.stored().last_seq();
        scene.wait_for_seq(seq + 8);
        std::thread::sleep(Duration::from_millis(after_ms));
        scene.ground_control.kill();
        outages.push(scene.outage(seconds));
        scene.ground_control.start_again();
    }
    let seq = scene.stored().last_seq();
    eventually("the Spider is back", || {
        (scene.session.status(scene.node.id) == "online").then_some(())
    });
    let stored = scene.wait_for_seq(seq + 60);
    stored.assert_complete();
    scene.assert_api_counts(&stored);
    outages
        .into_iter()
        .for_each(|outage| assert_sampled(&stored, outage));
}

#[test]
fn a_cut_link_loses_and_doubles_nothing() {
    let scene = Scene::new();
    let relay = Relay::to(scene.ground_control.address);
    let url = format!("ws://{}", relay.address);
    let _spider = Spider::start(&url, &scene.node.token, INTERVAL_MS, &[]);
    let mut outages = Vec::new();
    for seconds in [1, 5] {
        let seq = scene.stored().last_seq();
        scene.wait_for_seq(seq + 8);
        relay.set(Mode::Cut);
        outages.push(scene.outage(seconds));
        let node = scene.session.node(scene.node.id);
        assert_eq!(node["status"], "offline", "{node}");
        assert!(
            node["reason"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty()),
            "{node}"
        );
        relay.set(Mode::Pass);
    }
    let seq = scene.stored().last_seq();
    let stored = scene.wait_for_seq(seq + 40);
    stored.assert_complete();
    scene.assert_api_counts(&stored);
    outages
        .into_iter()
        .for_each(|outage| assert_sampled(&stored, outage));
}

#[test]
fn a_stalled_link_loses_nothing_also_when_it_breaks_then() {
    let scene = Scene::new();
    let relay = Relay::to(scene.ground_control.address);
    let url = format!("ws://{}", relay.address);
    let _spider = Spider::start(&url, &scene.node.token, INTERVAL_MS, &[]);
    scene.wait_for_seq(8);

    // A stall that passes: the same connection goes on.
    let since = scene.session.node(scene.node.id)["since_ms"].clone();
    relay.set(Mode::Stall);
    let first = scene.outage(4);
    let through = relay.bytes();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(relay.bytes(), through, "the relay lets bytes through");
    relay.set(Mode::Pass);
    let seq = scene.stored().last_seq();
    scene.wait_for_seq(seq + 20);
    let node = scene.session.node(scene.node.id);
    assert_eq!(
        (&node["status"], &node["since_ms"]),
        (&"online".into(), &since),
        "{node}"
    );

    // A stall that ends in a cut: what the relay holds, samples and
    // acknowledgements, is lost on the way.
    relay.set(Mode::Stall);
    let second = scene.outage(4);
    relay.set(Mode::Cut);
    std::thread::sleep(Duration::from_millis(500));
    relay.set(Mode::Pass);
    let seq = scene.stored().last_seq();
    let stored = scene.wait_for_seq(seq + 40);
    stored.assert_complete();
    scene.assert_api_counts(&stored);
    assert_sampled(&stored, first);
    assert_sampled(&stored, second);
}

#[test]
fn a_second_spider_with_the_same_token_replaces_the_first_and_nothing_mixes() {
    use crate::common::{FakeSpider, gauges};
    let scene = Scene::new();
    let layout = gauges(1, 3);
    let open = |run: &str| FakeSpider::open(scene.ground_control.address, &scene.node.token, run);
    let (mut first, _) = open("run-one");
    first.layout(&layout);
    let start = wall_ms() - 10_000;
    assert!(first.sample(&layout, 1, start, &[1, 2, 3]));
    assert_eq!(first.control("ack"), 1);
    let (mut second, durable) = open("run-two");
    assert_eq!(durable, 0, "another run has its own count");
    let (code, reason) = first.socket.closed().expect("a close frame");
    assert_eq!(code, 4409, "{reason}");
    second.layout(&layout);
    second.sample(&layout, 1, start + 1_000, &[4, 5, 6]);
    assert_eq!(second.control("ack"), 1);
    let stored = scene.stored();
    assert_eq!(stored.samples.len(), 2);
    let mut runs = stored.runs;
    runs.sort();
    assert_eq!(runs, [("run-one".to_owned(), 1), ("run-two".to_owned(), 1)]);
}

#[test]
fn a_database_that_was_taken_away_acknowledges_nothing_until_it_is_back() {
    use crate::common::{FakeSpider, gauges};
    let mut ground_control = Setup::new().start();
    let session = ground_control.login();
    let node = session.add_node("taken away");
    let layout = gauges(1, 2);
    let start = wall_ms() - 600_000;
    let (mut spider, _) = FakeSpider::open(ground_control.address, &node.token, "one-run");
    spider.layout(&layout);
    assert!(spider.sample(&layout, 1, start, &[1, 0]));
    assert_eq!(spider.control("ack"), 1);

    let database = ground_control.setup.database();
    let away = database.with_file_name("away.db");
    std::fs::rename(&database, &away).unwrap();
    for seq in 2..=10u64 {
        assert!(spider.sample(&layout, seq, start + seq as i64 * 1_000, &[seq as i64, 0]));
    }
    eventually("it is said to everybody", || {
        let health = ground_control.get("/healthz").json();
        (health["status"] == "failing").then_some(())
    });
    let status = session.get_json("/api/history/status");
    let reason = status["writer"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("was deleted") && reason.contains("restore"),
        "{reason}"
    );
    ground_control.process.line_with("was deleted while");
    // Whoever comes to look gets in, and changes are not taken.
    let again = ground_control.login();
    let refused = again.call(
        "POST",
        "/api/nodes",
        Some(&serde_json::json!({"name": "lost"})),
    );
    assert_eq!(refused.status, 507, "{}", refused.text());

    std::fs::rename(&away, &database).unwrap();
    eventually("it goes on", || {
        (stored(&database, node.id).last_seq() == 10).then_some(())
    });
    stored(&database, node.id).assert_complete();
    assert_eq!(ground_control.get("/healthz").json()["status"], "ok");

    // Deleted for good: what comes is not acknowledged, and the stop harms nothing.
    std::fs::remove_file(&database).unwrap();
    assert!(spider.sample(&layout, 11, start + 11_000, &[1, 0]));
    eventually("it is noticed again", || {
        let health = ground_control.get("/healthz").json();
        (health["status"] == "failing").then_some(())
    });
    let (mut late, durable) = FakeSpider::open(ground_control.address, &node.token, "late-run");
    assert_eq!(durable, 0);
    late.layout(&layout);
    ground_control.stop();
}

#[test]
fn on_top_of_a_log_that_was_cut_in_place_nothing_is_acknowledged() {
    use crate::common::{FakeSpider, gauges};
    let mut ground_control = Setup::new().fixed_port().start();
    let session = ground_control.login();
    let node = session.add_node("cut");
    let layout = gauges(1, 2);
    let start = wall_ms() - 600_000;
    let send = |spider: &mut FakeSpider, seq: u64| {
        assert!(spider.sample(&layout, seq, start + seq as i64 * 1_000, &[seq as i64, 0]));
    };
    let (mut spider, _) = FakeSpider::open(ground_control.address, &node.token, "one-run");
    spider.layout(&layout);
    send(&mut spider, 1);
    assert_eq!(spider.control("ack"), 1);

    let mut log = ground_control.setup.database().into_os_string();
    log.push("-wal");
    let log = std::fs::File::options().write(true).open(log).unwrap();
    log.set_len(log.metadata().unwrap().len() / 2).unwrap();
    for seq in 2..=10 {
        send(&mut spider, seq);
    }
    eventually("it is said to everybody", || {
        let health = ground_control.get("/healthz").json();
        (health["status"] == "failing").then_some(())
    });
    let status = session.get_json("/api/history/status");
    let reason = status["writer"]["reason"].as_str().unwrap();
    assert!(reason.contains("-wal was cut off"), "{reason}");
    ground_control.process.line_with("-wal was cut off");
    let body = serde_json::json!({"name": "lost"});
    let refused = session.call("POST", "/api/nodes", Some(&body));
    assert_eq!(refused.status, 507, "{}", refused.text());
    // A new session knows of what was acknowledged before, and of nothing after it.
    drop(spider);
    let (_again, durable) = FakeSpider::open(ground_control.address, &node.token, "one-run");
    assert!(durable <= 1, "{durable}");

    // What the file has is whole, and what was not acknowledged is taken again.
    ground_control.stop();
    ground_control.start_again();
    let database = ground_control.setup.database();
    let sound: String = rusqlite::Connection::open(&database)
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    let session = ground_control.login();
    let known = session.get_json("/api/nodes");
    let token = match known["nodes"].as_array().unwrap().is_empty() {
        false => node.token.clone(),
        // Also that it was added may have been in what was cut off.
        true => session.add_node("cut").token,
    };
    let (mut spider, durable) = FakeSpider::open(ground_control.address, &token, "one-run");
    assert!(durable <= 1, "{durable}");
    spider.layout(&layout);
    for seq in 2..=10 {
        send(&mut spider, seq);
    }
    while spider.control("ack") < 10 {}
    assert_eq!(ground_control.get("/healthz").json()["status"], "ok");
}

#[test]
fn what_was_acknowledged_survives_a_kill_right_after() {
    use crate::common::{FakeSpider, gauges};
    let mut scene = Scene::new();
    let layout = gauges(1, 2);
    let start = wall_ms() - 600_000;
    let mut durable = 0;
    for round in 1..=3u64 {
        let (mut spider, welcomed) =
            FakeSpider::open(scene.ground_control.address, &scene.node.token, "one-run");
        assert!(
            welcomed >= durable,
            "{durable} was acknowledged, only {welcomed} is known"
        );
        spider.layout(&layout);
        let until = Instant::now() + PATIENCE;
        for seq in welcomed + 1..=round * 10 {
            assert!(spider.sample(&layout, seq, start + seq as i64 * 1_000, &[seq as i64, 0]));
        }
        while durable < round * 10 {
            durable = spider.control("ack");
            assert!(Instant::now() < until, "only {durable} acknowledged");
        }
        scene.ground_control.kill();
        scene.ground_control.start_again();
    }
    let (_spider, welcomed) =
        FakeSpider::open(scene.ground_control.address, &scene.node.token, "one-run");
    assert_eq!(welcomed, 30);
    scene.stored().assert_complete();
}
