//! Node tokens: without a good one there is no socket.

use std::io::Read;

use serde_json::json;

use crate::common::{
    FakeSpider, GroundControl, Process, Spider, eventually, gauges, upgrade, wall_ms,
};

const SUBPROTOCOL: (&str, &str) = ("Sec-WebSocket-Protocol", "stardust.v1");

#[test]
fn a_wrong_token_gets_401_and_no_socket() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let node = session.add_node("guarded");
    let shorter = &node.token[..node.token.len() - 1];
    let flipped = {
        let last = if node.token.ends_with('A') { 'B' } else { 'A' };
        format!("{shorter}{last}")
    };
    let long = "A".repeat(8_000);
    let wrong = [
        None,
        Some(String::new()),
        Some("Bearer".into()),
        Some("Bearer ".into()),
        Some("Bearer wrong".into()),
        Some(format!("Bearer {shorter}")),
        Some(format!("Bearer {flipped}")),
        Some(format!("Bearer {}x", node.token)),
        Some(format!("Basic {}", node.token)),
        Some(node.token.clone()),
        Some(format!("Bearer {long}")),
        // A login of a person is not a token of a node.
        Some(session.bearer()),
    ];
    for authorization in wrong {
        let mut headers = vec![SUBPROTOCOL];
        if let Some(value) = &authorization {
            headers.push(("Authorization", value));
        }
        let (answer, mut stream) = upgrade(ground_control.address, "/ws", &headers);
        assert_eq!(answer.status, 401, "{authorization:?}");
        assert_eq!(answer.error_kind(), "bad_token");
        assert!(
            answer
                .header("Connection")
                .is_some_and(|c| c.eq_ignore_ascii_case("close"))
        );
        let mut rest = Vec::new();
        stream
            .read_to_end(&mut rest)
            .expect("the connection is closed");
        assert!(rest.is_empty(), "bytes behind the answer");
    }
    // A token in the address is not looked at: addresses end up in logs.
    let target = format!("/ws?token={}", node.token);
    assert_eq!(
        upgrade(ground_control.address, &target, &[SUBPROTOCOL])
            .0
            .status,
        401
    );
    assert_eq!(session.status(node.id), "pending");
    // And the good one is good.
    let (mut spider, _) = FakeSpider::open(ground_control.address, &node.token, "run");
    spider.idle(std::time::Duration::from_millis(200));
    assert_eq!(session.status(node.id), "online");
}

#[test]
fn a_spider_with_a_wrong_token_says_so_and_keeps_trying() {
    let ground_control = GroundControl::start();
    let mut spider = Spider::start(&ground_control.url(), "a-wrong-token", 200, &[]);
    let line = spider.process.line_with("token");
    assert!(
        !line.contains("a-wrong-token"),
        "the token is printed: {line}"
    );
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(spider.process.ended().is_none(), "it gave up");
}

#[test]
fn a_removed_node_is_disconnected_and_its_token_is_dead() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let stays = session.add_node("stays");
    let goes = session.add_node("goes");
    let real = session.add_node("goes-too");
    let (mut other, _) = FakeSpider::open(ground_control.address, &stays.token, "run");
    let (mut spider, _) = FakeSpider::open(ground_control.address, &goes.token, "run");
    let mut process = Spider::start(&ground_control.url(), &real.token, 200, &[]);
    eventually("the real Spider is online", || {
        (session.status(real.id) == "online").then_some(())
    });
    // Some history, that must go too.
    let layout = gauges(1, 1);
    spider.layout(&layout);
    spider.sample(&layout, 1, wall_ms(), &[1]);
    spider.control("ack");

    for node in [&goes, &real] {
        let answer = session.call("DELETE", &format!("/api/nodes/{}", node.id), None);
        assert_eq!(answer.status, 204, "{}", answer.text());
        assert_eq!(session.get(&format!("/api/nodes/{}", node.id)).status, 404);
    }
    let (code, reason) = spider.socket.closed().expect("a close frame");
    assert_eq!(code, 4403);
    assert!(reason.contains("removed"), "{reason}");
    for node in [&goes, &real] {
        let authorization = format!("Bearer {}", node.token);
        let headers = [SUBPROTOCOL, ("Authorization", &authorization)];
        assert_eq!(
            upgrade(ground_control.address, "/ws", &headers).0.status,
            401
        );
    }
    process.process.line_with("token");
    assert!(process.process.ended().is_none());
    let database = ground_control.setup.database();
    eventually("the removed node's history is gone", || {
        crate::common::stored(&database, goes.id)
            .samples
            .is_empty()
            .then_some(())
    });
    // Nobody else noticed.
    assert!(other.layout(&layout));
    assert!(other.sample(&layout, 1, wall_ms(), &[1]));
    assert_eq!(other.control("ack"), 1);
    assert_eq!(session.status(stays.id), "online");
    let nodes = session.get_json("/api/nodes");
    assert_eq!(nodes["nodes"].as_array().map(Vec::len), Some(1));
    // A number never comes back, so nobody inherits anything.
    let fresh = session.add_node("goes");
    assert!(fresh.id > real.id);
    assert_eq!(session.node(fresh.id)["status"], json!("pending"));
}

#[test]
fn the_command_of_a_new_node_works_as_it_is() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let node = session.add_node("by-hand");
    // As a person pastes it, with the Spider's file in place of its name.
    let command = node.command.replacen("stardust-spider", Spider::path(), 1);
    assert!(
        command.contains(&node.token) && command.contains("--server"),
        "{command}"
    );
    let mut shell = std::process::Command::new("sh");
    // `exec env`: the process that is ended afterwards is the Spider itself.
    shell.arg("-c").arg(format!("exec env {command}"));
    let _process = Process::start("shell", &mut shell);
    eventually("the node is online", || {
        (session.status(node.id) == "online").then_some(())
    });
}
