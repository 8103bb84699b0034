//! Peers that do not keep to the protocol: each ends its own connection, with
//! a reason, and nothing else.

use std::io::{Read, Write};
use std::time::Duration;

use serde_json::{Value, json};
use stardust_shared::layout::KIND_CHANGE;
use stardust_shared::samples::KIND_SAMPLES;
use stardust_shared::varint::put;
use tungstenite::Message;

use crate::common::{
    FakeSpider, GroundControl, Live, NewNode, PATIENCE, Session, Spider, eventually, gauges, hello,
    upgrade, wall_ms,
};

/// A Ground Control with an honest Spider that must not notice anything.
struct Scene {
    ground_control: GroundControl,
    session: Session,
    honest: NewNode,
    since: Value,
    hostile: NewNode,
    _spider: Spider,
}

impl Scene {
    fn new() -> Self {
        let ground_control = GroundControl::start();
        let session = ground_control.login();
        let honest = session.add_node("honest");
        let hostile = session.add_node("hostile");
        let spider = Spider::start(&ground_control.url(), &honest.token, 200, &[]);
        eventually("the honest Spider is online", || {
            (session.status(honest.id) == "online").then_some(())
        });
        let since = session.node(honest.id)["since_ms"].clone();
        Self {
            ground_control,
            session,
            honest,
            since,
            hostile,
            _spider: spider,
        }
    }

    fn connect(&self) -> FakeSpider {
        FakeSpider::connect(self.ground_control.address, &self.hostile.token)
    }

    fn open(&self) -> FakeSpider {
        FakeSpider::open(self.ground_control.address, &self.hostile.token, "a-run").0
    }

    /// The connection ends with a protocol violation in words.
    fn assert_refused(&self, what: &str, mut spider: FakeSpider) {
        match spider.socket.closed() {
            Some((1008, reason)) => assert!(!reason.is_empty(), "{what}: no reason"),
            other => panic!("{what}: ended with {other:?}"),
        }
    }

    fn assert_nobody_noticed(&self) {
        let node = self.session.node(self.honest.id);
        assert_eq!(
            (&node["status"], &node["since_ms"]),
            (&json!("online"), &self.since),
            "{node}"
        );
        let seen = node["last_seen_ms"].as_i64().unwrap();
        eventually("the honest Spider goes on", || {
            (self.session.node(self.honest.id)["summary"]["time_ms"].as_i64()? > seen).then_some(())
        });
    }
}

#[test]
fn before_the_hello_only_a_hello_is_taken() {
    let scene = Scene::new();
    let mut newer = hello("run");
    newer.protocol = 2;
    let mut no_run = hello("");
    no_run.run = String::new();
    let mut long_run = hello(&"r".repeat(65));
    long_run.identity.hostname = Some("x".repeat(100));
    let mut backwards = hello("run");
    (backwards.oldest_seq, backwards.newest_seq) = (9, 3);
    let mut large = hello("run");
    large.identity.os = Some("x".repeat(33 << 10));
    for (what, text) in [
        ("no JSON", "hello".to_owned()),
        ("an empty text", String::new()),
        ("an unfinished object", "{".to_owned()),
        ("deeply nested JSON", "[".repeat(20_000)),
        ("another type", json!({"type": "samples"}).to_string()),
        ("no fields", json!({"type": "hello"}).to_string()),
        (
            "wrong types",
            json!({"type": "hello", "protocol": "1", "run": 5}).to_string(),
        ),
        ("a newer protocol", newer.encode()),
        ("an empty run", no_run.encode()),
        ("a long run", long_run.encode()),
        ("a ring that ends before it begins", backwards.encode()),
        ("a hello that is too large", large.encode()),
    ] {
        let mut spider = scene.connect();
        spider.text(&text);
        scene.assert_refused(what, spider);
    }
    for (what, bytes) in [
        ("samples first", vec![KIND_SAMPLES, 3, 1]),
        ("a layout first", vec![1, 1, 0]),
        ("an unknown kind first", vec![200]),
        ("an empty binary message", vec![]),
    ] {
        let mut spider = scene.connect();
        spider.binary(bytes);
        scene.assert_refused(what, spider);
    }
    scene.assert_nobody_noticed();
}

