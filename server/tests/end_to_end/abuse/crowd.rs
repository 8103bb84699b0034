//! Who takes all connections there are: the others come in all the same.

use std::io::BufReader;
use std::time::Duration;

use serde_json::json;

use super::door::{Door, ends, frame};
use crate::common::{ADMIN_PASSWORD, Setup, Spider, eventually, hello, read_answer, upgrade};

/// Connections that the server takes, with so many files.
const CONNECTIONS: usize = 150;
const FILES: usize = CONNECTIONS * 2;

fn small() -> Setup {
    Setup::new().files(FILES)
}

#[test]
fn one_address_or_many_that_take_all_connections_keep_nobody_out() {
    // What each of them says before it says no more.
    let starts: [&[u8]; 4] = [
        b"",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        // It asks, and keeps the connection.
        b"GET /nothing.txt HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    ];
    Door::each_of(&small, |door| {
        let (id, token) = door.add_node("late");
        let ca = door.ca_file();
        let more: &[&str] = if door.browser.is_some() {
            &["--ca-file", &ca]
        } else {
            &[]
        };
        for many in [false, true] {
            let mut held = Vec::new();
            for n in 0..CONNECTIONS * 2 {
                let n8 = u8::try_from(n % 250).unwrap();
                // The honest ones come from 127.0.0.1 too.
                let from = if many {
                    [127, 9, 1 + (n / 250) as u8, n8]
                } else {
                    [127, 0, 0, 1]
                };
                let mut stream = door.connect_from(from);
                let start = starts[n % starts.len()];
                // It may be closed for others already.
                let _ = std::io::Write::write_all(&mut stream, start);
                if n % 2 == 0 {
                    let _ = std::io::Write::flush(&mut stream);
                }
                held.push(stream);
            }
            for _ in 0..3 {
                door.assert_serves();
            }
            let spider = Spider::start(&door.url(), &token, 200, more);
            eventually("a Spider that comes now is online", || {
                (door.node(id)["status"] == "online").then_some(())
            });
            drop(spider);
            door.assert_nobody_noticed();
            eventually("it went", || {
                (door.node(id)["status"] == "offline").then_some(())
            });
            drop(held);
        }
        let output = door.ground_control.process.output();
        assert_eq!(door.lines_with("which is the most"), 1, "{output}");
    });
}

/// One of its clients takes all connections there are, and does not say all of what it
/// wants; what another one asks through the same proxy is answered.
#[test]
fn behind_a_trusted_proxy_each_client_has_a_share_of_its_own() {
    const PROXY: [u8; 4] = [127, 0, 0, 2];
    let door = Door::open_as(small().args(&["--trusted-proxy", "127.0.0.2"]), false).unwrap();
    let login = |client: &str, body: &str, length: usize| {
        let mut stream = door.connect_from(PROXY);
        let head = format!(
            "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        // It may be closed for others already.
        let _ = std::io::Write::write_all(&mut stream, head.as_bytes());
        stream
    };
    let mut slow = login("198.51.100.7", "{", 100);
    let mut held = Vec::new();
    for n in 0..CONNECTIONS * 2 {
        held.push(login("192.0.2.66", "{", 100));
        // In one turn of the loop more than all that there may be would be let in, before
        // any of them has said whose it is.
        if n % 20 == 0 {
            assert_eq!(door.request("GET", "/healthz", None).status, 200);
        }
    }
    let body = json!({"user": "admin", "password": ADMIN_PASSWORD}).to_string();
    for _ in 0..3 {
        let answer = read_answer(&mut BufReader::new(login("203.0.113.7", &body, body.len())));
        assert_eq!(answer.unwrap().status, 200);
    }
    // Also one that was there before, and was as slow.
    let rest = format!("{:<99}", "}");
    std::io::Write::write_all(&mut slow, rest.as_bytes()).unwrap();
    let answer = read_answer(&mut BufReader::new(slow)).unwrap();
    assert_eq!(answer.status, 400, "{}", answer.text());
    door.assert_nobody_noticed();
}

#[test]
fn one_token_that_opens_and_opens_takes_no_places() {
    Door::each_of(&small, |door| {
        let (_, token) = door.add_node("again");
        let mut held = Vec::new();
        for run in 0..CONNECTIONS * 2 {
            let mut stream = door.upgrade(&token);
            let text = hello(&format!("run {run}")).encode();
            let _ = std::io::Write::write_all(&mut stream, &frame(0x81, text.as_bytes()));
            // It never answers the close of the one before.
            held.push(stream);
        }
        door.assert_serves();
        door.assert_nobody_noticed();
        drop(held);
    });
}

#[test]
fn one_login_opens_so_many_live_views_and_others_still_can() {
    let door = Door::open(false).unwrap();
    let session = door.ground_control.login();
    let other = door.ground_control.login();
    let open = |session: &crate::common::Session| {
        upgrade(
            door.address(),
            "/live",
            &[("Authorization", &session.bearer())],
        )
    };
    let mut held: Vec<_> = (0..32).map(|_| open(&session)).collect();
    assert!(held.iter().all(|(answer, _)| answer.status == 101));
    let (answer, _) = open(&session);
    assert_eq!(
        (answer.status, answer.error_kind().as_str()),
        (429, "many_live_views")
    );
    assert_eq!(open(&other).0.status, 101);
    // One that goes makes room.
    held.pop();
    eventually("there is room again", || {
        (open(&session).0.status == 101).then_some(())
    });
}

#[test]
fn kept_connections_go_first_when_it_is_crowded() {
    let door = Door::open_as(small(), false).unwrap();
    let mut kept: Vec<_> = (1..6u8)
        .map(|n| {
            let mut stream = door.connect_from([127, 0, 1, n]);
            let bytes = b"GET /nothing.txt HTTP/1.1\r\nHost: localhost\r\n\r\n";
            std::io::Write::write_all(&mut stream, bytes).unwrap();
            stream
        })
        .collect();
    // More than half of what strangers may have, each from an address of its own.
    let _held: Vec<_> = (0..CONNECTIONS / 2)
        .map(|n| door.connect_from([127, 0, 2, n as u8]))
        .collect();
    let limit = Duration::from_secs(30);
    assert!(kept.iter_mut().all(|stream| ends(&mut **stream, limit)));
    door.assert_serves();
}
