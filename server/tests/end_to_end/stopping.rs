//! An orderly stop: what is pending is committed, everyone is told.

use std::time::{Duration, Instant};

use crate::common::{
    FakeSpider, Live, LiveEvent, PATIENCE, Setup, Spider, eventually, gauges, stored, wall_ms,
};

/// So far apart that no commit falls due while a test runs.
const NEVER: &[&str] = &["--commit-interval", "600000"];

#[test]
fn sigterm_commits_what_is_pending_and_it_need_not_be_sent_again() {
    let mut ground_control = Setup::new().fixed_port().args(NEVER).start();
    let session = ground_control.login();
    let node = session.add_node("pending");
    let (mut spider, welcomed) = FakeSpider::open(ground_control.address, &node.token, "a-run");
    assert_eq!(welcomed, 0);
    let layout = gauges(1, 4);
    spider.layout(&layout);
    let start = wall_ms() - 60_000;
    for seq in 1..=50u64 {
        assert!(spider.sample(&layout, seq, start + seq as i64 * 1_000, &[seq as i64; 4]));
    }
    let newest = start + 50_000;
    eventually("the last sample has come", || {
        let stats = session.get_json(&format!("/api/nodes/{}/stats", node.id));
        (stats["time_ms"] == newest).then_some(())
    });
    let database = ground_control.setup.database();
    assert_eq!(
        stored(&database, node.id).last_seq(),
        0,
        "nothing is committed yet"
    );
    let (mut live, _) = Live::open(ground_control.address, &session);

    let asked = Instant::now();
    let status = ground_control.stop();
    assert_eq!(status.code(), Some(0));
    assert!(
        asked.elapsed() < Duration::from_secs(15),
        "it took {:?}",
        asked.elapsed()
    );
    let (code, reason) = spider.socket.closed().expect("the Spider is told");
    assert_eq!(code, 1001, "{reason}");
    // A browser hears it in words first.
    let bye = live.message("bye");
    assert!(
        bye["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("stopping")),
        "{bye}"
    );
    match live.next(PATIENCE) {
        LiveEvent::Closed(Some((code, _))) => assert_eq!(code, 1001),
        other => panic!("{other:?}"),
    }
    // All of it is in the one file.
    let mut log = database.clone().into_os_string();
    log.push("-wal");
    assert!(
        !std::path::Path::new(&log).exists(),
        "the log is not in the file"
    );
    let alone = database.with_file_name("copied.db");
    std::fs::copy(&database, &alone).unwrap();
    assert_eq!(stored(&alone, node.id).last_seq(), 50);
    let kept = stored(&database, node.id);
    assert_eq!(kept.last_seq(), 50);
    kept.assert_complete();

    ground_control.start_again();
    let (_spider, welcomed) = FakeSpider::open(ground_control.address, &node.token, "a-run");
    assert_eq!(welcomed, 50, "all of it is durable: nothing is sent again");
}

#[test]
fn a_restart_of_the_server_shows_no_gap_for_the_real_spider() {
    let mut ground_control = Setup::new().fixed_port().args(NEVER).start();
    let session = ground_control.login();
    let node = session.add_node("restarted");
    let spider = Spider::start(&ground_control.url(), &node.token, 200, &[]);
    let database = ground_control.setup.database();
    for _ in 0..2 {
        eventually("the node is online", || {
            (session.status(node.id) == "online").then_some(())
        });
        std::thread::sleep(Duration::from_secs(3));
        let before = stored(&database, node.id).last_seq();
        assert_eq!(ground_control.stop().code(), Some(0));
        let after = stored(&database, node.id);
        assert!(
            after.last_seq() >= before + 8,
            "{before} to {}",
            after.last_seq()
        );
        after.assert_complete();
        ground_control.start_again();
    }
    eventually("the node is online again", || {
        (session.status(node.id) == "online").then_some(())
    });
    ground_control.stop();
    stored(&database, node.id).assert_complete();
    drop(spider);
}