#[test]
fn damaged_frames_end_their_connection() {
    let scene = Scene::new();
    let layout = gauges(1, 3);
    let varints = |kind: u8, numbers: &[u64]| {
        let mut bytes = vec![kind];
        numbers.iter().for_each(|number| put(&mut bytes, *number));
        bytes
    };
    for (what, bytes) in [
        ("an empty message", vec![]),
        ("a layout without anything", vec![1]),
        ("a layout of 2^63 series", varints(1, &[1, 1 << 63])),
        ("a layout of 8193 series", varints(1, &[1, 8_193])),
        ("a layout that promises more", varints(1, &[1, 8_192])),
        ("a key of 2^60 bytes", varints(1, &[1, 1, 0, 1 << 60])),
        (
            "a key that shares what is not there",
            varints(1, &[1, 1, 5, 0]),
        ),
        ("a varint without end", [vec![1], vec![0xff; 11]].concat()),
        (
            "a key that is not UTF-8",
            vec![1, 1, 1, 0, 2, 0xc3, 0x28, 0, 0, 1],
        ),
        ("a scale of zero", vec![1, 1, 1, 0, 1, b'a', 0, 0, 0]),
    ] {
        let mut spider = scene.open();
        spider.binary(bytes);
        scene.assert_refused(what, spider);
    }
    for (what, bytes) in [
        ("a delta first", vec![KIND_SAMPLES, 2, 0, 0]),
        (
            "a keyframe of another layout",
            varints(KIND_SAMPLES, &[9 << 1 | 1, 1, 0, 0, 0, 0, 0]),
        ),
        (
            "a keyframe that is cut off",
            varints(KIND_SAMPLES, &[3, 1, 0]),
        ),
        (
            "noise",
            [vec![KIND_SAMPLES], (0..=255).rev().collect()].concat(),
        ),
    ] {
        let mut spider = scene.open();
        spider.layout(&layout);
        spider.binary(bytes);
        scene.assert_refused(what, spider);
    }
    let mut spider = scene.open();
    spider.binary(varints(KIND_SAMPLES, &[3, 1, 0, 0, 0]));
    scene.assert_refused("samples before a layout", spider);

    let mut spider = scene.open();
    spider.layout(&gauges(5, 2));
    spider.layout(&gauges(5, 3));
    scene.assert_refused("a layout number that does not grow", spider);
    scene.assert_nobody_noticed();
}

#[test]
fn damaged_changes_of_the_list_end_their_connection() {
    let scene = Scene::new();
    let layout = gauges(5, 2);
    let key = layout.series()[0].key.clone();
    let again = [
        &[KIND_CHANGE, 6, 5, 0, 1, 0, 0, key.len() as u8],
        key.as_bytes(),
        &[0, 0, 1],
    ];
    for (what, bytes) in [
        ("a change without anything", vec![KIND_CHANGE]),
        ("a change of another list", vec![KIND_CHANGE, 6, 4, 0, 0]),
        ("a number that does not grow", vec![KIND_CHANGE, 5, 5, 0, 0]),
        (
            "more goes than there is",
            vec![KIND_CHANGE, 6, 5, 1, 0, 3, 0],
        ),
        (
            "like one that is not there",
            vec![KIND_CHANGE, 6, 5, 0, 1, 1, 8, 0, 0, 0],
        ),
        ("a key that is there", again.concat()),
    ] {
        let mut spider = scene.open();
        spider.layout(&layout);
        spider.sample(&layout, 1, wall_ms(), &[1, 2]);
        spider.binary(bytes);
        scene.assert_refused(what, spider);
    }
    let mut spider = scene.open();
    spider.binary(vec![KIND_CHANGE, 6, 5, 0, 0]);
    scene.assert_refused("a change of nothing", spider);
    // In this session nothing came that a delta could count from; another one may have
    // had that very list.
    let mut spider = scene.open();
    spider.layout(&layout);
    spider.binary(vec![KIND_CHANGE, 6, 5, 0, 0]);
    spider.binary(vec![KIND_SAMPLES, 2, 0, 0]);
    scene.assert_refused("a delta after a change and no keyframe", spider);
    // Which key it is, is told.
    let mut spider = scene.open();
    let mut message = vec![1, 7, 2];
    for _ in 0..2 {
        message.extend([0, 3, b'c', b'p', b'u', 0, 0, 1]);
    }
    spider.binary(message);
    let (code, reason) = spider.socket.closed().expect("it is told why");
    assert_eq!(code, 1008);
    assert!(reason.contains("\"cpu\" twice"), "{reason}");
    scene.assert_nobody_noticed();
}

