//! The real loop against a real WebSocket server on loopback, with and without TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

mod ground;
#[path = "../common/left_out.rs"]
mod left_out;
mod process;
mod proxies;
mod spider;
#[cfg(feature = "tls")]
mod wss;

use std::time::Duration;

use ground::{Ground, Refusal};
use left_out::left_out;
use spider::Spider;

const SECOND: Duration = Duration::from_secs(1);

/// Waits until `true`; a test that waits in vain says for what.
fn wait(what: &str, for_at_most: Duration, mut until: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !until() {
        assert!(start.elapsed() < for_at_most, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn samples_arrive_and_leave_the_ring_when_they_are_acknowledged() {
    let ground = Ground::start("127.0.0.1:0");
    let spider = Spider::start(&ground.url(), None, 20, 64 << 10);
    wait("a hundred samples", 20 * SECOND, || ground.durable() >= 100);
    let hello = ground.hellos().remove(0);
    assert_eq!((hello.protocol, hello.outage), (1, None));
    assert_eq!(hello.run.len(), 32);
    assert_eq!(hello.identity.hostname.as_deref(), Some("loopback"));
    assert_eq!(ground.upgrades(), ["Bearer t0ken stardust.v1"]);
    let end = spider.stop();
    ground.check(&end.sampled);
    assert_eq!(end.dropped, 0);
    assert!(
        end.waiting < 50,
        "{} were acknowledged and still wait",
        end.waiting
    );
}

#[test]
fn a_server_that_comes_back_gets_everything_once() {
    let mut ground = Ground::start("127.0.0.1:0");
    let address = ground.address();
    let spider = Spider::start(&ground.url(), None, 20, 64 << 10);
    for round in 1..=3 {
        let before = ground.durable();
        wait("samples", 20 * SECOND, || ground.durable() >= before + 30);
        // Killed: sockets cut, what was not committed is forgotten.
        let durable = ground.kill();
        std::thread::sleep(Duration::from_millis(300));
        ground = Ground::restart(&address, durable);
        wait("the session after a restart", 30 * SECOND, || {
            !ground.hellos().is_empty()
        });
        let hello = ground.hellos().remove(0);
        assert_eq!(
            hello.outage.as_deref(),
            Some("server_down"),
            "round {round}"
        );
    }
    let last = spider.taken();
    wait("what was taken before", 20 * SECOND, || {
        ground.durable() >= last
    });
    let end = spider.stop();
    ground.check(&end.sampled);
}

#[test]
fn a_refused_token_gets_no_socket_and_is_not_tried_in_a_hurry() {
    let ground = Ground::refuse("127.0.0.1:0", Refusal::Status(401));
    let spider = Spider::start(&ground.url(), None, 50, 64 << 10);
    wait("the first try", 10 * SECOND, || {
        ground.upgrades().len() == 1
    });
    std::thread::sleep(4 * SECOND);
    assert_eq!(
        ground.upgrades().len(),
        1,
        "a refused token is tried every 30 to 60 s"
    );
    assert!(ground.hellos().is_empty());
    let end = spider.stop();
    assert!(end.waiting >= 40 && end.dropped == 0, "sampling goes on");
}

#[test]
fn refusals_and_wrong_servers_are_tried_again() {
    for refusal in [
        Refusal::Status(503),
        Refusal::Status(400),
        Refusal::OtherSubprotocol,
        Refusal::Garbage,
        Refusal::HangUp,
    ] {
        let ground = Ground::refuse("127.0.0.1:0", refusal);
        let spider = Spider::start(&ground.url(), None, 50, 64 << 10);
        wait("a second try", 10 * SECOND, || ground.tries() >= 2);
        assert!(ground.hellos().is_empty());
        spider.stop();
    }
}

#[test]
fn a_server_that_breaks_the_protocol_is_told_so_and_tried_again() {
    let ground = Ground::refuse("127.0.0.1:0", Refusal::BadWelcome);
    let spider = Spider::start(&ground.url(), None, 50, 64 << 10);
    wait("two tries", 20 * SECOND, || ground.closes().len() >= 2);
    let (code, reason) = ground.closes().remove(0);
    assert_eq!(code, 1008);
    assert!(reason.contains("has not taken"), "{reason}");
    assert_eq!(spider.stop().dropped, 0);
}

#[test]
fn a_server_that_talks_without_end_is_left_and_does_not_stop_the_sampling() {
    let ground = Ground::refuse("127.0.0.1:0", Refusal::Flood);
    let spider = Spider::start(&ground.url(), None, 20, 64 << 10);
    let mut most = 0;
    let mut before = (spider.taken(), std::time::Instant::now());
    wait("a second try", 60 * SECOND, || {
        if spider.taken() > before.0 {
            most = most.max(before.1.elapsed().as_millis());
            before = (spider.taken(), std::time::Instant::now());
        }
        ground.tries() >= 2
    });
    // Without the bound it would be as long as the server talks.
    assert!(
        most < 10_000,
        "no sample for {most} ms at an interval of 20 ms"
    );
    assert_eq!(spider.stop().dropped, 0);
}

#[test]
fn a_server_that_reads_slowly_does_not_stop_the_sampling() {
    let ground = Ground::start("127.0.0.1:0");
    ground.pause(true);
    // Some twenty megabytes: more than all socket buffers on the way.
    let spider = Spider::prefilled(&ground.url(), None, 20, 32 << 20, 6_000, 400);
    wait("the hello", 20 * SECOND, || !ground.hellos().is_empty());
    let before = spider.taken();
    std::thread::sleep(2 * SECOND);
    let taken = spider.taken() - before;
    assert!(taken > 50, "only {taken} samples in two seconds at 20 ms");
    ground.pause(false);
    let last = spider.taken();
    wait("all of it", 100 * SECOND, || ground.durable() >= last);
    let end = spider.stop();
    assert_eq!(end.dropped, 0);
    ground.check(&end.sampled);
}

#[test]
fn ipv6_and_names_work() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return left_out("this machine has no IPv6 loopback");
    }
    let ground = Ground::start("[::1]:0");
    let spider = Spider::start(&ground.url(), None, 20, 64 << 10);
    wait("samples over IPv6", 20 * SECOND, || ground.durable() >= 10);
    spider.stop();
    let ground = Ground::start("127.0.0.1:0");
    let url = ground.url().replace("127.0.0.1", "localhost");
    let spider = Spider::start(&url, None, 20, 64 << 10);
    wait("samples by name", 20 * SECOND, || ground.durable() >= 10);
    ground.check(&spider.stop().sampled);
}
