use stardust_shared::SeriesDef;
use stardust_shared::limits::{CONTROL_BYTES_MAX, TIME_MS_MIN};

use super::*;
use crate::link::fault::{Outage, Pace};

const WALL: i64 = 1_790_000_000_000;

struct Bench {
    session: Session,
    ring: Ring,
    wall: WallShift,
    now_ms: i64,
}

impl Bench {
    fn streaming(samples: u64) -> Self {
        let mut bench = Self::awaiting(samples);
        bench
            .say(&Control::welcome(0, WALL, None).encode())
            .unwrap();
        bench
    }

    fn awaiting(samples: u64) -> Self {
        let mut ring = Ring::new(64 << 10);
        for n in 1..=samples {
            ring.push(n as i64 * 100, 1, &[SeriesDef::new("x", &[])], &[n as i64]);
        }
        let mut session = Session::new(0);
        session.opened(
            0,
            &Hello::decode(r#"{"type":"hello","protocol":1,"version":"1","run":"r"}"#).unwrap(),
        );
        let mut bench = Self {
            session,
            ring,
            wall: WallShift::default(),
            now_ms: 1_000,
        };
        assert!(matches!(bench.poll(), Some(Output::Text(_))));
        bench
    }

    fn say(&mut self, text: &str) -> Result<Received, Fault> {
        let clocks = Clocks {
            boot_ms: self.now_ms,
            wall_ms: WALL + self.now_ms,
        };
        self.session
            .text(clocks, text, &mut self.ring, &mut self.wall)
    }

    fn poll(&mut self) -> Option<Output> {
        self.session
            .poll(self.now_ms, &mut self.ring, &mut Vec::new())
    }
}

#[test]
fn nothing_is_sent_before_the_welcome() {
    let mut bench = Bench::awaiting(3);
    assert_eq!(bench.poll(), None);
    let heard = bench.say(&Control::welcome(2, WALL, Some(1)).encode());
    let interval_ms = Some(INTERVAL_MS_MIN);
    assert_eq!(heard, Ok(Received::Welcome { interval_ms }));
    assert_eq!(bench.ring.oldest_seq(), 3);
    assert_eq!(bench.poll(), Some(Output::Binary));
    assert_eq!(bench.poll(), Some(Output::Binary));
    assert_eq!(bench.poll(), None);
}

#[test]
fn an_ack_frees_the_ring_and_an_interval_is_clamped() {
    let mut bench = Bench::streaming(5);
    assert_eq!(bench.say(&Control::ack(3).encode()), Ok(Received::Ack));
    assert_eq!((bench.ring.oldest_seq(), bench.ring.newest_seq()), (4, 5));
    // An older one again changes nothing.
    assert_eq!(bench.say(&Control::ack(1).encode()), Ok(Received::Ack));
    assert_eq!(bench.ring.oldest_seq(), 4);
    for (asked, got) in [
        (0, INTERVAL_MS_MIN),
        (1_500, 1_500),
        (u64::MAX, INTERVAL_MS_MAX),
    ] {
        let heard = bench.say(&Control::interval(asked).encode());
        assert_eq!(heard, Ok(Received::Interval(got)));
    }
}

#[test]
fn what_is_unknown_is_skipped() {
    let mut bench = Bench::streaming(1);
    assert_eq!(bench.say(r#"{"type":"dance"}"#), Ok(Received::Nothing));
    assert_eq!(bench.say("{}"), Ok(Received::Nothing));
    assert_eq!(
        bench.say(r#"{"type":"ack","seq":1,"new":[{}]}"#),
        Ok(Received::Ack)
    );
}

#[test]
fn a_server_that_breaks_the_protocol_is_left_with_a_reason() {
    let welcome = |seq| Control::welcome(seq, WALL, None).encode();
    let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(CONTROL_BYTES_MAX));
    let before = [
        "",
        "[",
        "nonsense",
        r#"{"type":"welcome"}"#,
        r#"{"type":"welcome","seq":-1,"time_ms":1790000000000}"#,
        r#"{"type":"ack","seq":1}"#,
        r#"{"type":"interval","interval_ms":1000}"#,
        &welcome(4),
        &welcome(u64::MAX),
        &long,
    ];
    for text in before {
        let fault = Bench::awaiting(3).say(text).unwrap_err();
        assert_eq!(fault.close_code, Some(1008), "{text}");
        assert!(fault.words.len() > 20, "{text}");
    }
    let after = [
        welcome(0),
        Control::ack(4).encode(),
        r#"{"type":"ack"}"#.into(),
        r#"{"type":"interval"}"#.into(),
        r#"{"type":"interval","interval_ms":-5}"#.into(),
    ];
    for text in after {
        let mut bench = Bench::streaming(3);
        assert_eq!(
            bench.say(&text).unwrap_err().close_code,
            Some(1008),
            "{text}"
        );
        assert_eq!(
            bench.ring.oldest_seq(),
            1,
            "{text}: nothing may be lost by it"
        );
    }
}

#[test]
fn a_server_in_the_wrong_time_gets_no_samples() {
    let mut bench = Bench::awaiting(3);
    let fault = bench
        .say(&Control::welcome(1, TIME_MS_MIN - 1, None).encode())
        .unwrap_err();
    assert_eq!(fault.pace, Pace::Slow);
    assert_eq!(bench.poll(), None);
}

#[test]
fn every_wait_ends() {
    let session = Session::new(5);
    assert_eq!(session.deadline_ms(true), 5 + UPGRADE_MS_MAX);
    let late = |mut session: Session, at_ms: i64| {
        session.tick(at_ms - 1).unwrap();
        session.tick(at_ms).unwrap_err()
    };
    let fault = late(session, 5 + UPGRADE_MS_MAX);
    assert_eq!(fault.outage, Some(Outage::ServerDown));
    let fault = late(Bench::awaiting(1).session, WELCOME_MS_MAX);
    assert_eq!(fault.outage, Some(Outage::ServerDown));
    let fault = late(Bench::streaming(1).session, 1_000 + 60_000);
    assert_eq!(fault.outage, Some(Outage::LinkDown));
    let mut draining = Bench::streaming(1).session;
    draining.drain(7_000);
    late(draining, 7_000 + DRAIN_MS_MAX);
}

#[test]
fn a_silent_peer_is_pinged_every_20_s() {
    let mut bench = Bench::streaming(0);
    assert_eq!(bench.session.deadline_ms(true), 21_000);
    bench.now_ms = 20_999;
    assert_eq!(bench.poll(), None);
    bench.now_ms = 21_000;
    assert_eq!(bench.poll(), Some(Output::Ping));
    assert_eq!(bench.poll(), None);
    assert_eq!(bench.session.deadline_ms(true), 41_000);
    // A socket that takes nothing can't ping: only the end of it is awaited.
    assert_eq!(bench.session.deadline_ms(false), 61_000);
    bench.session.received(30_000);
    assert_eq!(bench.session.deadline_ms(true), 50_000);
}

#[test]
fn a_draining_session_is_deaf_and_dumb() {
    let mut bench = Bench::streaming(3);
    bench.session.drain(1_000);
    assert_eq!(bench.say(&Control::ack(3).encode()), Ok(Received::Nothing));
    assert_eq!(bench.ring.oldest_seq(), 1);
    assert_eq!(bench.poll(), None);
}