#[test]
fn impossible_samples_end_their_connection_and_are_not_stored() {
    let scene = Scene::new();
    let layout = gauges(1, 2);
    let now = wall_ms();
    for (what, samples) in [
        ("sequence zero", vec![(0, now)]),
        ("the same sequence twice", vec![(1, now), (1, now + 1_000)]),
        (
            "a sequence that goes backwards",
            vec![(7, now), (6, now + 1_000)],
        ),
        ("a time in 1970", vec![(1, 0)]),
        ("a time before 1970", vec![(1, -1)]),
        ("the first of times", vec![(1, i64::MIN)]),
        ("a time two days ahead", vec![(1, now + 2 * 86_400_000)]),
        ("the end of time", vec![(1, i64::MAX)]),
    ] {
        // A run of its own each, or the sequences would be known already.
        let (mut spider, _) =
            FakeSpider::open(scene.ground_control.address, &scene.hostile.token, what);
        spider.layout(&layout);
        for (seq, time_ms) in samples {
            spider.sample(&layout, seq, time_ms, &[1, 2]);
        }
        scene.assert_refused(what, spider);
    }
    scene.assert_nobody_noticed();
    let database = scene.ground_control.setup.database();
    let stored = crate::common::stored(&database, scene.hostile.id);
    for (seq, time_ms) in stored.samples {
        assert!(
            seq > 0 && (now - 1..now + 10_000).contains(&time_ms),
            "{seq} at {time_ms}"
        );
    }
}

#[test]
fn what_is_not_the_websocket_protocol_ends_the_connection() {
    let scene = Scene::new();
    let mask = [1, 2, 3, 4];
    let masked = |first: u8, length: &[u8], body: &[u8]| {
        let mut frame = vec![first];
        frame.extend_from_slice(length);
        frame.extend_from_slice(&mask);
        frame.extend(
            body.iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        frame
    };
    let huge = |bytes: u64| {
        let mut length = vec![0xff];
        length.extend_from_slice(&bytes.to_be_bytes());
        length
    };
    for (what, bytes) in [
        ("an unmasked frame", b"\x81\x02hi".to_vec()),
        ("a reserved opcode", masked(0x83, &[0x82], b"hi")),
        ("a reserved bit", masked(0xc1, &[0x82], b"hi")),
        (
            "a long control frame",
            masked(0x89, &[0xfe, 0, 126], &[0; 126]),
        ),
        ("a control frame in pieces", masked(0x09, &[0x80], b"")),
        ("a continuation of nothing", masked(0x80, &[0x80], b"")),
        (
            "a text that is not UTF-8",
            masked(0x81, &[0x82], &[0xc3, 0x28]),
        ),
        ("a frame of 2 MiB", masked(0x82, &huge(2 << 20), &[0; 64])),
        (
            "a frame of 2^62 bytes",
            masked(0x82, &huge(1 << 62), &[0; 64]),
        ),
        (
            "a frame of 2^63 bytes",
            masked(0x82, &huge(1 << 63), &[0; 64]),
        ),
    ] {
        let mut spider = scene.open();
        spider.socket.raw(&bytes);
        scene.assert_refused(what, spider);
    }
    // A message in pieces that grows without end.
    let mut spider = scene.open();
    let piece = masked(0x00, &[0xfe, 0xff, 0xff], &vec![7; 0xffff]);
    spider.socket.raw(&masked(0x02, &[0x80], b""));
    for _ in 0..20 {
        spider.socket.raw(&piece);
    }
    scene.assert_refused("a message without end", spider);
    scene.assert_nobody_noticed();
}

#[test]
fn floods_and_silence_end_their_connection() {
    let scene = Scene::new();
    let mut silent = scene.connect();

    let other = scene.session.add_node("pings");
    let (mut spider, _) = FakeSpider::open(scene.ground_control.address, &other.token, "run");
    for _ in 0..2_000 {
        if !spider.socket.send(Message::Ping(vec![0; 64].into())) {
            break;
        }
    }
    scene.assert_refused("a flood of pings", spider);
    scene.assert_nobody_noticed();

    // Honest text of a newer version is skipped.
    let (mut newer, _) = FakeSpider::open(scene.ground_control.address, &other.token, "run");
    newer.text(&json!({"type": "something-new", "x": [1, 2]}).to_string());
    newer.binary(vec![77, 1, 2, 3]);
    newer.idle(Duration::from_millis(500));
    assert_eq!(scene.session.status(other.id), "online");

    // Meanwhile 30 s pass without a hello.
    let (code, reason) = silent.socket.closed().expect("a close frame");
    assert_eq!(code, 1008);
    assert!(reason.contains("hello"), "{reason}");
    scene.assert_nobody_noticed();
}

#[test]
fn a_peer_that_never_answers_a_close_is_cut_all_the_same() {
    let scene = Scene::new();
    let session = scene.session.bearer();
    let token = format!("Bearer {}", scene.hostile.token);
    let subprotocol = ("Sec-WebSocket-Protocol", "stardust.v1");
    // No hello at all, noise, and a Capsule that speaks binary.
    let unmasked = b"\x82\x01x";
    for (target, authorization, bytes) in [
        ("/ws", &token, &b""[..]),
        ("/ws", &token, unmasked),
        ("/live", &session, unmasked),
    ] {
        let headers = [("Authorization", authorization.as_str()), subprotocol];
        let (answer, mut stream) = upgrade(scene.ground_control.address, target, &headers);
        assert_eq!(answer.status, 101);
        stream.write_all(bytes).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut seen = Vec::new();
        // Reset or closed, but over.
        if let Err(error) = stream.read_to_end(&mut seen) {
            assert_eq!(
                error.kind(),
                std::io::ErrorKind::ConnectionReset,
                "{target} stays open"
            );
        }
        let (code, _) = close_frame(&seen).unwrap_or_else(|| panic!("{target}: no close frame"));
        assert_eq!(code, 1008);
    }
    scene.assert_nobody_noticed();
}

/// The close frame at the end of what a server sent: code and reason.
fn close_frame(bytes: &[u8]) -> Option<(u16, String)> {
    let start = bytes.iter().rposition(|byte| *byte == 0x88)?;
    let body = bytes.get(start + 2..)?;
    let code = u16::from_be_bytes([*body.first()?, *body.get(1)?]);
    Some((code, String::from_utf8_lossy(&body[2..]).into_owned()))
}

#[test]
fn a_hostile_capsule_ends_its_own_connection() {
    let scene = Scene::new();
    let (mut calm, _) = Live::open(scene.ground_control.address, &scene.session);
    for (what, message) in [
        ("no JSON", Message::text("hello")),
        ("binary", Message::binary(vec![1, 2, 3])),
        (
            "nine watched nodes",
            Message::text(r#"{"type":"watch","nodes":[1,2,3,4,5,6,7,8,9]}"#),
        ),
        ("a long message", Message::text(" ".repeat(5 << 10))),
    ] {
        let (mut live, _) = Live::open(scene.ground_control.address, &scene.session);
        live.socket.send(message);
        match live.socket.closed() {
            Some((1008, reason)) => assert!(!reason.is_empty(), "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    // Nodes that don't exist, and one twice, harm nobody.
    let honest = scene.honest.id;
    calm.watch(&[honest, honest, -1, i64::MAX]);
    assert_eq!(calm.message("layout")["node"], honest);
    assert_eq!(calm.message("sample")["node"], honest);
    calm.watch(&[]);
    scene.assert_nobody_noticed();
}
